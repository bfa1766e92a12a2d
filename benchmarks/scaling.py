"""Claim: two processes train faster than one, and the same.

The step of a lesson preset, its batch divided among 1 or 2 processes of one thread each that talk
through gloo, as under torchrun; and, for comparison, one process of two threads. The runs take
turns, and each is launched anew.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from itertools import repeat

import torch
from measure import arguments, report

from inpaintlib.training import distributed
from inpaintlib.training.loop import train
from inpaintlib.training.recipes import RECIPES, make, preset
from inpaintlib.training.run import channels_last, prepare

WAYS = {"1 process": (1, 1), "1 process, 2 threads": (1, 2), "2 processes": (2, 1)}
WARM_UP = 2


def work(name: str, steps: int, threads: int) -> None:
    """One process's share of a run; process 0 prints the median seconds of a step."""
    from step_time import pictures

    torch.set_num_threads(threads)
    device = distributed.start(torch.device("cpu"))
    torch.manual_seed(0)
    family = prepare(make(name), device)
    batch = channels_last(distributed.share(pictures(preset(name).config)))
    start = preset(name).config.steps  # late: every network takes part
    seconds, before = [], time.perf_counter()
    for _ in train(family, repeat(batch), start=start, steps=start + WARM_UP + steps):
        now = time.perf_counter()
        seconds.append(now - before)
        before = now
    if distributed.rank() == 0:
        print(json.dumps(statistics.median(seconds[WARM_UP:])))
    distributed.finish(0)


def launch(name: str, steps: int, processes: int, threads: int) -> float:
    """Seconds of a step on so many processes."""
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += [__file__, "--worker", name, str(steps), str(threads)]
    settings = os.environ | {"OMP_NUM_THREADS": str(threads)}
    return json.loads(subprocess.run(command, env=settings, check=True, stdout=-1).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        name, steps, threads = sys.argv[2:]
        work(name, int(steps), int(threads))
        return
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--family", choices=RECIPES, default="context-encoder")
    parser.add_argument("--steps", type=int, default=12, help="timed in each run")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.repeats):
        for way, shape in WAYS.items():
            seconds[way].append(launch(options.family, options.steps, *shape))
    times = {way: statistics.median(values) for way, values in seconds.items()}
    rows = [
        {"way": way, "step ms": 1000 * value, "times as fast": times["1 process"] / value}
        for way, value in times.items()
    ]
    report(rows, options)


if __name__ == "__main__":
    main()
