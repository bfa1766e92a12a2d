"""A user's photo and mask: read in any mode and depth, checked."""

import io
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps

from inpaintlib.data.mask_files import File, from_picture, picture_name, unreadable
from inpaintlib.data.pictures import know_heic
from inpaintlib.photos.facts import Facts, facts_of

Mask = File | Image.Image | np.ndarray | torch.Tensor
MODES = {
    **{"1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"},
    **{"RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB"},
}
"""Pillow's modes of 8 bits that can be read, and as what they are filled."""
THERE_AND_BACK = ("CMYK", "YCbCr", "HSV")  # the fill is converted to these, known pixels stay
DEEP = ("PNG", "TIFF", "PPM", "JPEG2000", "AVIF")  # may hold colours of more than 8 bits
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
SINGLE = "save the picture that you want as PNG"


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo in memory, upright.

    Attributes:
        pixels: (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA; uint8, or
            uint16 of a photo with 16 bits.
        image: the same as Pillow holds it; of 16-bit colour, which it cannot hold, 8 bits.
        facts: what else the file says.
        turn: EXIF's orientation of the file, 1 to 8: how its rows lie; 1 = upright.
        name: what messages call it.
        data: the file's bytes; none of a picture that came as an image.
    """

    pixels: np.ndarray
    image: Image.Image
    facts: Facts = field(default_factory=Facts)
    turn: int = 1
    name: str = "photo"
    data: bytes = b""

    @property
    def format(self) -> str:
        """Pillow's name of the file's format; "" of a picture that came as an image."""
        return self.image.format or ""

    @property
    def deep(self) -> bool:
        """Whether it has 16 bits."""
        return self.pixels.dtype == np.uint16

    def filled(self, pixels: np.ndarray, hidden: np.ndarray) -> "Photo":
        """This photo with other pixels in its hole.

        Args:
            pixels: as `self.pixels`.
            hidden: (H, W), bool or uint8, 1 = hole.
        """
        if self.image.mode in THERE_AND_BACK:
            image = self.image.copy()
            mask = Image.fromarray(np.asarray(hidden, np.uint8) * 255)
            image.paste(Image.fromarray(pixels).convert(image.mode), mask=mask)
        else:
            colours = pixels.ndim == 3
            image = Image.fromarray(_to_8_bits(pixels) if self.deep and colours else pixels)
        image.format, image.info = self.image.format, dict(self.image.info)
        if "exif" in image.info:  # anew: a thumbnail in it would show what has been filled
            image.info["exif"] = self.facts.exif.tobytes()
        return replace(self, pixels=pixels, image=image)


def read_photo(photo: File | Image.Image) -> Photo:
    """A photo from a file, also an open one, or from a PIL image, turned upright.

    Raises:
        ValueError: it cannot be read, has other channels or depths than `Photo` holds, or is an
            animation or has pages.
    """
    name = picture_name(photo, "photo")
    if not isinstance(photo, (str, os.PathLike, Image.Image)) and not hasattr(photo, "read"):
        kind = type(photo).__name__
        raise ValueError(f"expected a photo as a file, a PIL image or a NumPy array, got {kind}")
    know_heic()
    try:
        if isinstance(photo, Image.Image):
            return _as_photo(photo, name, b"")
        data = _read_bytes(photo)
        with Image.open(io.BytesIO(data)) as file:
            return _as_photo(file, name, data)
    except ValueError:  # mostly `_as_photo`'s own, which says more
        raise
    except Exception as error:  # a broken file makes Pillow raise almost anything
        raise unreadable(name, error) from error


def _read_bytes(photo: File) -> bytes:
    if isinstance(photo, (str, os.PathLike)):
        with open(photo, "rb") as file:
            return file.read()
    return photo.read()


def _as_photo(file: Image.Image, name: str, data: bytes) -> Photo:
    """Check an opened picture, and hold what it is."""
    count = getattr(file, "n_frames", 1)
    if count > 1 and file.format != "MPO":  # a phone's JPEG with a second picture behind it
        raise ValueError(f"{name}: expected one picture, got {count} frames or pages: {SINGLE}")
    if file.format in ("ICO", "ICNS"):
        raise ValueError(f"{name}: expected one picture, got an icon of several sizes: {SINGLE}")
    turn = file.getexif().get(0x0112, 1)
    if file.format == "TIFF" or turn not in TURNS:
        turn = 1  # Pillow and OpenCV turn a TIFF while they read it
    facts, image = facts_of(file, data), ImageOps.exif_transpose(file)
    image.format = "JPEG" if file.format == "MPO" else file.format
    pixels = _sixteen_bits(data, image, turn)
    if pixels is None:
        pixels = _eight_bits(image, name)
    elif image.format in ("JPEG2000", "AVIF") and pixels.ndim == 3:
        raise ValueError(
            f"{name}: {image.format} of more than 8 bits a channel cannot be written again: "
            "convert it to .png or .tif of 16 bits first"
        )
    return Photo(pixels, image, facts, turn, name, data)


def _sixteen_bits(data: bytes, image: Image.Image, turn: int) -> np.ndarray | None:
    """The pixels of a photo with 16 bits, which Pillow cuts to 8 if they are colours; else None."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    deep = image.format in DEEP and (image.format != "PNG" or data[24:25] == b"\x10")
    if not data or not deep:  # no bytes: Pillow opened it, and has cut colours already
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        return None
    if image.format == "PPM":  # whose header, behind format and size, says what white is
        white = int(re.sub(rb"#[^\r\n]*", b"", data[:999]).split(None, 4)[3])
        pixels = (pixels * (65535 / white)).round().clip(0, 65535).astype(np.uint16)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]  # OpenCV has blue first
    return upright(pixels, turn)


