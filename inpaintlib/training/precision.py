"""Which number format trains faster on this machine: tried, not guessed."""

import copy
import time
from itertools import pairwise, repeat

import torch

from inpaintlib.images import Batch
from inpaintlib.models.contract import Model
from inpaintlib.training.loop import PRECISIONS, train

GAIN = 1.1
"""bfloat16 must be at least so many times as fast: it rounds to three digits, for that it pays."""


def quickest(model: Model, batch: Batch, *, accumulate: int = 1) -> tuple[str, str]:
    """The precision to train a model in here, and what each took, in words.

    Args:
        model: on its device; neither it nor the random state is changed.
        batch: a training batch.
        accumulate: parts of a batch.

    Returns:
        "float32" or "bfloat16", and for example "float32 120 ms, bfloat16 70 ms".
    """
    seconds = time_precisions(model, batch, accumulate=accumulate)
    times = ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in seconds.items())
    return faster(seconds), times


def time_precisions(
    model: Model, batch: Batch, *, accumulate: int = 1, repeats: int = 3
) -> dict[str, float]:
    """Seconds of a training step in each precision, on copies; arguments as for `quickest`.

    Steps near the run's end are timed, because all networks of a game take part in them: `repeats`
    after one that does not count. The fastest does, for other work on the machine can only slow a
    step down.
    """
    last = model.config.steps
    seconds = {}
    devices = [model.device] if model.device.type == "cuda" else []
    for precision in PRECISIONS:
        with torch.random.fork_rng(devices):
            records = train(
                copy.deepcopy(model),
                repeat(batch),
                start=max(0, last - repeats),
                steps=max(0, last - repeats) + repeats + 1,
                precision=precision,
                accumulate=accumulate,
            )
            times = [time.perf_counter()]
            for _ in records:
                if devices:
                    torch.cuda.synchronize()
                times.append(time.perf_counter())
        seconds[precision] = min(after - before for before, after in pairwise(times[1:]))
    return seconds


def faster(seconds: dict[str, float]) -> str:
    """The precision to train in.

    Example:
        >>> faster({"float32": 1.0, "bfloat16": 0.95}), faster({"float32": 1.0, "bfloat16": 0.5})
        ('float32', 'bfloat16')
    """
    return "bfloat16" if seconds["float32"] > GAIN * seconds["bfloat16"] else "float32"
