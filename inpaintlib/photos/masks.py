"""Masks from pictures: painted by hand, or saved by another program."""

import os

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

_TOLERANCE = 16  # levels of 255 that compression moves black and white
_SOFT_SHARE = 0.02  # of the pixels: edges that a soft pen or JPEG turned grey


def from_picture(
    picture: str | os.PathLike | Image.Image | np.ndarray,
    *,
    hole: str = "white",
    size: tuple[int, int] | None = None,
) -> Tensor:
    """A mask painted by hand or saved by another program.

    Programs disagree on what white means, so the caller says it. Transparent pixels are known ones.

    Args:
        picture: a file, a PIL image, or an array (H, W): black and white, as 0 and 255, 0 and 1,
            or booleans.
        hole: "white" or "black": the colour of the hole.
        size: (H, W) of the mask; None keeps the picture's. A pixel that any hole touches is a hole,
            so that nothing hidden leaks into a smaller picture.

    Returns:
        (1, 1, H, W), {0, 1}, 1 = hole.

    Raises:
        ValueError: the file cannot be read; more than 2 % of the pixels are grey, that is over 16
            levels from black and from white (soft edges and JPEG make fewer, and are rounded);
            an argument is not as above.

    Example:
        >>> from_picture(np.array([[0, 255], [255, 255]], dtype=np.uint8), hole="black")
        tensor([[[[1., 0.],
                  [0., 0.]]]])
    """
    if hole not in ("white", "black"):
        raise ValueError(f'expected hole "white" or "black", got {hole!r}')
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f"expected a size (height, width) of at least 1 pixel each, got {size}")
    grey = _read_array(picture) if isinstance(picture, np.ndarray) else _read(picture, hole)
    if grey.max() <= 1:  # a label picture or booleans: 0 and 1
        grey = grey * 255.0
    name = picture if isinstance(picture, (str, os.PathLike)) else "mask picture"
    _check_black_and_white(grey, name)
    white = torch.from_numpy(grey > 127)
    mask = (white if hole == "white" else ~white).float()[None, None]
    return mask if size is None else functional.adaptive_max_pool2d(mask, tuple(size))


def open_upright(picture: str | os.PathLike | Image.Image) -> Image.Image:
    """A picture, turned as its EXIF data say; ValueError if it cannot be read."""
    try:
        if isinstance(picture, Image.Image):
            return ImageOps.exif_transpose(picture)
        with Image.open(picture) as file:
            return ImageOps.exif_transpose(file)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow calls a broken PNG a SyntaxError
        raise ValueError(f"{picture}: cannot be read as a picture ({error})") from error


def _read(picture: str | os.PathLike | Image.Image, hole: str) -> np.ndarray:
    """Grey levels (H, W), 0..255; what is transparent is laid on the colour of known pixels."""
    image = open_upright(picture)
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip instead of scale
        return np.asarray(image) / 257
    known = 0 if hole == "white" else 255
    paper = Image.new("RGBA", image.size, (known, known, known, 255))
    return np.asarray(Image.alpha_composite(paper, image.convert("RGBA")).convert("L"))


def _read_array(array: np.ndarray) -> np.ndarray:
    if array.ndim != 2 or array.size == 0 or not (array.min() >= 0 and array.max() <= 255):
        raise ValueError(
            f"expected a mask array (H, W) within 0..255, got shape {array.shape}"
            + (f" from {array.min()} to {array.max()}" if array.size else "")
        )
    return array


def _check_black_and_white(grey: np.ndarray, name: str | os.PathLike) -> None:
    between = grey[(grey > _TOLERANCE) & (grey < 255 - _TOLERANCE)]
    if between.size > _SOFT_SHARE * grey.size:
        raise ValueError(
            f"{name}: expected black and white, got {len(np.unique(between))} grey values "
            f"({between.min():.0f} to {between.max():.0f}) in {between.size} of {grey.size} "
            "pixels: threshold it first, or paint with a hard brush"
        )
