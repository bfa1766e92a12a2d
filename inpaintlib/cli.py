"""`python -m inpaintlib`: doctor, download, train, evaluate, fill, convert, studio, grade.

A command returns the exit status. What a user can put right (a missing folder, no network) is one
line and status 2, never a traceback.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file under Windows may not know ∞ or ×
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"inpaintlib: {error}", file=sys.stderr)
        distributed.finish(2)
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

    _add_download(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_fill(commands)
    _add_convert(commands)
    _add_studio(commands)
    _add_grade(commands)
    return parser


# download ------------------------------------------------------------------------------------


def _add_download(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `download`: the only one that asks the network for anything unnamed."""
    download = commands.add_parser("download", help="fetch MNIST, CelebA, or trained weights")
    add = download.add_argument
    add("what", choices=["mnist", "celeba", "weights"])
    add("names", nargs="*", metavar="NAME", help="of weights, or all (the best two)")
    add("--limit", type=int, metavar="N", help="only the first N of CelebA")
    add("--root", type=Path, metavar="DIR", help="where to put them (the course's data folder)")
    add("--source", metavar="ADDRESS", help="of weights: where the files lie (the course's own)")
    download.set_defaults(run=_download)


def _download(options: argparse.Namespace) -> int:
    """Fetch one data set, or weights, and say where it is."""
    root = options.root or data.default_folder()
    if options.limit is not None and options.what != "celeba":
        raise ValueError("all of it is fetched: --limit is for celeba")
    if options.what == "weights":
        place = _download_weights(options)
    elif options.names or options.source:
        raise ValueError("names and --source are for weights")
    elif options.what == "celeba":
        place = data.download_celeba(root, limit=options.limit)
    else:
        place = data.download_mnist(root)
    print(f"{options.what}: in {place}")
    return 0


def _download_weights(options: argparse.Namespace) -> Path:
    """Fetch weights into the course's folder, or the cache; returns where they are."""
    from inpaintlib.photos import fetch  # slow to import

    return fetch.fetch(
        options.names,
        folder=options.root and options.root / "weights",
        sources=options.source and [options.source],
        say=partial(print, flush=True),
    )


