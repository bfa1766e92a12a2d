"""Summaries of values per picture: means with intervals, paired differences, attribute slices."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, tensor


def interval(values: Tensor) -> dict[str, float | None]:
    """Mean and 95 % confidence interval over pictures; None where fewer than two are finite.

    Mean ± 1.96 standard errors, for many pictures: of 5, it covers the truth only 88 times of 100.
    A perfect fill has infinite PSNR; it does not count in the mean of the others.
    """
    finite = values[values.isfinite()].double()
    if len(finite) < 2:
        return {"mean": None, "low": None, "high": None}
    mean, error = float(finite.mean()), 1.96 * float(finite.std()) / math.sqrt(len(finite))
    return {"mean": short(mean), "low": short(mean - error), "high": short(mean + error)}


def paired(one: Sequence[float | None], other: Sequence[float | None]) -> dict[str, Any]:
    """The mean of `one - other`, picture by picture, with its interval: cards' "values"."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return interval(tensor([a - b for a, b in pairs]))


def slices(values: Tensor, attributes: Mapping[str, Tensor]) -> dict[str, Any]:
    """For each attribute that 5 pictures have and 5 have not: both means with their intervals."""
    found = {}
    for name, flags in attributes.items():
        if min(int(flags.sum()), int((~flags).sum())) >= 5:
            with_it, without = interval(values[flags]), interval(values[~flags])
            found[name] = {"count": int(flags.sum()), "with": with_it, "without": without}
    return found


def rounded(values: Tensor) -> list[float | None]:
    """For a card: four digits, None for what is not finite."""
    return [short(value) if math.isfinite(value) else None for value in values.tolist()]


def short(value: float) -> float:
    """A number as a card shows it: four digits."""
    return round(value, 4)
