"""`python -m inpaintlib grade`: from what was handed in to marks, feedback, a list for a person."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from classroom.course import ASSIGNMENTS
from classroom.grading.collect import collect
from classroom.grading.report import write_report
from classroom.grading.work import Graded, Work


def grade(
    place: Path,
    out: Path,
    *,
    due: datetime | None = None,
    jobs: int | None = None,
    say: Callable[[str], None],
) -> list[Graded]:
    """Grade everything in a folder or zip; write marks, feedback, and what needs a person.

    Args:
        place: a folder or a zip of submissions.
        out: the table of marks, a `.csv`; the rest goes into the folder of its name beside it.
        due: uploads after it are marked as late; no points are taken off.
        jobs: submissions graded at a time; as many as there are cores if None.
        say: called with a line for each submission.

    Raises:
        ValueError: nothing was handed in, or the reference solutions do not get full points here.
        ImportError: nbgrader is not installed.
    """
    folder = out.with_suffix("")
    work = Work(folder / "kept")
    names = sorted(path.name for path in (ASSIGNMENTS / "source").iterdir())
    chosen, rejected = collect(place, names, due)
    if due and len(chosen) > 1 and all(one.time > due for one in chosen):
        say(
            f"every file is later than {due}: are these the times of the download? "
            "see assignments/README.md"
        )
    work.course  # noqa: B018  # made here, before several threads ask for it
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        needed = sorted({one.assignment for one in chosen})
        for assignment, _ in zip(needed, pool.map(work.check, needed), strict=True):
            say(f"{assignment}: the reference solutions get full points")
        tasks = [pool.submit(work.grade, one) for one in chosen]
        graded = []
        for number, task in enumerate(tasks, start=1):
            graded.append(task.result())
            one = graded[-1].submission
            say(f"{number}/{len(tasks)} {one.student} · {one.assignment}")
    finally:  # after Ctrl-C or an error, what has not begun is not begun
        pool.shutdown(cancel_futures=True)
    for one in rejected:
        graded.append(Graded(one, human=list(one.notes)))
    write_report(graded, out, work)
    return graded
