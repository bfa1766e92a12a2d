"""Which number format trains faster on this machine: tried, not guessed."""

import copy
import time
from itertools import pairwise, repeat

import torch

from inpaintlib.images import Batch
from inpaintlib.models.contract import Family
from inpaintlib.training.loop import PRECISIONS, train

GAIN = 1.1
"""bfloat16 must be at least so many times as fast: it rounds to three digits, for that it pays."""


def time_precisions(
    family: Family, batch: Batch, *, last_step: int, accumulate: int = 1, repeats: int = 3
) -> dict[str, float]:
    """Seconds of a training step in each precision, on copies: family and random state stay.

    Args:
        family: the model on its device.
        batch: a training batch.
        last_step: the run's; near it all networks of a game take part.
        accumulate: parts of a batch.
        repeats: timed steps, after one that does not count; the fastest does, for other work on
            the machine can only slow a step down.
    """
    seconds = {}
    devices = [family.device] if family.device.type == "cuda" else []
    for precision in PRECISIONS:
        with torch.random.fork_rng(devices):
            records = train(
                copy.deepcopy(family),
                repeat(batch),
                start=max(0, last_step - repeats),
                steps=max(0, last_step - repeats) + repeats + 1,
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
