"""A student's process: it runs the cells of a notebook, then calls what they defined.

    python -m classroom.grading.room.serve SETTINGS      started by classroom/grading/visit.py

Nothing that it says is believed but the values that a student's function returned: the checks run
in the grader's process, and their results are made there.
"""

import ast
import contextlib
import functools
import gc
import json
import os
import pickle
import platform
import random
import signal
import sys
import traceback
from collections.abc import Generator
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from classroom.grading.room import wire
from classroom.grading.room.watch import MOST, watch
from inpaintlib.notebook import exercises

OUT_OF_MEMORY = ("allocate memory", "out of memory", "DefaultCPUAllocator", "bad allocation")
ALSO_RUN = {"time", "timeit", "capture", "prun"}  # cell magics around ordinary code


class TooLong(BaseException):
    """A cell or a call took longer than it may."""


class Shell:
    """What `%magics` and `!commands` become: nothing, but for the code inside `%%time`."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def run_cell_magic(self, name: str, _: str, body: str) -> None:
        """Run the code in a cell magic that only measures."""
        if name in ALSO_RUN:
            exec(compile(body, "<magic>", "exec"), self.names)

    def getoutput(self, *_: Any, **__: Any) -> list[str]:
        """The lines that a program printed, which was not run."""
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Room:
    """The student's names, and the calls that have been made."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.switched_off = exercises.switched_off  # as it is before a student's cell has run
        self.calls: list[tuple[list, list, list]] = []  # leaves, results, what was sent
        self.networks: list[nn.Module] = []  # that calls have returned
        self.tried: list[str] = []
        module = ModuleType("__main__")
        sys.modules["__main__"] = module
        self.names = vars(module)
        shell = Shell(self.names)
        self.names |= {"get_ipython": lambda: shell, "display": lambda *_, **__: None}

    def cell(self, name: str, source: str, seconds: float) -> dict:
        """Run a cell; what an import or a trial call raises does not stop the rest of it."""
        from IPython.core.inputtransformer2 import TransformerManager

        problems: list[dict] = []
        try:
            # IPython drops the empty lines at the top; an error should name the line that is seen
            empty = len(list(takewhile(lambda line: not line.strip(), source.splitlines())))
            tree = ast.parse("\n" * empty + TransformerManager().transform_cell(source))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", 0) or 0
            return {"problem": {"kind": "SyntaxError", "cell": name, "line": line}}
        with limit(seconds):
            for statement in tree.body:
                code = compile(ast.Module([statement], []), f"<{name}>", "exec")
                try:
                    exec(code, self.names)
                except BaseException as error:
                    problems.append(problem(error))
                    if not goes_on(statement, error):
                        break
        return {"problem": problems[0] if problems else None}

    def keep(self, name: str) -> dict:
        """Hold on to a function as it is now."""
        self.kept[name] = self.names.get(name)
        return {"callable": callable(self.kept[name])}

    def call(self, name: str | int, blob: bytes, seconds: float, how: dict[str, Any]) -> dict:
        """Call a function, or a network by its number; what it returned, what it changed."""
        arguments, named = pickle.loads(blob)
        function = (
            self.kept[name] if isinstance(name, str) else functools.partial(self.forward, name)
        )
        given = wire.parts((arguments, named))
        leaves = [part for part in given if isinstance(part, torch.Tensor) and part.requires_grad]
        for part, slope in zip(given, how["slopes"], strict=True):
            if slope is not None:
                part.grad = slope
        torch.set_rng_state(how["torch"])
        wire.set_numpy_stream(how["numpy"])
        random.setstate(how["random"])
        try:
            with (
                limit(seconds),
                torch.set_grad_enabled(how["grad"]),
                self.switched_off(how["without"]),
            ):
                result = function(*arguments, **named)
        except BaseException as error:
            return {"problem": problem(error)}
        flat = wire.tensors_in(result)
        self.calls.append((leaves, flat, [part.detach().clone() for part in flat]))
        return {
            "result": self.described(result),
            "state": [wire.state(part) for part in given],
            "torch": torch.get_rng_state(),
            "numpy": wire.numpy_stream(),
            "random": random.getstate(),
            "changed": self.changed(),
        }

    def described(self, result: Any) -> Any:
        """The result with a description in the place of each network."""
        if type(result) in (list, tuple):
            return type(result)(map(self.described, result))
        if not isinstance(result, nn.Module):
            return result
        self.networks.append(result)
        modules = result.named_modules(remove_duplicate=False)
        parts = [[path, *wire.state(part)] for path, part in modules]
        tensors = [
            [path, value.detach(), is_weight, value.requires_grad, value.data_ptr()]
            for is_weight, all_of_a_kind in (
                (True, result.named_parameters(remove_duplicate=False)),
                (False, result.named_buffers(remove_duplicate=False)),
            )
            for path, value in all_of_a_kind
        ]
        return wire.Built(len(self.networks) - 1, parts, tensors)

    def forward(
        self, number: int, tensors: dict[str, torch.Tensor], modes: list[bool], *inputs: Any
    ) -> tuple:
        """A network's output for weights that come from outside, its settings, its parts in use."""
        network, used = self.networks[number], []
        parts = [part for _, part in network.named_modules(remove_duplicate=False)]
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
        hooks = [
            part.register_forward_pre_hook(lambda *_, path=path: used.append(path))
            for path, part in network.named_modules()
        ]
        try:
            result = torch.func.functional_call(network, tensors, inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return result, [wire.state(part) for part in parts], used

    def changed(self) -> list[list]:
        """[call, result, value] of every earlier result that is not what it was."""
        found = []
        for number, (_, now, sent) in enumerate(self.calls[:-1]):
            for place, (value, before) in enumerate(zip(now, sent, strict=True)):
                if not wire.same(value.detach(), before):
                    sent[place] = value.detach().clone()
                    found.append([number, place, value])
        return found

    def backward(self, number: int, blob: bytes) -> dict:
        """The gradients of a call's arguments for those of its results."""
        leaves, results, _ = self.calls[number]
        pairs = [
            (result, slope)
            for result, slope in zip(results, pickle.loads(blob), strict=True)
            if slope is not None and result.requires_grad
        ]
        try:
            outputs, slopes = zip(*pairs, strict=True) if pairs else ((), ())
            found = (
                torch.autograd.grad(outputs, leaves, slopes, retain_graph=True, allow_unused=True)
                if pairs
                else [None] * len(leaves)
            )
        except BaseException as error:
            return {"problem": problem(error)}
        return {"gradients": list(found)}

    def forget(self) -> dict:
        """A check is over: let its results go."""
        self.calls.clear()
        self.networks.clear()
        gc.collect()
        return {}


def encoded(answer: dict) -> bytes:
    """The message; a result that cannot be written is a problem of the student's."""
    try:
        return wire.encode(answer)
    except Exception as error:
        return wire.encode({"problem": problem(error), "tried": answer["tried"]})


def goes_on(statement: ast.stmt, error: BaseException) -> bool:
    """Whether the rest of a cell makes sense without this statement."""
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Expr) and not isinstance(
        error, TooLong | MemoryError
    )


