"""`python -m inpaintlib`: doctor, download, train, evaluate, fill, studio, grade.

A command returns the exit status. What a user can put right (a missing folder, no network) is one
line and status 2, never a traceback.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from inpaintlib import __version__, data
from inpaintlib.doctor import examine
from inpaintlib.training import distributed, recipes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after the program's name; those of the shell if None.

    Returns:
        The exit status: 0 done, 1 done and something is wrong, 2 not done, 128 + the number of
        a signal stopped by that.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"inpaintlib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninpaintlib: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    """Every command with its options; each names the function that runs it."""
    parser = argparse.ArgumentParser(
        prog="python -m inpaintlib", description="Image inpainting with GANs, from scratch."
    )
    parser.add_argument("--version", action="version", version=f"inpaintlib {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    doctor = commands.add_parser("doctor", help="what is installed, and which data would be used")
    doctor.set_defaults(run=lambda _: examine())

    download = commands.add_parser("download", help="fetch MNIST or CelebA")
    download.add_argument("dataset", choices=["mnist", "celeba"])
    download.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    download.add_argument(
        "--root",
        type=Path,
        default=data.default_folder(),
        metavar="DIR",
        help="where to put them (the course's data folder)",
    )
    download.set_defaults(run=_download)
    _add_train(commands)
    _add_evaluate(commands)
    _add_fill(commands)
    _add_studio(commands)
    _add_grade(commands)
    return parser


# download ------------------------------------------------------------------------------------


def _download(options: argparse.Namespace) -> int:
    """Fetch one data set and say where it is."""
    fetch = {"mnist": data.download_mnist, "celeba": data.download_celeba}[options.dataset]
    print(f"{options.dataset} is in {fetch(options.root, limit=options.limit)}")
    return 0


# train ---------------------------------------------------------------------------------------


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `train`; what is left out comes from the preset, or from the run resumed."""
    train = commands.add_parser("train", help="train a network, on one process or under torchrun")
    add = train.add_argument
    add("family", metavar="FAMILY", help=", ".join(recipes.FAMILIES))
    add("--data", type=Path, metavar="DIR", help="pictures; else as in the lessons, see doctor")
    add(
        "--preset",
        choices=["lesson", "shipped", "paper"],
        help="minutes on a laptop, as data/weights was made, or the source's size",
    )
    add("--steps", type=int, metavar="N", help="instead of the preset's")
    add("--start-from", type=Path, metavar="FILE", help="weights to begin with (fine-tuning)")
    add("--resume", action="store_true", help="go on exactly where the run in --out stopped")
    add("--out", type=Path, metavar="DIR", help="the run's folder (runs/FAMILY-PRESET)")
    add("--seed", type=int, metavar="N", help="of everything that is drawn (0)")
    add(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        help="auto, the default, tries which is faster",
    )
    add("--accumulate", type=int, metavar="N", help="work through each batch in N parts")
    add("--device", help="cpu, cuda, … (a GPU if there is one)")
    add("--tensorboard", action="store_true", help="write a log for TensorBoard too")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    """Train; status 130 or 143 if Ctrl-C or SIGTERM stopped it, saved."""
    from torch import OutOfMemoryError

    from inpaintlib.training.launch import launch  # slow to import

    wishes = {
        "preset": options.preset,
        "steps": options.steps,
        "folder": options.data,
        "start_from": options.start_from,
        "seed": options.seed,
        "precision": options.precision,
        "accumulate": options.accumulate,
    }
    try:
        stopped = launch(
            options.family,
            wishes,
            out=options.out,
            resume=options.resume,
            device=options.device,
            tensorboard=options.tensorboard,
            say=partial(print, flush=True),
        )
    except OutOfMemoryError as error:
        raise OSError("the GPU's memory is too small: try --accumulate 2, or 4") from error
    status = 128 + stopped if stopped else 0
    distributed.finish(status)
    return status


# fill ----------------------------------------------------------------------------------------


