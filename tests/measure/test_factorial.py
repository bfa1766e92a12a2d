"""The 2 × 2 experiment against an ordinary regression, and by hand."""

import numpy as np
import pytest
from scipy import stats

from inpaintlib.measure.factorial import effects


def by_regression(runs: np.ndarray) -> list[tuple[float, float]]:
    """Estimate and half-width of the 95 % interval of both effects and of the interaction.

    Least squares on switches coded -1/2 and 1/2 and one column per seed.
    """
    count = runs.shape[2]
    a, b, seed = (part.ravel() for part in np.indices(runs.shape))
    one, other = a - 0.5, b - 0.5
    design = np.column_stack([one, other, one * other, np.eye(count)[seed]])
    found, *_ = np.linalg.lstsq(design, runs.ravel(), rcond=None)
    free = runs.size - design.shape[1]
    variance = ((runs.ravel() - design @ found) ** 2).sum() / free
    spread = np.sqrt(variance * np.linalg.inv(design.T @ design).diagonal())
    half = stats.t.ppf(0.975, free) * spread
    return list(zip(found[:3], half[:3], strict=True))


@pytest.mark.parametrize("count", [2, 3, 7])
def test_effects_are_those_of_a_regression(count: int):
    runs = np.random.default_rng(count).normal(size=(2, 2, count)) + np.arange(count)
    for found, (mean, half) in zip(effects(runs), by_regression(runs), strict=True):
        assert found.mean == pytest.approx(mean)
        assert (found.low, found.high) == pytest.approx((mean - half, mean + half))
        assert np.mean(found.seeds) == pytest.approx(mean)


def test_effects_by_hand():
    # alone the first brings 1, the second 2; together they bring 7; the second seed lies 10 higher
    alone = np.array([[0.0, 2.0], [1.0, 7.0]])
    first, second, together = effects(np.stack([alone, alone + 10], axis=2))
    assert (first.mean, second.mean, together.mean) == (3.0, 4.0, 4.0)
    assert first.seeds == [3.0, 3.0]
    assert (first.low, first.high) == (3.0, 3.0), "what all settings of a seed share is no chance"
    assert first.is_settled


def test_an_interval_around_zero_settles_nothing():
    runs = np.random.default_rng(0).normal(size=(2, 2, 3))
    equal = runs - runs.mean(axis=2, keepdims=True)  # all settings have the same mean
    assert [found.is_settled for found in effects(equal)] == [False] * 3
    switched = equal + np.array([5.0, 0.0])[:, None, None]
    assert effects(switched)[0].is_settled


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 4), (2, 2, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="seeds"):
        effects(np.zeros(shape))
