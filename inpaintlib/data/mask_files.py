"""Masks from pictures: painted by hand, or saved by another program."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from inpaintlib.data.locations import existing_folder
from inpaintlib.data.pictures import know_heic, walk_pictures

File = str | os.PathLike[str] | BinaryIO
HOLES = ("white", "black", "transparent")
_TOLERANCE = 16  # levels of 255 that compression moves black and white
_SOFT_SHARE = 0.02  # of the pixels: edges that a soft pen or JPEG turned grey


def from_picture(
    picture: File | Image.Image | np.ndarray | Tensor,
    *,
    hole: str = "white",
    size: tuple[int, int] | None = None,
) -> Tensor:
    """A mask painted by hand or saved by another program.

    Programs disagree on what white means, so the caller says it. On a transparent layer, paint of
    one colour is the hole whatever the colour; of several, it must be black and white, and what is
    transparent is known.

    Args:
        picture: a file (also an open one), a PIL image, an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), or a tensor (1, 1, H, W): black and white, or any two values, such as the
            labels 0 and 1, of which the larger one is white.
        hole: "white" or "black": the colour of the hole; or "transparent": where the picture is.
        size: (H, W) of the mask; None keeps the picture's. A pixel that any hole touches is a hole,
            so that nothing hidden leaks into a smaller picture.

    Returns:
        (1, 1, H, W), {0, 1}, 1 = hole.

    Raises:
        ValueError: the file cannot be read; more than 2 % of the pixels are grey, that is over 16
            levels from black and from white (soft edges and JPEG make fewer, and are rounded);
            a transparent hole is asked for and nothing is; an argument is not as above.

    Example:
        >>> from_picture(np.array([[0, 255], [255, 255]], dtype=np.uint8), hole="black")
        tensor([[[[1., 0.],
                  [0., 0.]]]])
    """
    if hole not in HOLES:
        raise ValueError(f'expected hole "white", "black" or "transparent", got {hole!r}')
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f"expected a size (height, width) of at least 1 pixel each, got {size}")
    name = picture_name(picture, "mask picture")
    if isinstance(picture, (np.ndarray, Tensor)):
        levels = _as_array(picture)
        if levels.ndim == 3 or hole == "transparent":
            levels = _read(Image.fromarray(levels.astype(np.uint8)), hole, name)
    else:
        levels = _read(open_upright(picture), hole, name)
    white = _white(levels, name)
    hidden = torch.from_numpy(~white if hole == "black" else white)
    mask = hidden.float()[None, None]
    return mask if size is None else functional.adaptive_max_pool2d(mask, tuple(size))


def picture_name(picture: object, otherwise: str) -> str:
    """What an error calls a picture: its file if it has one."""
    if isinstance(picture, (str, os.PathLike)):
        return os.fspath(picture)
    name = getattr(picture, "name", "") or getattr(picture, "filename", "")
    return name if name and isinstance(name, str) else otherwise


def unreadable(name: str, error: Exception) -> ValueError:
    """The error of a picture that cannot be read, in one line."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if text.startswith("cannot identify image file"):
        text = "not a picture, or of a format not known here"
        if name.lower().endswith((".heic", ".heif")):
            text = "HEIC needs: pip install 'inpaintlib[heic]'"
    return ValueError(f"{name}: cannot be read as a picture ({text})")


def open_upright(picture: File | Image.Image) -> Image.Image:
    """A picture, turned as its EXIF data say; ValueError if it cannot be read."""
    know_heic()
    try:
        if isinstance(picture, Image.Image):
            return ImageOps.exif_transpose(picture)
        with Image.open(picture) as file:
            return ImageOps.exif_transpose(file)
    except Exception as error:  # a broken file makes Pillow raise almost anything
        raise unreadable(picture_name(picture, "picture"), error) from error