def _add_fill(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `fill`: see `inpaint.Inpainter`."""
    fill = commands.add_parser("fill", help="fill the holes of a photo with a trained network")
    add = fill.add_argument
    add("photo", type=Path, metavar="PHOTO", help="any size, 8 bits, grey or colour")
    add("--mask", type=Path, metavar="MASK", required=True, help="black and white, as large")
    add("--model", default="unet-celeba", metavar="NAME", help="see data/weights (%(default)s)")
    add("--hole", choices=["white", "black"], default="white", help="its colour in the mask")
    add("--seam", choices=["poisson", "hard"], default="poisson", help="blend in, or paste as is")
    add("-o", "--out", type=Path, metavar="OUT", help="the new picture (PHOTO-filled)")
    fill.set_defaults(run=_fill)


def _fill(options: argparse.Namespace) -> int:
    """Fill, and write the result beside the photo or where it is wanted."""
    from inpaintlib.photos import files, inpainter  # slow to import

    photo, mask, how = options.photo, options.mask, {"hole": options.hole, "seam": options.seam}
    out = options.out or photo.with_stem(f"{photo.stem}-filled")
    if out.resolve() in (photo.resolve(), mask.resolve()):
        raise ValueError(f"{out}: would be overwritten; name another file with -o")
    files.picture_format(out)  # before the work
    files.save_photo(inpainter.Inpainter(options.model).fill(photo, mask, **how), out)
    print(f"filled: {out}")
    return 0


# evaluate ------------------------------------------------------------------------------------


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `evaluate`."""
    evaluate = commands.add_parser("evaluate", help="compare systems on the same holes")
    add = evaluate.add_argument
    add("--models", nargs="+", metavar="NAME", help="fills, weights, 'NAME blended' (all)")
    add("--masks", nargs="+", metavar="KIND", help="square, centre, free-form, half, bands (all)")
    add("--data", type=Path, metavar="DIR", help="faces; else as in the lessons, see doctor")
    add("--limit", type=int, default=102, metavar="N", help="validation pictures (102)")
    add("--downloaded", action="store_true", help="LPIPS and FID too: fetches 340 MB once")
    add("-o", "--out", type=Path, metavar="DIR", help="where the cards go (data/cards/…)")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    """Measure, write a card a system and the tables, print the table."""
    from inpaintlib.measure.cards import compare  # slow to import

    compare(
        options.models,
        options.masks,
        root=options.data,
        out=options.out,
        limit=options.limit,
        downloaded=options.downloaded,
        say=partial(print, flush=True),
    )
    return 0


# studio --------------------------------------------------------------------------------------


def _add_studio(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `studio`: paint a hole and see it filled, in a page of its own."""
    studio = commands.add_parser("studio", help="paint holes and fill them, in the browser")
    studio.add_argument("--port", type=int, default=8866, metavar="N", help="of the page (8866)")
    studio.add_argument("--no-browser", action="store_true", help="only print the address")
    studio.add_argument("--theme", choices=["light", "dark"], default="light")
    studio.set_defaults(run=_studio)


def _studio(options: argparse.Namespace) -> int:
    """Serve the studio on this computer until Ctrl-C."""
    from inpaintlib.studio.serve import serve  # slow to import

    serve(port=options.port, browser=not options.no_browser, theme=options.theme)
    return 0


# grade ---------------------------------------------------------------------------------------


def _add_grade(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `grade`: see assignments/README.md."""
    grade = commands.add_parser("grade", help="mark a class's assignments")
    add = grade.add_argument
    add("submitted", type=Path, metavar="SUBMITTED", help="a folder, or a learning platform's zip")
    add(
        "-o",
        "--out",
        type=_table,
        default=Path("marks.csv"),
        metavar="CSV",
        help="the table to write (%(default)s); the rest goes into the folder of its name",
    )
    add("--due", type=_due, metavar="TIME", help="'2027-01-31 18:00': late after")
    add("--roster", type=Path, metavar="CSV", help="the class: who handed in nothing gets a row")
    add("--similar", action="store_true", help="also list students whose code is alike")
    add("--jobs", type=int, metavar="N", help="submissions at a time (as many as cores)")
    grade.set_defaults(run=_grade)


def _table(text: str) -> Path:
    """The table's file: `week3` means `week3.csv`, because the folder `week3` holds the rest."""
    path = Path(text)
    return path if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.csv")


def _due(text: str) -> datetime:
    """A due time; a day alone means its end."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected '2027-01-31 18:00', got {text!r}") from None
    if len(text) <= 10:
        return time.replace(hour=23, minute=59, second=59)
    return time.astimezone().replace(tzinfo=None) if time.tzinfo else time


def _grade(options: argparse.Namespace) -> int:
    """Grade, and say what is left for a person."""
    from classroom.grading.run import grade  # needs inpaintlib[classroom]

    graded = grade(
        options.submitted,
        options.out,
        due=options.due,
        jobs=options.jobs,
        roster=options.roster,
        similar=options.similar,
        say=partial(print, flush=True),
    )
    folder = options.out.with_suffix("")
    count = sum(bool(one.human) for one in graded)
    print(f"marks: {options.out} · feedback and answers to mark: {folder}/")
    print(f"{count} of {len(graded)} need a person: {folder / 'needs-a-person.csv'}")
    return 0
