"""From a lesson's master to its notebook, and the proof that the two agree.

    python tools/lessons.py build  [00 01_vanilla …]   sources only, no outputs: to try a lesson
    python tools/lessons.py render [00 … | all]        run it and keep the outputs: to commit it
    python tools/lessons.py check                      fail when a notebook is not its master's
    python tools/lessons.py address [00 …]             renew first cells and README, without a run

A master is a percent script, notebooks/source/NN_name.py. Its notebook, notebooks/NN_name.ipynb,
is never edited by hand. NNb_name goes further into lesson NN: optional, without exercises.
Without names, `build` and `render` take the lessons that have changed. Before a lesson's first code
cell stands one that no master has, `ELSEWHERE`: where the package is not installed (Colab, Kaggle),
it fetches the course, from the address in pyproject.toml.
"""

import argparse
import base64
import io
import itertools
import os
import re
import sys
import time
import tomllib
import unicodedata
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
NOTEBOOK = "[0-9][0-9]*_*.ipynb"
CELL_SECONDS = 900
KEPT_METADATA = ("tags", "jupyter")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
JPEG_QUALITY, LARGE, LARGE_QUALITY = 64, 45_000, 48  # a picture of more bytes is pressed harder
WIDGET_NOTE = "*Interactive: run this cell to play with it.*"
ELSEWHERE = """\
# In Colab, Kaggle or an empty Jupyter: fetch the course and what is missing. At home: nothing.
from importlib.util import find_spec
from pathlib import Path

if find_spec("inpaintlib") is None:
    course = Path("..") if Path("../inpaintlib").is_dir() else Path("inpainting")
    if not course.is_dir():
        !git clone -q --depth 1 {address} inpainting
    %run {{course}}/tools/anywhere.py"""
ELSEWHERE_ID = "elsewhere"


class LessonError(Exception):
    """A lesson that cannot be built, run, or found, or that differs from its master."""


# Build ---------------------------------------------------------------------------------------


def build(master: Path) -> NotebookNode:
    """The notebook that a master describes, without outputs."""
    notebook = jupytext.read(master, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell, name in zip(notebook.cells, cell_ids(notebook.cells), strict=True):
        cell["id"] = name
        kept = {key: cell.metadata[key] for key in KEPT_METADATA if key in cell.metadata}
        if "predict" in kept.get("tags", []):  # the reader guesses first, then opens
            kept["jupyter"] = {**kept.get("jupyter", {}), "outputs_hidden": True}
        cell.metadata = nbformat.from_dict(kept)
    add_first_cell(notebook)
    nbformat.validate(notebook)
    return notebook


def add_first_cell(notebook: NotebookNode) -> None:
    """Put the cell that fetches the course before the first code cell, or renew it there."""
    source = ELSEWHERE.format(address=repository())
    cell = nbformat.v4.new_code_cell(source, id=ELSEWHERE_ID)
    cell.metadata = nbformat.from_dict({"jupyter": {"source_hidden": True}, "tags": ["elsewhere"]})
    cells = [cell for cell in notebook.cells if cell.get("id") != ELSEWHERE_ID]
    code = (place for place, cell in enumerate(cells) if cell.cell_type == "code")
    first = next(code, len(cells))
    notebook.cells = [*cells[:first], cell, *cells[first:]]


def cell_ids(cells: list[NotebookNode]) -> list[str]:
    """Stable ids: the heading above, and the cell's place below it.

    So an edited cell keeps its id, and a new cell only renames those after it in its section.
    """
    ids, uses, section, place = [], Counter(), "start", 0
    for cell in cells:
        heading = re.search(r"^#{1,3} +(.+)$", cell.source, re.M)
        if cell.cell_type == "markdown" and heading:
            section, place = slug(heading.group(1)), 0
            uses[section] += 1
            if uses[section] > 1:
                section = f"{section}-{uses[section]}"
        place += 1
        ids.append(f"{section}-{place:02d}")
    return ids


def repository() -> str:
    """The course's address; pyproject.toml is the one place where it is written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["urls"]["Repository"].rstrip("/")


def slug(title: str) -> str:
    """A heading as an id: `1. Why a GAN?` becomes `1-why-a-gan`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-") or "section"


def notebook_path(master: Path) -> Path:
    """Where a master's notebook lies: beside the folder of the masters."""
    return master.parent.parent / f"{master.stem}.ipynb"


# Render --------------------------------------------------------------------------------------


def render(master: Path) -> NotebookNode:
    """Run a lesson from top to bottom in profile `laptop` on the drawn data; clean the outputs.

    Raises:
        LessonError: a cell raises, takes longer than `CELL_SECONDS`, or kills the kernel.
    """
    notebook = build(master)
    settings = {"INPAINTLIB_PROFILE": "laptop", "INPAINTLIB_DATA": "drawn"}
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook_path(master).parent)}},
        record_timing=False,
        coalesce_streams=True,
        on_cell_executed=StopWatch(),
    )
    try:
        client.execute(env=os.environ | settings)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise LessonError(f"{master.stem}: {error}") from error
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)  # without the kernel's versions
    for cell in notebook.cells:
        clean(cell)
        if "picture" in cell.metadata.get("tags", []):
            save_picture(cell, picture_path(master))
    return notebook


