"""What nbval lets pass and this course does not: skipped cells, missing cells, slow lessons.

A pytest plugin for `make lessons` (`-p tools.lesson_guard --lesson-seconds=60`). nbval marks the
cells after a timeout as expected failures, and a skipped or empty notebook as green; here each of
them is red. A lesson's cells are summed and compared with its time budget.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --lesson-seconds."""
    parser.addoption("--lesson-seconds", type=float, default=60, help="time budget of a lesson")


def pytest_configure(config: pytest.Config) -> None:
    """Watch from the process that sees every report, not from the workers of xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Guard(config))


class Guard:
    """Counts cells and seconds per lesson; turns the run red when one of them is wrong."""

    def __init__(self, config: pytest.Config) -> None:
        self.root = config.rootpath
        self.folders = [Path(argument) for argument in config.args]
        self.budget = config.getoption("--lesson-seconds")
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.passed: Counter[str] = Counter()
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up one phase (set-up, call, tear-down) of one cell."""
        lesson, _, cell = report.nodeid.partition("::")
        self.seconds[lesson] += report.duration
        if report.skipped or hasattr(report, "wasxfail"):
            self.problems.append(f"{lesson} {cell}: skipped or expected to fail")
        elif report.when == "call" and report.passed:
            self.passed[lesson] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare with the notebooks on disk and with the budget."""
        paths = [path for folder in self.folders for path in sorted(folder.glob("*.ipynb"))]
        for path in paths:
            name = path.relative_to(self.root).as_posix() if path.is_absolute() else path.as_posix()
            expected, seconds = code_cells(path), self.seconds[name]
            if not expected or self.passed[name] != expected:
                self.problems.append(f"{name}: {self.passed[name]} of {expected} cells passed")
            if seconds > self.budget:
                self.problems.append(f"{name}: {seconds:.0f} s, budget {self.budget:.0f} s")
        if self.problems and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a lesson, then the problems."""
        terminalreporter.section("lessons")
        for lesson in sorted(self.passed):
            line = f"{lesson}: {self.passed[lesson]} cells, {self.seconds[lesson]:.1f} s"
            terminalreporter.write_line(line)
        for problem in self.problems:
            terminalreporter.write_line(f"RED  {problem}", red=True)


def code_cells(path: Path) -> int:
    """How many code cells a notebook has."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(cell["cell_type"] == "code" for cell in cells)
