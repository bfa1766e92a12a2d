"""Faces: CelebA where it is found, or a folder of pictures, else drawn ones."""

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from drawings.faces import draw_faces
from inpaintlib.data.drawn import drawn_set
from inpaintlib.data.folders import (
    SPLITS,
    check_request,
    load_folder,
    load_pictures,
    split_range,
)
from inpaintlib.data.image_set import ImageSet
from inpaintlib.data.locations import CelebA, find_faces
from inpaintlib.data.pictures import walk_pictures

CELEBA_LICENCE = (
    "research only: CelebA (Liu et al. 2015, Deep Learning Face Attributes in the Wild), "
    "for non-commercial research, not to be passed on"
)
DRAWN_LICENCE = "free to use: drawn by this course, nobody's portrait"
DRAWN = {  # places in the one series of drawn faces
    "train": range(4_000),
    "large": range(20_000),
    "validation": range(1_000_000, 1_000_500),
    "test": range(2_000_000, 2_000_500),
}
SUBSET = 1024  # the first so many pictures of CelebA: the subset that the course was measured on


def load_faces(
    split: str = "train",
    *,
    size: int = 64,
    root: str | Path | None = None,
    limit: int | None = None,
    large: bool = False,
) -> ImageSet:
    """Faces: the middle square (178×178 of CelebA's 178×218), resized, with attributes.

    CelebA is split by its own partition where that file is there and gives every split a picture,
    else 80/10/10 in the order of the names. See `celeba_part` for a copy that lacks some pictures.
    Drawn faces: 4,000, 500 and 500; or 20,000 to train on.

    Args:
        split: "train", "validation" or "test".
        size: side of the pictures, pixels; drawn faces go from 32 to 256.
        root: a folder with CelebA in Kaggle's or torchvision's layout, or with any pictures; see
            `locations` for what happens without.
        limit: at most so many, from the start of the split.
        large: for long trainings, the larger training set, without attributes where some pictures
            have none: more drawn faces, or CelebA's pictures and behind them those of a folder
            `celeba_half` beside it. Other splits stay as they are.

    Raises:
        ValueError: no such folder, no picture in `root`, too many unreadable; `large` of own ones.
    """
    check_request(split, size, limit)
    place = find_faces(root)
    large = large and split == "train"
    if isinstance(place, CelebA):
        faces = _load_celeba(place, split, size, limit)
        return _with_half_size(faces, place.half, size, limit) if large else faces
    if place is not None and large:
        raise ValueError(f"--large is for drawn faces and CelebA, not for {place}")
    if place is not None:
        return load_folder(place, size=size, split=split, limit=limit)
    pictures = DRAWN["large" if large else split][:limit]
    images, attributes = drawn_set("faces", partial(_draw, size), pictures, size)
    return ImageSet(images, "drawn faces", DRAWN_LICENCE, "drawn", attributes=attributes)


def _draw(size: int, count: int, start: int) -> tuple[Tensor, dict[str, Tensor]]:
    return draw_faces(count, size=size, start=start)


def _load_celeba(place: CelebA, split: str, size: int, limit: int | None) -> ImageSet:
    names = sorted(walk_pictures(place.pictures))
    partition = read_table(place.partition)[1] if place.partition else {}
    chosen = celeba_part(names, partition, split)
    found = load_pictures(place.pictures, chosen, size=size, part=split, limit=limit)
    attributes = _attributes(place.attributes, found["names"]) if place.attributes else {}
    return ImageSet(
        name="CelebA", licence=CELEBA_LICENCE, kind="celeba", attributes=attributes, **found
    )


def _with_half_size(faces: ImageSet, folder: Path | None, size: int, limit: int | None) -> ImageSet:
    """The pictures of a further folder behind these, `limit` in all; their attributes are lost."""
    if folder is None or (limit is not None and len(faces) >= limit):
        return faces
    left = None if limit is None else limit - len(faces)
    found = load_pictures(folder, sorted(walk_pictures(folder)), size=size, part="half", limit=left)
    return replace(
        faces,
        images=torch.cat([faces.images, found["images"]]),
        attributes={},
        names=faces.names + found["names"],
        skipped=faces.skipped + found["skipped"],
    )


def celeba_part(names: list[str], partition: dict[str, list[str]], split: str) -> list[str]:
    """The names that belong to a split.

    CelebA's first 1,024 pictures all belong to its own training set, so they are split 80/10/10:
    000001-000819, 000820-000921, 000922-001024. A copy that ends inside of the last part, or goes
    on behind it, keeps these borders, and all that is behind them is for training: what is measured
    on any of these copies can be compared, and the shipped weights learned from no picture that
    measures them. Where nothing is left to test on, the validation pictures stand in, with a
    warning.

    Args:
        names: sorted.
        partition: file name to ["0"], ["1"] or ["2"]; may be empty.
        split: "train", "validation" or "test".

    Raises:
        ValueError: the split is empty.
    """
    wanted = [str(SPLITS.index(split))]
    if len({tuple(partition.get(name, "?")) for name in names} & {("0",), ("1",), ("2",)}) == 3:
        return [name for name in names if partition.get(name) == wanted]
    stems = [Path(name).stem for name in names]
    numbers = [int(stem) for stem in stems] if all(map(str.isdecimal, stems)) else [0]
    if numbers[0] <= split_range(SUBSET, "validation").stop <= numbers[-1]:
        borders = split_range(SUBSET, split)
        further = split == "train"
        chosen = [
            name
            for name, number in zip(names, numbers, strict=True)
            if borders.start < number <= borders.stop or (further and number > SUBSET)
        ]
    else:
        chosen = names[split_range(len(names), split)]
    if chosen:
        return chosen
    if split == "test":
        message = "CelebA has no test pictures here: the validation pictures stand in"
        warnings.warn(message, stacklevel=4)
        return celeba_part(names, partition, "validation")
    raise ValueError(f"{len(names)} CelebA pictures are too few for a {split} split")


def _attributes(path: Path, names: list[str]) -> dict[str, Tensor]:
    """Each attribute's value for each picture: (N,), bool."""
    columns, table = read_table(path)
    missing = [name for name in names if len(table.get(name, [])) != len(columns)]
    if missing:
        raise ValueError(f"{path} lacks {len(missing)} of {len(names)} pictures, as {missing[0]}")
    values = torch.tensor([[value == "1" for value in table[name]] for name in names])
    return {column: values[:, index].clone() for index, column in enumerate(columns)}


def read_table(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """A list file of CelebA, Kaggle's .csv or the original .txt.

    Returns:
        The columns' names (none in the original partition file), and the values of each picture.
    """
    rows = [line.replace(",", " ").split() for line in path.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row]
    header = next((index for index, row in enumerate(rows) if row[0].endswith(".jpg")), len(rows))
    columns = [name for row in rows[:header] for name in row if name != "image_id"]
    if path.suffix == ".txt":
        columns = columns[1:]  # the first line is the number of pictures
    return columns, {row[0]: row[1:] for row in rows[header:]}
