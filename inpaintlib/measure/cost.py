"""What a computation costs, in memory and in time."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(work: Callable[[], object]) -> float | None:
    """The most memory, in MiB, that `work` had beyond what was there before; None if not Linux.

    The kernel's own account of resident pages: what is taken and given back in between counts.
    Pages that the process has but does not use are given back first.
    """
    with suppress(AttributeError, OSError, TypeError):  # not glibc: nothing is given back
        ctypes.CDLL(None).malloc_trim(0)
    try:
        CLEAR.write_text("5")  # the high-water mark starts anew
        before = _kibibytes("VmRSS")
    except OSError:
        return None
    work()
    return round(max(0, _kibibytes("VmHWM") - before) / 1024, 1)


def _kibibytes(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    began = perf_counter()
    run()
    return perf_counter() - began
