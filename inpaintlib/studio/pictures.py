"""The pictures that the painter offers: drawn faces, the data folder, photographs, an upload."""

from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
import skimage.data
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from inpaintlib.data import ImageSet, draw_faces, load_faces
from inpaintlib.data.locations import find_faces
from inpaintlib.data.pictures import know_heic, middle_square, read_picture
from inpaintlib.images import from_bytes

DRAWN, FOLDER, UPLOAD = "drawn faces", "data folder", "upload"
TEST_SET = 2_000_000  # the drawn test faces' first number: no network has seen them
LIMIT = 500  # of the data folder's test pictures, decoded when first asked for
SMALLEST, MOST_MEGAPIXELS = 8, 40  # of an upload: pixels per side, and in all

# Those of scikit-image that come with it, so that no network is needed.
PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "astronaut": skimage.data.astronaut,
    "cat": skimage.data.chelsea,
    "coffee": skimage.data.coffee,
    "rocket": skimage.data.rocket,
    "galaxies": skimage.data.hubble_deep_field,
    "brick wall": skimage.data.brick,
    "gravel": skimage.data.gravel,
}


def sources() -> list[str]:
    """The names that `load_picture` takes here; the data folder only where pictures are in it."""
    try:
        folder = [FOLDER] if find_faces() else []
    except (ValueError, OSError):  # INPAINTLIB_DATA is wrong; the doctor says so, this goes on
        folder = []
    return [DRAWN, *folder, *PHOTOGRAPHS]


def load_picture(source: str, number: int = 0, *, size: int = 128) -> Tensor:
    """One picture, (1, 3, size, size), [-1, 1].

    Args:
        source: one of `sources()`.
        number: which drawn face, or which of the data folder's pictures (counted round).
        size: height and width, pixels.

    Raises:
        ValueError: no such source, a number below 0, or what `data.load_faces` raises.
    """
    if number < 0:
        raise ValueError(f"expected a picture's number, 0 or more, got {number}")
    if source == DRAWN:
        return from_bytes(draw_faces(1, size=size, start=TEST_SET + number)[0])
    if source == FOLDER:
        faces = _folder(size)
        return faces.floats([number % len(faces)])
    if source not in PHOTOGRAPHS:
        raise ValueError(f"no pictures {source!r}: expected one of {', '.join(sources())}")
    return _as_batch(middle_square(Image.fromarray(PHOTOGRAPHS[source]()), size))


def read_upload(name: str, content: bytes) -> Tensor:
    """A picture that a user gave, whole; checked before it is decoded.

    Args:
        name: of the file, for the message.
        content: its bytes.

    Returns:
        (1, 3, H, W), [-1, 1].

    Raises:
        ValueError: not a picture, damaged, under 8 pixels per side, or over 40 megapixels.
    """
    know_heic()
    try:
        with Image.open(BytesIO(content)) as file:
            width, height = file.size
    except UnidentifiedImageError:
        raise ValueError(f"{name}: this is no picture; expected JPEG, PNG, WebP, …") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{name}: over {MOST_MEGAPIXELS} megapixels; shrink it first") from None
    if min(width, height) < SMALLEST:
        raise ValueError(f"{name}: {width}×{height} pixels; expected at least {SMALLEST} a side")
    if width * height > MOST_MEGAPIXELS * 1e6:
        raise ValueError(
            f"{name}: {width * height / 1e6:.0f} megapixels ({width}×{height}); "
            f"expected at most {MOST_MEGAPIXELS}: shrink it first"
        )
    try:
        return _as_batch(read_picture(BytesIO(content), None))
    except Exception as error:  # a broken file makes Pillow raise almost anything
        raise ValueError(f"{name}: cannot be read ({error})") from error


def _as_batch(pixels: np.ndarray) -> Tensor:
    return from_bytes(torch.tensor(pixels)[None])


@cache
def _folder(size: int) -> ImageSet:
    """The data folder's test pictures, decoded once."""
    return load_faces("test", size=size, limit=LIMIT)
