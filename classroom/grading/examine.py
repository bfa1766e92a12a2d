"""One submission's points: its cells run in a process of the student's, the checks run here.

    python -m classroom.grading.examine FOLDER      started by work.py

FOLDER holds `notebook.ipynb`, the rebuilt submission, and `source.ipynb`, the assignment with its
hidden checks. The command writes `result.json`. Hidden checks never enter the student's process.
"""

import ast
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import nbformat
from nbformat import NotebookNode

from classroom.grading import sandbox
from classroom.grading.rebuild import grade_id
from classroom.grading.visit import Gone, LateError, Room, StudentError, Visitor
from inpaintlib.notebook.exercises import in_kind

SECONDS = 30.0  # for a cell, and for a check
RESTARTS = 8  # of a student's process; then what is left gets no points
MEMORY = f"{sandbox.MEMORY / 1e9:g} GB"
TAKEN_OUT = "this cell stopped Python, and was taken out"
LATE = "this cell did not end, and was taken out: does it wait, or catch every error in a loop?"
HOARD = f"used all its {MEMORY} of memory"


@dataclass
class Result:
    """What a submission got.

    Attributes:
        scores: points by graded cell; None where a person must mark.
        complaints: what the student reads, by cell.
        taken_out: cells that stopped Python or used up its memory, with the reason.
        tried: what was refused.
        fenced: whether bubblewrap stood around the process.
    """

    scores: dict[str, float | None] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    taken_out: dict[str, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    fenced: bool = False


class Examination:
    """A notebook, cell by cell."""

    def __init__(self, notebook: NotebookNode, source: NotebookNode, scratch: Path) -> None:
        self.cells = {grade_id(cell) or cell["id"]: cell for cell in notebook.cells}
        self.source = {grade_id(cell): cell for cell in source.cells}
        self.scratch = scratch
        self.result = Result(fenced=sandbox.available())
        self.first: dict[str, StudentError] = {}  # a cell's first problem
        self.module = ModuleType("assignment")
        sys.modules["assignment"] = self.module
        cloudpickle.register_pickle_by_value(self.module)
        self.room: Room | None = None
        self.restarts = 0
        self.slow: set[str] = set()  # answers with an endless loop: not waited for again

    def run(self) -> Result:
        """Every cell in its order; a check at its place, with the function as it is then."""
        try:
            for position, name in enumerate(self.cells):
                kind = name.partition("-")[0]
                if name in self.source and kind in ("check", "hidden"):
                    self.check(name, position)
                elif name in self.source and kind == "answer":
                    self.result.scores[name] = None
                elif self.cells[name].cell_type == "code":
                    if name in self.source and kind in ("setup", "given"):
                        self.execute(self.source[name].source, name)
                    self.cell(name, position)
        finally:
            self.leave()
        return self.result

    # A student's cells -----------------------------------------------------------------------

    def enter(self, position: int) -> Room:
        """The student's process, started if need be, with all cells before `position` run."""
        while self.room is None:
            if self.restarts > RESTARTS:
                raise Gone(f"stopped Python {RESTARTS} times")
            self.restarts += 1
            walls = sandbox.walls(self.scratch, sandbox=self.result.fenced)
            self.room = Room(walls, self.scratch)
            for earlier, name in enumerate(list(self.cells)[:position]):
                if self.room is not None and self.cells[name].cell_type == "code":
                    self.cell(name, earlier)
        return self.room

    def cell(self, name: str, position: int) -> None:
        """Run one cell there; a check's cell is none of the student's, and is not run there."""
        if name in self.result.taken_out or name.startswith(("check-", "hidden-")):
            return
        try:
            code = self.cells[name].source
            self.enter(position).ask("cell", name, code, SECONDS, seconds=SECONDS)
        except StudentError as error:
            self.first.setdefault(name, error)
            if error.kind == "MemoryError":  # its variables may hold on to all of it
                self.take_out(name, HOARD)
        except Gone as error:
            self.take_out(name, LATE if isinstance(error, LateError) else TAKEN_OUT)

    def take_out(self, name: str, why: str) -> None:
        """Go on without a cell, in a new process."""
        self.result.taken_out[name] = why
        self.leave()

    def leave(self) -> None:
        """End the student's process."""
        if self.room is not None:
            new = [what for what in self.room.tried if what not in self.result.tried]
            self.result.tried += new
            self.room.close()
        self.room = None

    # Checks ----------------------------------------------------------------------------------

    def execute(self, code: str, name: str) -> None:
        """Run a cell of the assignment here."""
        exec(compile(code, f"<{name}>", "exec"), vars(self.module))

    def check(self, name: str, position: int) -> None:
        """Run a check on the student's function: its points, or what to tell the student."""
        answer = re.sub(r"^(check|hidden)-", "solution-", name)
        self.result.scores[name] = 0.0
        try:
            if answer in self.slow:
                raise StudentError("TooLong")
            if answer in self.result.taken_out:
                raise Gone
            told = self.visit(name, answer, self.enter(position))
        except Gone as error:
            if answer not in self.result.taken_out:
                self.take_out(answer, LATE if isinstance(error, LateError) else TAKEN_OUT)
            told = self.result.taken_out[answer]
        except StudentError as error:
            told = self.told(error)
            if error.kind == "TooLong":
                self.slow.add(answer)
            if error.kind == "MemoryError":
                self.take_out(answer, HOARD)
        if told:
            self.result.complaints[name] = told
        else:
            self.result.scores[name] = float(self.source[name].metadata.nbgrader.points)
        self.tidy()

    def visit(self, name: str, answer: str, room: Room) -> str:
        """Run a check with the student's function in its process; what fails, or nothing.

        Raises:
            Gone: the process has ended.
            StudentError: the student's code raised an exception.
        """
        function = checked_function(self.source[name].source)
        if not room.ask("keep", function)["callable"]:
            return self.missing(function, answer)
        visitor = Visitor(room, function)
        setattr(self.module, function, visitor)
        self.module.check_alone = alone  # ty: ignore
        try:
            self.execute(self.source[name].source, name)
        except (Gone, StudentError):
            raise
        except AssertionError as error:
            return str(error).strip()[:500] or "this check fails"
        except Exception as error:  # the check cannot use what came back
            kind = type(visitor.last).__name__
            told = f"the check could not use what {function} returned, of type {kind}"
            return f"{told} ({type(error).__name__})"
        return ""

    def tidy(self) -> None:
        """Let the student's process forget the results of a check."""
        try:
            if self.room is not None:
                self.room.forget()
        except (Gone, StudentError):
            self.leave()

    # Words -----------------------------------------------------------------------------------

    def missing(self, function: str, answer: str) -> str:
        """Why there is no function."""
        error = self.first.get(answer)
        return (
            f"{function} was not defined: {self.told(error)}"
            if error
            else (f"there is no function {function}")
        )

    def told(self, error: StudentError) -> str:
        """A student's own error for their page: its kind and line, never its words.

        What an exception says is the student's code's to choose, and their page must not show
        what that code has seen.
        """
        if error.kind == "NotImplementedError" and not error.words:
            return "not started: it still raises NotImplementedError"
        if error.kind == "TooLong":
            return f"stopped after {SECONDS:g} seconds: an endless loop?"
        if error.kind == "MemoryError":
            return HOARD
        if error.kind == "SwitchedOff":
            return "it calls the package's own version, which is switched off: write it yourself"
        kind = error.kind if error.kind in KINDS else "an error of your own kind"
        source = self.cells[error.cell].source.splitlines() if error.cell in self.cells else []
        if not 0 < error.line <= len(source):
            return f"{kind} in your code"
        return f"{kind} in line {error.line} of your code: {source[error.line - 1].strip()[:200]}"


KINDS = {
    name
    for name, value in vars(__import__("builtins")).items()
    if isinstance(value, type) and issubclass(value, BaseException)
} | {"OutOfMemoryError", "LinAlgError", "_LinAlgError", "AxisError"}


def alone(attempt: Visitor, test: Any, without: Any = ()) -> None:
    """What `check_alone` is here: the functions are switched off in the student's process."""
    attempt.without = tuple(without)
    test(in_kind(attempt))


def checked_function(check: str) -> str:
    """The name of the student's function in a check's call of `check_alone`."""
    call = ast.parse(check).body[-1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    function = call.value.args[0]
    assert isinstance(function, ast.Name)
    return function.id


def main() -> None:
    """Examine the submission in a folder."""
    folder = Path(sys.argv[1]).resolve()
    os.environ["INPAINTLIB_DATA"] = "drawn"
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    notebook, source = (
        nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in ("notebook", "source")
    )
    result = Examination(notebook, source, scratch).run()
    (folder / "result.json").write_text(json.dumps(asdict(result)), encoding="utf-8")


if __name__ == "__main__":
    main()
