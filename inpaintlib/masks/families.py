"""Mask families made of boxes, cells and single pixels; and the table of all families."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from inpaintlib.masks.drawn import brush, shapes
from inpaintlib.masks.samplers import MaskSampler, union
from inpaintlib.masks.sizes import check_probability, check_size, integers, length, length_range

_HALVES = ("left", "right", "top", "bottom")


def square(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    side: int | float = 0.5,
    margin: int | float = 0,
) -> Tensor:
    """One square, every place as likely.

    Args:
        batch, height, width: the masks' number and size.
        generator: of every draw.
        side: the square's side, a length.
        margin: the least distance to the picture's edge, a length.

    Returns:
        (B, 1, H, W), {0, 1}, 1 = hole.

    Raises:
        ValueError: square and margins do not fit into the picture.

    Example:
        >>> mask = square(2, 200, 200, generator=torch.Generator(), side=32, margin=16)
        >>> mask.sum(dim=(1, 2, 3))
        tensor([1024., 1024.])
    """
    check_size(batch, height, width)
    pixels, _ = length_range("side", (side, side), height, width)
    edge = length("margin", margin, height, width)
    if pixels + 2 * edge > min(height, width):
        raise ValueError(
            f"a square of {pixels} pixels and margins of {edge} do not fit into {height}x{width}"
        )
    top = integers(edge, height - edge - pixels, batch, generator)
    left = integers(edge, width - edge - pixels, batch, generator)
    return _boxes(batch, height, width, top, left, top + pixels, left + pixels)


def centre(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    side: int | float = 0.5,
) -> Tensor:
    """One square in the middle, always the same: nothing is drawn from the generator.

    Args and errors as for `square`.
    """
    check_size(batch, height, width)
    pixels, _ = length_range("side", (side, side), height, width)
    top, left = (height - pixels) // 2, (width - pixels) // 2
    return _boxes(batch, height, width, top, left, top + pixels, left + pixels)


def rectangle(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    low: int | float = 0.3,
    high: int | float = 0.6,
) -> Tensor:
    """One rectangle, its sides drawn independently, every place as likely.

    Args:
        batch, height, width: the masks' number and size.
        generator: of every draw.
        low, high: shortest and longest side, as lengths; the defaults are the 48 to 96 pixels at
            160x160 of GLCIC (Iizuka et al. 2017, section 4).

    Returns:
        (B, 1, H, W), {0, 1}, 1 = hole.

    Raises:
        ValueError: not 0 < low <= high <= the shorter side.
    """
    check_size(batch, height, width)
    bounds = length_range("sides", (low, high), height, width)
    box_height, box_width = (integers(*bounds, batch, generator) for _ in range(2))
    top = integers(0, height - box_height, batch, generator)
    left = integers(0, width - box_width, batch, generator)
    return _boxes(batch, height, width, top, left, top + box_height, left + box_width)


def half(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    side: str | None = None,
) -> Tensor:
    """The left, right, top or bottom half.

    Args:
        batch, height, width: the masks' number and size.
        generator: of the sides, where `side` is None.
        side: "left", "right", "top" or "bottom"; None draws one for each mask.

    Returns:
        (B, 1, H, W), {0, 1}, 1 = hole; of an odd number of rows or columns the smaller half.
    """
    check_size(batch, height, width)
    if side not in (None, *_HALVES):
        raise ValueError(f"expected side to be one of {', '.join(_HALVES)} or None, got {side!r}")
    edges = torch.tensor(
        [  # top, left, bottom, right
            [0, 0, height, width // 2],
            [0, width - width // 2, height, width],
            [0, 0, height // 2, width],
            [height - height // 2, 0, height, width],
        ]
    )
    if side is None:
        chosen = integers(0, 3, batch, generator)
    else:
        chosen = torch.full((batch,), _HALVES.index(side))
    return _boxes(batch, height, width, *edges[chosen].T)


def border(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    thickness: int | float = 0.125,
) -> Tensor:
    """A frame around the picture: only the middle is known (outpainting). Nothing is drawn.

    Args:
        batch, height, width: the masks' number and size.
        generator: not used; here so that every family is called alike.
        thickness: of the frame, a length.

    Raises:
        ValueError: the frame leaves no middle.
    """
    check_size(batch, height, width)
    edge, _ = length_range("thickness", (thickness, thickness), height, width)
    if 2 * edge >= min(height, width):
        raise ValueError(f"a border of {edge} pixels leaves nothing known of {height}x{width}")
    return 1 - _boxes(batch, height, width, edge, edge, height - edge, width - edge)


def blocks(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    cells: int = 8,
    probability: float = 0.2,
) -> Tensor:
    """A grid of equal cells, each a hole with the same probability, independently.

    Args:
        batch, height, width: the masks' number and size.
        generator: of every draw.
        cells: the grid is cells x cells; the default gives 16x16 cells at 128x128.
        probability: of a cell to be a hole. Nothing keeps a mask from being empty or all hole: at
            8x8 and 0.2 one mask in 1.6 million is empty.

    Returns:
        (B, 1, H, W), {0, 1}, 1 = hole.

    Raises:
        ValueError: more cells than pixels, or a probability outside 0..1.
    """
    check_size(batch, height, width)
    check_probability(probability)
    if not 1 <= cells <= min(height, width):
        raise ValueError(f"expected 1 to {min(height, width)} cells a side, got {cells}")
    grid = torch.rand(batch, 1, cells, cells, generator=generator) < probability
    return functional.interpolate(grid.float(), (height, width), mode="nearest-exact")


def pixels(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator,
    probability: float = 0.5,
) -> Tensor:
    """Each pixel a hole with the same probability, independently: noise, not a region."""
    check_size(batch, height, width)
    check_probability(probability)
    return (torch.rand(batch, 1, height, width, generator=generator) < probability).float()


def _boxes(
    batch: int,
    height: int,
    width: int,
    top: int | Tensor,
    left: int | Tensor,
    bottom: int | Tensor,
    right: int | Tensor,
) -> Tensor:
    """One filled box a mask; the edges are numbers, or (B,) where they differ."""
    top, left, bottom, right = (
        torch.as_tensor(edge).view(-1, 1) for edge in (top, left, bottom, right)
    )
    row, column = torch.arange(height), torch.arange(width)
    rows = (row >= top) & (row < bottom)  # (B or 1, H)
    columns = (column >= left) & (column < right)  # (B or 1, W)
    mask = (rows[:, None, :, None] & columns[:, None, None, :]).float()
    return mask.expand(batch, 1, height, width).clone()


# The names that explorers and comparisons show. "box and brush" is DeepFillV2's training mask
# (Yu et al. 2019): a box of 96 to 128 pixels at 256x256, and a brush mask.
FAMILIES: dict[str, MaskSampler] = {
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
