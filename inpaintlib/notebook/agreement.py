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
from torch.optim import Optimizer


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
    result stays as it was, and a second call gives the same again; networks among the arguments
    keep their weights, averages, modes, gradients and hooks. Values are compared as float64,
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
        where = f"{told}; called with {described(case, names)}"
        wanted, slopes = _called(reference, case, learns)
        given = _copied(case, learns)
        with untouched(*given, names=names):
            result = function(*given)
        found = values(result)
        same_values(found, wanted, where, rtol, atol)
        if learns:
            _same_slopes(_slopes(result, given, learns), slopes, names, learns, where, rtol, atol)
        kept.append((result, [value.detach().clone() for value in found], where))
    for result, before, where in kept:
        same_values(values(result), before, f"a later call changed an earlier result; {where}")
    again, (_, before, where) = function(*_copied(cases[0])), kept[0]
    told = f"a second call with the same input gives another answer; {where}"
    same_values(values(again), before, told, rtol, atol)


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
    before = [value.clone() for value in values(first)]
    torch.manual_seed(77)  # who draws from the global stream gets something else now
    assert _equal(values(drawn(1)[0]), before), f"{told}: draw from the given generator only"
    assert not _equal(values(drawn(2)[0]), before), f"{told}: another seed gives the same"
    second = values(function(generator))
    assert not _equal(second, before), (
        f"{told}: a second call with the same generator repeats the first; draw from it, so that "
        "it moves on"
    )
    assert _equal(values(first), before), f"{told}: a later call changed an earlier result"


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
def untouched(
    *things: Any, names: Sequence[str] = (), streams: bool = True, settings: bool = True
) -> Generator[None]:
    """Assert that things and the global random streams are afterwards as before.

    Of a tensor that is its values, whether it learns, its gradient and its hooks; of a module every
    weight and buffer (and that they are the same ones, not replaced), every gradient, the mode and
    the settings of each part, what learns, and hooks; of an optimizer its state.

    Args:
        things: tensors, arrays, modules, optimizers, and lists, dictionaries or objects of these;
            generators are not looked at.
        names: what to call them in the message.
        streams: whether to look at the global random streams; a test that a learner writes may
            well draw its pictures from them.
        settings: whether to look at numbers such as a BatchNorm's momentum.
    """
    __tracebackhide__ = True
    called = [names[i] if i < len(names) else f"argument {i + 1}" for i in range(len(things))]
    before, old_streams = [state(thing, settings) for thing in things], global_streams()
    yield
    for name, thing, old in zip(called, things, before, strict=True):
        if changed := differences(old, state(thing, settings)):
            raise AssertionError(f"{name} was changed ({few(changed)})")
    for name, new in global_streams().items():
        quiet = not streams or np.array_equal(new, old_streams[name])
        assert quiet, f"the global random stream of {name} was touched"


# What may change -----------------------------------------------------------------------------

State = dict[tuple[str, str], Any]
"""What there is in a thing: (kind, where) to its value."""

WORDS = {
    "value": "{}",
    "gradient": "the gradient of {}",
    "learns": "whether {} learns",
    "hooks": "the hooks of {}",
    "weight": "{} is another weight now",
    "mode": "the mode of {}",
    "setting": "the setting {}",
    "optimizer": "the state of {}",
}
MEMBERS = ("_parameters", "_buffers", "_modules")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
SETTING = (bool, int, float, str, type(None))


def state(thing: Any, settings: bool = True) -> State:
    """What may change in a thing, as it is now; see `untouched`."""
    found: State = {}
    for path, part in parts_of(thing):
        if isinstance(part, torch.Tensor | np.ndarray):
            found["value", path] = torch.as_tensor(part).detach().clone()
        if isinstance(part, torch.Tensor):
            found["learns", path] = part.requires_grad
            slope = part.grad if part.is_leaf else None
            found["gradient", path] = None if slope is None else slope.detach().clone()
            hooks = part._backward_hooks, part._post_accumulate_grad_hooks
            found["hooks", path] = sum(len(kind or ()) for kind in hooks)
        if isinstance(part, nn.Parameter):
            found["weight", path] = part
        if isinstance(part, nn.Module):
            found["mode", path] = part.training
            found["hooks", path] = sum(len(vars(part)[kind]) for kind in HOOKS)
            for name, value in vars(part).items() if settings else ():
                if isinstance(value, SETTING) and name != "training" and name[0] != "_":
                    found["setting", f"{path}.{name}" if path else name] = value
        if isinstance(part, Optimizer):
            found["optimizer", path] = copy.deepcopy(part.state_dict())
    return found


