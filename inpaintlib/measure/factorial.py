"""A designed experiment: two switches in all four positions, with the same seeds in each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Effect(NamedTuple):
    """What a switch does: per seed, the mean, and the bounds of its 95 % interval."""

    seeds: list[float]
    mean: float
    low: float
    high: float

    @property
    def is_settled(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def effects(runs: ArrayLike) -> tuple[Effect, ...]:
    """What two switches and their interaction do to a value.

    What is chance: every run, less the mean of its setting and that of its seed; Student's t makes
    an interval of it (randomised blocks: Montgomery, Design and Analysis of Experiments, ch. 4).

    Args:
        runs: (2, 2, seeds), 2 seeds at least: the first switch off and on, the second, per seed.

    Returns:
        The first switch's effect, on minus off, over both positions of the other one; the second's;
        and what the second does beside the first minus what it does alone.

    Raises:
        ValueError: another shape.
    """
    value = np.asarray(runs, dtype=float)
    if value.ndim != 3 or value.shape[:2] != (2, 2) or value.shape[2] < 2:
        raise ValueError(f"expected runs of shape (2, 2, seeds), 2 seeds at least: {value.shape}")
    flat, count = value.reshape(4, -1), value.shape[2]
    chance = flat - flat.mean(0) - flat.mean(1, keepdims=True) + flat.mean()
    free = 3 * (count - 1)
    half = stats.t.ppf(0.975, free) * np.sqrt((chance**2).sum() / free / count)
    alone, beside = value[:, 1] - value[:, 0]  # what the second does, (seeds,) each
    first = (value[1] - value[0]).mean(axis=0)
    parts = (first, half), ((alone + beside) / 2, half), (beside - alone, 2 * half)
    return tuple(
        Effect(
            seeds.tolist(), float(seeds.mean()), *(float(seeds.mean() + s * width) for s in (-1, 1))
        )
        for seeds, width in parts
    )
