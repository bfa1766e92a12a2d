"""What draws masks: the common call, its checks, and samplers made of other samplers."""

from collections.abc import Sequence
from numbers import Integral
from typing import Protocol

import torch
from torch import Generator, Tensor

Length = int | float
"""In pixels if an int, else a fraction of the picture's shorter side."""


class MaskSampler(Protocol):
    """Anything that draws masks: a kind of hole, its parameters fixed or not, or a mixture."""

    def __call__(self, batch: int, height: int, width: int, *, generator: Generator) -> Tensor: ...


def check_size(batch: int, height: int, width: int) -> None:
    """Raise ValueError unless all three are at least 1."""
    if min(batch, height, width) < 1:
        sizes = f"{batch}, {height}, {width}"
        raise ValueError(f"expected batch, height and width of at least 1, got {sizes}")


def in_pixels(name: str, value: Length, height: int, width: int) -> int:
    """A length in pixels; ValueError if it is negative, or longer than the shorter side."""
    shorter = min(height, width)
    pixels = int(value) if isinstance(value, Integral) else round(value * shorter)
    if not 0 <= pixels <= shorter:
        raise ValueError(
            f"expected {name} within 0..{shorter} pixels (the shorter side of {height}x{width}), "
            f"or a fraction within 0..1, got {value}"
        )
    return pixels


def range_in_pixels(
    name: str, bounds: tuple[Length, Length], height: int, width: int
) -> tuple[int, int]:
    """Two lengths in pixels, 1 <= low <= high; a small fraction is rounded up to 1 pixel."""
    low, high = (in_pixels(name, bound, height, width) for bound in bounds)
    if bounds[0] <= 0 or low > high:
        raise ValueError(f"expected {name} as (low, high) with 0 < low <= high, got {bounds}")
    return max(1, low), max(1, high)


def integers(low: int | Tensor, high: int | Tensor, count: int, generator: Generator) -> Tensor:
    """Whole numbers low..high, both included, each as likely: (count,), int64.

    The bounds may differ from one to the next, which torch.randint does not allow.
    """
    return low + (torch.rand(count, generator=generator).double() * (high - low + 1)).long()


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

    def draw(batch: int, height: int, width: int, *, generator: Generator) -> Tensor:
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

    def draw(batch: int, height: int, width: int, *, generator: Generator) -> Tensor:
        masks = [sampler(batch, height, width, generator=generator) for sampler in samplers]
        return torch.stack(masks).amax(dim=0)

    return draw


def in_band(sampler: MaskSampler, low: float, high: float, *, tries: int = 200) -> MaskSampler:
    """A sampler of those masks of `sampler` whose hole fraction lies in (low, high].

    Masks outside the band are drawn again; a ValueError where `tries` times did not suffice.

    Example:
        >>> from inpaintlib.masks import BANDS, brush, hole_fraction
        >>> draw = in_band(brush, *BANDS["10-20 %"])
        >>> 0.1 < hole_fraction(draw(1, 64, 64, generator=torch.Generator())).item() <= 0.2
        True
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"expected a band with 0 <= low < high <= 1, got {low} and {high}")

    def draw(batch: int, height: int, width: int, *, generator: Generator) -> Tensor:
        mask = sampler(batch, height, width, generator=generator)
        for left in reversed(range(tries)):
            fraction = mask.double().mean(dim=(1, 2, 3))
            outside = (fraction <= low) | (fraction > high)
            if not outside.any():
                return mask
            if left:
                mask[outside] = sampler(int(outside.sum()), height, width, generator=generator)
        raise ValueError(
            f"after {tries} draws {int(outside.sum())} of {batch} masks still have a hole fraction "
            f"outside {low:.0%} to {high:.0%}: choose another kind or its parameters"
        )

    return draw
