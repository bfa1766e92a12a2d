"""Right answers to a lesson's exercises, other than its references."""

from pathlib import Path

from classroom.course import ASSIGNMENTS
from classroom.mutants import solutions

SOLUTIONS = Path(__file__).parent / "lessons" / "solutions"


def right_ones(master: Path) -> dict[str, str]:
    """One right solution for each exercise, none of them the reference.

    From `lessons/solutions/NN.py`, and for an exercise that does not stand there the first in
    `assignments/right`.
    """
    own = SOLUTIONS / f"{master.stem[:2]}.py"
    bank = solutions(ASSIGNMENTS / "right" / master.name)
    bank |= solutions(own) if own.exists() else {}
    return {name: next(iter(styles.values())) for name, styles in bank.items()}
