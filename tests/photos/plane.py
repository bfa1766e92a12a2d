"""A model that fits a plane, a + b·x + c·y, to what is known of each channel.

A picture that *is* a plane must therefore come back whole, however its holes lie, and only if
scale, place and colours are right and nothing hidden is read.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inpaintlib.images import Batch, composite
from inpaintlib.models.contract import Inpainting

SIZE = 32


@dataclass(frozen=True)
class PlaneConfig:
    size: int = SIZE
    channels: int = 3


class Plane(Inpainting):
    """Fills with the plane that fits the known pixels best, raised by `offset`."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.config = PlaneConfig()
        self.offset = torch.nn.Parameter(torch.tensor(offset))
        self.masks: list[Tensor] = []

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        observed, mask = batch.holes()
        self.masks.append(mask)
        height, width = mask.shape[2:]
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        terms = torch.stack([torch.ones(height, width), x, y], dim=-1).double()
        fits = []
        for picture, hole in zip(observed, mask[:, 0] > 0, strict=True):
            known = picture[:, ~hole].T.double()
            fits.append(terms @ torch.linalg.lstsq(terms[~hole], known).solution)
        prediction = torch.stack(fits).permute(0, 3, 1, 2).float() + self.offset
        return composite(prediction, observed, mask)


def gradient(height: int, width: int) -> np.ndarray:
    """A plane in each channel, with room above and below."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    channels = [60 + 80 * x + 40 * y, 180 - 90 * x, 40 + 120 * y]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def box(height: int, width: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A mask with holes given as (top, left, bottom, right)."""
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask
