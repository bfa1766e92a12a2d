"""Right work keeps its points on the whole way: rebuilt, in the sandbox, through its wall."""

from pathlib import Path

import pytest

from classroom.course import ASSIGNMENTS
from classroom.grading.work import Work

NAMES = sorted(path.name for path in (ASSIGNMENTS / "source").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_solution_gets_full_points(name: str, tmp_path: Path):
    Work(tmp_path).check(name)
