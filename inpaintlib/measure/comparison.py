"""The comparison: every system fills the same holes in the same pictures, and is measured alike.

A system is measured on `HOLES` with several seeds, and once on every hole-fraction band. What is
stored a system is a card: every picture's values, their means with 95 % confidence intervals, each
attribute's slice, time and memory. Two cards together give the paired difference.
"""

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from inpaintlib import metrics
from inpaintlib.data import ImageSet
from inpaintlib.masks import (
    BANDS,
    MaskSampler,
    brush,
    centre,
    half,
    in_band,
    mixture,
    rectangle,
    square,
)
from inpaintlib.measure import perceptual
from inpaintlib.measure.cost import peak_memory, seconds
from inpaintlib.measure.features import FaceFeatures, frechet_distance, kernel_distance
from inpaintlib.measure.summaries import interval, rounded, short, slices
from inpaintlib.measure.summaries import paired as paired  # offered here too
from inpaintlib.measure.systems import System
from inpaintlib.measure.systems import systems as systems  # offered here too
from inpaintlib.measure.two_sample import told_apart
from inpaintlib.seeding import stream

Values = dict[str, Tensor]
"""Metric to (N,): one value per picture."""

HOLES: dict[str, MaskSampler] = {
    "square": partial(square, side=1 / 4),
    "centre": partial(centre, side=1 / 2),
    "free-form": brush,
    "half": half,
}
"""The kinds of holes that are drawn with every seed: 32 and 64 pixels at 128×128."""

ANY_SIZE = mixture([brush, partial(rectangle, low=0.1, high=0.9)])
BAND_HOLES: dict[str, MaskSampler] = {
    name: in_band(ANY_SIZE, low, high, tries=2_000) for name, (low, high) in BANDS.items()
}
"""Strokes and boxes, sorted by the share of the picture that they hide."""

METRICS = ("l1", "psnr", "ssim", "l1 whole", "psnr whole", "ssim whole")
PARTS = (
    *("holes", "bands", "values", "attributes"),
    *("sharpness", "fréchet", "kernel", "told apart", "lpips", "fid"),
)
JUDGED = "centre"
"""The kind of hole whose fills a classifier tries to tell from the truth: it must be trained."""
FEWEST = 4  # pictures from which a classifier can learn and on which it can be asked
BATCH = 17  # pictures filled at a time


# Measuring -----------------------------------------------------------------------------------


@torch.no_grad()
def complete(system: System, image: Tensor, mask: Tensor, *key: int | str) -> Tensor:
    """All pictures filled, a few at a time."""
    parts = zip(image.split(BATCH), mask.split(BATCH), strict=True)
    filled = [
        system.fill(system.batch(part, hole, *key, index))
        for index, (part, hole) in enumerate(parts)
    ]
    return torch.cat(filled)


def measure(completed: Tensor, image: Tensor, mask: Tensor) -> Values:
    """Every metric of every picture, in the hole and, but for sharpness, over the whole image."""
    functions = {"l1": metrics.l1, "psnr": metrics.psnr, "ssim": metrics.ssim}
    inside = {name: function(completed, image, mask) for name, function in functions.items()}
    whole = {f"{name} whole": function(completed, image) for name, function in functions.items()}
    return inside | whole | {"sharpness": metrics.sharpness(completed, image, mask)}


def fixed_masks(kind: str, seed: int, count: int, size: int) -> Tensor:
    """The masks of a kind of hole or of a band: the same at every call, (count, 1, size, size)."""
    sampler = (HOLES | BAND_HOLES)[kind]
    return sampler(count, size, size, generator=stream("evaluation", kind, seed))


def _filled(system: System, image: Tensor, kind: str, seed: int) -> tuple[Tensor, Tensor]:
    """The pictures with holes of a kind filled, and the holes."""
    mask = fixed_masks(kind, seed, len(image), image.shape[-1])
    return complete(system, image, mask, kind, seed), mask


def chosen_holes(kinds: Sequence[str] | None) -> Sequence[str]:
    """The kinds of hole, all for None; ValueError for an unknown one, or bands alone."""
    chosen = list(HOLES | BAND_HOLES) if kinds is None else kinds
    if set(chosen) - set(HOLES | BAND_HOLES) or not set(chosen) & set(HOLES):
        known = ", ".join(HOLES | BAND_HOLES)
        raise ValueError(f"expected holes among {known}, and not bands alone; got {chosen}")
    return chosen


