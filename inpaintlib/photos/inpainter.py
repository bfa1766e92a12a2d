"""Any photo, any size, any mask: cut each hole out with its context, fill it, paste it back."""

import os
from typing import Any, overload

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from inpaintlib.data.mask_files import File
from inpaintlib.images import hide
from inpaintlib.models.contract import Inpainting, Model
from inpaintlib.photos import shipped
from inpaintlib.photos.blending import blended
from inpaintlib.photos.reading import check_array, read_mask, read_photo
from inpaintlib.photos.saving import check_format, save_photo
from inpaintlib.photos.tiles import Tile, cut, find_holes, look, paste, rounds
from inpaintlib.seeding import stream
from inpaintlib.training.loop import eval_mode

PATIENCE = 2  # seconds of work until its progress is shown


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

    def __init__(self, model: Model | str | os.PathLike[str], *, seed: int = 0) -> None:
        """Take a model, the name of one that is shipped, such as "unet-celeba", or a file.

        Args:
            model: the model.
            seed: of a model that draws its fills (`Inpainting.draws`): another one, another fill.

        Raises:
            ValueError: no such name or file, or a model that draws new pictures or is not for
                colours.
        """
        found = model if isinstance(model, Model) else shipped.load(model)
        if not isinstance(found, Inpainting) or found.config.channels != 3:
            name = type(model).__name__ if isinstance(model, Model) else model
            raise ValueError(f"expected a model that fills holes of colour pictures, got {name}")
        self.model, self.seed = found, seed

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
            photo: a file, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8 or
                uint16. A photo that says how it was held (EXIF) is turned upright first.
            mask: the same size upright: a file, a PIL image, an array (H, W) or a tensor; see
                `data.mask_files.from_picture`. Or "alpha": what is transparent in the photo.
            hole: "white" (or true, or 1), "black" or "transparent": the hole in the mask.
            seam: "poisson" shifts the fill's colours smoothly until they meet the known pixels (see
                `blending`), which made every shipped network better on strokes; "hard" pastes it.

        Returns:
            An array for an array, else a PIL image: same size and mode. But black and white comes
            back as grey, and a palette as RGB or RGBA, because they lack the fill's colours. Alpha
            goes on in the hole as it is around it.

        Raises:
            ValueError: a photo or mask that cannot be read or used, of different sizes, without a
                hole, or all hole; a file of 16-bit colour, which a PIL image cannot hold (see
                `fill_file`); an argument is not as above.
        """
        if isinstance(photo, np.ndarray):
            pixels = check_array(photo)
            return self._fill(pixels, read_mask(mask, hole, pixels), seam)
        source = read_photo(photo)
        if source.deep and source.pixels.ndim == 3:
            raise ValueError(
                f"{source.name}: a PIL image cannot hold 16 bits of colour: use "
                "Inpainter.fill_file, or give the pixels as an array"
            )
        hidden = read_mask(mask, hole, source.pixels)
        return source.filled(self._fill(source.pixels, hidden, seam), hidden).image

    def fill_file(
        self,
        photo: File,
        mask: Any,
        out: str | os.PathLike[str],
        *,
        hole: str = "white",
        seam: str = "poisson",
    ) -> None:
        """Fill a photo's holes into a new file, with all that belongs to the photo.

        See `saving.save_photo` for what is kept and what warns.

        Args:
            photo: the file.
            out: the new file; its suffix says the format.
            mask, hole, seam: as for `fill`.

        Raises:
            ValueError: as `fill`; or no format has this suffix, or it cannot hold the photo.
            OSError: it cannot be written; an older file of that name is untouched.
        """
        source = read_photo(photo)
        check_format(source, out)  # before the work
        hidden = read_mask(mask, hole, source.pixels)
        save_photo(source.filled(self._fill(source.pixels, hidden, seam), hidden), out, hidden)

    def _fill(self, photo: np.ndarray, hidden: np.ndarray, seam: str) -> np.ndarray:
        """A copy of (H, W) or (H, W, C) pixels with the holes of (H, W) filled."""
        if seam not in ("hard", "poisson"):
            raise ValueError(f'expected seam "hard" or "poisson", got {seam!r}')
        size, filled = self.model.config.size, photo.copy()
        pixels = filled.reshape(*filled.shape[:2], -1)  # the same memory with a channel axis
        holes, boxes = find_holes(hidden, reach=size // 8)
        generator = stream(self.seed, "fill")
        tiles = [tile for each in enumerate(boxes, 1) for tile in cut(holes, *each, size)]
        with tqdm(
            total=len(tiles), desc="filling", leave=False, delay=PATIENCE, disable=None
        ) as progress:
            for together in rounds(tiles):
                self._fill_tiles(pixels, holes, together, seam, generator)
                progress.update(len(together))
        if pixels.shape[2] in (2, 4):
            pixels[..., -1] = continued(pixels[..., -1], hidden)
        return filled

    def _fill_tiles(
        self,
        pixels: np.ndarray,
        holes: np.ndarray,
        tiles: list[Tile],
        seam: str,
        generator: torch.Generator,
    ) -> None:
        """Fill the cells of some tiles, in place, and take them off the map of holes."""
        views = [look(pixels, holes, tile.window, self.model.config.size) for tile in tiles]
        image, hidden = (torch.cat(part).to(self.model.device) for part in zip(*views, strict=True))
        with eval_mode(self.model):
            prediction = self.complete(image, hidden, seam, generator).cpu()
        for tile, one in zip(tiles, prediction.split(1), strict=True):
            paste(pixels, holes, tile, one)

    def complete(
        self, image: Tensor, hidden: Tensor, seam: str, generator: torch.Generator | None = None
    ) -> Tensor:
        """The holes of (B, 3, H, W), [-1, 1], filled; `hidden`: (B, 1, H, W), {0, 1}."""
        if seam == "poisson":
            return blended(self.model, hide(image, hidden), generator=generator)
        return self.model.told(hide(image, hidden), generator=generator)


def continued(alpha: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Alpha (H, W) with its holes as their surroundings are, so that no fill stays invisible."""
    known = alpha[hidden == 0]
    if known.min() == known.max():
        return np.full_like(alpha, known[0])
    return cv2.inpaint(np.ascontiguousarray(alpha), hidden, 3, cv2.INPAINT_TELEA)
