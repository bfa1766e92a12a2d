"""Masks: every kind of hole that the course trains and tests on, and what is measured on them.

A mask is float32, (B, 1, H, W), each value 0 or 1, and **1 means hole**. Every kind is called as
`kind(batch, height, width, *, generator, ...)`: one mask per sample, on the CPU, every draw from
the given (CPU) generator. A size below 1 or a parameter out of range is a ValueError.

A **length** is in pixels when it is an int and a fraction of the picture's shorter side when it is
a float, so a kind's defaults serve any picture size: `side=32` is 32 pixels, `side=0.5` is half.
"""

from collections.abc import Callable
from functools import partial

from inpaintlib.masks.boxes import blocks, border, centre, half, pixels, rectangle, square
from inpaintlib.masks.geometry import BANDS, bounding_box, dilate, hole_fraction
from inpaintlib.masks.samplers import MaskSampler, in_band, mixture, union
from inpaintlib.masks.strokes import brush, shapes


def _brush(size: float) -> MaskSampler:
    return partial(brush, thickness=(24 / 256 * size, 78 / 256 * size))


SIZED: dict[str, Callable[[float], MaskSampler]] = {
    "square": lambda size: partial(square, side=size),
    "centre": lambda size: partial(centre, side=size),
    "rectangle": lambda size: partial(rectangle, low=0.6 * size, high=min(1.0, 1.2 * size)),
    "brush": _brush,
    # DeepFillV2's training mask (Yu et al. 2019): a box of 96 to 128 pixels at 256×256, and strokes
    "box and brush": lambda size: union(
        [partial(rectangle, low=0.75 * size, high=size), _brush(size)]
    ),
    "shapes": lambda size: partial(shapes, fraction=(0.1 * size, 0.6 * size)),
    "blocks": lambda size: partial(blocks, probability=0.4 * size),
    "half": lambda size: half,
    "border": lambda size: partial(border, thickness=0.25 * size),
    "pixels": lambda size: partial(pixels, probability=size),
}
"""Name to a kind of one size: 0.5 gives its defaults, more hides more; a half stays a half."""

KINDS = {name: sized(0.5) for name, sized in SIZED.items()}
"""The names that explorers and comparisons show, each with its defaults."""
