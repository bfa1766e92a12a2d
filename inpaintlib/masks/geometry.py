"""What is measured on masks and done to them, of whatever kind they are."""

import torch
from torch import Tensor
from torch.nn import functional

from inpaintlib.images import check_mask

# Hole-fraction bands (low, high], the usual slices of a comparison since Liu et al. 2018 (partial
# convolutions, section 4.1).
BANDS: dict[str, tuple[float, float]] = {
    f"{percent}-{percent + 10} %": (percent / 100, (percent + 10) / 100)
    for percent in range(0, 60, 10)
}


def hole_fraction(mask: Tensor) -> Tensor:
    """Share of each mask that is hole: (B, 1, H, W) to (B,), in [0, 1].

    Example:
        >>> hole_fraction(torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]))
        tensor([0.2500])
    """
    check_mask(mask)
    return mask.mean(dim=(1, 2, 3))


def bounding_box(mask: Tensor) -> Tensor:
    """The smallest rectangle around each mask's hole: (B, 1, H, W) to (B, 4), int64.

    Top, left, bottom, right; the last two exclusive, so that `image[:, top:bottom, left:right]` is
    the box. Four zeros for an empty mask.

    Example:
        >>> bounding_box(torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]]]))
        tensor([[1, 1, 2, 3]])
    """
    check_mask(mask)
    rows, columns = mask.amax(dim=(1, 3)), mask.amax(dim=(1, 2))
    first = [line.argmax(dim=1) for line in (rows, columns)]  # argmax: the first of equal values
    end = [line.shape[1] - line.flip(1).argmax(dim=1) for line in (rows, columns)]
    empty = rows.amax(dim=1, keepdim=True) == 0
    return torch.stack([*first, *end], dim=1).masked_fill(empty, 0)


def dilate(mask: Tensor, pixels: int) -> Tensor:
    """Grow each hole by `pixels` in every direction, corners included (a square brush)."""
    check_mask(mask)
    if pixels < 0:
        raise ValueError(f"expected 0 or more pixels to dilate by, got {pixels}")
    return functional.max_pool2d(mask, 2 * pixels + 1, stride=1, padding=pixels)
