"""Any folder of pictures as an `ImageSet`: split, decoded in parallel, broken files left out."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from tqdm.contrib.concurrent import thread_map

from inpaintlib.data import pictures
from inpaintlib.data.cache import Entry, cached, fingerprint, source_code
from inpaintlib.data.image_set import ImageSet
from inpaintlib.data.locations import existing_folder
from inpaintlib.data.pictures import read_picture, walk_pictures

SPLITS = ("train", "validation", "test")


def load_folder(
    folder: str | Path, *, size: int, split: str | None = None, limit: int | None = None
) -> ImageSet:
    """Every picture below a folder, in the order of their names: RGB, middle square, resized.

    Decoded once: the bytes are cached (see `cache`) until a file is added, removed or modified. A
    file that cannot be read is skipped with a warning and named in the set's `skipped`.

    Args:
        folder: searched at any depth; hidden files and folders are left out.
        size: side of the pictures, pixels.
        split: "train", "validation" or "test": 80, 10 and 10 %, in the order of a hash of the
            names, so that each has pictures of every sub-folder; None for all. Of fewer than ten
            pictures one is both validation and test, and trained on only if it is the only one.
        limit: at most so many, from the start of the split.

    Raises:
        ValueError: no such folder, no picture in it; unreadable are all, or two and over 1 %.
    """
    check_request(split or SPLITS[0], size, limit)
    place = existing_folder(folder)
    names = sorted(walk_pictures(place))
    if not names:
        raise ValueError(f"no pictures in {place}: looked for .jpg, .png and others at any depth")
    mixed = sorted(names, key=fingerprint)
    chosen = names if split is None else mixed[split_range(len(names), split)]
    found = load_pictures(place, chosen, size=size, part=split or "all", limit=limit)
    terms = f"your own pictures: from {place.name}, under the terms you have them"
    return ImageSet(name=place.name, licence=terms, **found)


def split_range(count: int, split: str) -> slice:
    """80/10/10 of `count` pictures, rounded down; the test split has the rest.

    Example:
        >>> [split_range(1024, split) for split in SPLITS]
        [slice(0, 819, None), slice(819, 921, None), slice(921, 1024, None)]
        >>> [split_range(3, split) for split in SPLITS]
        [slice(0, 2, None), slice(2, 3, None), slice(2, 3, None)]
    """
    if count < 10:
        last = slice(max(0, count - 1), count)
        return slice(0, max(1, count - 1)) if split == SPLITS[0] else last
    train = count * 8 // 10
    validation = train + count // 10
    ranges = (slice(0, train), slice(train, validation), slice(validation, count))
    return ranges[SPLITS.index(split)]


def check_request(split: str, size: int, limit: int | None) -> None:
    """Raise ValueError unless split, size and limit make sense."""
    if split not in SPLITS:
        raise ValueError(f"expected split to be one of {', '.join(SPLITS)}, got {split!r}")
    if size < 8:
        raise ValueError(f"expected a size of at least 8 pixels, got {size}")
    if limit is not None and limit < 1:
        raise ValueError(f"expected a limit of at least 1 picture, got {limit}")


def load_pictures(
    folder: Path, names: list[str], *, size: int, part: str, limit: int | None
) -> dict[str, Any]:
    """Decode the first named files of a folder, or take them from the cache.

    Returns:
        The "images", "names" and "skipped" of an `ImageSet`; `part` is their name in the cache.
    """
    names = names[:limit]
    kind = {"train": "training ", "all": ""}.get(part, f"{part} ")
    looked_at = f"of the {len(names)} {kind}pictures in {folder}"
    part = part if limit is None else f"{part}-{limit}"
    stamps = [(name, *_stamp(folder / name)) for name in names]
    images, info = cached(
        f"pictures-{size}-{part}-{fingerprint(str(folder))}",
        fingerprint(stamps, source_code(pictures)),
        lambda: _decode(folder, names, size, looked_at),
    )
    if skipped := info["skipped"]:
        text = f"left out {len(skipped)} {looked_at}, which cannot be read: "
        warnings.warn(text + ", ".join(skipped[:5]), stacklevel=3)
    return {"images": torch.from_numpy(images), **info}


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of the last change; zeros for a link to nothing, which decoding will report."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _decode(folder: Path, names: list[str], size: int, looked_at: str) -> Entry:
    """Decode with several threads: Pillow lets go of Python's lock while it works."""
    images = np.empty((len(names), 3, size, size), np.uint8)

    def decode(index: int) -> str:
        """Fill in one picture; returns why it could not be read, or nothing."""
        try:
            images[index] = read_picture(folder / names[index], size)
        except UnidentifiedImageError:
            return "not a picture"
        except Exception as error:  # a broken file makes Pillow raise almost anything
            return str(error) or type(error).__name__
        return ""

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        reasons = thread_map(
            decode,
            range(len(names)),
            max_workers=min(8, os.cpu_count() or 1),
            desc=f"decoding {folder.name}",
            unit="picture",
            leave=False,
            disable=len(names) <= 500,
        )
    bad = {name: reason for name, reason in zip(names, reasons, strict=True) if reason}
    if len(bad) > max(1, len(names) // 100) or len(bad) == len(names):
        first = [f"{name} ({reason})" for name, reason in bad.items()][:5]
        raise ValueError(f"{len(bad)} {looked_at} cannot be read: {', '.join(first)}")
    kept = [name for name in names if name not in bad]
    images = images[[not reason for reason in reasons]] if bad else images
    return images, {"names": kept, "skipped": list(bad)}
