"""General checks for exercises in which the learner writes a test."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def judges(
    test: Callable[[Callable], Any],
    right: Mapping[str, Callable],
    wrong: Mapping[str, Callable],
    *,
    times: int = 3,
) -> None:
    """Assert that a test which a learner wrote tells right functions from wrong ones.

    Args:
        test: from a function to True or False; it may draw its inputs by chance.
        right: functions that must pass, by a few words for the message.
        wrong: functions that must not, see `slips`.
        times: how often each is tried, so that a test which sees something by luck only is mostly
            found out.

    Raises:
        AssertionError: with the function that it takes for what it is not.
    """
    __tracebackhide__ = True
    for _ in range(times):
        for expected, functions in ((True, right), (False, wrong)):
            for name, function in functions.items():
                found = test(function)
                plain = isinstance(found, bool | np.bool_)
                assert plain, f"return True or False, not {type(found).__name__}"
                told = "rejects a right one" if expected else "lets this pass"
                assert bool(found) is expected, f"your test {told}: {name}"


def slips(right: Callable[..., Tensor]) -> dict[str, Callable[..., Tensor]]:
    """Wrong functions made of a right one that gives pictures (B, C, H, W): each errs a little.

    For some samples, channels, rows, columns or single values only, or by less than a byte, or so
    that means stay. A test sees all of them if its samples (three or more), channels (three or
    more), rows, columns and values differ, some negative, and it compares every value.
    """

    def slip(change: Callable[[Tensor], Any]) -> Callable[..., Tensor]:
        def wrong(*arguments: Any) -> Tensor:
            result = right(*arguments).clone()
            new = change(result)
            return result if new is None else new

        return wrong

    def part(axis: int, place: str) -> Callable[[Tensor], Tensor]:
        """One sample, channel, row or column, off by a tenth."""

        def change(x: Tensor) -> Tensor:
            where = {"first": 0, "middle": x.shape[axis] // 2, "last": x.shape[axis] - 1}[place]
            return x.index_copy(axis, torch.tensor([where]), 0.9 * x.narrow(axis, where, 1))

        return change

    def single(*place: float) -> Callable[[Tensor], None]:
        """One value; its place in shares of the sizes."""

        def change(x: Tensor) -> None:
            where = (int(p * (size - 1)) for p, size in zip(place, x.shape, strict=True))
            x[tuple(where)] += 0.05

        return change

    def see_saw(x: Tensor) -> None:
        """Two neighbours, one up, one down: no mean changes."""
        x[..., 0, 0] += 0.05
        x[..., 0, 1] -= 0.05

    axes = ("sample", "channel", "row", "column")
    changes: dict[str, Callable[[Tensor], Any]] = {
        f"the {place} {name} is off by a tenth": part(axis, place)
        for axis, name in enumerate(axes)
        for place in ("first", "middle", "last")
    }
    changes |= {
        "one value in a corner of the first sample": single(0, 0, 0, 0),
        "one value in a corner of the last sample": single(1, 1, 1, 1),
        "one value on the border": single(0.5, 0.5, 0.5, 1),
        "one value inside": single(0.5, 0.5, 0.5, 0.5),
        "two values, so that the mean stays": see_saw,
        "rounded to bytes": lambda x: (x * 127.5).round() / 127.5,
        "a thousandth too bright": lambda x: x + 1e-3,
        "the sign lost": lambda x: x.abs(),
        "values below 0 lost": lambda x: x.clamp(min=0),
        "large values cut": lambda x: x.clamp(-0.8, 0.8),
        "samples in another order": lambda x: x.flip(0),
        "channels in another order": lambda x: x.flip(1),
        "mirrored": lambda x: x.flip(3),
        "upside down": lambda x: x.flip(2),
        "one pixel to the side": lambda x: x.roll(1, 3),
        "the first sample for all": lambda x: x[:1].expand_as(x),
        "the mean over channels": lambda x: x.mean(1, keepdim=True).expand_as(x),
    }
    return {name: slip(change) for name, change in changes.items()}
