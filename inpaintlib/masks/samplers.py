"""Samplers made of other samplers: one of several, several at once, or certain masks of one."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from inpaintlib.masks.sizes import check_size, integers


class MaskSampler(Protocol):
    """Anything that draws masks: a family with its parameters bound, or a mixture of them."""

    def __call__(
        self, batch: int, height: int, width: int, *, generator: torch.Generator
    ) -> Tensor: ...


def mixture(samplers: Sequence[MaskSampler]) -> MaskSampler:
    """A sampler that picks one of `samplers` for each mask, each as likely.

    Example:
        >>> from inpaintlib.masks import brush, square
        >>> draw = mixture([square, brush])
        >>> draw(4, 32, 48, generator=torch.Generator()).shape
        torch.Size([4, 1, 32, 48])
    """
    if not samplers:
        raise ValueError("expected at least one sampler to mix, got none")

    def draw(batch: int, height: int, width: int, *, generator: torch.Generator) -> Tensor:
        check_size(batch, height, width)
        chosen = integers(0, len(samplers) - 1, batch, generator)
        mask = torch.empty(batch, 1, height, width)
        for index in chosen.unique().tolist():
            mine = chosen == index
            mask[mine] = samplers[index](int(mine.sum()), height, width, generator=generator)
        return mask

    return draw


def union(samplers: Sequence[MaskSampler]) -> MaskSampler:
    """A sampler whose hole is wherever any of `samplers` has one."""
    if not samplers:
        raise ValueError("expected at least one sampler to unite, got none")

    def draw(batch: int, height: int, width: int, *, generator: torch.Generator) -> Tensor:
        masks = [sampler(batch, height, width, generator=generator) for sampler in samplers]
        return torch.stack(masks).amax(dim=0)

    return draw


def in_band(sampler: MaskSampler, low: float, high: float, *, tries: int = 200) -> MaskSampler:
    """A sampler of those masks of `sampler` whose hole fraction lies in (low, high].

    Masks outside the band are drawn again, each on its own.

    Raises:
        ValueError: the band is not in 0..1; or, when drawing, `tries` redraws did not suffice.

    Example:
        >>> from inpaintlib.masks import BANDS, band, brush
        >>> draw = in_band(brush, *BANDS["10-20 %"])
        >>> band(draw(2, 64, 64, generator=torch.Generator().manual_seed(0)))
        ['10-20 %', '10-20 %']
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"expected a band with 0 <= low < high <= 1, got {low} and {high}")

    def draw(batch: int, height: int, width: int, *, generator: torch.Generator) -> Tensor:
        mask = sampler(batch, height, width, generator=generator)
        for _ in range(tries):
            fraction = mask.double().mean(dim=(1, 2, 3))
            outside = (fraction <= low) | (fraction > high)
            if not outside.any():
                return mask
            mask[outside] = sampler(int(outside.sum()), height, width, generator=generator)
        raise ValueError(
            f"after {tries} draws {int(outside.sum())} of {batch} masks still have a hole fraction "
            f"outside {low:.0%} to {high:.0%}: choose another family or its parameters"
        )

    return draw