def _as_array(mask: np.ndarray | Tensor) -> np.ndarray:
    """Grey levels (H, W), or colours (H, W, 3) or (H, W, 4) of uint8; else ValueError."""
    array = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else mask
    if array.ndim == 4 and array.shape[:2] == (1, 1):
        array = array[0, 0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    colours = array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8
    if array.size == 0 or not (
        colours or (array.ndim == 2 and array.min() >= 0 and array.max() <= 65535)
    ):
        raise ValueError(
            "expected a mask array (H, W) within 0..65535, or (H, W, 3) or (H, W, 4) of uint8, "
            f"got {array.dtype} of shape {array.shape}"
            + (f" from {array.min()} to {array.max()}" if array.size else "")
        )
    return array


def _read(image: Image.Image, hole: str, name: str) -> np.ndarray:
    """Grey levels (H, W): the layer's alpha, or what is seen on paper of the known colour."""
    if hole == "transparent" and not image.has_transparency_data:
        raise ValueError(f"{name}: expected a transparent hole, but nothing in it is")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip instead of scale
        return _as_array(np.asarray(image))
    layer = np.asarray(image.convert("RGBA"))
    alpha = layer[..., 3]  # 255 throughout where the picture has none
    if hole == "transparent":
        return 255 - alpha
    if alpha.min() < 128 and _one_colour(layer[alpha > 127]):
        return alpha if hole == "white" else 255 - alpha
    known = 0 if hole == "white" else 255
    paper = Image.new("RGBA", image.size, (known, known, known, 255))
    return np.asarray(Image.alpha_composite(paper, image.convert("RGBA")).convert("L"))


def _one_colour(paint: np.ndarray) -> bool:
    """Whether (N, 4) pixels of a layer are all of one colour; False where there are none."""
    return len(paint) > 0 and int(np.ptp(paint[:, :3], axis=0).max()) <= _TOLERANCE


def _white(levels: np.ndarray, name: str) -> np.ndarray:
    """Which of (H, W) levels are white; ValueError if many are neither white nor black."""
    low, high = levels.min(), levels.max()
    if low < high and ((levels == low) | (levels == high)).all():
        return levels == high  # two values, whatever they are: labels 0 and 1, or 0 and 2
    grey = levels * (255 / 65535 if high > 255 else 255 if high <= 1 else 1)
    between = grey[(grey > _TOLERANCE) & (grey < 255 - _TOLERANCE)]
    if between.size > _SOFT_SHARE * grey.size:
        raise ValueError(
            f"{name}: expected black and white, got {len(np.unique(between))} grey values "
            f"({between.min():.0f} to {between.max():.0f}) in {between.size} of {grey.size} "
            "pixels: threshold it first, or paint with a hard brush"
        )
    return grey > 127


class FolderMasks:
    """A folder's masks as a kind of hole to learn from: drawn at random, mirrored at random.

    Call it as every kind of `masks`: `(batch, height, width, *, generator)`.
    """

    def __init__(self, folder: str | Path, *, size: int) -> None:
        """Read every mask below the folder, white = hole.

        Args:
            folder: of the masks.
            size: height and width that they are scaled to, pixels.

        Raises:
            ValueError: no such folder, no picture in it, or one that is no mask, hides nothing or
                everything.
        """
        place = existing_folder(folder)
        files = [place / name for name in sorted(walk_pictures(place))]
        if not files:
            raise ValueError(f"no masks in {place}: looked for .png, .jpg and others at any depth")
        self.masks = torch.cat([_checked(file, (size, size)) for file in files])

    def __call__(
        self, batch: int, height: int, width: int, *, generator: torch.Generator
    ) -> Tensor:
        """(batch, 1, height, width), {0, 1}, 1 = hole."""
        chosen = torch.randint(len(self.masks), (batch,), generator=generator)
        mirrored = torch.rand(batch, generator=generator) < 0.5
        masks = self.masks[chosen]
        masks = torch.where(mirrored.view(-1, 1, 1, 1), masks.flip(-1), masks)
        return functional.adaptive_max_pool2d(masks, (height, width))


def _checked(file: Path, size: tuple[int, int]) -> Tensor:
    """A mask from a file; ValueError if it hides nothing or everything."""
    mask = from_picture(file, size=size)
    if mask.min() == mask.max():
        what = "everything" if mask.any() else "nothing"
        raise ValueError(f"{file}: a mask to learn from hides a part, white; this hides {what}")
    return mask
