"""How a notebook runs: profile, seed, device, threads."""

import json
import os
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from inpaintlib.data import runs_folder

PROFILES = ("ci", "laptop", "gpu")
T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """What a lesson's set-up cell prints, and what its other cells ask."""

    profile: str  # "ci" (seconds), "laptop" (minutes on two cores, the default) or "gpu"
    seed: int  # which every generator of the lesson is derived from
    device: torch.device  # where networks and batches live

    def pick(self, *, ci: T, laptop: T, gpu: T) -> T:
        """The number that belongs to this profile. Profiles change numbers, never code paths."""
        return {"ci": ci, "laptop": laptop, "gpu": gpu}[self.profile]

    def generator(self, offset: int = 0) -> torch.Generator:
        """A fresh random generator on the CPU, seeded by the session's seed and `offset`."""
        return torch.Generator().manual_seed(self.seed * 1000 + offset)

    def save_card(self, lesson: str, facts: dict[str, Any]) -> None:
        """Write what a lesson measured to `runs/cards/<lesson>.json`, with profile and seed."""
        path = runs_folder() / "cards" / f"{lesson}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        card = {"lesson": lesson, "profile": self.profile, "seed": self.seed, **facts}
        path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def __str__(self) -> str:
        threads = torch.get_num_threads()
        return f"profile {self.profile} · seed {self.seed} · {self.device} · {threads} threads"


def start(seed: int = 0) -> Session:
    """Begin a lesson: read INPAINTLIB_PROFILE, fix threads, seed torch, choose the device."""
    profile = os.environ.get("INPAINTLIB_PROFILE", "laptop")
    if profile not in PROFILES:
        raise ValueError(
            f"INPAINTLIB_PROFILE must be one of {', '.join(PROFILES)}, got {profile!r}"
        )
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(os.cpu_count() or 1, 8))
    torch.manual_seed(seed)
    cuda = profile != "ci" and torch.cuda.is_available()
    return Session(profile, seed, torch.device("cuda" if cuda else "cpu"))
