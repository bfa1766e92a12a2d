"""The drawn sets, kept in the cache like decoded pictures."""

from collections.abc import Callable

import torch
from torch import Tensor
from tqdm.auto import tqdm

import drawings
from inpaintlib.data.cache import Entry, cached, fingerprint, source_code

CHUNK = 512  # pictures between two moves of the progress bar


def drawn_set(
    kind: str,
    draw: Callable[[int, int], tuple[Tensor, dict[str, Tensor]]],
    pictures: range,
    size: int,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw a stretch of a series, or take it from the cache; editing the drawing code draws anew.

    Args:
        kind: "faces" or "digits".
        draw: (count, start) to images (count, C, size, size), uint8, and what is known about them.
        pictures: their places in the series.
    """

    def build() -> Entry:
        hurry = len(pictures) <= CHUNK
        with tqdm(
            desc=f"drawing {kind}", total=len(pictures), unit="picture", leave=False, disable=hurry
        ) as bar:
            parts = []
            for start in pictures[::CHUNK]:
                parts.append(draw(min(CHUNK, pictures.stop - start), start))
                bar.update(len(parts[-1][0]))
        facts = {key: torch.cat([known[key] for _, known in parts]).tolist() for key in parts[0][1]}
        return torch.cat([images for images, _ in parts]).numpy(), facts

    images, facts = cached(
        f"drawn-{kind}-{size}-{pictures.start}-{len(pictures)}",
        fingerprint(source_code(drawings)),
        build,
    )
    return torch.from_numpy(images), {key: torch.tensor(value) for key, value in facts.items()}
