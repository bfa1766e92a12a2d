"""The walls around a student's process: bubblewrap, where it is installed and allowed.

Inside, the process sees the Python environment and the package, read-only, and a scratch folder of
limited size in memory: no other file, no network, no other process, no environment variable that
is not named here. It cannot start a process either (seccomp).
"""

import functools
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from classroom.course import ROOT
from inpaintlib.data.cache import cache_folder

MEMORY = 2_000_000_000  # bytes of a student's process
SCRATCH = 200_000_000  # bytes that it may write
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts")
SECCOMP = {  # machine: (architecture, clone, clone3, fork and vfork)
    "x86_64": (0xC000003E, 56, 435, (57, 58)),
    "aarch64": (0xC00000B7, 220, 435, ()),
}
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
THREAD = 0x00010000  # the flag CLONE_THREAD


@dataclass
class Walls:
    """How to start a student's process.

    Attributes:
        command: the words of the command.
        environment: all of its environment variables.
        secret: a file descriptor that the command reads, or None.
    """

    command: list[str]
    environment: dict[str, str]
    secret: int | None = None


@functools.cache
def available() -> bool:
    """Whether bubblewrap is installed, new enough, and may make this very sandbox here.

    Before 0.8 it cannot forbid further namespaces or limit the scratch folder. No wall is left out.
    """
    if not shutil.which("bwrap"):
        return False
    inside = walls(Path("/tmp"), sandbox=True)
    trial = [*inside.command[: inside.command.index("--")], "--", "true"]
    secrets = () if inside.secret is None else (inside.secret,)
    try:
        done = subprocess.run(
            trial, env=inside.environment, pass_fds=secrets, capture_output=True, timeout=60
        )
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        for secret in secrets:
            os.close(secret)


def readable() -> list[Path]:
    """What a student's process may read: Python, the package, drawn data and weights."""
    grading = ROOT / "classroom" / "grading"
    places = [
        *(Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]),
        *(ROOT / "inpaintlib", ROOT / "drawings", ROOT / "pyproject.toml", ROOT / "data/weights"),
        *(ROOT / "classroom/__init__.py", grading / "__init__.py", grading / "room"),
        cache_folder(),
    ]
    return [place for place in dict.fromkeys(p.resolve() for p in places) if place.exists()]


def walls(scratch: Path, *, sandbox: bool) -> Walls:
    """The command that starts a student's process, in a sandbox or, second best, without.

    Args:
        scratch: its folder; in the sandbox a fresh one in memory takes its place.
        sandbox: whether to use bubblewrap, see `available`.
    """
    place = "/tmp" if sandbox else str(scratch)  # of the sandbox's own
    settings = {
        "memory": MEMORY,
        "scratch": place,
        "scratch_size": SCRATCH,
        "readable": [*map(str, readable()), "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys"],
    }
    prefix = Path(sys.prefix).resolve()
    python = str(prefix / Path(sys.executable).relative_to(sys.prefix))
    serve = [python, "-m", "classroom.grading.room.serve", json.dumps(settings)]
    if not sandbox:
        return Walls(serve, environment(place))
    program = seccomp()
    secret = None
    # by its whole path: the PATH of a student's process may not hold it
    words = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--unshare-user"]
    words += ["--disable-userns", "--cap-drop", "ALL"]
    words += ["--die-with-parent", "--new-session", "--hostname", "room"]
    for path in SYSTEM:
        if Path(path).is_symlink():
            words += ["--symlink", os.readlink(path), path]
        else:
            words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH), "--tmpfs", place]
    for path in map(str, readable()):
        words += ["--ro-bind", path, path]
    words += [
        "--dir",
        str(ROOT / "notebooks"),
    ]  # empty: by it the package knows the course's folder
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", place]
    if program:
        secret, end = os.pipe()
        os.write(end, program)
        os.close(end)
        words += ["--seccomp", str(secret)]
    return Walls([*words, "--", *serve], environment(place), secret)


def environment(scratch: str) -> dict[str, str]:
    """The environment variables of a student's process; none of the teacher's is among them."""
    kept = {k: os.environ[k] for k in ("SYSTEMROOT", "LD_LIBRARY_PATH") if k in os.environ}
    return kept | {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "MPLCONFIGDIR": scratch,
        "MPLBACKEND": "Agg",
        "IPYTHONDIR": scratch,
        "USER": "student",
        "INPAINTLIB_DATA": "drawn",
        "INPAINTLIB_CACHE": str(cache_folder().resolve()),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def seccomp() -> bytes:
    """A filter (classic BPF) by which threads can be made and processes cannot; empty if unknown.

    Raises nothing: for another machine there is no filter, and the other walls stand.
    """
    known = SECCOMP.get(platform.machine())
    if known is None:
        return b""
    architecture, clone, clone3, forks = known
    load, equal, any_bit, above, answer = 0x20, 0x15, 0x45, 0x35, 0x06

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("<HBBI", code, yes, no, value)

    rules = b""
    for number in forks:
        rules += step(equal, number, 0, 1) + step(answer, EPERM)
    return b"".join(
        [
            step(load, 4) + step(equal, architecture, 1, 0) + step(answer, EPERM),
            step(load, 0) + step(above, 0x40000000, 0, 1) + step(answer, EPERM),  # x32
            rules,
            step(equal, clone3, 0, 1) + step(answer, ENOSYS),  # then libc takes `clone`
            step(equal, clone, 0, 3) + step(load, 16) + step(any_bit, THREAD, 1, 0),
            step(answer, EPERM),
            step(answer, ALLOW),
        ]
    )
