"""Every lesson follows the course's anatomy, and the tools that build and guard lessons work."""

import base64
import io
import os
import re
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat import NotebookNode
from PIL import Image

from tools import lessons
from tools.lesson_guard import Guard

MASTERS = lessons.masters([])
each_lesson = pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)

# The median was 8 before lesson 10, 10 before lessons had at most 80 cells, 12 before 76.
CODE_LINES, CLASS_LINES, CLASS_CELLS, MEDIAN_LINES = 25, 35, 2, 16
CELLS = 76
CELL_WORDS = 120
LESSON_WORDS = (1500, 3400)  # 3,100 before 05 to 07 took up every feature of their sources
CHECKED_CELLS = (6, 10)
NOTEBOOK_BYTES = 1_100_000  # 05 shows gates and copies pixel by pixel


# The anatomy of a lesson ---------------------------------------------------------------------


@pytest.fixture
def built(master: Path) -> NotebookNode:
    """The lesson as its master describes it."""
    return lessons.build(master)


@pytest.fixture
def rendered(master: Path) -> NotebookNode:
    """The lesson as it is committed, with its outputs."""
    return nbformat.read(lessons.notebook_path(master), as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def lines(cell: NotebookNode) -> int:
    """Lines that hold something."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def words(markdown: str) -> int:
    """Words of prose: formulas, code blocks, addresses and HTML do not count."""
    for markup in (r"```.*?```", r"\$\$.*?\$\$", r"\$.*?\$", r"\]\([^)]*\)", r"<[^>]*>"):
        markdown = re.sub(markup, " ", markdown, flags=re.S)
    return len(re.findall(r"[^\W_][\w'’.-]*", markdown))


def test_there_are_lessons():
    assert MASTERS


@each_lesson
def test_notebook_agrees_with_master(master: Path):
    assert lessons.difference(master) is None


@each_lesson
def test_code_cells_are_short(built: NotebookNode):
    lengths = {cell["id"]: lines(cell) for cell in code(built)}
    long = {name: length for name, length in lengths.items() if length > CODE_LINES}
    assert len(long) <= CLASS_CELLS, long
    assert max(lengths.values()) <= CLASS_LINES, long
    assert statistics.median(lengths.values()) <= MEDIAN_LINES


@each_lesson
def test_a_lesson_is_short(built: NotebookNode):
    assert len(built.cells) <= CELLS


@each_lesson
def test_a_prediction_is_not_given_away(rendered: NotebookNode):
    """JupyterLab shows the first line of a folded output."""
    for cell in code(rendered):
        if "predict" in tags(cell):
            assert cell.outputs[0].get("text", "").startswith("Guess first."), cell["id"]


@each_lesson
def test_prose_is_short(master: Path, built: NotebookNode):
    folded = re.compile(r"(<details.*?</details>)", re.S)  # hints and answers: not read in passing
    pieces = [(cell["id"], piece) for cell in prose(built) for piece in folded.split(cell.source)]
    parts = [(name, words(piece)) for name, piece in pieces]
    assert [part for part in parts if part[1] > CELL_WORDS] == []
    open_ones = sum(words(folded.sub("", cell.source)) for cell in prose(built))
    assert open_ones <= LESSON_WORDS[1]
    assert lessons.is_further(master) or open_ones >= LESSON_WORDS[0]


@each_lesson
def test_one_title(built: NotebookNode):
    titles = [line for cell in prose(built) for line in re.findall(r"^# .+$", cell.source, re.M)]
    assert len(titles) == 1


@each_lesson
def test_pictures_have_alternative_text(built: NotebookNode):
    for cell in prose(built):
        for text in re.findall(r"!\[([^\]]*)\]\(", cell.source):
            assert len(text.split()) >= 3, f"{cell['id']}: say what to see in the picture"
        for image in re.findall(r"<img[^>]*>", cell.source):
            assert re.search(r"alt=\"[^\"]{10,}\"", image), cell["id"]


@each_lesson
def test_exercises_are_complete(master: Path, built: NotebookNode):
    named = [tag.split(":")[:2] for cell in built.cells for tag in tags(cell) if ":" in tag]
    found = {kind: {rest[0] for k, *rest in named if k == kind} for kind, *_ in named}
    assert bool(found.get("exercise")) != lessons.is_further(master)
    assert found.get("exercise") == found.get("solution") == found.get("check")


@each_lesson
def test_training_cells_assert_something(built: NotebookNode):
    for cell in code(built):
        if "train" in tags(cell):
            assert re.search(r"^ *assert ", cell.source, re.M), cell["id"]


@each_lesson
def test_some_outputs_are_compared(master: Path, built: NotebookNode):
    checked = [cell for cell in code(built) if "nbval-check-output" in tags(cell)]
    fewest = 2 if lessons.is_further(master) else CHECKED_CELLS[0]
    assert fewest <= len(checked) <= CHECKED_CELLS[1]
    assert not [cell["id"] for cell in built.cells if "nbval-skip" in tags(cell)]


@each_lesson
def test_executed_from_top_to_bottom(rendered: NotebookNode):
    counts = [cell.execution_count for cell in code(rendered)]
    assert counts == list(range(1, len(counts) + 1))


@each_lesson
def test_compared_cells_have_outputs(rendered: NotebookNode):
    checked = [cell for cell in code(rendered) if "nbval-check-output" in tags(cell)]
    assert all(cell.outputs for cell in checked)


@each_lesson
def test_outputs_are_clean(rendered: NotebookNode):
    for cell in code(rendered):
        for output in cell.outputs:
            kind = output.output_type
            assert kind != "error" or "raises-exception" in tags(cell), cell["id"]
            assert output.get("name") != "stderr", f"{cell['id']}: {output.get('text', '')[:200]}"
            assert not {"image/svg+xml", lessons.WIDGET} & set(output.get("data", {})), cell["id"]


@each_lesson
def test_notebook_is_small_and_free_of_machine_traces(master: Path):
    text = lessons.notebook_path(master).read_text(encoding="utf-8")
    assert len(text.encode()) <= NOTEBOOK_BYTES
    assert re.findall(r"(?<![\w.])/(?:home|root|Users|tmp|work|usr|opt)/[\w.-]+", text) == []
    assert re.findall(r"[A-Z]:\\\\+Users", text) == []
    assert '"widgets"' not in text.partition('"metadata": {\n  "kernelspec"')[2]


# The tools, on a made-up lesson --------------------------------------------------------------

TOY = """\
# %% [markdown]
# # Toy
# One lesson.

# %% tags=["nbval-check-output"]
print(1 + 1)


# %% tags=["solution:1"] jupyter={"source_hidden": true}
def double(x):
    return 2 * x


# %% [markdown]
# ## Why not?

# %%
double(4)
"""


def write_lesson(folder: Path, text: str = TOY) -> Path:
    """Write a master with its notebook, not run."""
    master = folder / "notebooks" / "source" / "00_toy.py"
    master.parent.mkdir(parents=True, exist_ok=True)
    master.write_text(textwrap.dedent(text), encoding="utf-8")
    nbformat.write(lessons.build(master), lessons.notebook_path(master))
    return master


def test_build_keeps_tags_folding_and_sources(tmp_path: Path):
    notebook = lessons.build(write_lesson(tmp_path))
    assert [cell.cell_type for cell in notebook.cells] == [
        "markdown",
        *["code"] * 3,
        "markdown",
        "code",
    ]
    assert notebook.cells[2].metadata == {"tags": ["nbval-check-output"]}
    assert notebook.cells[3].metadata.jupyter.source_hidden
    assert notebook.cells[3].source == "def double(x):\n    return 2 * x"
    assert [cell["id"] for cell in notebook.cells] == [
        *("toy-01", "elsewhere", "toy-02", "toy-03"),
        *("why-not-01", "why-not-02"),
    ]
    assert "jupytext" not in notebook.metadata


def test_outputs_after_a_prediction_are_folded(tmp_path: Path):
    text = TOY.replace("# %%\ndouble(4)", '# %% tags=["predict"]\ndouble(4)')
    cells = lessons.build(write_lesson(tmp_path, text)).cells
    assert cells[-1].metadata == {"tags": ["predict"], "jupyter": {"outputs_hidden": True}}
    others = [cell.metadata.get("jupyter", {}) for cell in cells[:-1]]
    assert not any("outputs_hidden" in kept for kept in others)


def test_a_new_cell_leaves_the_ids_of_other_sections(tmp_path: Path):
    before = lessons.build(write_lesson(tmp_path))
    more = TOY.replace("# %% [markdown]\n# ## Why", "# %%\npass\n\n# %% [markdown]\n# ## Why")
    after = lessons.build(write_lesson(tmp_path, more))
    assert len(after.cells) == len(before.cells) + 1
    assert [c["id"] for c in after.cells[-2:]] == [c["id"] for c in before.cells[-2:]]


def test_equal_headings_give_different_ids(tmp_path: Path):
    twice = lessons.build(write_lesson(tmp_path, TOY + "\n# %% [markdown]\n# ## Why not?\n"))
    assert twice.cells[-1]["id"] == "why-not-2-01"


def test_agreement(tmp_path: Path):
    assert lessons.difference(write_lesson(tmp_path)) is None


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("print(1 + 1)", "print(1 + 2)", "cell 3 (toy-02): source differs"),
        ("nbval-check-output", "train", "cell 3 (toy-02): tags differ"),
        ("# ## Why not?", "# ## Why?", "cell 5 (why-01): source differs"),
        ("double(4)\n", "double(4)\n\n# %%\n5\n", "has 6 cells, its master 7"),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, old: str, new: str, complaint: str):
    master = write_lesson(tmp_path)
    master.write_text(TOY.replace(old, new), encoding="utf-8")
    found = lessons.difference(master)
    assert found is not None
    assert complaint in found


def test_a_missing_notebook_and_a_missing_master_are_named(tmp_path: Path):
    master = write_lesson(tmp_path)
    assert lessons.orphans(tmp_path / "notebooks") == []
    copy = lessons.notebook_path(master).rename(tmp_path / "notebooks" / "07_lost.ipynb")
    assert lessons.difference(master) == "00_toy.ipynb is missing"
    assert lessons.orphans(copy.parent) == ["07_lost.ipynb"]


def test_lessons_are_found_by_their_number_or_name(tmp_path: Path):
    master, folder = write_lesson(tmp_path), tmp_path / "notebooks"
    further = master.with_name("00b_more.py")
    further.write_text(TOY, encoding="utf-8")
    assert lessons.masters(["00"], folder) == lessons.masters(["00_toy"], folder) == [master]
    assert lessons.masters(["00b"], folder) == [further]
    assert lessons.masters([], folder) == [master, further]
    assert [lessons.is_further(path) for path in (master, further)] == [False, True]
    with pytest.raises(lessons.LessonError, match="no lesson '03'"):
        lessons.masters(["03"], tmp_path / "notebooks")


ACCIDENTS = """\
# %% [markdown]
# # Toy

# %%
import os, sys, pathlib
print(os.environ["INPAINTLIB_PROFILE"], os.environ["INPAINTLIB_DATA"])
print(pathlib.Path.home() / "file")

# %%
from tqdm.auto import tqdm
for _ in tqdm(range(3)):
    pass

# %%
import ipywidgets
ipywidgets.IntSlider()

# %% tags=["raises-exception"]
raise ValueError("on purpose")

# %%
print("end")
"""


def test_render_keeps_the_results_and_drops_the_accidents(tmp_path: Path):
    master = write_lesson(tmp_path, ACCIDENTS)
    assert not lessons.is_rendered(master)
    notebook = lessons.render(master)
    first, *cells = code(notebook)
    assert (first["id"], first.outputs) == ("elsewhere", [])
    assert [cell.execution_count for cell in cells] == [2, 3, 4, 5, 6]
    assert cells[0].outputs[0].text == f"laptop drawn\n~{os.sep}file\n"
    assert cells[1].outputs == []
    assert cells[2].outputs[0].data["text/markdown"] == lessons.WIDGET_NOTE
    assert lessons.WIDGET not in cells[2].outputs[0].data
    assert cells[3].outputs[0].ename == "ValueError"
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.language_info == lessons.NOTEBOOK_METADATA["language_info"]
    assert all("execution" not in cell.metadata for cell in cells)
    nbformat.write(notebook, lessons.notebook_path(master))
    assert lessons.is_rendered(master)


def test_a_widgets_own_picture_stays():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    data = {lessons.WIDGET: {"model_id": "1"}, "image/png": picture, "text/plain": "Studio()"}
    kept = lessons.clean_output(nbformat.v4.new_output("display_data", data))
    assert kept is not None
    assert lessons.WIDGET not in kept.data
    assert kept.data["text/plain"] == lessons.WIDGET_NOTE.strip("*")
    shown = kept.data.get("image/png") or kept.data["image/jpeg"]
    assert Image.open(io.BytesIO(base64.b64decode(shown))).size == (8, 8)


def test_a_diagram_stays_sharp():
    noise, buffer = os.urandom(3 * 64 * 64), io.BytesIO()
    Image.frombytes("RGB", (64, 64), noise).save(buffer, "PNG")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    words = {"image/png": {"alt": "a diagram", "width": 32}}
    diagram = nbformat.v4.new_output("display_data", dict(data), metadata=words)
    photograph = nbformat.v4.new_output("display_data", dict(data))
    assert lessons.clean_output(diagram) == diagram
    assert set(diagram.data) == {"image/png"}
    assert set(lessons.clean_output(photograph).data) == {"image/jpeg"}


def test_render_stops_at_a_failing_cell(tmp_path: Path):
    with pytest.raises(lessons.LessonError, match="ZeroDivisionError"):
        lessons.render(write_lesson(tmp_path, "# %%\n1 / 0\n"))


def test_the_first_cell_comes_without_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    master = write_lesson(tmp_path)
    notebook = lessons.render(master)
    path = lessons.notebook_path(master)
    older = [cell for cell in notebook.cells if cell["id"] != lessons.ELSEWHERE_ID]
    nbformat.write(nbformat.from_dict({**notebook, "cells": older}), path)
    assert "cell 2 (elsewhere)" in str(lessons.difference(master))
    monkeypatch.setattr(lessons, "masters", lambda _: [master])
    for _ in range(2):  # the second time it is there already
        lessons.run_address([])
        assert lessons.difference(master) is None
        renewed = nbformat.read(path, as_version=4)
        assert [cell.execution_count for cell in code(renewed)] == [1, 2, 3, 4]
        assert [cell.outputs for cell in code(renewed)] == [cell.outputs for cell in code(notebook)]


def test_a_new_address_shows_as_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    master = write_lesson(tmp_path)
    monkeypatch.setattr(lessons, "repository", lambda: "https://example.org/course")
    assert "cell 2 (elsewhere): source differs" in str(lessons.difference(master))


# The guard over nbval ------------------------------------------------------------------------


def guard(folder: Path) -> Guard:
    """A guard over the notebooks of `folder`, before any cell has run."""
    write_lesson(folder)
    return Guard(SimpleNamespace(rootpath=folder, args=[folder / "notebooks"]))


def report(
    number: int, outcome: str = "passed", *, cpu: float | None = 2.0, **more: object
) -> SimpleNamespace:
    """What pytest tells about one cell that took an hour on a busy machine."""
    name, state = f"notebooks/00_toy.ipynb::Cell {number}", {"passed": False, "skipped": False}
    state |= {"nodeid": name, "when": "call", "duration": 3600.0, outcome: True}
    return SimpleNamespace(**state, user_properties=[("cpu", cpu)], **more)


PASSED = [report(0), report(1)]


@pytest.mark.parametrize(
    ("reports", "complaint"),
    [
        ([*PASSED, report(2), report(3)], None),
        ([*PASSED, report(2)], "notebooks/00_toy.ipynb: 3 of 4 cells passed"),
        ([], "0 of 4 cells passed"),
        ([*PASSED, report(2, cpu=599), report(3, cpu=None)], None),
        ([*PASSED, report(2), report(3, cpu=601)], "601 s of the processor, at most 600"),
        ([*PASSED, report(2), report(3, "skipped")], "Cell 3: skipped or expected to fail"),
        ([*PASSED, report(2), report(3, wasxfail="")], "Cell 3: skipped or expected"),
    ],
)
def test_guard(tmp_path: Path, reports: list, complaint: str | None):
    watch, session = guard(tmp_path), SimpleNamespace(exitstatus=0)
    for cell in reports:
        watch.pytest_runtest_logreport(cell)
    watch.pytest_sessionfinish(session)
    assert bool(session.exitstatus) == bool(complaint)
    assert (complaint or "") in "\n".join(watch.problems)


def test_guard_over_a_real_run(tmp_path: Path, repository: Path):
    stuck = "# %%\nwhile True: pass\n\n# %%\n2\n"
    master = write_lesson(tmp_path, stuck)
    lessons.notebook_path(master).rename(tmp_path / "notebooks/01_stuck.ipynb")
    write_lesson(tmp_path)
    flags = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=5"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tools.lesson_guard", *flags, "notebooks"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    line = re.search(r"00_toy\.ipynb: 4 cells, \d+\.\d s, (\d+\.\d) s of the proc", done.stdout)
    assert float(line[1]) > 0, "the kernel's own time is not seen"
    assert "RED  notebooks/01_stuck.ipynb: 1 of 3 cells passed" in done.stdout
    assert "RED  notebooks/00" not in done.stdout
