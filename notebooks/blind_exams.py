"""Tests of finding holes, for lessons 07 and 07b: noise or one flat colour, in cells and in lines.

A damage has one call, `damage(image, mask, generator=…)`: (B, C, H, W), [-1, 1], and (B, 1, H, W),
1 = hole, to (B, C, H, W), [-1, 1]. Known pixels stay, and in the holes nothing of the picture is
left.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from inpaintlib import masks
from inpaintlib.data import ImageSet, fixed_batch
from inpaintlib.images import Batch, composite
from inpaintlib.masks import MaskSampler
from inpaintlib.seeding import stream


def noise(image: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
    """Every value of a hole is drawn on its own, uniform in [-1, 1)."""
    return composite(2 * torch.rand(image.shape, generator=generator) - 1, image, mask)


def flat(image: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
    """The holes of a picture have one colour, drawn for each picture."""
    colour = 2 * torch.rand(*image.shape[:2], 1, 1, generator=generator) - 1
    return composite(colour.expand_as(image), image, mask)


def drawn(draw: Callable[[np.ndarray, torch.Generator], object]) -> MaskSampler:
    """A kind of mask: `draw(canvas, generator)` paints 1 on each (H, W) canvas, with OpenCV."""

    def kind(batch: int, height: int, width: int, *, generator: torch.Generator) -> Tensor:
        canvases = np.zeros((batch, height, width), np.uint8)
        for canvas in canvases:
            draw(canvas, generator)
        return torch.from_numpy(canvases).float()[:, None]

    return kind


@drawn
def scratches(canvas: np.ndarray, generator: torch.Generator) -> None:
    """Four straight scratches from top to bottom, one or two pixels wide."""
    for _ in range(4):
        left, right, thick = torch.randint(0, canvas.shape[1], (3,), generator=generator).tolist()
        cv2.line(canvas, (left, 0), (right, canvas.shape[0] - 1), 1, 1 + thick % 2)


@drawn
def text(canvas: np.ndarray, generator: torch.Generator) -> None:
    """A line of letters, for canvases of 32 pixels and more."""
    height = int(torch.randint(20, canvas.shape[0] - 4, (1,), generator=generator))
    cv2.putText(canvas, "(c) GAN", (0, height), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1, 2)


KINDS = {
    "noise cells": (masks.blocks, noise),
    "flat cells": (masks.blocks, flat),
    "scratches": (scratches, flat),
    "text": (text, flat),
}


def exams(faces: ImageSet, count: int = 80) -> dict[str, Batch]:
    """Each test on the first faces of a set: damaged, true and mask; the same at every call."""
    found = {}
    for seed, (name, (kind, damage)) in enumerate(KINDS.items()):
        batch = fixed_batch(faces, count, mask=kind, seed=seed)
        _, mask = batch.holes()
        hurt = damage(batch.image, mask, generator=stream(seed, "exam"))
        found[name] = replace(batch, observed=hurt)
    return found
