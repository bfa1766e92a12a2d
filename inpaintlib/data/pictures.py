"""Picture files: finding them in a folder, and decoding one to a square of bytes."""

import os
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"),
    *(".avif", ".heic", ".heif", ".jp2"),
)


@cache
def know_heic() -> None:
    """Let Pillow open HEIC, the pictures of many phones, where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()


def walk_pictures(folder: Path) -> Iterator[str]:
    """The picture files below a folder, relative to it; hidden files and folders are left out.

    Linked folders are followed, but none is entered twice: a link may lead back to where it is.
    """
    entered = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(parent)
        if place in entered:
            folders.clear()
            continue
        entered.add(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()


def read_picture(file: Path | BytesIO, size: int | None) -> np.ndarray:
    """Decode a picture of any kind, turned upright: its `middle_square`, or all of it if None.

    Raises:
        Exception: Pillow's many kinds, where the file is broken, too large or no picture.
    """
    know_heic()
    with Image.open(file) as picture:
        # A JPEG can be decoded at 1/2, 1/4 or 1/8; twice the size wanted leaves enough to resize.
        if size is not None:
            picture.draft(None, (2 * size, 2 * size))
        upright = ImageOps.exif_transpose(picture)
    if size is None:
        return np.asarray(_to_rgb(upright)).transpose(2, 0, 1)
    return middle_square(upright, size)


def middle_square(image: Image.Image, size: int) -> np.ndarray:
    """A picture in colour, cropped to its middle square, resized: (3, size, size), uint8.

    The square's side is the picture's shorter side: 178 for CelebA's 178×218. Resizing is bilinear
    with antialiasing. Transparent parts show white, 16-bit grey is scaled to 8 bits, and of an
    animation the first picture counts.
    """
    image = _to_rgb(image)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes to RGB; what `convert` would clip or blacken is done here."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of an unknown range")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(page, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
