"""What the benchmarks share: interleaved medians, peak memory, a table, the command line."""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is first loaded

import torch

Row = dict[str, Any]


def arguments(description: str, *, repeats: int) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--repeats", type=int, default=repeats, help="measurements, the median counts"
    )
    parser.add_argument("--threads", type=int, default=1, help="of torch, on the CPU")
    parser.add_argument("--json", type=Path, help="also save the numbers here")
    return parser


def medians(
    candidates: dict[str, Callable[[], object]], *, repeats: int, warm_up: int = 2
) -> dict[str, float]:
    """Median seconds of each candidate.

    They take turns within every repeat, so that a busy machine slows them all alike and their
    ratios hold.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(-warm_up, repeats):
        for name, run in candidates.items():
            synchronise()
            start = time.perf_counter()
            run()
            synchronise()
            if repeat >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def synchronise() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory(
    device: str, prepare: Callable[..., Callable[[], object]], *values: object
) -> float:
    """Peak MiB of `prepare(*values)()` and of what `prepare` makes, in a process of its own.

    On the CPU it is the growth of the resident set over a process that has loaded torch; on a GPU
    what torch's allocator handed out.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (device, torch.get_num_threads(), prepare, values))


def _peak(device: str, threads: int, prepare: Callable[..., Callable[[], object]], values) -> float:
    torch.set_num_threads(threads)
    before = _resident()
    prepare(*values)()
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return _resident() - before


def _resident() -> float:
    """The largest resident set so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike getrusage it does not begin with the size of the parent process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def devices() -> list[str]:
    """The CPU, and the GPU where there is one."""
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def report(rows: list[Row], options: argparse.Namespace) -> None:
    """Print a table with a column a key; save the rows with the machine if `--json` is given."""
    cells = [[str(key) for key in rows[0]], *([show(row[key]) for key in rows[0]] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        first, *rest = zip(line, widths, strict=True)
        print(first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest), sep="  ")
    if options.json:
        machine = {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "processors": os.cpu_count(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        }
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def show(value: object) -> str:
    """Three digits of a number, a dash for what was not measured."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