# train ---------------------------------------------------------------------------------------


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `train`; what is left out comes from the preset, or from the run resumed."""
    train = commands.add_parser("train", help="train a network, on one process or under torchrun")
    add = train.add_argument
    add("family", metavar="FAMILY", help=", ".join(recipes.RECIPES))
    add("--data", type=Path, metavar="DIR", help="pictures; else as in the lessons, see doctor")
    add(
        "--preset",
        choices=["lesson", "shipped-64", "shipped", "paper"],
        help="minutes on a laptop, as data/weights was made, or the source's size",
    )
    add("--steps", type=int, metavar="N", help="instead of the preset's")
    add("--batch", type=int, metavar="N", help="pictures a batch, instead of the preset's")
    add("--masks", type=Path, metavar="DIR", help="your own masks to learn from, white is the hole")
    add("--large", action="store_true", default=None, help="learn from the larger set of faces")
    add("--start-from", metavar="NAME|FILE", help="weights or a run's state to begin with")
    add("--resume", action="store_true", help="go on exactly where the run in --out stopped")
    add("--out", type=Path, metavar="DIR", help="the run's folder (runs/FAMILY-PRESET)")
    add("--seed", type=int, metavar="N", help="of everything that is drawn (0)")
    add(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        help="auto, the default, tries which is faster",
    )
    add("--accumulate", type=int, metavar="N", help="work through each batch in N parts")
    add("--device", help="cpu, cuda, mps, … (a GPU if there is one)")
    add("--tensorboard", action="store_true", help="write a log for TensorBoard too")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    """Train; status 130 or 143 if Ctrl-C or SIGTERM stopped it, saved."""
    from torch import OutOfMemoryError

    from inpaintlib.photos import shipped  # slow to import
    from inpaintlib.training.launch import launch

    given = {
        "family": options.family,
        "preset": options.preset,
        "steps": options.steps,
        "batch": options.batch,
        "masks": options.masks,
        "folder": options.data,
        "large": options.large,
        "start_from": options.start_from and shipped.path(options.start_from),
        "seed": options.seed,
        "precision": options.precision,
        "accumulate": options.accumulate,
    }
    try:
        stopped = launch(
            given,
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
    """The command `fill`: see `photos.batch`."""
    fill = commands.add_parser("fill", help="fill the holes of photos with a trained network")
    add = fill.add_argument
    add("photos", type=Path, nargs="+", metavar="PHOTO", help="any size and mode; or a folder")
    add("--mask", metavar="MASK", help="black and white, as large; a folder of them; or alpha")
    names = "see data/weights (the best one by its card); or exemplar, Telea, biharmonic, …"
    add("--model", metavar="NAME|FILE", help=names)
    add(
        "--hole",
        choices=["white", "black", "transparent"],
        default="white",
        help="what it is in the mask (%(default)s)",
    )
    add("--seam", choices=["poisson", "hard"], default="poisson", help="blend in, or paste as is")
    add("--seed", type=int, default=0, metavar="N", help="of a network that draws its fills (0)")
    add(
        "--variants",
        type=int,
        default=1,
        metavar="K",
        help="so many different fills of each photo, as OUT-1, OUT-2, … (1)",
    )
    before: dict[str, Any] = {"dest": "existing", "action": "store_const"}
    add("--overwrite", const="replace", help="replace what was filled before", **before)
    add("--skip-filled", const="skip", help="leave it, and go on behind it", **before)
    add("-o", "--out", metavar="OUT", help="new picture, or FOLDER/ (PHOTO-filled)")
    fill.set_defaults(run=_fill, existing="refuse")


def _fill(options: argparse.Namespace) -> int:
    """Fill, and write each result beside its photo or where it is wanted."""
    from inpaintlib.measure.cards import best_network  # slow to import
    from inpaintlib.measure.classical import CLASSICAL, Formula
    from inpaintlib.photos import batch
    from inpaintlib.photos.inpainter import Inpainter

    jobs = batch.plan(
        options.photos,
        options.mask,
        options.out,
        existing=options.existing,
        variants=options.variants,
    )
    chosen = options.model or best_network("celeba")
    inpainter = Inpainter(Formula(CLASSICAL[chosen]) if chosen in CLASSICAL else chosen)
    if options.variants > 1 and not inpainter.model.draws:
        raise ValueError("this network gives one fill: --variants needs one of the family flow")
    how = {"hole": options.hole, "seam": options.seam}

    def fill(job: batch.Job) -> None:
        inpainter.seed = options.seed + job.variant
        inpainter.fill_file(job.photo, job.mask, job.out, **how)

    return batch.run(
        jobs,
        fill,
        say=partial(print, flush=True),
        warn=partial(print, file=sys.stderr, flush=True),
    )


# convert -------------------------------------------------------------------------------------


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `convert`: see `photos.published`."""
    convert = commands.add_parser("convert", help="published weights of DeepFillV2 or GLCIC")
    convert.add_argument("file", type=Path, metavar="FILE", help="a PyTorch checkpoint")
    convert.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.safetensors")
    convert.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> int:
    """Write a public checkpoint as weights that `--model` takes."""
    from inpaintlib.photos.published import convert  # slow to import

    print(f"{convert(options.file, options.out)}: {options.out}")
    return 0


# evaluate ------------------------------------------------------------------------------------


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `evaluate`."""
    evaluate = commands.add_parser("evaluate", help="compare systems on the same holes")
    add = evaluate.add_argument
    add("--models", nargs="+", metavar="NAME|FILE", help="fills, weights, 'NAME blended' (all)")
    kinds = "square, centre, free-form, half; beside them bands such as '10-20 %%' (all)"
    add("--masks", nargs="+", metavar="KIND", help=kinds)
    add("--data", type=Path, metavar="DIR", help="faces; else as in the lessons, see doctor")
    add("--limit", type=int, default=102, metavar="N", help="validation pictures (102)")
    add("--downloaded", action="store_true", help="LPIPS and FID too: fetches 340 MB once")
    add("-o", "--out", type=Path, metavar="DIR", help="where the cards go (data/cards/…)")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    """Measure, write one card per system and the tables, print the table."""
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
    studio.add_argument("--models", nargs="+", default=[], metavar="FILE", help="your own weights")
    studio.set_defaults(run=_studio)


def _studio(options: argparse.Namespace) -> int:
    """Serve the studio on this computer until Ctrl-C."""
    from inpaintlib.studio.serve import serve  # slow to import

    how = {"port": options.port, "theme": options.theme, "models": options.models}
    serve(browser=not options.no_browser, **how)
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
