"""From a photo to the windows that a network is shown, and back.

A network fills pictures of one size. Each hole is therefore shown to it through a **window**, about
twice as wide as the hole, scaled to that size; what comes back is scaled again and pasted into the
hole alone. A hole that is long but thin, such as a scratch or a fence, is cut into **cells** with a
window each, so that it is filled in full detail. Cells that do not touch are filled together: every
second one first, then those between, which see what was filled on both sides.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Box = tuple[slice, slice]  # rows and columns
AT_ONCE = 8  # windows in one batch


@dataclass(frozen=True)
class Tile:
    """One look of the network: what is filled, and what is seen around it.

    Attributes:
        hole: the number of the hole in the map of `find_holes`.
        cell: the box whose part of the hole is filled.
        window: a box around the cell, inside the photo: a square where the photo is large enough.
        turn: 0 to 3: cells of the same hole with the same number do not touch.
    """

    hole: int
    cell: Box
    window: Box
    turn: int


def find_holes(mask: np.ndarray, *, reach: int) -> tuple[np.ndarray, list[Box]]:
    """Number the holes of a mask; those that lie within twice `reach` pixels count as one.

    Args:
        mask: (H, W), uint8, 1 = hole.
        reach: pixels.

    Returns:
        A map (H, W), int32, of each pixel's hole, 0 for a known one; and the box of hole 1, 2, ….
    """
    grown = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    _, holes, facts, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    holes[mask == 0] = 0
    boxes = [(slice(y, y + h), slice(x, x + w)) for x, y, w, h, _ in facts[1:].tolist()]
    return holes, [tighten(holes, number, box) for number, box in enumerate(boxes, 1)]


def tighten(holes: np.ndarray, number: int, box: Box) -> Box:
    """The smallest box around the part of a hole that lies in `box`; empty if there is none."""
    x, y, width, height = cv2.boundingRect((holes[box] == number).astype(np.uint8))
    top, left = box[0].start + y, box[1].start + x
    return slice(top, top + height), slice(left, left + width)


def thickness(holes: np.ndarray, number: int, box: Box) -> float:
    """Pixels across a hole where it is thickest: its side if a square, its width if a scratch."""
    rows, columns = (slice(max(0, side.start - 1), side.stop + 1) for side in box)
    part = (holes[rows, columns] == number).astype(np.uint8)  # with a known pixel on each side
    return 2 * float(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())


def cut(holes: np.ndarray, number: int, box: Box, size: int) -> Iterator[Tile]:
    """The tiles of one hole, in reading order.

    A cell is at most twice as long as the hole is thick, so a compact hole is one cell; a scratch
    is several, each with a margin of at least its own thickness and an eighth of the network's size
    around it. A window up to the network's size is seen at the photo's own resolution.
    """
    thick = ceil(thickness(holes, number, box))
    margin = max(size // 8, thick)
    longest = max(size - 2 * margin, size // 2, min(2 * thick, *holes.shape))
    for row, rows in enumerate(divide(box[0], longest)):
        for column, columns in enumerate(divide(box[1], longest)):
            cell = tighten(holes, number, (rows, columns))
            extent = max(side.stop - side.start for side in cell)
            if extent:
                width = max(size, min(2 * extent, extent + 2 * margin))
                height, length = holes.shape
                window = around(cell[0], width, height), around(cell[1], width, length)
                yield Tile(number, cell, window, 2 * (row % 2) + column % 2)


def around(side: slice, width: int, length: int) -> slice:
    """A stretch of at most `width` with `side` in its middle, moved to lie within 0..`length`."""
    width = min(width, length)
    start = min(max(0, (side.start + side.stop - width) // 2), length - width)
    return slice(start, start + width)


def divide(side: slice, longest: int) -> list[slice]:
    """The fewest equal parts of a side that are no longer than `longest`.

    Example:
        >>> divide(slice(10, 30), 8)
        [slice(10, 16, None), slice(16, 23, None), slice(23, 30, None)]
    """
    length = side.stop - side.start
    count = ceil(length / longest)
    edges = [side.start + length * part // count for part in range(count + 1)]
    return [slice(*ends) for ends in pairwise(edges)]


def rounds(tiles: Iterable[Tile]) -> Iterator[list[Tile]]:
    """Batches of tiles that do not touch; the cells between them come when those are filled."""
    turns: dict[int, list[Tile]] = {}
    for tile in tiles:
        turns.setdefault(tile.turn, []).append(tile)
    for _, together in sorted(turns.items()):
        yield from (together[start : start + AT_ONCE] for start in range(0, len(together), AT_ONCE))


def look(pixels: np.ndarray, holes: np.ndarray, window: Box, size: int) -> tuple[Tensor, Tensor]:
    """A window at the network's size: (1, 3, size, size), [-1, 1], and what is hidden of it.

    Picture and mask are scaled alike, and a pixel that mixes in anything hidden is hidden too.
    """
    colours = pixels[window][..., :3] if pixels.shape[2] > 2 else pixels[window][..., [0, 0, 0]]
    middle = np.iinfo(pixels.dtype).max / 2  # as `images.from_bytes`, for 16 bits too
    image = torch.from_numpy(colours.astype(np.float32)).permute(2, 0, 1)[None] / middle - 1
    hidden = torch.from_numpy(holes[window] > 0)[None, None].float()
    both = torch.cat([image, hidden], dim=1)
    both = functional.interpolate(both, (size, size), mode="bilinear", antialias=True)
    return both[:, :3], (both[:, 3:] > 0).float()


def paste(pixels: np.ndarray, holes: np.ndarray, tile: Tile, fill: Tensor) -> None:
    """Put a filled window, (1, 3, size, size), into the tile's part of the hole: now known."""
    sides = [side.stop - side.start for side in tile.window]
    fill = functional.interpolate(fill, sides, mode="bicubic", antialias=True)
    if pixels.shape[2] <= 2:  # grey
        fill = fill.mean(dim=1, keepdim=True)
    highest = np.iinfo(pixels.dtype).max
    levels = ((fill[0] + 1) * (highest / 2)).round().clamp(0, highest)
    patch = levels.permute(1, 2, 0).numpy().astype(pixels.dtype)
    inner = tuple(
        slice(cell.start - window.start, cell.stop - window.start)
        for cell, window in zip(tile.cell, tile.window, strict=True)
    )
    part = holes[tile.cell] == tile.hole
    pixels[tile.cell][part, : patch.shape[2]] = patch[inner][part]
    holes[tile.cell][part] = 0
