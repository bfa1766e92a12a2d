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

    def allowed(event: str, arguments: tuple) -> bool:
        if event in FORBIDDEN:
            return False
        if event == "import":
            return arguments[0] not in MODULES
        if event in READS:  # how `import` looks for modules
            path = arguments[0]
            return within(path, readable) or os.path.realpath(path or ".") in searched
        if event in CHANGES:
            places = arguments[:2] if event in MOVES else arguments[:1]
            return all(within(place, [scratch]) for place in places)
        if event == "open":
            path, mode, flags = (*arguments, None, None)[:3]
            own = isinstance(path, int) or str(path) in HARMLESS or within(path, [scratch])
            return own or (not writes(mode, flags) and within(path, readable))
        return True

    def hook(event: str, arguments: tuple) -> None:
        if not allowed(event, arguments):
            what = f"{event} {str(arguments[0])[:200] if arguments else ''}".strip()
            tell(what)
            raise PermissionError(f"not allowed while grading: {what}")

    return hook


def within(path: object, folders: list[Path]) -> bool:
    """Whether a path lies in one of the folders, wherever its links lead."""
    try:
        place = Path(os.path.realpath(os.fsdecode(path)))  # ty: ignore
    except (TypeError, ValueError):
        return False
    return any(place.is_relative_to(folder) for folder in folders)


def writes(mode: object, flags: object) -> bool:
    """Whether a file is opened to be changed."""
    if any(letter in str(mode or "") for letter in "wax+"):
        return True
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
