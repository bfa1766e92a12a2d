"""Checking a learner's function in a lesson: the attempt if there is one, else the reference."""

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Generator, Sequence
from types import CodeType, FunctionType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

T = TypeVar("T", bound=Callable)


def check(attempt: T, reference: T, test: Callable[[T], None]) -> T:
    """The attempt if it passes `test`; for a stub, the reference, tested as well.

    A lesson goes on with what comes back: `step = check(step, step_reference, test_step)`. So it
    runs from top to bottom before anything is solved, the reference is tested at every run, and
    what the learner wrote is what trains and draws from there on.

    Raises:
        AssertionError: a wrong attempt, with the message of the assertion that it breaks.
    """
    name = getattr(attempt, "__name__", "attempt")
    solved = attempt is not reference  # else the cell runs again, after it gave the reference
    try:
        test(attempt)
    except NotImplementedError as error:
        if str(error):  # torch raises it as well, for a module without `forward`
            raise
        test(reference)
        solved = False
    if solved:
        print(f"{name}: correct; the lesson goes on with yours")
        return attempt
    name = name.removesuffix("_reference")
    print(f"{name}: not solved yet; the lesson goes on with the reference")
    return reference


def guess_first() -> None:
    """Begin an output that is folded: JupyterLab shows its first line, which must tell nothing."""
    print("Guess first. Then open this output: click on the three dots.")


def check_alone(
    attempt: Callable, test: Callable[[Callable], None], without: Sequence[str] = ()
) -> None:
    """Run `test` on the attempt, with the package's own versions switched off while it runs.

    Args:
        without: dotted names of functions that raise when the attempt calls them, under whatever
            name they are kept; the test itself may call them.
    """
    __tracebackhide__ = True  # the reader's function and the test are what matters

    def alone(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        result = _alone(attempt, without, *arguments, **named)
        if without and isinstance(result, nn.Module):  # nor does a network that it builds
            vars(result)["forward"] = functools.partial(_alone, result.forward, without)
        return result

    test(in_kind(functools.update_wrapper(alone, attempt, updated=())))
    print(f"{getattr(attempt, '__name__', 'attempt')}: correct")


def _alone(function: Callable, without: Sequence[str], *arguments: Any, **named: Any) -> Any:
    """Call a function with the package's own versions switched off."""
    __tracebackhide__ = True
    with switched_off(without):
        return function(*arguments, **named)


def in_kind(function: Callable) -> Callable:
    """The function with results as checks expect them: tensors, of no more precision than asked.

    Whoever computes in NumPy or in float64 is right, too; a check's `assert_close` need not know.
    """

    @functools.wraps(function, updated=())
    def call(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        given = [part for part in arguments if isinstance(part, torch.Tensor)]
        double = any(part.dtype == torch.float64 for part in given)
        return _converted(function(*arguments, **named), keep_double=double)

    return call


def _converted(result: Any, *, keep_double: bool) -> Any:
    """Arrays as tensors; float64 as float32 unless it is to be kept."""
    if type(result) in (list, tuple):
        return type(result)(_converted(part, keep_double=keep_double) for part in result)
    if isinstance(result, np.ndarray):
        result = torch.as_tensor(result)
    if isinstance(result, np.generic):
        return result.item()
    double = isinstance(result, torch.Tensor) and result.dtype == torch.float64
    return result.float() if double and not keep_double else result


# Switching off -------------------------------------------------------------------------------


@contextlib.contextmanager
def switched_off(names: Sequence[str]) -> Generator[None]:
    """While it lasts, the named functions and classes raise AssertionError, whatever holds them.

    A function of Python loses its code, so that lists, defaults and other names that hold it do
    not help. One of torch's, which has none, is recognised when it is called. Whatever else is
    replaced in every module.
    """
    targets = {name: _resolved(name) for name in names}
    functions = [(name, part) for name, target in targets.items() for part in _functions(target)]
    rest = {name: target for name, target in targets.items() if not _functions(target)}
    places = [(name, *place) for name, target in rest.items() for place in _uses(target)]
    codes = [function.__code__ for _, function in functions]
    with _without_torch({id(target): name for name, target in rest.items()}):
        try:
            for name, function in functions:
                function.__code__ = _refusing(name, function.__code__)
            for name, module, key in places:
                setattr(module, key, functools.partial(_refuse, name))
            yield
        finally:
            for (_, function), code in zip(functions, codes, strict=True):
                function.__code__ = code
            for name, module, key in places:
                setattr(module, key, targets[name])


def _resolved(name: str) -> Any:
    """What a dotted name stands for."""
    home, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(home), last)
    except ModuleNotFoundError:  # a method, `torch.Tensor.svd`
        return getattr(_resolved(home), last)


def _functions(target: Any) -> list[FunctionType]:
    """The functions of Python that do a function's or a class's work."""
    if isinstance(target, type):
        return [
            vars(target)[name]
            for name in ("__init__", "forward", "__call__")
            if isinstance(vars(target).get(name), FunctionType)
        ]
    found = []
    while isinstance(target, FunctionType):
        found.append(target)
        target = getattr(target, "__wrapped__", None)
    return found


def _refusing(name: str, code: CodeType) -> CodeType:
    """Code that raises, for a function with the free variables of `code`."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("its name")

    constants = tuple(_message(name) if c == "its name" else c for c in refuse.__code__.co_consts)
    return refuse.__code__.replace(co_consts=constants, co_freevars=code.co_freevars)


@contextlib.contextmanager
def _without_torch(names: dict[int, str]) -> Generator[None]:
    """Refuse functions of torch by their identity, whoever calls them."""

    class Refusing(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if id(func) in names:
                _refuse(names[id(func)])
            return func(*args, **(kwargs or {}))

    with Refusing() if names else contextlib.nullcontext():
        yield


def _uses(target: Any) -> list[tuple[Any, str]]:
    """Every (module, name) under which something is known, the notebook's own names included."""
    return [
        (module, key)
        for module in list(sys.modules.values())
        for key, value in list(getattr(module, "__dict__", {}).items())
        if value is target
    ]


def _refuse(name: str, *_: Any, **__: Any) -> None:
    """What stands in a function's place while it is switched off."""
    raise AssertionError(_message(name))


def _message(name: str) -> str:
    return f"{name} is switched off while yours is checked: write it yourself"
