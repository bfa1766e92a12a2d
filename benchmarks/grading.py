"""Claim: 200 notebooks take half an hour of one core, in memory that does not grow with the class.

    python benchmarks/grading.py --count 20 --assignment 00_holes --jobs 1

Makes that many right notebooks, no two alike, grades them with the command's own function, and says
what 200 would take: processor time and, with `--jobs` at a time, the most memory of all processes
together. The reference solutions, graded once for a class, are told apart.
"""

import argparse
import resource
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil

from classroom.course import ASSIGNMENTS
from classroom.grading.rebuild import grade_id
from classroom.grading.run import grade

CLASS = 200


def write_class(folder: Path, assignment: str, count: int) -> None:
    """Right notebooks under names of their own."""
    source, release = (
        nbformat.read(ASSIGNMENTS / part / assignment / f"{assignment}.ipynb", as_version=4)
        for part in ("source", "release")
    )
    solutions = {grade_id(cell): cell.source for cell in source.cells}
    for number in range(count):
        for cell in release.cells:
            if cell.metadata.nbgrader.solution and cell.cell_type == "code":
                cell.source = f"{solutions[grade_id(cell)]}\n# student {number}"
        nbformat.write(release, folder / f"student {number:03d}.ipynb")


class Memory(threading.Thread):
    """The most memory (PSS, which counts shared pages once) of this process and all it starts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.over = 0.0, threading.Event()

    def run(self) -> None:
        """Look five times a second."""
        here = psutil.Process()
        while not self.over.wait(0.2):
            total = 0
            for process in [here, *here.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except (psutil.Error, AttributeError):
                    continue
            self.most = max(self.most, total / 2**20)


def measured(folder: Path, out: Path, jobs: int) -> tuple[float, float, float]:
    """Seconds of the clock, of the processor, and the most MiB of one run of the command."""
    memory, start, before = Memory(), time.perf_counter(), spent()
    memory.start()
    graded = grade(folder, out, jobs=jobs, say=lambda _: None)
    memory.over.set()
    assert all(one.complaints == {} and not one.human for one in graded), "right work lost points"
    return time.perf_counter() - start, spent() - before, memory.most


def spent() -> float:
    """Processor seconds of ended children and of this process."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Measure one notebook, then the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--assignment", default="00_holes")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "handed in"
        folder.mkdir()
        write_class(folder, chosen.assignment, 1)
        first = measured(folder, Path(place) / "marks.csv", chosen.jobs)
        write_class(folder, chosen.assignment, chosen.count)
        rest = measured(folder, Path(place) / "marks.csv", chosen.jobs)
    each = rest[1] / (chosen.count - 1)  # the first one and the references are not graded again
    print(f"{chosen.assignment}, {chosen.count} notebooks, {chosen.jobs} at a time")
    print(f"the first, with the reference solutions: {first[1]:.0f} s of the processor")
    print(f"each of the others: {each:.1f} s of the processor")
    print(f"the clock: {first[0] + rest[0]:.0f} s; most memory: {max(first[2], rest[2]):.0f} MiB")
    total = first[1] + (CLASS - 1) * each
    print(f"{CLASS} notebooks: {total / 60:.0f} minutes of one free core")


if __name__ == "__main__":
    main()