def picture_path(master: Path) -> Path:
    """The lesson's picture, for its header and the README: the figure of its cell `picture`."""
    return notebook_path(master).parent / "pictures" / f"{master.stem}.jpg"


def save_picture(cell: NotebookNode, path: Path) -> None:
    """Write the figure of a cleaned cell to a file.

    Raises:
        LessonError: the cell shows no figure.
    """
    for output in cell.outputs:
        for kind in ("image/jpeg", "image/png"):
            if kind in output.get("data", {}):
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(to_jpeg(base64.b64decode(output.data[kind])))
                return
    raise LessonError(f"{cell['id']}: tagged `picture`, but it shows no figure")


class StopWatch:
    """Prints how long each cell took; nbclient calls it after every cell."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, cell: NotebookNode, cell_index: int, **_: object) -> None:
        """Print the seconds since the cell before."""
        now = time.monotonic()
        print(f"  {now - self.last:7.2f} s  {cell['id']}", flush=True)
        self.last = now


def clean(cell: NotebookNode) -> None:
    """Drop from a cell what differs from run to run: times, widget views, bars, folders."""
    cell.metadata.pop("execution", None)
    if cell.cell_type == "code":
        cell.outputs = [kept for output in cell.outputs if (kept := clean_output(output))]


def clean_output(output: NotebookNode) -> NotebookNode | None:
    """One output without its accidents; None when nothing is left."""
    if output.output_type == "stream":
        output.text = without_folders(output.text)
        is_bar = output.name == "stderr" and re.search(r"\d%\|", output.text)
        return None if is_bar else output
    if output.output_type == "error":
        output.traceback = [without_folders(line) for line in output.traceback]
        return output
    if WIDGET in output.data:
        is_bar = re.search(r"\d%\|", output.data.get("text/plain", ""))
        picture = output.data.get("image/png")  # some widgets bring one, for where no browser runs
        shown = {"image/png": picture} if picture else {"text/markdown": WIDGET_NOTE}
        output.data = {**shown, "text/plain": WIDGET_NOTE.strip("*")}
        if is_bar or not picture:
            return None if is_bar else output
    if "image/png" in output.data and "alt" not in output.metadata.get("image/png", {}):
        small = base64.b64encode(to_jpeg(base64.b64decode(output.data["image/png"]))).decode()
        if len(small) < 0.9 * len(output.data["image/png"]):  # a photograph, not a plot
            del output.data["image/png"]
            output.data["image/jpeg"] = small
    for kind, content in output.data.items():
        if kind.startswith("text/"):
            output.data[kind] = without_folders(content)
    return output


def to_jpeg(encoded: bytes) -> bytes:
    """Any picture as a JPEG whose colours are not subsampled, so that coloured edges stay sharp."""
    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    small = _jpeg(image, JPEG_QUALITY)
    return small if len(small) <= LARGE else _jpeg(image, LARGE_QUALITY)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue()


def without_folders(text: str) -> str:
    """The text with paths relative to the project, and the home folder as `~`."""
    return (
        text.replace(f"{ROOT}{os.sep}", "").replace(str(ROOT), ".").replace(str(Path.home()), "~")
    )


# Check ---------------------------------------------------------------------------------------


def difference(master: Path) -> str | None:
    """The first difference between a master and its notebook, in words; None when they agree."""
    path = notebook_path(master)
    if not path.exists():
        return f"{path.name} is missing"
    expected, actual = build(master).cells, nbformat.read(path, as_version=4).cells
    for number, (ours, theirs) in enumerate(zip(expected, actual, strict=False), start=1):
        for field in ("cell_type", "source", "id"):
            if ours[field] != theirs.get(field):
                where = f"{path.name}, cell {number} ({ours['id']}): {field} differs"
                return f"{where}\n{changed_line(ours[field], theirs.get(field, ''))}"
        if ours.metadata.get("tags", []) != theirs.metadata.get("tags", []):
            return f"{path.name}, cell {number} ({ours['id']}): tags differ"
    if len(expected) != len(actual):
        return f"{path.name} has {len(actual)} cells, its master {len(expected)}"
    return None


def changed_line(ours: str, theirs: str) -> str:
    """The first line that differs, as both have it."""
    pairs = itertools.zip_longest(ours.splitlines(), theirs.splitlines(), fillvalue="(the end)")
    first, second = next(((a, b) for a, b in pairs if a != b), ("", "an empty line more"))
    return f"  master:   {first}\n  notebook: {second}"


def orphans(notebooks: Path) -> list[str]:
    """Notebooks without a master."""
    lessons = sorted(notebooks.glob(NOTEBOOK))
    return [
        path.name for path in lessons if not (notebooks / "source" / f"{path.stem}.py").exists()
    ]


def renumber(notebook: NotebookNode) -> None:
    """Number the code cells of a run anew, as if the first cell had run too: it prints nothing."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def is_rendered(master: Path) -> bool:
    """Whether the notebook agrees with its master and holds the outputs of one complete run."""
    if difference(master):
        return False
    cells = nbformat.read(notebook_path(master), as_version=4).cells
    return all(cell.execution_count for cell in cells if cell.cell_type == "code")


