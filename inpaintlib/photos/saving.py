"""A filled photo into a file: nothing that was known changes unseen, nothing is lost unsaid."""

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from inpaintlib.data.pictures import know_heic
from inpaintlib.data.writing import write_whole
from inpaintlib.photos.facts import PROFILE, RESOLUTION, XMP_TAG
from inpaintlib.photos.jpeg import keep_blocks, source_options
from inpaintlib.photos.reading import Photo, as_stored, read_photo

LOSSY = ("JPEG", "AVIF")
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},  # exact: also colours under full transparency
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": -1, "chroma": 444, "matrix_coefficients": 0},  # lossless
}
TIFF_COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits")
SOFTWARE = 305  # EXIF's tag, which tifffile takes apart
REACH = 33  # pixels around a hole that its JPEG blocks cover, at most


def picture_format(path: str | os.PathLike[str]) -> str:
    """Pillow's name of the format that a file's suffix stands for.

    Raises:
        ValueError: none that can be written and read again.
    """
    know_heic()
    name = Image.registered_extensions().get(Path(path).suffix.lower(), "")
    if name not in Image.SAVE or name not in Image.OPEN:
        raise ValueError(f"{path}: expected a picture's suffix, such as .png, .jpg, .tif or .webp")
    return name


def check_format(photo: Photo, path: str | os.PathLike[str]) -> None:
    """Raise ValueError, as `save_photo` would, if no file of that suffix can hold such a photo.

    Tried with the photo's first few pixels.
    """
    image = photo.image.crop((0, 0, min(8, photo.image.width), min(8, photo.image.height)))
    image.format = photo.image.format
    corner = replace(photo, pixels=photo.pixels[:8, :8], image=image, data=b"")
    known = np.zeros(corner.pixels.shape[:2], np.uint8)
    _encode_and_read(corner.filled(corner.pixels, known), path, picture_format(path), known)


def save_photo(photo: Photo, path: str | os.PathLike[str], hidden: np.ndarray) -> None:
    """Write a filled photo, whole or not at all, in the format of the suffix, and read it again.

    A lossless format gives back every pixel, or this is an error. A JPEG of a JPEG keeps the blocks
    that no hole touches, and its orientation; any other lossy file warns, with the largest change.
    Colour profile, EXIF data, XMP, texts, comment and resolution are written too, and what has no
    place in the format, or is lost otherwise, is named by a warning.

    Args:
        photo: what `Photo.filled` gives.
        path: the new file.
        hidden: (H, W), 1 = hole.

    Raises:
        ValueError: no format has this suffix, or it cannot hold this photo.
        OSError: it cannot be written; an older file of that name is untouched.
    """
    name = picture_format(path)
    data, again = _encode_and_read(photo, path, name, hidden)
    lost = photo.facts.missing_from(again.facts)
    if lost:
        warnings.warn(f"{path}: {name} was written without: {', '.join(lost)}", stacklevel=2)
    if name in LOSSY:
        _tell_changes(photo, again, path, hidden)
    write_whole(Path(path), lambda part: part.write_bytes(data))


def _encode_and_read(
    photo: Photo, path: str | os.PathLike[str], name: str, hidden: np.ndarray
) -> tuple[bytes, Photo]:
    """The bytes of a file of that format, and what they are read as; ValueError if not the same."""
    try:
        data = _encode(photo, name, hidden)
        again = read_photo(io.BytesIO(data))
    except (OSError, ValueError, KeyError, TypeError, cv2.error) as error:
        raise ValueError(_refusal(photo, path, name, error)) from error
    if name not in LOSSY and not same_pixels(photo, again):
        raise ValueError(_refusal(photo, path, name, "read again, the pixels differ"))
    return data, again


def same_pixels(one: Photo, other: Photo) -> bool:
    """Whether two photos show the same, to the last bit; grey is the same in a colour's mode."""
    if one.deep != other.deep:
        return False
    if one.image.mode == other.image.mode and not one.deep:
        return np.array_equal(np.asarray(one.image), np.asarray(other.image))
    if one.pixels.shape == other.pixels.shape:
        return np.array_equal(one.pixels, other.pixels)
    return np.array_equal(_rgba(one.pixels), _rgba(other.pixels))