def _eight_bits(image: Image.Image, name: str) -> np.ndarray:
    """The pixels of a photo with 8 bits, in the mode that they are filled in."""
    if image.mode not in MODES:
        raise ValueError(
            f"{name}: expected grey or colours of 8 or 16 bits, got Pillow's mode {image.mode}: "
            "convert it to .png or .tif first"
        )
    transparent = image.has_transparency_data and image.mode != "LA"
    return np.array(image.convert("RGBA" if transparent else MODES[image.mode]))


def upright(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Rows and columns as EXIF's orientation, 1 to 8, asks for.

    Example:
        >>> upright(np.array([[1, 2, 3]]), 6).ravel(), upright(np.array([[1, 2, 3]]), 6).shape
        (array([1, 2, 3]), (3, 1))
    """
    return np.ascontiguousarray(TURNS[turn](pixels))


def as_stored(pixels: np.ndarray, turn: int) -> np.ndarray:
    """The other way round: upright pixels as they lie in a file of that orientation."""
    return upright(pixels, {6: 8, 8: 6}.get(turn, turn))


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    return (pixels >> 8).astype(np.uint8)


def check_array(photo: np.ndarray) -> np.ndarray:
    """The array; ValueError unless it is (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16."""
    channels = photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))
    if photo.dtype not in (np.uint8, np.uint16) or not channels or photo.size == 0:
        raise ValueError(
            "expected a photo (H, W), (H, W, 3) or (H, W, 4) of uint8, 0 to 255, or uint16, "
            f"got {photo.dtype} of shape {photo.shape}"
        )
    return photo


def read_mask(mask: Mask, hole: str, pixels: np.ndarray) -> np.ndarray:
    """A mask that fits a photo and has both holes and known pixels.

    Warns if more than half is hidden, which is mostly a mask read the wrong way round.

    Args:
        mask, hole: as for `data.mask_files.from_picture`; or the word "alpha": what is not quite
            opaque in the photo itself, such as an object erased to transparency.
        pixels: the photo, (H, W) or (H, W, C).

    Returns:
        (H, W), uint8, 1 = hole.

    Raises:
        ValueError: it has another size, no hole, or nothing else; or see `from_picture`.
    """
    if isinstance(mask, str) and mask == "alpha":
        if pixels.ndim < 3 or pixels.shape[2] not in (2, 4):
            raise ValueError("the mask is to be the photo's alpha, but the photo has none")
        hidden = (pixels[..., -1] < np.iinfo(pixels.dtype).max).astype(np.uint8)
        name, what = "the photo's alpha", "transparent"
    else:
        kinds = (str, os.PathLike, Image.Image, np.ndarray, torch.Tensor)
        if not isinstance(mask, kinds) and not hasattr(mask, "read"):
            kind = type(mask).__name__
            raise ValueError(f"expected a mask as a file, a PIL image or an array, got {kind}")
        hidden = from_picture(mask, hole=hole)[0, 0].to(torch.uint8).numpy()
        name, what = picture_name(mask, "the mask"), hole
    (height, width), size = hidden.shape, pixels.shape[:2]
    if (height, width) != size:
        turned = ", turned as its EXIF orientation may ask" if (width, height) == size else ""
        sides = f"{width}×{height} pixels and the photo {size[1]}×{size[0]}"
        raise ValueError(f"{name}: the mask has {sides}{turned}")
    share = float(hidden.mean())
    if share in (0, 1):
        found, missing = ("is one single hole", "fill from") if share else ("has no hole", "fill")
        raise ValueError(
            f"{name}: the mask {found} if its holes are {what}: there is nothing to {missing}"
        )
    if share > 0.5:
        warnings.warn(
            f"{name}: {share:.0%} of the photo is hidden. Is the mask the wrong way round? "
            "--hole black or --hole transparent read it otherwise, and --mask alpha takes the "
            "photo's own transparency",
            stacklevel=2,
        )
    return hidden
