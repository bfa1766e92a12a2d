"""Masks: every kind of hole that the course trains and tests on, and what is measured on them.

A mask is float32, (B, 1, H, W), each value 0 or 1, and **1 means hole**. Every kind is called as
`kind(batch, height, width, *, generator, ...)`: one mask per sample, on the CPU, every draw from
the given (CPU) generator. A size below 1 or a parameter out of range is a ValueError.

A **length** is in pixels when it is an int and a fraction of the picture's shorter side when it is
a float, so a kind's defaults serve any picture size: `side=32` is 32 pixels, `side=0.5` is half.
"""

from functools import partial

from inpaintlib.masks.boxes import blocks, border, centre, half, pixels, rectangle, square
from inpaintlib.masks.samplers import MaskSampler, in_band, mixture, union
from inpaintlib.masks.strokes import brush, shapes
from inpaintlib.masks.tools import BANDS, bounding_box, dilate, hole_fraction

KINDS: dict[str, MaskSampler] = {
    "square": square,
    "centre": centre,
    "rectangle": rectangle,
    "brush": brush,
    "box and brush": union([partial(rectangle, low=0.375, high=0.5), brush]),
    "shapes": shapes,
    "blocks": blocks,
    "half": half,
    "border": border,
    "pixels": pixels,
}
"""The names that explorers and comparisons show. "box and brush" is DeepFillV2's training mask (Yu
et al. 2019): a box of 96 to 128 pixels at 256×256, and a brush mask."""
