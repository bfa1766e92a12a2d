"""Any photo, any size, any mask: cut each hole out with its context, fill it, paste it back.

A network fills pictures of one size. Each hole is therefore shown to it through a **window**, a
square about twice as wide as the hole, scaled to that size; what comes back is scaled up again and
pasted into the hole alone. A hole that is long but thin, such as a scratch, is cut into **cells**
with a window each, so that it is filled in full detail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import ceil
from typing import Any, overload

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inpaintlib.images import from_bytes, hide, to_bytes
from inpaintlib.models.contract import Inpainting, Model
from inpaintlib.photos import shipped
from inpaintlib.photos.blending import blended
from inpaintlib.photos.files import File, check_array, read_mask, read_photo, to_image
from inpaintlib.training.loop import eval_mode

Box = tuple[slice, slice]  # rows and columns
AT_ONCE = 8  # windows in one batch


@dataclass(frozen=True)
class Tile:
    """One look of the network: what is filled, and what is seen around it.

    Attributes:
        hole: the number of the hole in the map of `find_holes`.
        cell: the box whose part of the hole is filled.
        window: a square around the cell, inside the photo.
    """

    hole: int
    cell: Box
    window: Box


class Inpainter:
    """Fills holes of any photo with a trained model.

    Example:
        >>> from inpaintlib.training import recipes
        >>> photo = np.full((40, 60, 3), 128, np.uint8)
        >>> hole = np.zeros((40, 60), bool)
        >>> hole[10:20, 10:20] = True
        >>> Inpainter(recipes.make("unet")).fill(photo, hole).shape
        (40, 60, 3)
    """

    def __init__(self, model: Model | str) -> None:
        """Take a model, or the name of one that is shipped, such as "unet-celeba".

        Raises:
            ValueError: no such name, or a model that draws new pictures or is not for colours.
        """
        found = shipped.load(model) if isinstance(model, str) else model
        if not isinstance(found, Inpainting) or found.config.channels != 3:
            name = model if isinstance(model, str) else type(model).__name__
            raise ValueError(f"expected a model that fills holes of colour pictures, got {name}")
        self.model = found

    @overload
    def fill(self, photo: np.ndarray, mask: Any, *, hole: str = ..., seam: str = ...) -> np.ndarray:
        pass

    @overload
    def fill(
        self, photo: File | Image.Image, mask: Any, *, hole: str = ..., seam: str = ...
    ) -> Image.Image:
        pass

    def fill(self, photo, mask, *, hole="white", seam="poisson"):
        """The photo with its holes filled; every other pixel as it was, bit for bit.

        Args:
            photo: a file, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4), uint8. A photo
                that says how it was held (EXIF) is turned upright first. Alpha is kept.
            mask: the same size upright: a file, a PIL image or an array (H, W); see
                `masks.from_picture`.
            hole: "white" (or true, or 1) or "black": the colour of the hole in the mask.
            seam: "poisson" shifts the fill's colours smoothly until they meet the known pixels (see
                `blending`), which made every shipped network better on strokes; "hard" pastes it.

        Returns:
            An array for an array, else a PIL image: same size and mode. But black and white comes
            back as grey, and a palette as RGB or RGBA, because they lack the fill's colours.

        Raises:
            ValueError: a photo or mask that cannot be read or used, of different sizes, without a
                hole, or all hole; an argument is not as above.
        """
        if seam not in ("hard", "poisson"):
            raise ValueError(f'expected seam "hard" or "poisson", got {seam!r}')
        size = self.model.config.size
        image = None if isinstance(photo, np.ndarray) else read_photo(photo)
        filled = np.array(check_array(photo) if image is None else image)
        pixels = filled.reshape(*filled.shape[:2], -1)  # the same memory with a channel axis
        holes, boxes = find_holes(read_mask(mask, hole, pixels.shape[:2]), reach=size // 8)
        for tiles in rounds([cut(holes, *each, size) for each in enumerate(boxes, 1)]):
            self._fill_tiles(pixels, holes, tiles, seam)
        return filled if image is None else to_image(filled, image)

    def _fill_tiles(
        self, pixels: np.ndarray, holes: np.ndarray, tiles: list[Tile], seam: str
    ) -> None:
        """Fill the cells of some tiles, in place, and take them off the map of holes."""
        views = [look(pixels, holes, tile.window, self.model.config.size) for tile in tiles]
        image, hidden = (torch.cat(part).to(self.model.device) for part in zip(*views, strict=True))
        with eval_mode(self.model):
            prediction = self.complete(image, hidden, seam).cpu()
        for tile, one in zip(tiles, prediction.split(1), strict=True):
            paste(pixels, holes, tile, one)

    def complete(self, image: Tensor, hidden: Tensor, seam: str) -> Tensor:
        """The holes of (B, 3, H, W), [-1, 1], filled; `hidden`: (B, 1, H, W), {0, 1}."""
        if seam == "poisson":
            return blended(self.model, hide(image, hidden))
        return self.model.told(hide(image, hidden))


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

    A cell is at most twice as long as the hole is thick, so a compact hole is one cell and a
    scratch several; and at most the picture's shorter side, so that a square window can hold it.
    A cell of up to half the network's size is seen at the photo's own resolution.
    """
    limit = min(holes.shape)
    longest = min(max(size // 2, ceil(2 * thickness(holes, number, box))), limit)
    for rows in divide(box[0], longest):
        for columns in divide(box[1], longest):
            cell = tighten(holes, number, (rows, columns))
            extent = max(side.stop - side.start for side in cell)
            if extent:
                width = min(max(size, 2 * extent), limit)
                top, left = (
                    min(max(0, (side.start + side.stop - width) // 2), length - width)
                    for side, length in zip(cell, holes.shape, strict=True)
                )
                window = slice(top, top + width), slice(left, left + width)
                yield Tile(number, cell, window)


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


def rounds(tiles: list[Iterator[Tile]]) -> Iterator[list[Tile]]:
    """Batches of tiles of different holes; a hole's next tile comes when the last one is known."""
    for together in zip_longest(*tiles):
        present = [tile for tile in together if tile is not None]
        yield from (present[start : start + AT_ONCE] for start in range(0, len(present), AT_ONCE))


def look(pixels: np.ndarray, holes: np.ndarray, window: Box, size: int) -> tuple[Tensor, Tensor]:
    """A window at the network's size: (1, 3, size, size), [-1, 1], and what is hidden of it.

    Picture and mask are scaled alike, and a pixel that mixes in anything hidden is hidden too.
    """
    colours = pixels[window][..., :3] if pixels.shape[2] > 2 else pixels[window][..., [0, 0, 0]]
    image = from_bytes(torch.from_numpy(colours).permute(2, 0, 1)[None])
    hidden = torch.from_numpy(holes[window] > 0)[None, None].float()
    both = torch.cat([image, hidden], dim=1)
    both = functional.interpolate(both, (size, size), mode="bilinear", antialias=True)
    return both[:, :3], (both[:, 3:] > 0).float()


def paste(pixels: np.ndarray, holes: np.ndarray, tile: Tile, fill: Tensor) -> None:
    """Put a filled window, (1, 3, size, size), into the tile's part of the hole: now known."""
    width = tile.window[0].stop - tile.window[0].start
    fill = functional.interpolate(fill, (width, width), mode="bicubic", antialias=True)
    if pixels.shape[2] <= 2:  # grey
        fill = fill.mean(dim=1, keepdim=True)
    patch = to_bytes(fill)[0].permute(1, 2, 0).numpy()
    inner = tuple(
        slice(cell.start - window.start, cell.stop - window.start)
        for cell, window in zip(tile.cell, tile.window, strict=True)
    )
    part = holes[tile.cell] == tile.hole
    pixels[tile.cell][part, : patch.shape[2]] = patch[inner][part]
    holes[tile.cell][part] = 0
