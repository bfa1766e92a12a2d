"""What the stored experiments share: runs that are kept one by one, and their card at the end."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inpaintlib import metrics
from inpaintlib.data import ImageSet, runs_folder
from inpaintlib.data.writing import write_whole
from inpaintlib.images import Batch
from inpaintlib.measure.cards import folder_of
from inpaintlib.measure.features import FaceFeatures, frechet_distance, kernel_distance
from inpaintlib.models.contract import Inpainting
from inpaintlib.training.ema import EMA
from inpaintlib.training.loop import eval_mode, train

PRECISION = "bfloat16"

Run = dict[str, Any]


def arguments(description: str) -> argparse.ArgumentParser:
    """The options of every experiment."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=int, help="stop after so many")
    return parser


def facts_of(training: ImageSet, config: Any, options: argparse.Namespace) -> Run:
    """What a card says of every run's training; a run may change some of the settings."""
    return {
        "data": training.name,
        "size": config.size,
        "steps": options.steps,
        "batch_size": config.batch_size,
        "precision": PRECISION,
        "seeds": options.seeds,
        "settings": asdict(config),
    }


def card_name(experiment: str, training: ImageSet) -> str:
    """Its card for drawn faces, and another for photographs."""
    return experiment if training.kind == "drawn" else f"{experiment}_celeba"


def conduct(
    folder: Path, jobs: Mapping[str, Callable[[], Run]], card: str, facts: Run, limit: int | None
) -> None:
    """Make the runs that are missing, in order; when none is, collect them into the card.

    Args:
        folder: of the kept runs, below that of all runs.
        jobs: file's stem -> what makes the run.
        card: its name in data/cards/experiments.
        facts: what the card says besides its runs.
        limit: how many to make at most.

    Raises:
        ValueError: the kept runs were made with other facts; seeds may be added.
    """
    check_kept(runs_folder() / folder / "facts", {**facts, "seeds": "any"})
    paths = {name: runs_folder() / folder / f"{name}.json" for name in jobs}
    missing = [name for name, path in paths.items() if not path.is_file()]
    for name in missing[:limit]:
        run = jobs[name]()
        write_json(paths[name], run)
        print(json.dumps(run, ensure_ascii=False)[:300], flush=True)
    if all(path.is_file() for path in paths.values()):
        runs = [json.loads(path.read_text("utf-8")) for path in paths.values()]
        made = folder_of("experiments") / f"{card}.json"
        write_json(made, {**facts, "runs": runs})
        print(f"card: {made}")


def check_kept(path: Path, facts: Run) -> None:
    """Refuse to mix runs: the file holds what those beside it were made with, or is written now."""
    text = json.dumps(facts, ensure_ascii=False)
    if path.is_file() and json.loads(path.read_text("utf-8")) != json.loads(text):
        raise ValueError(f"the runs in {path.parent} were made with other settings: move them away")
    write_whole(path, lambda part: part.write_text(text, "utf-8"))


def trained(family: Inpainting, source: Iterator[Batch], steps: int) -> EMA:
    """Train a family to its end; returns its averaged generator."""
    average = EMA(family.generator)
    for _ in train(family, source, steps=steps, ema=average, precision=PRECISION):
        pass
    return average


def fills(family: Inpainting, average: EMA, look: Batch) -> Tensor:
    """What the averaged generator puts into the holes, 50 pictures at a time."""
    with average.applied(), eval_mode(family):
        parts = zip(*(x.split(50) for x in (look.image, *look.holes())), strict=True)
        return torch.cat([family.generate(Batch(i, m, o)) for i, o, m in parts])


def measure(filled: Tensor, look: Batch, eyes: FaceFeatures | None) -> dict[str, float]:
    """PSNR (mean), sharpness (median), and the crowds' distances where there are eyes for them."""
    _, mask = look.holes()
    values = {
        "PSNR": metrics.psnr(filled, look.image, mask).mean().item(),
        "sharpness": metrics.sharpness(filled, look.image, mask).nanmedian().item(),
    }
    if eyes is not None:
        crowds = eyes(filled), eyes(look.image)
        values["Fréchet"] = frechet_distance(*crowds)
        values["kernel distance"] = kernel_distance(*crowds)
    return {name: round(value, 5) for name, value in values.items()}


def write_json(path: Path, content: Run) -> None:
    """Write a file that appears whole or not at all."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, "utf-8"))