def problem(error: BaseException) -> dict:
    """What went wrong and in which line of the student's, without the words of the exception."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith("<")]
    text = str(error)
    kind = "TooLong" if isinstance(error, TooLong) else type(error).__name__
    if isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY):
        kind = "MemoryError"
    if kind == "AssertionError" and "is switched off" in text:
        kind = "SwitchedOff"
    found = {"kind": kind, "line": mine[-1].lineno or 0 if mine else 0, "words": bool(text)}
    found["cell"] = mine[-1].filename[1:-1] if mine else ""
    traceback.clear_frames(error.__traceback__)  # they may hold all the memory there is
    return found


@contextlib.contextmanager
def limit(seconds: float) -> Generator[None]:
    """Raise TooLong in code that computes for longer; the grader ends what does not listen.

    It is the processor's time that counts, so that a busy computer costs nobody a point.
    """
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    def stop(*_: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def limit_memory(size: int, file_size: int) -> None:
    """Let allocations beyond `size` bytes fail, where the system can (Linux; macOS does not)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer requests until the grader hangs up."""
    settings = json.loads(sys.argv[1])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.argv[1:] = []
    limit_memory(settings["memory"], settings["scratch_size"])
    os.chdir(settings["scratch"])

    import ctypes  # noqa: F401  # opens a library when imported: before the watch

    with contextlib.suppress(ImportError):  # so does this one, which `inpaintlib.photos` imports
        import jpeglib  # noqa: F401

    platform.processor()  # asked for by libraries, and answered by a program: remembered now
    room = Room()

    def tell(what: str) -> None:
        if len(room.tried) < MOST:
            room.tried.append(what)

    readable = [Path(path) for path in settings["readable"]]
    sys.addaudithook(watch(Path(settings["scratch"]).resolve(), readable, tell))
    with contextlib.suppress(EOFError, OSError):
        while True:
            what, *arguments = pickle.loads(wire.receive(requests))
            answer = getattr(room, what)(*arguments)
            tried, room.tried[:] = list(room.tried), []
            wire.send(answers, encoded({**answer, "tried": tried}))


if __name__ == "__main__":
    main()