def evaluate(
    system: System,
    pictures: ImageSet,
    *,
    kinds: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    features: FaceFeatures | None = None,
    downloaded: bool = False,
) -> dict[str, Any]:
    """A system's card.

    Args:
        system: from `systems`.
        pictures: what it has not learned from.
        kinds: of `HOLES` and `BAND_HOLES`, one of `HOLES` at least; None for all.
        seeds: of the masks; a picture's value is its mean over them. The centre needs one only;
            bands take the first, on half of the pictures.
        features: for the Fréchet and the kernel distance of the completed pictures to the true.
        downloaded: whether to measure LPIPS and FID too; see `perceptual`.

    Returns:
        JSON-compatible: "holes" and "bands" (kind to metric to mean, low, high), "values" (kind to
        metric to the pictures' values), "sharpness" (kind to the median; None where it has no
        bounds, as of pictures flat behind their holes), the other `PARTS`, "milliseconds",
        "mebibytes".

    Raises:
        ValueError: unknown holes, or what `downloaded` needs is missing.
    """
    chosen = chosen_holes(kinds)
    image = pictures.floats()
    size = image.shape[-1]
    facts: dict[str, Any] = {
        "system": system.name,
        "kind": system.kind,
        "parameters": system.parameters,
        "data": pictures.name,
        "pictures": len(image),
        "size": size,
        "seeds": list(seeds),
        **{part: {} for part in PARTS},
    }
    known = None if features is None else features(image)
    timed = next(kind for kind in HOLES if kind in chosen)  # in any order: a table compares them
    for kind in chosen:
        is_hole = kind in HOLES
        shown = image if is_hole else image[: len(image) // 2]
        repeated = seeds if is_hole and kind != "centre" else seeds[:1]
        fills = [_filled(system, shown, kind, seed) for seed in repeated]
        runs = [measure(completed, shown, mask) for completed, mask in fills]
        values = {name: torch.stack([run[name] for run in runs]).mean(dim=0) for name in METRICS}
        summary = {name: interval(value) for name, value in values.items()}
        sharp = torch.cat([run["sharpness"] for run in runs])
        facts["sharpness"][kind] = rounded(sharp.nanmedian().view(1))[0]
        facts["holes" if is_hole else "bands"][kind] = summary
        kept = ("l1", "psnr", "ssim") if is_hole else ("psnr",)
        facts["values"][kind] = {name: rounded(values[name]) for name in kept}
        if is_hole:
            facts["attributes"][kind] = slices(values["psnr"], pictures.attributes)
        if features is not None and known is not None and is_hole:
            seen = [features(completed) for completed, _ in fills]
            facts["fréchet"][kind] = short(frechet_distance(torch.cat(seen), known))
            distances = [kernel_distance(one, known) for one in seen]
            facts["kernel"][kind] = short(statistics.mean(distances))
        if kind == JUDGED and len(shown) >= FEWEST:
            facts["told apart"][kind] = interval(told_apart(fills[0][0], shown, fills[0][1]))
        if downloaded and is_hole:
            apart = [perceptual.lpips(completed, shown) for completed, _ in fills]
            facts["lpips"][kind] = interval(torch.stack(apart).mean(dim=0))
            crowd = torch.cat([completed for completed, _ in fills])
            facts["fid"][kind] = short(perceptual.fid(crowd, shown))
    return facts | cost(system, image, fixed_masks(timed, seeds[0], len(image), size))


def cost(system: System, image: Tensor, mask: Tensor) -> dict[str, Any]:
    """Milliseconds for one picture alone (median), and the memory that filling it adds at most."""
    pairs = zip(image[:5].split(1), mask[:5].split(1), strict=True)
    batches = [system.batch(*pair, "cost") for pair in pairs]
    with torch.no_grad():
        memory = peak_memory(lambda: system.fill(batches[0]))
        times = [seconds(lambda batch=batch: system.fill(batch)) for batch in batches]
    return {"milliseconds": round(1000 * statistics.median(times), 2), "mebibytes": memory}


def best(cards: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The card with the highest mean PSNR on a kind of hole; a perfect one has no mean."""
    scored = [card for card in cards if card["holes"][kind]["psnr"]["mean"] is not None]
    return max(scored, key=lambda card: card["holes"][kind]["psnr"]["mean"])
