"""One submission: rebuilt, graded in a process and a folder of its own, its result kept.

So a class can be stopped at any time and taken up again, and what one student's code does to its
process is nobody else's matter.
"""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode

from classroom.course import ASSIGNMENTS, prepare
from classroom.grading.collect import Submission
from classroom.grading.rebuild import grade_id, rebuild

SECONDS = 600  # for one submission, all in all
SUSPECT = re.compile(
    r"__code__|__globals__|_getframe|get_ipython|settrace|audithook|importlib|\bctypes\b|\binspect\b"
    r"|sys\.modules|torch\.testing|check_alone|\bgc\.|\bbuiltins\b|\bexec\(|\beval\("
)


@dataclass
class Graded:
    """What is known of one submission after grading.

    Attributes:
        scores: points by graded cell; None where a person must mark.
        complaints: the first error by cell.
        human: why a person should look.
        notebook: the student's answers in the assignment; None for what is no notebook.
    """

    submission: Submission
    scores: dict[str, float | None] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    human: list[str] = field(default_factory=list)
    notebook: NotebookNode | None = None


class Work:
    """The folder in which submissions are graded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @cached_property
    def course(self) -> Path:
        """A course that can grade, made once for the assignments as they are now."""
        sources = sorted((ASSIGNMENTS / "source").rglob("*.ipynb"))
        version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
        place = self.folder / f"course-{version}"
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            prepare(place)
            (place / "ready").touch()
        return place

    def release(self, assignment: str) -> NotebookNode:
        """The assignment as students got it."""
        path = self.course / "release" / assignment / f"{assignment}.ipynb"
        return nbformat.read(path, as_version=4)

    def reference(self, assignment: str) -> bytes:
        """The assignment with its solutions."""
        return (self.course / "source" / assignment / f"{assignment}.ipynb").read_bytes()

    def grade(self, submission: Submission) -> Graded:
        """Grade one submission, or read the result of an earlier time."""
        graded = Graded(submission, human=list(submission.notes))
        release = self.release(submission.assignment)
        try:
            graded.notebook, notes = rebuild(submission.content, release)
        except ValueError as error:
            graded.human.append(str(error))
            return graded
        graded.human += notes + suspicious(graded.notebook)
        result = self._result(submission, graded.notebook)
        everything = {
            grade_id(cell): None if cell.metadata.nbgrader.solution else 0.0
            for cell in release.cells
            if cell.metadata.nbgrader.grade
        }
        graded.scores = {**everything, **result.get("scores", {})}
        graded.complaints = result.get("complaints", {})
        graded.human += result.get("human", [])
        return graded

    def check(self, assignment: str) -> None:
        """Make sure that this computer marks right work as right.

        Raises:
            ValueError: a reference solution loses points.
        """
        content = self.reference(assignment)
        graded = self.grade(Submission("reference", assignment, "", content, datetime.min))
        full = full_points(self.release(assignment))
        lost = [name for name, got in graded.scores.items() if got is not None and got < full[name]]
        if lost or not graded.scores:
            told = [graded.complaints.get(name, "") for name in lost] + graded.human
            raise ValueError(f"{assignment}: the reference solution loses points: {lost} {told}")

    def _result(self, submission: Submission, notebook: NotebookNode) -> dict:
        """Run nbgrader on a rebuilt notebook, unless that has been done."""
        text = nbformat.writes(notebook)
        key = hashlib.sha256(f"{self.course.name}{text}".encode()).hexdigest()[:12]
        place = self.folder / submission.assignment / f"{slug(submission.student)}-{key}"
        kept = place / "graded.json"
        if kept.exists():
            return json.loads(kept.read_text(encoding="utf-8"))
        shutil.rmtree(place, ignore_errors=True)  # what an interrupted run left
        path = place / "submitted" / "student" / submission.assignment
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{submission.assignment}.ipynb").write_text(text, encoding="utf-8")
        shutil.copy(self.course / "gradebook.db", place)
        result = run_apart(place, submission.assignment)
        part = place / "graded.part"
        part.write_text(json.dumps(result), encoding="utf-8")
        part.replace(kept)  # appears whole or not at all
        return result


def run_apart(place: Path, assignment: str) -> dict:
    """nbgrader in a process of its own, stopped with all it started when it takes too long."""
    command = [sys.executable, "-m", "classroom.grading.autograde", str(place), assignment]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=place,
    )
    human = []
    try:
        error = process.communicate(timeout=SECONDS)[1].decode(errors="replace")
        if process.returncode:
            human.append(f"could not be graded: {(error.strip().splitlines() or ['?'])[-1][:300]}")
    except subprocess.TimeoutExpired:
        human.append(f"could not be graded within {SECONDS} s")
    finally:
        stop(process)
    result = {"human": human}
    if (place / "result.json").exists() and not human:
        result |= json.loads((place / "result.json").read_text(encoding="utf-8"))
        human += [f"{cell} stopped Python, and was taken out" for cell in result["taken_out"]]
    if (place / "blocked.txt").exists() and (place / "blocked.txt").stat().st_size:
        tried = (place / "blocked.txt").read_text(errors="replace").splitlines()
        human.append(f"tried what is not allowed ({len(tried)} times): {tried[0]}")
    return result


def stop(process: subprocess.Popen) -> None:
    """End a process and whatever it has started, the kernel too, which has a session of its own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for started in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                started.kill()
    process.kill()
    process.wait()


def suspicious(notebook: NotebookNode) -> list[str]:
    """Words in a student's code that no exercise needs."""
    code = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked")
    ]
    words = sorted(set(SUSPECT.findall("\n".join(code))))
    return [f"uses {', '.join(words)}: read the code"] if words else []


def slug(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "student"


def full_points(release: NotebookNode) -> dict[str, float]:
    """What every graded cell is worth."""
    marks = [cell.metadata.nbgrader for cell in release.cells]
    return {mark.grade_id: float(mark.points) for mark in marks if mark.grade}
