"""An audit hook (PEP 578) that notes, and refuses, what no exercise needs.

Inside bubblewrap it only makes attempts visible: the sandbox is the wall. Where bubblewrap is
missing it is all there is, and code that means it passes it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

FORBIDDEN = {
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("subprocess.Popen", "os.kill", "os.killpg", "ctypes.dlopen", "signal.pthread_kill"),
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
    *("socket.bind", "socket.sendmsg", "sys.settrace", "sys.setprofile"),
}
READS = {"os.listdir", "os.scandir"}
CHANGES = {
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.link"),
    *("os.symlink", "shutil.rmtree", "sqlite3.connect"),
}
MOVES = {"os.rename", "os.link", "os.symlink"}  # their second path is written too
HARMLESS = {"/dev/null", "/dev/urandom", ":memory:"}
MODULES = {"_posixsubprocess", "multiprocessing.spawn", "multiprocessing.popen_fork"}
MOST = 5  # attempts that are told of


def watch(scratch: Path, readable: list[Path], tell: Callable[[str], None]) -> Callable:
    """An audit hook: code may write in `scratch` only, and read that and the `readable` folders."""
    searched = {os.path.realpath(place or ".") for place in sys.path}

    def within(path: object, folders: list[Path]) -> bool:
        try:
            place = Path(os.path.realpath(os.fsdecode(path)))  # ty: ignore
        except (TypeError, ValueError):
            return False
        return any(place.is_relative_to(folder) for folder in folders)

    def allowed(event: str, arguments: tuple) -> bool:
        if event in FORBIDDEN:
            return False
        if event == "import":
            return arguments[0] not in MODULES
        if event not in CHANGES | READS and event != "open":
            return True
        if event in MOVES and not within(arguments[1], [scratch]):
            return False
        path, mode, flags = (
            (*arguments, None, None)[:3] if event == "open" else (arguments[0], "r", 0)
        )
        if isinstance(path, int) or str(path) in HARMLESS or within(path, [scratch]):
            return True
        writes = event in CHANGES or any(letter in str(mode or "") for letter in "wax+")
        writes = writes or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if event in READS:  # how `import` looks for modules
            return within(path, readable) or os.path.realpath(path or ".") in searched
        return not writes and within(path, readable)

    def hook(event: str, arguments: tuple) -> None:
        if not allowed(event, arguments):
            what = f"{event} {str(arguments[0])[:200] if arguments else ''}".strip()
            tell(what)
            raise PermissionError(f"not allowed while grading: {what}")

    return hook
