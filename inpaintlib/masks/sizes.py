"""What the mask families share: checks of their parameters, lengths, and random whole numbers."""

import torch
from torch import Tensor


def check_size(batch: int, height: int, width: int) -> None:
    """Raise ValueError unless all three are at least 1."""
    if min(batch, height, width) < 1:
        raise ValueError(
            f"expected batch, height and width of at least 1, got {batch}, {height}, {width}"
        )


def check_range(name: str, bounds: tuple[int, int]) -> None:
    """Raise ValueError unless `bounds` are two whole numbers, 1 <= low <= high."""
    low, high = bounds
    if not 1 <= low <= high:
        raise ValueError(f"expected {name} as (low, high) with 1 <= low <= high, got {bounds}")


def check_probability(probability: float) -> None:
    """Raise ValueError unless it lies in 0..1."""
    if not 0 <= probability <= 1:
        raise ValueError(f"expected a probability in 0..1, got {probability}")


def length(name: str, value: int | float, height: int, width: int) -> int:
    """A length in pixels: an int is one already, a float is a fraction of the shorter side.

    Raises:
        ValueError: it is negative, or longer than the shorter side.
    """
    shorter = min(height, width)
    pixels = round(value * shorter) if isinstance(value, float) else value
    if not 0 <= pixels <= shorter:
        raise ValueError(
            f"expected {name} within 0..{shorter} pixels (the shorter side of {height}x{width}), "
            f"or a fraction within 0..1, got {value}"
        )
    return pixels


def length_range(
    name: str, bounds: tuple[int | float, int | float], height: int, width: int
) -> tuple[int, int]:
    """Two lengths in pixels, 1 <= low <= high; a small fraction is rounded up to 1 pixel."""
    low, high = (length(name, bound, height, width) for bound in bounds)
    if bounds[0] <= 0 or low > high:
        raise ValueError(f"expected {name} as (low, high) with 0 < low <= high, got {bounds}")
    return max(1, low), max(1, high)


def integers(
    low: int | Tensor, high: int | Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Whole numbers low..high, both included, each as likely: (count,), int64.

    The bounds may differ from one to the next, which torch.randint does not allow.
    """
    return low + (torch.rand(count, generator=generator).double() * (high - low + 1)).long()
