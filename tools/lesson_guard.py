"""What nbval lets pass and this course does not: skipped cells, missing cells, far too much work.

A pytest plugin for `make lessons` (`-p tools.lesson_guard`). nbval marks the cells after a timeout
as expected failures, and a skipped or empty notebook as green; here each of them is red. How long a
lesson takes is reported and never judged, because the machine may be busy with something else; only
the work is, in seconds of the processor, and with a factor of ten.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

EXPECTED = 60
"""Seconds of the processor that a lesson may take in profile ci; ten times as many are an error."""
SHOWN = 5  # of the slowest cells


def pytest_configure(config: pytest.Config) -> None:
    """Watch from the process that sees every report, not from the workers of xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Guard(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, object]:
    """Give each cell's report the processor's time of its kernel so far."""
    report = yield
    report.user_properties.append(("cpu", processor_seconds(item)))
    return report


def processor_seconds(item: pytest.Item) -> float | None:
    """Seconds that all cores together spent on a cell's kernel; None without a living kernel."""
    try:
        kernel = psutil.Process(item.parent.kernel.km.provisioner.pid)  # ty: ignore
        return sum(kernel.cpu_times()[:2])
    except (AttributeError, psutil.Error):
        return None


class Guard:
    """Counts cells and seconds per lesson; turns the run red when one of them is wrong."""

    def __init__(self, config: pytest.Config) -> None:
        self.root = config.rootpath
        self.folders = [Path(argument) for argument in config.args]
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.work: defaultdict[str, float] = defaultdict(float)
        self.cells: defaultdict[str, float] = defaultdict(float)
        self.passed: Counter[str] = Counter()
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up one phase (set-up, call, tear-down) of one cell."""
        lesson, _, cell = report.nodeid.partition("::")
        self.seconds[lesson] += report.duration
        self.cells[f"{lesson} {cell}"] += report.duration
        facts: dict[str, Any] = dict(report.user_properties)
        self.work[lesson] = max(self.work[lesson], facts.get("cpu") or 0)
        if report.skipped or hasattr(report, "wasxfail"):
            self.problems.append(f"{lesson} {cell}: skipped or expected to fail")
        elif report.when == "call" and report.passed:
            self.passed[lesson] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare with the notebooks on disk and with the limit of work."""
        paths = [path for folder in self.folders for path in sorted(folder.glob("*.ipynb"))]
        for path in paths:
            name = path.relative_to(self.root).as_posix() if path.is_absolute() else path.as_posix()
            expected, work = code_cells(path), self.work[name]
            if not expected or self.passed[name] != expected:
                self.problems.append(f"{name}: {self.passed[name]} of {expected} cells passed")
            if work > 10 * EXPECTED:
                self.problems.append(
                    f"{name}: {work:.0f} s of the processor, at most {10 * EXPECTED}"
                )
        if self.problems and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line per lesson, the slowest cells, then the problems."""
        terminalreporter.section("lessons")
        for lesson in sorted(self.passed):
            time = f"{self.seconds[lesson]:.1f} s, {self.work[lesson]:.1f} s of the processor"
            terminalreporter.write_line(f"{lesson}: {self.passed[lesson]} cells, {time}")
        for cell, seconds in sorted(self.cells.items(), key=lambda pair: -pair[1])[:SHOWN]:
            terminalreporter.write_line(f"{cell}: {seconds:.1f} s")
        for problem in self.problems:
            terminalreporter.write_line(f"RED  {problem}", red=True)


def code_cells(path: Path) -> int:
    """How many code cells a notebook has."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(cell["cell_type"] == "code" for cell in cells)
