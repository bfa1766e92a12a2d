"""The command `fill`: one photo or many, with one mask for all or a mask each."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inpaintlib.data.pictures import SUFFIXES, walk_pictures
from inpaintlib.photos.saving import picture_format

Say = Callable[[str], None]
NO_MASK = (
    "fill needs --mask: a picture as large as the photo, black, with the hole in white. Paint it "
    "in `python -m inpaintlib studio` and save the mask there, or on a layer of any paint program; "
    "--mask alpha takes what is transparent in the photo itself"
)


@dataclass(frozen=True)
class Job:
    """One photo to fill.

    Attributes:
        photo: its file.
        mask: the mask's file, or "alpha".
        out: the file to write.
        variant: which of several fills of it, from 0 on.
    """

    photo: Path
    mask: Path | str
    out: Path
    variant: int = 0


def plan(
    photos: Sequence[Path],
    mask: str | None,
    out: str | Path | None,
    *,
    existing: str = "refuse",
    variants: int = 1,
) -> list[Job]:
    """What is to be done; every name is checked before any work.

    Args:
        photos: files, or folders whose pictures are taken, at any depth.
        mask: a file for all of them, a folder with a mask of each photo's name, in the same
            sub-folder, or "alpha".
        out: a file for one photo, else FOLDER or FOLDER/, with the same sub-folders; None writes
            PHOTO-filled beside each.
        existing: "refuse" what is there already, "replace" or "skip" it.
        variants: fills of each photo; from 2 on their files' names end in -1, -2, …

    Raises:
        ValueError: fewer than one variant, no mask, no photo, or an output that is there already,
            is a photo or a mask itself, comes twice, or has an unknown suffix.
    """
    if variants < 1:
        raise ValueError(f"expected at least one variant, got {variants}")
    if mask is None:
        raise ValueError(NO_MASK)
    single = len(photos) == 1 and not photos[0].is_dir()
    jobs = [
        Job(place / name, _mask_of(name, mask), _out_of(place, name, out, single))
        for photo in photos
        for place, name in _pictures(photo, mask, out)
    ]
    if variants > 1:
        jobs = [
            replace(job, out=job.out.with_stem(f"{job.out.stem}-{number + 1}"), variant=number)
            for job in jobs
            for number in range(variants)
        ]
    taken = {Path(name).resolve() for job in jobs for name in (job.photo, job.mask)}
    count = Counter(job.out.resolve() for job in jobs)
    for job in jobs:
        picture_format(job.out)
        if job.out.resolve() in taken:
            raise ValueError(f"{job.out}: would be overwritten; name another file with -o")
        if count[job.out.resolve()] > 1:
            raise ValueError(f"{job.out}: two photos would be written here; fill them one by one")
        if job.out.exists() and existing == "refuse":
            raise ValueError(
                f"{job.out}: is there already; allow it with --overwrite, go on behind it with "
                "--skip-filled, or name -o"
            )
    return [job for job in jobs if existing != "skip" or not job.out.exists()]


def _pictures(place: Path, mask: str, out: str | Path | None) -> list[tuple[Path, Path]]:
    """A file's folder and name, or a folder and its pictures' names, in order.

    Without masks and what was filled before, where these lie in the folder.
    """
    if not place.is_dir():
        return [(place.parent, Path(place.name))]
    apart = {Path(other).resolve() for other in (mask, out) if other} - {place.resolve()}
    found = [
        name
        for name in map(Path, sorted(walk_pictures(place)))
        if not any((place / name).resolve().is_relative_to(other) for other in apart)
        and (out or not re.search(r"-filled(-\d+)?$", name.stem))
    ]
    if not found:
        raise ValueError(f"{place}: expected a photo or a folder of photos, found no picture")
    return [(place, name) for name in found]


def _mask_of(name: Path, mask: str) -> Path | str:
    if mask == "alpha" or not Path(mask).is_dir():
        return mask if mask == "alpha" else Path(mask)
    expected = (mask / name).with_suffix(".png")
    for path in sorted(expected.parent.glob("*")):
        if path.stem == name.stem and path.suffix.lower() in SUFFIXES:
            return path
    return expected  # which is missing, and said to be when its turn comes


def _out_of(place: Path, name: Path, out: str | Path | None, single: bool) -> Path:
    if out is None:
        return place / name.with_stem(f"{name.stem}-filled")
    folder, out = str(out).endswith(("/", "\\")) or Path(out).is_dir(), Path(out)
    if single and not folder and (out.suffix or not out.exists()):
        return out
    if out.suffix and not folder:
        raise ValueError(f"{out}: expected a folder for several photos, with -o")
    return out / name


def run(jobs: Sequence[Job], fill: Callable[[Job], None], say: Say, warn: Say) -> int:
    """Do all jobs; one that fails is told at once and again at the end.

    Args:
        jobs: see `plan`; none if all were done before.
        fill: does one; raises ValueError or OSError.
        say: takes each line for the user.
        warn: takes each note and what failed.

    Returns:
        The command's exit status: 0 all done, 1 some failed.

    Raises:
        ValueError, OSError: what the only job raises.
    """
    if not jobs:
        say("nothing to do: all are filled already")
    failed = []
    for number, job in enumerate(jobs, 1):
        try:
            with warnings_as_notes(warn):
                fill(job)
        except (ValueError, OSError) as error:
            if len(jobs) == 1:
                raise
            text = str(error) if str(job.photo) in str(error) else f"{job.photo}: {error}"
            failed.append(text)
            say(f"{number}/{len(jobs)} not filled: {text}")
        else:
            done = f"{number}/{len(jobs)} filled" if len(jobs) > 1 else "filled"
            say(f"{done}: {job.out}")
    if failed:
        warn("\n".join([f"inpaintlib: {len(failed)} of {len(jobs)} not filled:", *failed]))
    return 1 if failed else 0


@contextmanager
def warnings_as_notes(warn: Say) -> Generator[None]:
    """Warnings as one plain line each, every time."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for warning in caught:
                warn(f"inpaintlib: note: {warning.message}")
