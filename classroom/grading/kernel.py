"""The kernel that runs students' code: little memory, a folder of its own, no network, no programs.

    python -m classroom.grading.kernel -f CONNECTION_FILE      started by Jupyter, see autograde.py

A fence, not a wall: it stops mistakes and ordinary cheating with Python's audit events (PEP 578),
and writes down what it stopped. Who must grade strangers' code runs the command in a container.
"""

import json
import os
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "INPAINTLIB_FENCE"
FORBIDDEN = {
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("subprocess.Popen", "os.kill", "os.killpg", "ctypes.dlopen", "signal.pthread_kill"),
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
}
CHANGES = {
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.link"),
    *("os.symlink", "shutil.rmtree", "sqlite3.connect"),
}
MOVES = {"os.rename", "os.link", "os.symlink"}  # their second path is written too
HARMLESS = {"/dev/null", ":memory:"}


def main() -> None:
    """Build the fence from the environment, then be an ordinary IPython kernel."""
    settings = json.loads(os.environ.pop(VARIABLE))
    limit_memory(settings["memory"])
    os.chdir(settings["scratch"])
    sys.dont_write_bytecode = True

    import torch  # noqa: F401  # slow, and loads libraries: before the fence
    from ipykernel.kernelapp import launch_new_instance

    platform.processor()  # asked for by libraries, and answered by a program: remembered now
    log = os.open(settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    hidden = [Path(path).resolve() for path in settings["hidden"]]
    sys.addaudithook(fence(Path(settings["scratch"]).resolve(), hidden, log))
    launch_new_instance(kernel_class=forgetful_kernel())


def forgetful_kernel() -> type:
    """A kernel that lets go of what a failed cell held, which may be all the memory there is."""
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.zmqshell import ZMQInteractiveShell

    class Shell(ZMQInteractiveShell):
        def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
            super()._showtraceback(etype, evalue, stb)
            traceback.clear_frames(evalue.__traceback__)

    class Kernel(IPythonKernel):
        shell_class = Shell

    return Kernel


def limit_memory(size: int) -> None:
    """Let allocations beyond `size` bytes fail, where the system can (Linux; macOS does not)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fence(scratch: Path, hidden: list[Path], log: int) -> Callable[[str, tuple], None]:
    """An audit hook: code may write in `scratch` only, and read all but the `hidden` folders."""

    def within(path: object, folder: Path) -> bool:
        try:
            return Path(os.path.realpath(os.fsdecode(path))).is_relative_to(folder)  # ty: ignore
        except (TypeError, ValueError):
            return False

    def allowed(event: str, arguments: tuple) -> bool:
        if event in FORBIDDEN:
            return False
        if event not in CHANGES and event != "open":
            return True
        if event in MOVES and not within(arguments[1], scratch):
            return False
        path, mode, flags = (
            (*arguments, None, None)[:3] if event == "open" else (arguments[0], "w", 0)
        )
        if isinstance(path, int) or str(path) in HARMLESS or within(path, scratch):
            return True
        writes = any(letter in str(mode or "") for letter in "wax+")
        writes = writes or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        return not writes and not any(within(path, folder) for folder in hidden)

    def hook(event: str, arguments: tuple) -> None:
        if not allowed(event, arguments):
            what = f"{event} {str(arguments[0])[:200] if arguments else ''}"
            os.write(log, f"{what}\n".encode())
            raise PermissionError(f"not allowed while grading: {what}")

    return hook


if __name__ == "__main__":
    main()
