"""Where data is looked for, and the layouts that are recognised. Nothing here opens a picture.

The order: the folder that the caller names, and no other; else the folder that the environment
variable INPAINTLIB_DATA names (or "drawn": look nowhere); then `data/`; else the sets are drawn.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from inpaintlib import project_root
from inpaintlib.data.cache import cache_folder
from inpaintlib.data.pictures import walk_pictures

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class CelebA:
    """The parts of a CelebA folder, where they are."""

    pictures: Path  # with 000001.jpg and so on
    attributes: Path | None  # list_attr_celeba, .csv (Kaggle's layout) or .txt (torchvision's)
    partition: Path | None  # list_eval_partition, likewise
    half: Path | None = None  # celeba_half, beside CelebA's folder: more pictures at half size


def default_folder() -> Path:
    """Where downloads land and data is looked for last: `data/` of the course."""
    return project_root() / "data"


def runs_folder() -> Path:
    """Where runs are written: the folder that INPAINTLIB_RUNS names, else `runs/` of the course."""
    return Path(os.environ.get("INPAINTLIB_RUNS") or project_root() / "runs")


def find_digits(root: str | Path | None = None) -> Path | None:
    """MNIST's `raw` folder; None where the digits must be drawn.

    Raises:
        ValueError: `root` has no MNIST, a copy of it is incomplete, or a folder does not exist.
    """
    for place in _places(root):
        raw = place / "MNIST" / "raw"
        missing = [name for name in MNIST_FILES if not (raw / name).is_file()]
        if not missing:
            return raw
        if len(missing) < len(MNIST_FILES):
            raise ValueError(
                f"MNIST in {raw} is incomplete, it lacks {', '.join(missing)}; "
                "run `python -m inpaintlib download mnist` again, or remove the folder"
            )
    if root is not None:
        raise ValueError(f"no MNIST in {root}: looked for MNIST/raw/{MNIST_FILES[0]} and the rest")
    return None


def find_faces(root: str | Path | None = None) -> CelebA | Path | None:
    """CelebA, or any folder of pictures; None where the faces must be drawn.

    `data/` is searched for CelebA only: the repository's own samples lie there too.

    Raises:
        ValueError: `root` has no picture, or a folder does not exist.
    """
    for place in _places(root):
        celeba = _celeba(place)
        if celeba:
            return celeba
        asked_for = root is not None or place != default_folder()
        if asked_for and not _has_mnist(place) and _has_pictures(place):
            return place
    if root is not None:
        raise ValueError(f"no faces in {root}: looked for CelebA's img_align_celeba, or pictures")
    return None


def found() -> dict[str, str]:
    """What a lesson would use on this machine: "digits", "faces" and "cache", in words."""
    digits, faces = find_digits(), find_faces()
    line = f"pictures in {faces}" if faces else "drawn faces"
    if isinstance(faces, CelebA):
        count = sum(1 for _ in walk_pictures(faces.pictures))
        line = f"CelebA, {count:,} pictures in {faces.pictures}"
    place = f"MNIST in {digits}" if digits else "drawn digits"
    return {"digits": place, "faces": line, "cache": str(cache_folder())}


def _places(root: str | Path | None) -> list[Path]:
    """The folders to search, in order."""
    if root is not None:
        return [existing_folder(root)]
    named = os.environ.get("INPAINTLIB_DATA")
    if named == "drawn":
        return []
    if not named:
        return [default_folder()]
    return [_named_by_environment(named), default_folder()]


def existing_folder(folder: str | Path) -> Path:
    """The folder's absolute path; ValueError if there is no such folder."""
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise ValueError(f"{'not a folder' if path.exists() else 'no such folder'}: {path}")
    return path


def _named_by_environment(named: str) -> Path:
    # A notebook runs in notebooks/, `make` above it: a relative path may be meant from either.
    choices = [Path(named).expanduser(), project_root() / named]
    place = next((path for path in choices if path.is_dir()), None)
    if place is None:
        raise ValueError(f"INPAINTLIB_DATA names a folder that does not exist: {named}")
    if not (_has_mnist(place) or _celeba(place) or _has_pictures(place)):
        raise ValueError(
            f"INPAINTLIB_DATA names a folder without data: {place.absolute()}; "
            "looked for MNIST/raw, (celeba/)img_align_celeba, and pictures at any depth"
        )
    return place.absolute()


def _has_mnist(place: Path) -> bool:
    return (place / "MNIST" / "raw").is_dir()


def _has_pictures(place: Path) -> bool:
    return next(walk_pictures(place), None) is not None


def _celeba(place: Path) -> CelebA | None:
    """CelebA in `place` or `place`/celeba; Kaggle's archive nests the picture folder twice."""
    for base in (place, place / "celeba"):
        for pictures in (base / "img_align_celeba" / "img_align_celeba", base / "img_align_celeba"):
            if pictures.is_dir() and _has_pictures(pictures):
                half = base.with_name("celeba_half")
                return CelebA(
                    pictures,
                    _table(base / "list_attr_celeba"),
                    _table(base / "list_eval_partition"),
                    half if half.is_dir() else None,
                )
    return None


def _table(stem: Path) -> Path | None:
    choices = (stem.with_suffix(suffix) for suffix in (".csv", ".txt"))
    return next((path for path in choices if path.is_file()), None)
