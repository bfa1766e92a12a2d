"""General checks for exercises: a function gives what a reference gives, and does nothing else."""

import contextlib
import copy
import inspect
import random
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn


def agrees(
    function: Callable,
    reference: Callable,
    *cases: tuple,
    told: str,
    learns: Sequence[int] = (),
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
    """Assert that a function gives what a reference gives for every case, and does nothing else.

    "Nothing else": its arguments and the global random streams stay as they were, an earlier
    result stays as it was, and a second call gives the same again. Values are compared as float64,
    so a result may have any dtype, and a number may be a float or a tensor of one value.

    Args:
        function: the learner's.
        reference: another way to compute the same, with the same arguments.
        cases: the arguments of each call; they are copied.
        told: what a wrong value means, in the learner's words.
        learns: positions of the arguments whose gradients must be the reference's.
        rtol: relative tolerance of values and gradients.
        atol: absolute tolerance of both.

    Raises:
        AssertionError: it differs, with what was expected and what came.
    """
    __tracebackhide__ = True
    names = [*inspect.signature(reference).parameters]
    kept: list[tuple[Any, list[torch.Tensor], str]] = []
    for case in (*cases, _turned(cases[0])):
        where = f"{told}; called with {_described(case, names)}"
        wanted, slopes = _called(reference, case, learns)
        given = _copied(case, learns)
        with untouched(*given, names=names):
            result = function(*given)
        found = _values(result)
        _same_values(found, wanted, where, rtol, atol)
        if learns:
            _same_slopes(_slopes(result, given, learns), slopes, names, learns, where, rtol, atol)
        kept.append((result, [value.detach().clone() for value in found], where))
    for result, before, where in kept:
        _same_values(_values(result), before, f"a later call changed an earlier result; {where}")
    again, (_, before, where) = function(*_copied(cases[0])), kept[0]
    told = f"a second call with the same input gives another answer; {where}"
    _same_values(_values(again), before, told, rtol, atol)


def draws(function: Callable[[torch.Generator], Any], *, told: str) -> None:
    """Assert that a function draws its random numbers from the generator it is given, and moves it.

    Args:
        function: from a generator to a result; two results of chance must practically never be
            equal (tell it to draw much: a false alarm should be rarer than 1e-6).
        told: what it draws, for the message.

    Raises:
        AssertionError: another seed gives the same, the same seed gives something else, a second
            call repeats the first one, or a global stream was used or touched.
    """
    __tracebackhide__ = True

    def drawn(seed: int) -> tuple[Any, torch.Generator]:
        generator = torch.Generator().manual_seed(seed)
        return function(generator), generator

    with untouched():
        first, generator = drawn(1)
    before = [value.clone() for value in _values(first)]
    torch.manual_seed(77)  # who draws from the global stream gets something else now
    assert _equal(_values(drawn(1)[0]), before), f"{told}: draw from the given generator only"
    assert not _equal(_values(drawn(2)[0]), before), f"{told}: another seed gives the same"
    second = _values(function(generator))
    assert not _equal(second, before), (
        f"{told}: a second call with the same generator repeats the first; draw from it, so that "
        "it moves on"
    )
    assert _equal(_values(first), before), f"{told}: a later call changed an earlier result"


def evenly(counts: torch.Tensor, *, told: str) -> None:
    """Assert that things counted came as often as each other, by a chi-square test.

    Right work fails it with probability 1e-7, whatever the numbers of things and of draws (at least
    ten per thing).

    Raises:
        AssertionError: they did not.
    """
    from scipy.stats import chi2  # slow to import, and seldom needed

    __tracebackhide__ = True
    each = counts.sum().item() / counts.numel()
    assert each >= 10, f"a check needs ten draws per thing, this one has {each:.1f}"
    distance = ((counts.double() - each) ** 2 / each).sum().item()
    limit = chi2.isf(1e-7, counts.numel() - 1)
    assert distance < limit, (
        f"{told}: expected about {each:.0f} of each, got {counts.min()} to {counts.max()}"
    )


@contextlib.contextmanager
def untouched(*things: Any, names: Sequence[str] = (), streams: bool = True) -> Generator[None]:
    """Assert that tensors, modules and the global random streams are afterwards as before.

    Args:
        things: tensors and modules; anything else is not looked at.
        names: what to call them in the message.
        streams: whether to look at the global random streams; a test that a learner writes may
            well draw its pictures from them.
    """
    __tracebackhide__ = True
    before, old_streams = [_state(thing) for thing in things], _streams()
    yield
    for place, (thing, old) in enumerate(zip(things, before, strict=True)):
        name = names[place] if place < len(names) else f"argument {place + 1}"
        new = _state(thing)
        changed = [what for what in old if what not in new or not _same_part(old[what], new[what])]
        if changed or len(new) != len(old):
            raise AssertionError(f"{name} was changed ({', '.join(changed) or 'a part is new'})")
    for name, new in _streams().items():
        same = not streams or np.array_equal(new, old_streams[name])
        assert same, f"the global random stream of {name} was touched"


# Parts ---------------------------------------------------------------------------------------


def _copied(case: tuple, learns: Sequence[int] = ()) -> tuple:
    """Arguments of their own for a call."""
    given = []
    for place, part in enumerate(case):
        if isinstance(part, torch.Tensor):
            part = part.detach().clone()
            part.requires_grad_(place in learns)
        elif isinstance(part, nn.Module):
            part = copy.deepcopy(part)
        given.append(part)
    return tuple(given)


def _turned(case: tuple) -> tuple:
    """Other values of the same shapes: the tensors of a case, mirrored."""
    return tuple(
        part.flip(-1) if isinstance(part, torch.Tensor) and part.ndim else part for part in case
    )


def _called(
    reference: Callable, case: tuple, learns: Sequence[int]
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The reference's values and gradients."""
    given = _copied(case, learns)
    result = reference(*given)
    return _values(result), _slopes(result, given, learns) if learns else []


def _values(result: Any) -> list[torch.Tensor]:
    """The tensors and numbers of a result, as float64."""
    if isinstance(result, list | tuple):
        return [value for part in result for value in _values(part)]
    number = isinstance(result, torch.Tensor | np.ndarray | np.generic | bool | int | float)
    assert number, f"expected a tensor or a number, got {type(result).__name__}"
    return [torch.as_tensor(result).double()]


def _slopes(result: Any, given: tuple, learns: Sequence[int]) -> list[torch.Tensor]:
    """The gradients of a fixed mixture of all values; zeros where a result does not depend."""
    source = torch.Generator().manual_seed(0)
    leaves, total = [given[place] for place in learns], torch.zeros(())
    for value in _values(result):
        weight = torch.rand(value.shape, generator=source, dtype=torch.float64) + 0.5
        total = total + (value.reshape(-1) * weight.reshape(-1)).sum()
    if not total.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, found, strict=True)
    ]


