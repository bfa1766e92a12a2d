"""Checking a learner's function in a lesson: the attempt if there is one, else the reference."""

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any


def check(attempt: Callable, reference: Callable, test: Callable[[Callable], None]) -> None:
    """Run `test` on the attempt; on a stub, say so and run it on the reference solution.

    So a lesson runs from top to bottom before anything is solved, the reference is tested at every
    run, and a wrong attempt fails with the message of the assertion that it breaks.
    """
    name = getattr(attempt, "__name__", "attempt")
    try:
        test(attempt)
    except NotImplementedError:
        test(reference)
        print(f"{name}: not solved yet (the reference solution passes this check)")
    else:
        print(f"{name}: correct")


def check_alone(
    attempt: Callable, test: Callable[[Callable], None], without: Sequence[str] = ()
) -> None:
    """Run `test` on the attempt, with the package's own versions switched off while it runs.

    Args:
        without: dotted names of functions that raise when the attempt calls them, under whatever
            name they were imported; the test itself may call them.
    """
    __tracebackhide__ = True  # the reader's function and the test are what matters
    test(_alone(attempt, without))
    print(f"{getattr(attempt, '__name__', 'attempt')}: correct")


def _alone(attempt: Callable, without: Sequence[str]) -> Callable:
    """The attempt, with the named functions replaced in every module while it runs."""
    places = [place for name in without for place in _uses(name)]

    @functools.wraps(attempt)
    def alone(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        originals = [vars(module)[name] for module, name in places]
        for module, name in places:
            setattr(module, name, functools.partial(_refuse, name))
        try:
            return attempt(*arguments, **named)
        finally:
            for (module, name), original in zip(places, originals, strict=True):
                setattr(module, name, original)

    return alone


def _uses(name: str) -> list[tuple[Any, str]]:
    """Every (module, name) under which a function is known, the notebook's own names included."""
    home, _, function = name.rpartition(".")
    original = getattr(importlib.import_module(home), function)
    return [
        (module, key)
        for module in list(sys.modules.values())
        for key, value in list(getattr(module, "__dict__", {}).items())
        if value is original
    ]


def _refuse(name: str, *_: Any, **__: Any) -> None:
    """What stands in a function's place while it is switched off."""
    raise AssertionError(f"{name} is switched off while yours is checked: write it yourself")
