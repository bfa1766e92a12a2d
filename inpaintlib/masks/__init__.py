"""Masks: every family of holes that the course trains and tests on, and what is measured on them.

A mask is float32, (B, 1, H, W), each value 0 or 1, and **1 means hole**. Every family is called as
`family(batch, height, width, *, generator, ...)`: one mask a sample, on the CPU, every draw from
the given (CPU) generator.

A **length** is in pixels when it is an int and a fraction of the picture's shorter side when it is
a float, so a family's defaults serve any picture size: `side=32` is 32 pixels, `side=0.5` is half.
"""

from inpaintlib.masks.drawn import brush, shapes
from inpaintlib.masks.families import (
    FAMILIES,
    blocks,
    border,
    centre,
    half,
    pixels,
    rectangle,
    square,
)
from inpaintlib.masks.pictures import from_picture
from inpaintlib.masks.samplers import MaskSampler, in_band, mixture, union
from inpaintlib.masks.tools import BANDS, band, bounding_box, dilate, hole_fraction, ring