def _same_values(
    found: list[torch.Tensor],
    wanted: list[torch.Tensor],
    told: str,
    rtol: float = 0.0,
    atol: float = 0.0,
) -> None:
    """Compare, and say what differs."""
    assert len(found) == len(wanted), f"{told}: expected {len(wanted)} parts, got {len(found)}"
    for value, right in zip(found, wanted, strict=True):
        single = value.numel() == right.numel() == 1 and right.ndim == 0
        assert single or value.shape == right.shape, (
            f"{told}: expected shape {tuple(right.shape)}, got {tuple(value.shape)}"
        )
        value, right = value.detach().reshape(-1), right.detach().reshape(-1)
        close = torch.isclose(value, right, rtol=rtol, atol=atol, equal_nan=True)
        if not close.all():
            worst = int((~close).nonzero()[0])
            got, expected = value[worst].item(), right[worst].item()
            raise AssertionError(f"{told}: expected {expected:.6g}, got {got:.6g}")


def _same_slopes(
    found: list[torch.Tensor],
    wanted: list[torch.Tensor],
    names: list[str],
    learns: Sequence[int],
    told: str,
    rtol: float,
    atol: float,
) -> None:
    """Compare gradients."""
    for slope, right, place in zip(found, wanted, learns, strict=True):
        lost = bool(right.any()) and not slope.any()
        why = f"no gradient reaches {names[place]}" if lost else f"wrong gradient of {names[place]}"
        assert torch.isfinite(slope).all(), f"the gradient of {names[place]} is not finite; {told}"
        scale = float(right.abs().max())
        close = torch.allclose(slope.double(), right.double(), rtol=rtol, atol=atol + rtol * scale)
        assert close, f"{why}; {told}"


def _state(thing: Any) -> dict[str, Any]:
    """What may change in a tensor or a module."""
    if isinstance(thing, torch.Tensor):
        return {"its values": thing.detach().clone()}
    if not isinstance(thing, nn.Module):
        return {}
    found: dict[str, Any] = {k: v.detach().clone() for k, v in thing.state_dict().items()}
    for name, part in thing.named_modules():
        found[f"the mode of {name or 'the whole'}"] = part.training
    for name, weight in thing.named_parameters():
        found[f"whether {name} learns"] = weight.requires_grad
        found[f"the gradient of {name}"] = None if weight.grad is None else weight.grad.clone()
    return found


def _same_part(old: Any, new: Any) -> bool:
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        equal = old.shape == new.shape and old.dtype == new.dtype
        return equal and bool(((old == new) | ((old != old) & (new != new))).all())
    return type(old) is type(new) and old == new


def _streams() -> dict[str, np.ndarray]:
    """The states of the global random streams."""
    state: Any = np.random.get_state(legacy=True)  # noqa: NPY002  # learners use it
    return {
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.append(state[1], state[2]),
        "random": np.array(random.getstate()[1], dtype=np.uint64),
    }


def _equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _described(case: tuple, names: list[str]) -> str:
    """The arguments of a call in few words."""
    words = []
    for name, part in zip(names, case, strict=False):
        if isinstance(part, torch.Tensor):
            words.append(f"{name} {' × '.join(map(str, part.shape)) or 'a number'}")
        elif isinstance(part, bool | int | float | str):
            words.append(f"{name} = {part}")
    return ", ".join(words) or "the same arguments"
