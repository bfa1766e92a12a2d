"""The grader's side of a student's process: start it, run cells there, call functions there.

A check calls a `Visitor` as if it were the student's function. Arguments go over by value; results,
gradients and whatever the call changed (arguments, random streams, earlier results) come back.
"""

import os
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import nn

from classroom.grading.room import wire
from classroom.grading.sandbox import Walls

STARTING = 60.0  # seconds until the process must answer
SLOW = 4.0  # times as long as it may compute a process may take on a busy computer; then it ends

TRIED = 20  # refused attempts that are told of


class Gone(Exception):
    """The student's process has ended, or was ended because it did not answer in time."""


class LateError(Gone):
    """The student's process was ended because it did not answer in time."""


class StudentError(Exception):
    """A student's code raised an exception.

    Attributes:
        kind: the exception's name.
        cell: the grade id of the cell with the line.
        line: the number of the line, 0 if none is theirs.
        words: whether the exception said something.
    """

    def __init__(self, kind: str, cell: str = "", line: int = 0, words: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.cell, self.line, self.words = kind, cell, line, words

    @classmethod
    def read(cls, told: dict) -> "StudentError":
        """From what the process told; nothing of it is taken on trust."""
        line = told.get("line", 0)
        return cls(
            str(told.get("kind", ""))[:60],
            str(told.get("cell", ""))[:60],
            line if isinstance(line, int) else 0,
            bool(told.get("words")),
        )


class Room:
    """One student's process."""

    def __init__(self, walls: Walls, scratch: Path) -> None:
        self.tried: list[str] = []
        self.results: list[list[torch.Tensor]] = []  # of every call since `forget`
        self.weights: dict[Any, torch.Tensor] = {}  # of networks there, by where they lie
        self.seconds = 30.0  # that a call may compute
        self.process = subprocess.Popen(
            walls.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=walls.environment,
            cwd=scratch,
            pass_fds=() if walls.secret is None else (walls.secret,),
        )
        if walls.secret is not None:
            os.close(walls.secret)
        self.ask("forget", seconds=STARTING)

    def ask(self, what: str, *arguments: Any, seconds: float = 10.0) -> dict:
        """One request and its answer.

        Raises:
            Gone: the process has ended; LateError where it had to be ended.
            StudentError: the student's code raised an exception.
        """
        process, late = self.process, threading.Event()
        assert process.stdin is not None
        assert process.stdout is not None
        alarm = threading.Timer(SLOW * seconds, lambda: (late.set(), process.kill()))
        alarm.start()
        try:
            wire.send(process.stdin, cloudpickle.dumps((what, *arguments)))
            answer = wire.decode(wire.receive(process.stdout))
            told = answer.pop("tried")
            for text in map(str, told):
                if text[:300] not in self.tried and len(self.tried) < TRIED:
                    self.tried.append(text[:300])
            problem = answer.get("problem")
        except (EOFError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            process.kill()
            raise (LateError if late.is_set() else Gone)(str(error)) from error
        finally:
            alarm.cancel()
        if isinstance(problem, dict):
            raise StudentError.read(problem)
        return answer

    def forget(self) -> None:
        """A check is over."""
        self.results.clear()
        self.weights.clear()
        self.ask("forget")

    def close(self) -> None:
        """End the process, and with it all that it holds."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.process.wait()


class Visitor:
    """A student's function, or a network by its number, called where it is."""

    def __init__(self, room: Room, name: str | int, without: tuple[str, ...] = ()) -> None:
        self.room, self.name, self.without = room, name, without
        self.__name__ = str(name)
        self.last: Any = None  # the latest result, to tell of it

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the student's function.

        Raises:
            Gone: the process has ended, or sent what is no answer.
            StudentError: the function raised an exception.
        """
        given = wire.parts((arguments, named))
        leaves = [part for part in given if isinstance(part, torch.Tensor) and part.requires_grad]
        how = {
            "grad": torch.is_grad_enabled(),
            "torch": torch.get_rng_state(),
            "numpy": wire.numpy_stream(),
            "random": random.getstate(),
            "without": self.without,
            "slopes": wire.slopes(given),  # pickle leaves gradients behind
        }
        seconds, blob = self.room.seconds, cloudpickle.dumps((arguments, named))
        answer = self.room.ask("call", self.name, blob, seconds, how, seconds=seconds)
        try:
            return self._taken_over(answer, given, leaves if how["grad"] else [])
        except (ValueError, KeyError, TypeError, RuntimeError, AttributeError, IndexError) as error:
            self.room.process.kill()
            raise Gone(f"not an answer: {error}") from error

    def _taken_over(self, answer: dict, given: list, leaves: list[torch.Tensor]) -> Any:
        """The result, after everything that the call changed has been changed here too."""
        for part, new in zip(given, answer["state"], strict=True):
            wire.take_over(part, new)
        torch.set_rng_state(answer["torch"])
        wire.set_numpy_stream(answer["numpy"])
        random.setstate(answer["random"])
        for call, place, value in answer["changed"]:
            now = value.value if isinstance(value, wire.Slope) else value
            self.room.results[call][place].data.copy_(now)
        flat = wire.tensors_in(answer["result"])
        values = [part.value if isinstance(part, wire.Slope) else part for part in flat]
        slopes = [place for place, part in enumerate(flat) if isinstance(part, wire.Slope)]
        if leaves and slopes:
            number = len(self.room.results)
            own = [values[place] for place in slopes]
            found = _Call.apply(self.room, number, own, len(flat), slopes, *leaves)
            for place, value in zip(slopes, found, strict=True):
                values[place] = value
        self.room.results.append(values)
        self.last = self._guests(wire.refill(answer["result"], iter(values)))
        return self.last

    def _guests(self, result: Any) -> Any:
        """The result with a network here in the place of each description."""
        if isinstance(result, list | tuple):
            return type(result)(map(self._guests, result))
        return Guest(self, result) if isinstance(result, wire.Built) else result


class Part(nn.Module):
    """Stands for a module inside a student's network: it has its weights and does nothing."""

    def forward(self, *_: Any) -> None:
        """Nothing; but hooks are told that the part has been used."""


class Guest(Part):
    """A network that a student's function built: its weights are here, its code is there."""

    def __init__(self, visitor: Visitor, built: wire.Built) -> None:
        super().__init__()
        self._visit = Visitor(visitor.room, built.number, visitor.without)
        for path, settings, count in built.parts:
            if path:
                home, _, name = path.rpartition(".")
                self.get_submodule(home).add_module(name, Part())
            wire.take_over(self.get_submodule(path), [settings, count])
        for path, value, is_weight, learns, lies in built.tensors:
            home, _, name = path.rpartition(".")
            value = value.value if isinstance(value, wire.Slope) else value
            weights = visitor.room.weights
            if is_weight:
                weight = weights.setdefault((lies, True), nn.Parameter(value, learns))
                self.get_submodule(home).register_parameter(name, weight)  # ty: ignore
            else:
                buffer = weights.setdefault((lies, False), value)
                self.get_submodule(home).register_buffer(name, buffer)

    def forward(self, *inputs: Any) -> Any:
        """The output, computed in the student's process with the weights that are here."""
        tensors: dict[str, torch.Tensor] = {
            **dict(self.named_parameters(remove_duplicate=False)),
            **dict(self.named_buffers(remove_duplicate=False)),
        }
        parts = [part for _, part in self.named_modules(remove_duplicate=False)]
        result, states, used = self._visit(tensors, [part.training for part in parts], *inputs)
        for part, new in zip(parts, states, strict=True):
            wire.take_over(part, new)
        for path in used:
            if path:
                self.get_submodule(path)()
        return result


class _Call(torch.autograd.Function):
    """A call as one step of autograd, whose slopes are found in the student's process."""

    @staticmethod
    def forward(
        ctx: Any,
        room: Room,
        number: int,
        values: list[torch.Tensor],
        count: int,
        places: list[int],
        *_: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        ctx.room, ctx.number, ctx.count, ctx.places = room, number, count, places
        ctx.set_materialize_grads(False)
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> tuple:
        wanted: list[torch.Tensor | None] = [None] * ctx.count
        for place, slope in zip(ctx.places, slopes, strict=True):
            wanted[place] = slope
        blob = cloudpickle.dumps(wanted)
        answer = ctx.room.ask("backward", ctx.number, blob, seconds=ctx.room.seconds)
        return (None, None, None, None, None, *answer["gradients"])