def parts_of(thing: Any, path: str = "", seen: set[int] | None = None) -> list[tuple[str, Any]]:
    """Tensors, arrays, modules and optimizers in a thing, with where they are; each once."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (*SETTING, torch.Generator)):
        return []
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor | np.ndarray):
        return [(path, thing)]
    inside: list[tuple[str, Any]] = []
    if isinstance(thing, nn.Module):
        inside = [item for kind in MEMBERS for item in vars(thing)[kind].items()]
    elif isinstance(thing, dict):
        inside = [(str(key), part) for key, part in thing.items()]
    elif isinstance(thing, list | tuple):
        inside = [(str(place), part) for place, part in enumerate(thing)]
    elif not isinstance(thing, Optimizer | type) and not callable(thing):
        inside = list(getattr(thing, "__dict__", {}).items())
    found = [(path, thing)] if isinstance(thing, nn.Module | Optimizer) else []
    for name, part in inside:
        found += parts_of(part, f"{path}.{name}" if path else name, seen)
    return found


def differences(old: State, new: State) -> list[str]:
    """What is not as it was, in words."""
    changed = [
        WORDS[kind].format(path or "it")
        for kind, path in old
        if (kind, path) in new and not same(old[kind, path], new[kind, path])
    ]
    gone, fresh = ({path for _, path in keys} for keys in (old.keys() - new, new.keys() - old))
    return (
        changed
        + [f"{path} is gone" for path in sorted(gone)]
        + [f"{path} is new" for path in sorted(fresh)]
    )


def few(words: Sequence[str], most: int = 3) -> str:
    """The first of a list, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def same(old: Any, new: Any) -> bool:
    """Equal bit for bit, where nan equals nan."""
    if isinstance(old, nn.Parameter):
        return old is new
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        equal = old.shape == new.shape and old.dtype == new.dtype
        return equal and bool(((old == new) | ((old != old) & (new != new))).all())
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(same, old, new))
    return type(old) is type(new) and old == new


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
            for weight in part.parameters():  # so that clearing it is seen
                weight.grad = torch.ones_like(weight)
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
    return values(result), _slopes(result, given, learns) if learns else []


def values(result: Any) -> list[torch.Tensor]:
    """The tensors and numbers of a result, as float64."""
    if isinstance(result, list | tuple):
        return [value for part in result for value in values(part)]
    number = isinstance(result, torch.Tensor | np.ndarray | np.generic | bool | int | float)
    assert number, f"expected a tensor or a number, got {type(result).__name__}"
    return [torch.as_tensor(result).double()]


def _slopes(result: Any, given: tuple, learns: Sequence[int]) -> list[torch.Tensor]:
    """The gradients of a fixed mixture of all values; zeros where a result does not depend."""
    source = torch.Generator().manual_seed(0)
    leaves, total = [given[place] for place in learns], torch.zeros(())
    for value in values(result):
        weight = torch.rand(value.shape, generator=source, dtype=torch.float64) + 0.5
        total = total + (value.reshape(-1) * weight.reshape(-1)).sum()
    if not total.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if slope is None else slope
        for leaf, slope in zip(leaves, found, strict=True)
    ]


def same_values(
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


def global_streams() -> dict[str, np.ndarray]:
    """The states of the global random streams."""
    state: Any = np.random.get_state(legacy=True)  # noqa: NPY002  # learners use it
    return {
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.append(state[1], state[2]),
        "random": np.array(random.getstate()[1], dtype=np.uint64),
    }


def _equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def described(case: tuple, names: list[str]) -> str:
    """The arguments of a call in few words."""
    words = []
    for name, part in zip(names, case, strict=False):
        if isinstance(part, torch.Tensor):
            words.append(f"{name} {' × '.join(map(str, part.shape)) or 'a number'}")
        elif isinstance(part, bool | int | float | str):
            words.append(f"{name} = {part}")
    return ", ".join(words) or "the same arguments"
