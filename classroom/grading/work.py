"""One submission: rebuilt, examined in a process and a folder of its own, its result kept.

So a class can be stopped at any time and taken up again, and what one student's file does is
nobody else's matter: whatever goes wrong becomes a note for a person.
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

from classroom.course import ASSIGNMENTS, ROOT
from classroom.grading.collect import Submission
from classroom.grading.rebuild import grade_id, rebuild
from classroom.grading.words import suspicious

SECONDS = 600  # for one submission, all in all
NOT_GRADED = "not graded"


@dataclass
class Graded:
    """What is known of one submission after grading.

    Attributes:
        scores: points by graded cell; None where a person must mark.
        complaints: what the student reads, by cell.
        human: why a person should look.
        where: for a note in `human`, the cell that it is about.
        notebook: the student's answers in the assignment; None for what is no notebook.
        status: why there are no marks; empty for what was graded.
    """

    submission: Submission
    scores: dict[str, float | None] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    human: list[str] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)
    notebook: NotebookNode | None = None
    status: str = ""

    def note(self, why: str, cell: str = "") -> None:
        """Ask a person to look, at a cell if it is known."""
        self.human.append(why)
        if cell:
            self.where[why] = cell


class Work:
    """The folder in which submissions are graded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @cached_property
    def grader(self) -> bytes:
        """Changes with the grader: then everything is graded again."""
        rooms = (ROOT / "classroom" / "grading", ROOT / "inpaintlib")  # the checks call the package
        files = sorted(path for room in rooms for path in room.rglob("*.py"))
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()

    def release(self, assignment: str) -> NotebookNode:
        """The assignment as students got it."""
        return nbformat.read(_path("release", assignment), as_version=4)

    def reference(self, assignment: str) -> bytes:
        """The assignment with its solutions."""
        return _path("source", assignment).read_bytes()

    def grade(self, submission: Submission) -> Graded:
        """Grade one submission, or read the result of an earlier time; raises nothing."""
        graded = Graded(submission, human=list(submission.notes))
        try:
            self._grade(graded)
        except Exception as error:  # nobody's file may stop the class
            graded.status = NOT_GRADED
            graded.note(f"could not be graded: {type(error).__name__}: {str(error)[:300]}")
        return graded

    def _grade(self, graded: Graded) -> None:
        """Fill in what a submission got."""
        submission = graded.submission
        release = self.release(submission.assignment)
        graded.scores = {  # what stands if anything goes wrong
            grade_id(cell): None if cell.metadata.nbgrader.solution else 0.0
            for cell in release.cells
            if cell.metadata.nbgrader.grade
        }
        graded.notebook, notes = rebuild(submission.content, release)
        graded.human += notes
        for cell, why in suspicious(graded.notebook).items():
            graded.note(f"{cell} {why}", cell)
        result = self._result(submission, graded.notebook)
        graded.scores |= result.get("scores", {})
        graded.complaints = result.get("complaints", {})
        for cell, why in result.get("taken_out", {}).items():
            graded.note(f"{cell}: {why}", cell)
        if tried := result.get("tried", []):
            graded.note(f"tried what is not allowed ({len(tried)} times): {tried[0]}")
        graded.human += result["human"]
        if result["human"]:
            graded.status = NOT_GRADED

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
        """Examine a rebuilt notebook, unless that has been done.

        An examination that did not end is not kept: it may be the computer's fault.
        """
        text = nbformat.writes(notebook)
        parts = self.grader + self.reference(submission.assignment) + text.encode()
        key = hashlib.sha256(parts).hexdigest()[:12]
        place = self.folder / submission.assignment / f"{slug(submission.student)}-{key}"
        kept = place / "graded.json"
        if kept.exists():
            return json.loads(kept.read_text(encoding="utf-8"))
        shutil.rmtree(place, ignore_errors=True)  # what an interrupted run left
        place.mkdir(parents=True)
        (place / "notebook.ipynb").write_text(text, encoding="utf-8")
        shutil.copy(_path("source", submission.assignment), place / "source.ipynb")
        result = examine_apart(place)
        if result["human"]:
            return result
        part = place / "graded.part"
        part.write_text(json.dumps(result), encoding="utf-8")
        part.replace(kept)  # appears whole or not at all
        return result


def _path(part: str, assignment: str) -> Path:
    """An assignment's `source` or `release`."""
    return ASSIGNMENTS / part / assignment / f"{assignment}.ipynb"


def examine_apart(place: Path) -> dict:
    """Examine in a process of its own, stopped with all it started when it takes too long.

    Returns:
        What `examine` found, and in `human` why it found nothing.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "classroom.grading.examine", str(place)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
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
        shutil.rmtree(place / "scratch", ignore_errors=True)
    result = {"human": human}
    if (place / "result.json").exists() and not human:
        result |= json.loads((place / "result.json").read_text(encoding="utf-8"))
    return result


def stop(process: subprocess.Popen) -> None:
    """End a process and whatever it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for started in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                started.kill()
    process.kill()
    process.wait()


def slug(name: str) -> str:
    """A name as part of a file's name; two names never give the same."""
    text = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60]
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    plain = text == name == name.lower()  # some file systems take Ann for ann
    return text if plain else f"{text or 'student'}-{mark}"


def full_points(release: NotebookNode) -> dict[str, float]:
    """What every graded cell is worth."""
    marks = [cell.metadata.nbgrader for cell in release.cells]
    return {mark.grade_id: float(mark.points) for mark in marks if mark.grade}