# Command line --------------------------------------------------------------------------------


def masters(names: list[str], notebooks: Path = NOTEBOOKS) -> list[Path]:
    """The masters of those numbers or names (`01`, `05b`, `01_vanilla_gan`), or all of them."""
    everything = sorted((notebooks / "source").glob("[0-9][0-9]*_*.py"))
    if not names:
        return everything
    known = {name for path in everything for name in (number(path), path.stem)}
    if unknown := [name for name in names if name not in known]:
        raise LessonError(f"no lesson {unknown[0]!r} among {[path.stem for path in everything]}")
    return [path for path in everything if {number(path), path.stem} & set(names)]


def number(master: Path) -> str:
    """A lesson's number, `05`, or `05b` of the notebook that goes further into it."""
    return master.stem.partition("_")[0]


def is_further(master: Path) -> bool:
    """Whether it goes further into a lesson: optional, without exercises."""
    return number(master).endswith("b")


def run_build(names: list[str]) -> None:
    """Write the sources, without outputs, of the named or changed lessons."""
    for master in masters(names):
        if names or difference(master):
            nbformat.write(build(master), notebook_path(master))
            print(f"built {notebook_path(master).name}, without outputs")


def run_render(names: list[str]) -> None:
    """Run the named or changed lessons and write them with their outputs."""
    for master in masters([] if names == ["all"] else names):
        if not names and is_rendered(master):
            print(f"{master.stem}: unchanged")
            continue
        print(f"{master.stem}: running", flush=True)
        started = time.monotonic()
        path = notebook_path(master)
        nbformat.write(render(master), path)
        size = path.stat().st_size / 1000
        print(f"{path.name}: {time.monotonic() - started:.0f} s, {size:.0f} kB")


def run_address(names: list[str]) -> None:
    """Write the first cell of the named lessons' notebooks, or all, anew; their outputs stay.

    The README's links to Colab and to the site follow.
    """
    for path in map(notebook_path, masters(names)):
        notebook = nbformat.read(path, as_version=4)
        was_run = all(cell.execution_count for cell in notebook.cells if "execution_count" in cell)
        add_first_cell(notebook)
        if was_run:
            renumber(notebook)
        nbformat.write(notebook, path)
    readme = ROOT / "README.md"
    readme.write_text(with_address(readme.read_text("utf-8"), repository()), "utf-8")
    print(f"the first cells fetch the course from {repository()}")


def with_address(text: str, address: str) -> str:
    """The text with its links to Colab and to GitHub Pages for that repository.

    Example:
        >>> with_address("https://me.github.io/old/a", "https://github.com/You/new")
        'https://you.github.io/new/a'
    """
    owner, name = address.split("/")[-2:]
    colab = "https://colab.research.google.com/github"
    text = re.sub(rf"{colab}/[^/\s]+/[^/\s]+/", f"{colab}/{owner}/{name}/", text)
    pages = r"https://[\w-]+\.github\.io/[^/\s)]+/"
    return re.sub(pages, f"https://{owner.lower()}.github.io/{name}/", text)


def run_check(_: list[str]) -> None:
    """Fail on the first lesson whose notebook is not what its master says."""
    problems = [text for master in masters([]) if (text := difference(master))]
    problems += [f"{name} has no master in notebooks/source/" for name in orphans(NOTEBOOKS)]
    if problems:
        advice = "Edit the master, not the notebook; then: make notebooks"
        raise LessonError("\n".join([*problems, advice]))
    print(f"{len(masters([]))} lessons agree with their masters")


def main() -> int:
    """Run one command; an expected failure is a message, not a traceback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["build", "render", "check", "address"])
    parser.add_argument("names", nargs="*", metavar="LESSON", help="00, 01_vanilla_gan, or all")
    options = parser.parse_args()
    commands = {
        "build": run_build,
        "render": run_render,
        "check": run_check,
        "address": run_address,
    }
    try:
        commands[options.command](options.names)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
