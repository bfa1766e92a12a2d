"""Random streams that are addressed instead of remembered."""

import hashlib

import torch


def stream(*key: int | str) -> torch.Generator:
    """A CPU random generator for one purpose, for example `stream(seed, "masks", step)`.

    The same key gives the same numbers, whatever was drawn before and by whom. A run that resumes
    at step 700 therefore draws what an uninterrupted run draws there, with no state to save.

    Example:
        >>> a, b = stream(0, "noise", 7), stream(0, "noise", 7)
        >>> bool(torch.equal(torch.randn(3, generator=a), torch.randn(3, generator=b)))
        True
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
