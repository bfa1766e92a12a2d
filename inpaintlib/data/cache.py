"""Arrays kept on the disk, so that a second run neither decodes nor draws again.

An entry is `<prefix>-<fingerprint>.npy` with a `.json` beside it. The fingerprint holds everything
that the array depends on; when that changes, the old entry is not found, and the new one replaces
it. The folder, INPAINTLIB_CACHE or else ~/.cache/inpaintlib, may be deleted at any time.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from inpaintlib.data.writing import write_whole

Entry = tuple[np.ndarray, dict[str, Any]]


def cache_folder() -> Path:
    """Where the arrays are kept."""
    return Path(os.path.expanduser(os.environ.get("INPAINTLIB_CACHE") or "~/.cache/inpaintlib"))


def fingerprint(*parts: object) -> str:
    """A short hash of any values whose `repr` is stable.

    Example:
        >>> fingerprint("a", 1) == fingerprint("a", 1) != fingerprint("a", 2)
        True
    """
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def source_code(module: ModuleType) -> list[bytes]:
    """A module's file, or all of a package's: in a fingerprint, an edit of the code counts."""
    place = Path(str(module.__file__))
    files = sorted(place.parent.rglob("*.py")) if place.stem == "__init__" else [place]
    return [path.read_bytes() for path in files]


def cached(prefix: str, key: str, build: Callable[[], Entry]) -> Entry:
    """The entry from the disk, or from `build()`, which is then kept.

    A cache that cannot be read or written is no error: the entry is built again.

    Args:
        prefix: names the entry for people; an older one of the same prefix is removed.
        key: the fingerprint.
        build: makes the array, which a hit maps from the disk, and what JSON can hold.
    """
    path = cache_folder() / f"{prefix}-{key}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):  # the last: an empty file
        return np.load(path, mmap_mode="c"), json.loads(path.with_suffix(".json").read_text())
    array, info = build()
    with contextlib.suppress(OSError):
        _store(path, array, info)
        for old in path.parent.glob(f"{prefix}-*"):
            if old.stem != path.stem:
                old.unlink()
    return array, info


def _store(path: Path, array: np.ndarray, info: dict[str, Any]) -> None:
    """Write both files; the array, which is looked for first, last."""

    def save(part: Path) -> None:
        with part.open("wb") as file:  # given a name, NumPy would add its own suffix
            np.save(file, array)

    write_whole(path.with_suffix(".json"), lambda part: part.write_text(json.dumps(info)))
    write_whole(path, save)
