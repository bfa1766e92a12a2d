"""Kinds of holes made of boxes, cells and single pixels; for the common call see `masks`."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from inpaintlib.masks.samplers import Length, check_size, in_pixels, integers, range_in_pixels


def square(
    batch: int,
    height: int,
    width: int,
    *,
    generator: Generator,
    side: Length = 0.5,
    margin: Length = 0,
) -> Tensor:
    """One square, every place as likely that keeps a `margin` from the picture's edge.

    Example:
        >>> mask = square(2, 200, 200, generator=torch.Generator(), side=32, margin=16)
        >>> mask.sum(dim=(1, 2, 3))
        tensor([1024., 1024.])
    """
    check_size(batch, height, width)
    pixels, _ = range_in_pixels("side", (side, side), height, width)
    edge = in_pixels("margin", margin, height, width)
    if pixels + 2 * edge > min(height, width):
        raise ValueError(
            f"a square of {pixels} pixels and margins of {edge} do not fit into {height}x{width}"
        )
    top = integers(edge, height - edge - pixels, batch, generator)
    left = integers(edge, width - edge - pixels, batch, generator)
    return _boxes(batch, height, width, top, left, top + pixels, left + pixels)


def centre(
    batch: int, height: int, width: int, *, generator: Generator, side: Length = 0.5
) -> Tensor:
    """One square in the middle, always the same: the generator is not used."""
    check_size(batch, height, width)
    pixels, _ = range_in_pixels("side", (side, side), height, width)
    top, left = (height - pixels) // 2, (width - pixels) // 2
    return _boxes(batch, height, width, top, left, top + pixels, left + pixels)


def rectangle(
    batch: int,
    height: int,
    width: int,
    *,
    generator: Generator,
    low: Length = 0.3,
    high: Length = 0.6,
) -> Tensor:
    """One rectangle, its sides drawn independently, every place as likely.

    Args:
        low, high: shortest and longest side; the defaults are the 48 to 96 pixels at 160x160 of
            the public GLCIC code (otenim/GLCIC-PyTorch; the paper has 96 to 128 at 256x256).
    """
    check_size(batch, height, width)
    bounds = range_in_pixels("sides", (low, high), height, width)
    box_height, box_width = (integers(*bounds, batch, generator) for _ in range(2))
    top = integers(0, height - box_height, batch, generator)
    left = integers(0, width - box_width, batch, generator)
    return _boxes(batch, height, width, top, left, top + box_height, left + box_width)


def half(batch: int, height: int, width: int, *, generator: Generator) -> Tensor:
    """Left, right, top or bottom half, each as likely; of an odd number of lines the smaller."""
    check_size(batch, height, width)
    edges = torch.tensor(
        [  # top, left, bottom, right
            [0, 0, height, width // 2],
            [0, width - width // 2, height, width],
            [0, 0, height // 2, width],
            [height - height // 2, 0, height, width],
        ]
    )
    return _boxes(batch, height, width, *edges[integers(0, 3, batch, generator)].T)


def border(
    batch: int, height: int, width: int, *, generator: Generator, thickness: Length = 0.125
) -> Tensor:
    """A frame around the picture: only the middle is known. The generator is not used."""
    check_size(batch, height, width)
    edge, _ = range_in_pixels("thickness", (thickness, thickness), height, width)
    if 2 * edge >= min(height, width):
        raise ValueError(f"a border of {edge} pixels leaves nothing known of {height}x{width}")
    return 1 - _boxes(batch, height, width, edge, edge, height - edge, width - edge)


def blocks(
    batch: int,
    height: int,
    width: int,
    *,
    generator: Generator,
    cells: int = 8,
    probability: float = 0.2,
) -> Tensor:
    """A grid of equal cells, each a hole with the same probability, independently.

    Args:
        cells: the grid is cells x cells; the default gives 16x16 cells at 128x128.
        probability: of a cell to be a hole. Nothing keeps a mask from being empty or all hole: at
            8x8 and 0.2 one mask in 1.6 million is empty.
    """
    check_size(batch, height, width)
    if not 1 <= cells <= min(height, width):
        raise ValueError(f"expected 1 to {min(height, width)} cells per side, got {cells}")
    grid = pixels(batch, cells, cells, generator=generator, probability=probability)
    return functional.interpolate(grid, (height, width), mode="nearest-exact")


def pixels(
    batch: int, height: int, width: int, *, generator: Generator, probability: float = 0.5
) -> Tensor:
    """Each pixel a hole with the same probability, independently: noise, not a region."""
    check_size(batch, height, width)
    if not 0 <= probability <= 1:
        raise ValueError(f"expected a probability in 0..1, got {probability}")
    return (torch.rand(batch, 1, height, width, generator=generator) < probability).float()


def _boxes(batch: int, height: int, width: int, *edges: int | Tensor) -> Tensor:
    """One filled box per mask: top, left, bottom, right, numbers or (B,) where they differ."""
    top, left, bottom, right = (torch.as_tensor(edge).view(-1, 1) for edge in edges)
    row, column = torch.arange(height), torch.arange(width)
    rows = (row >= top) & (row < bottom)  # (B or 1, H)
    columns = (column >= left) & (column < right)  # (B or 1, W)
    mask = (rows[:, None, :, None] & columns[:, None, None, :]).float()
    return mask.expand(batch, 1, height, width).clone()
