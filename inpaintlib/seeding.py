"""Random streams that are addressed instead of remembered."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral

import torch

_part: ContextVar[int] = ContextVar("part", default=0)


def stream(*key: int | str) -> torch.Generator:
    """A CPU random generator for one purpose, for example `stream(seed, "masks", step)`.

    The same key gives the same numbers, whatever was drawn before and by whom. A run that resumes
    at step 700 therefore draws what an uninterrupted run draws there, with no state to save.
    Whole numbers of NumPy count like Python's.

    Example:
        >>> a, b = stream(0, "noise", 7), stream(0, "noise", 7)
        >>> bool(torch.equal(torch.randn(3, generator=a), torch.randn(3, generator=b)))
        True
    """
    key = tuple(int(part) if isinstance(part, Integral) else part for part in key)
    address = (*key, "part", _part.get()) if _part.get() else key
    digest = hashlib.blake2b(repr(address).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@contextmanager
def part_of_batch(number: int) -> Generator[None]:
    """While the context lasts, every stream is another one, except for part 0.

    A batch may be worked on in parts, one after the other or by several processes. Each part then
    draws noise of its own; together they draw as much as the whole batch would, not the same.
    """
    token = _part.set(number)
    try:
        yield
    finally:
        _part.reset(token)