def _rgba(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) of any pixels, opaque where they say nothing."""
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    channels = pixels.shape[2]
    opaque = np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)
    colours = pixels[..., [0, 0, 0]] if channels < 3 else pixels[..., :3]
    return np.concatenate([colours, pixels[..., -1:] if channels in (2, 4) else opaque], axis=2)


def _encode(photo: Photo, name: str, hidden: np.ndarray) -> bytes:
    """The bytes of a file of that format."""
    if photo.deep and photo.pixels.ndim == 3:
        return DEEP_WRITERS[name](photo) if name in DEEP_WRITERS else _no_depth(name)
    image, facts, options = photo.image, photo.facts.options(name), OPTIONS.get(name, {})
    if name == "TIFF" and image.info.get("compression") in TIFF_COMPRESSIONS:
        options = {"compression": image.info["compression"]}
    blocks = name == photo.format == "JPEG" and bool(photo.data)
    if blocks:
        options, facts = source_options(photo.data), photo.facts.options(name, photo.turn)
        # Its rows lie as they did, or no block could stay.
        image = Image.fromarray(as_stored(np.asarray(image), photo.turn), mode=image.mode)
    file = io.BytesIO()
    image.save(file, format=name, **facts, **options)
    if blocks:
        return keep_blocks(photo.data, file.getvalue(), as_stored(hidden, photo.turn) > 0)
    return file.getvalue()


def _no_depth(name: str) -> bytes:
    raise ValueError(f"{name} has 8 bits a channel, and the photo 16")


def _deep_by_opencv(suffix: str) -> Callable[[Photo], bytes]:
    def write(photo: Photo) -> bytes:
        channels = [2, 1, 0, 3][: photo.pixels.shape[2]]
        _, data = cv2.imencode(suffix, photo.pixels[..., channels])[:2]
        return data.tobytes()

    return write


def _deep_png(photo: Photo) -> bytes:
    """OpenCV writes the 16 bits; the facts come out of a small PNG that Pillow wrote with them."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG", **photo.facts.options("PNG"))
    facts, pixels = file.getvalue(), _deep_by_opencv(".png")(photo)
    start, end = 33, facts.index(b"IDAT") - 4  # behind the header chunk, before the pixels
    return pixels[:start] + facts[start:end] + pixels[start:]


def _deep_tiff(photo: Photo) -> bytes:
    exif, file = photo.facts.exif, io.BytesIO()
    tags: list[tuple[int, Any, int, Any, bool]] = [
        (tag, "s", 0, value.encode() if isinstance(value, str) else bytes(value), True)
        for tag, value in exif.items()
        if isinstance(value, (str, bytes)) and tag not in RESOLUTION | {SOFTWARE}
    ]
    for tag, kind, value in ((XMP_TAG, 1, photo.facts.xmp), (PROFILE, 7, photo.facts.profile)):
        if value:
            tags.append((tag, kind, len(value), value, True))
    tifffile.imwrite(
        file,
        photo.pixels,
        photometric="rgb",
        compression="zlib",
        extrasamples=["unassalpha"] if photo.pixels.shape[2] == 4 else None,
        resolution=photo.facts.dpi,
        resolutionunit=2 if photo.facts.dpi else None,
        software=exif.get(SOFTWARE),
        metadata=None,
        extratags=tags,
    )
    return file.getvalue()


DEEP_WRITERS: dict[str, Callable[[Photo], bytes]] = {
    "PNG": _deep_png,
    "TIFF": _deep_tiff,
    "PPM": _deep_by_opencv(".ppm"),
}


def _refusal(photo: Photo, path: object, name: str, reason: object) -> str:
    kind = f"{'16 bits of ' if photo.deep else ''}mode {photo.image.mode}"
    better = ".png or .tif" if name != "PNG" else ".tif"
    return f"{path}: {name} cannot hold this photo ({kind}; {reason}): {better} can"


def _tell_changes(photo: Photo, again: Photo, path: object, hidden: np.ndarray) -> None:
    """Warn if known pixels away from the hole were changed by compression."""
    near = cv2.dilate(np.asarray(hidden, np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8))
    before, after = (np.asarray(one.image) for one in (photo, again))
    if before.shape != after.shape:
        before, after = (_rgba(one.pixels) for one in (photo, again))
    change = cv2.absdiff(before, after).reshape(*hidden.shape, -1).max(axis=2)[near == 0]
    if change.any():
        warnings.warn(
            f"{path}: lossy, so {(change > 0).mean():.0%} of the pixels away from the hole changed,"
            f" by up to {change.max()} of 255 (-o with .png keeps every one)",
            stacklevel=3,
        )
