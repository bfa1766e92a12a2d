"""The folder of a training run: what it is, how far it got, what it looked like.

config.json               all that decided how it goes
log.jsonl                 one line every few steps: steps made, seconds, terms
state.pt                  all that `--resume` needs; replaced whole, so one is always good
previews/step_000123.png  the same pictures and holes each time
weights.safetensors       the averaged generator at its last look, with its card
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from inpaintlib.data.writing import write_whole
from inpaintlib.images import to_bytes


class RunFolder:
    """One run's folder, which may not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / "state.pt"
        self.weights = path / "weights.safetensors"
        self.log = path / "log.jsonl"

    def check_new(self) -> None:
        """Raise ValueError if there is something in the folder."""
        if self.path.is_dir() and any(self.path.iterdir()):
            raise ValueError(
                f"{self.path} is not empty: go on with --resume, or name another folder with --out"
            )

    def begin(self, config: dict[str, Any]) -> None:
        """Make the folder and write what the run is; OSError if that cannot be done."""
        text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.path / "config.json", lambda part: part.write_text(text, "utf-8"))

    def forget_start(self) -> None:
        """Leave nothing in the way of the next try, if the run failed before it logged any step.

        The folder was new or empty (`check_new`), so all that is in it is this run's.
        """
        if not self.lines():
            shutil.rmtree(self.path, ignore_errors=True)

    def steps_saved(self) -> int:
        """The steps after which the state was saved, 0 without one; the log may be ahead of it."""
        if not self.state.exists():
            return 0
        return torch.load(self.state, map_location="cpu", weights_only=True, mmap=True)["step"]

    def config(self) -> dict[str, Any]:
        """What the run is, as `begin` wrote it; ValueError if there is no run in this folder."""
        path = self.path / "config.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"no run to resume: {path}: {error}") from error

    def add(self, line: dict[str, Any]) -> None:
        """Append a line to the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """The log; a line that a crash cut short, and what is behind it, is left out."""
        found: list[dict[str, Any]] = []
        if self.log.exists():
            for line in self.log.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    break
        return found

    def cut_log(self, step: int) -> float:
        """Forget what was logged after `step` steps; returns the seconds spent until then."""
        kept = [line for line in self.lines() if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_whole(self.log, lambda part: part.write_text(text, "utf-8"))
        return kept[-1]["seconds"] if kept else 0.0

    def save_preview(self, step: int, rows: list[Tensor]) -> None:
        """Write rows of (B, C, H, W), [-1, 1], as a sheet: a row per kind, a column per sample."""
        path = self.path / "previews" / f"step_{step:06d}.png"
        pictures = torch.cat([row.detach().float().cpu() for row in rows])
        grid = to_bytes(make_grid(pictures, nrow=len(rows[0]), padding=4, pad_value=1.0))
        sheet = Image.fromarray(grid.permute(1, 2, 0).numpy())
        write_whole(path, lambda part: sheet.save(part, format="png"))
