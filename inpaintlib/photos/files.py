"""A user's photo and mask: read in any mode, checked, and saved whole with what belongs to them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from inpaintlib.data.writing import write_whole
from inpaintlib.photos.masks import from_picture, open_upright

File = str | os.PathLike[str]
MODES = {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
"""Pillow's modes that can be read, and as what."""
KEPT = ("icc_profile", "dpi", "exif")
SAVED_WITH: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
}


def read_photo(photo: File | Image.Image) -> Image.Image:
    """A photo, turned upright as its EXIF data say, in one of the modes L, LA, RGB and RGBA.

    Raises:
        ValueError: it cannot be read, has other channels, or more than 8 bits a channel.
    """
    check_kind(photo, "photo")
    image = open_upright(photo)
    if image.mode not in MODES:
        raise ValueError(
            f"{photo}: expected 8 bits a channel, grey or RGB, got Pillow's mode {image.mode}: "
            "convert it first"
        )
    transparent = image.has_transparency_data and image.mode != "LA"
    return image.convert("RGBA" if transparent else MODES[image.mode])


def check_kind(picture: object, what: str) -> None:
    """Raise ValueError unless the picture comes as one of the kinds that are understood."""
    if not isinstance(picture, (str, os.PathLike, Image.Image, np.ndarray)):
        kind = type(picture).__name__
        raise ValueError(f"expected a {what} as a file, a PIL image or a NumPy array, got {kind}")


def check_array(photo: np.ndarray) -> np.ndarray:
    """The array; ValueError unless it is (H, W), (H, W, 3) or (H, W, 4) of uint8."""
    channels = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))
    if photo.dtype != np.uint8 or not channels or photo.size == 0:
        raise ValueError(
            "expected a photo (H, W), (H, W, 3) or (H, W, 4) of uint8, 0 to 255, "
            f"got {photo.dtype} of shape {photo.shape}"
        )
    return photo


def read_mask(
    mask: File | Image.Image | np.ndarray, hole: str, size: tuple[int, ...]
) -> np.ndarray:
    """A mask that fits a photo and has both holes and known pixels.

    Args:
        mask, hole: as for `photos.masks.from_picture`.
        size: (H, W) of the photo.

    Returns:
        (H, W), uint8, 1 = hole.

    Raises:
        ValueError: it has another size, no hole, or nothing else; or see `from_picture`.
    """
    check_kind(mask, "mask")
    hidden = from_picture(mask, hole=hole)[0, 0].to(torch.uint8).numpy()
    if hidden.shape != size:
        (tall, wide), (height, width) = hidden.shape, size
        raise ValueError(f"the mask has {wide}×{tall} pixels and the photo {width}×{height}")
    if hidden.all() or not hidden.any():
        share = "is one single hole" if hidden.any() else "has no hole"
        raise ValueError(f"the mask {share} if its holes are {hole}: there is nothing to fill from")
    return hidden


def to_image(pixels: np.ndarray, source: Image.Image) -> Image.Image:
    """The pixels as a PIL image, with what is known about the source: colour profile, EXIF, …"""
    image = Image.fromarray(pixels)
    image.info = dict(source.info)
    if "exif" in source.info:  # anew, because a thumbnail in it would show what has been filled
        image.info["exif"] = source.getexif().tobytes()
    return image


def picture_format(path: File) -> str:
    """Pillow's name of the format that a file's suffix stands for.

    Raises:
        ValueError: none that can be written.
    """
    name = Image.registered_extensions().get(Path(path).suffix.lower(), "")
    if name not in Image.SAVE:
        raise ValueError(f"{path}: expected a picture's suffix, such as .png, .jpg, .tif or .webp")
    return name


def save_photo(image: Image.Image, path: File) -> None:
    """Write a photo, whole or not at all, in the format of the suffix and at high quality.

    Colour profile, resolution and EXIF data are written too, where the format has them.

    Raises:
        ValueError: no format has this suffix.
        OSError: it cannot be written, or the format lacks the picture's channels.
    """
    name = picture_format(path)
    facts: dict[str, Any] = {key: image.info[key] for key in KEPT if key in image.info}
    options = facts | SAVED_WITH.get(name, {})
    write_whole(Path(path), lambda part: image.save(part, format=name, **options))
