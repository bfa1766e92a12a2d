"""A designed experiment: two switches in all four positions, with the same seeds in each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
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


def effects(runs: Sequence | np.ndarray) -> tuple[Effect, Effect, Effect]:
    """What two switches and their interaction do to a value, in a 2 × 2 design with paired seeds.

    What is chance: every run, less the mean of its setting and that of its seed. Its size is one
    number for all runs; Student's t makes an interval of it (randomised blocks: Montgomery, Design
    and Analysis of Experiments, chapters 4 and 5).

    Args:
        runs: (2, 2, seeds), 2 seeds at least: the value with the first switch off and on, with the
            second off and on, per seed.

    Returns:
        The first switch's effect, on minus off, over both positions of the other one; the second's;
        and what the second does beside the first minus what it does alone.

    Raises:
        ValueError: another shape.

    Example:
        >>> first, second, together = effects([[[1.0, 2.0], [1.0, 2.0]], [[4.0, 5.0], [4.0, 5.0]]])
        >>> first.mean, second.mean, together.mean
        (3.0, 0.0, 0.0)
    """
    value = np.asarray(runs, dtype=float)
    if value.ndim != 3 or value.shape[:2] != (2, 2) or value.shape[2] < 2:
        raise ValueError(f"expected runs of shape (2, 2, seeds), 2 seeds at least: {value.shape}")
    count = value.shape[2]
    flat = value.reshape(4, count)
    chance = flat - flat.mean(0) - flat.mean(1, keepdims=True) + flat.mean()
    free = 3 * (count - 1)
    half = stats.t.ppf(0.975, free) * np.sqrt((chance**2).sum() / free / count)
    alone, beside = value[:, 1] - value[:, 0]  # what the second does, (seeds,) each
    switched = value[1] - value[0], (alone, beside), (beside - alone,)
    found = []
    for parts, width in zip(switched, (half, half, 2 * half), strict=True):
        seeds = np.mean(parts, axis=0)
        mean = float(seeds.mean())
        found.append(Effect(seeds.tolist(), mean, float(mean - width), float(mean + width)))
    return found[0], found[1], found[2]
