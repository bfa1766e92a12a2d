"""General checks for exercises that train a network, or build one."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from inpaintlib.notebook.agreement import (
    State,
    few,
    global_streams,
    in_words,
    parts_of,
    same,
    same_values,
    state,
    untouched,
    values,
)

# What a function asks of a network --------------------------------------------------------------


class Watched(nn.Module):
    """A function of state and time that keeps what it is called with, in whatever process that is.

    What a grader's student calls runs elsewhere: a list would stay there, buffers come back.

    Attributes:
        states: of every call, (calls, *shape of a state).
        times: likewise.

    Example:
        >>> watched = Watched(lambda state, time: -state)
        >>> _ = watched(torch.ones(5, 2), torch.zeros(5))
        >>> watched.states.shape, watched.times.shape
        (torch.Size([1, 5, 2]), torch.Size([1, 5]))
    """

    states: torch.Tensor
    times: torch.Tensor

    def __init__(self, velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.velocity = velocity
        self.register_buffer("states", torch.empty(0))
        self.register_buffer("times", torch.empty(0))

    def forward(self, state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        assert isinstance(time, torch.Tensor), "give the network the time as a tensor, (B,)"
        for kept, value in ((self.states, state), (self.times, time)):
            new = value.detach().float()[None]
            kept.data = torch.cat([kept, new]) if kept.numel() else new.clone()
        return self.velocity(state, time)


# One step of training ------------------------------------------------------------------------


def trains(
    function: Callable,
    reference: Callable,
    make: Callable[[int], tuple],
    *,
    learns: Sequence[str],
    told: str,
    batches: Sequence[int] = (3, 1),
    any_gradient: Sequence[str] = (),
    modes: bool = True,
    rtol: float = 1e-3,
    atol: float = 1e-6,
) -> None:
    """Assert that a function does one step of training as a reference does, and nothing else.

    It is called twice in a row with networks in training mode, for every size of batch; then with
    gradients left from before, with frozen weights, and in evaluation mode. Each time it must
    return the reference's loss, the networks that learn must move as the reference's, and what the
    reference leaves as it is must stay so: other networks with their gradients, modes, what learns,
    hooks, pictures, random streams. Averages of a BatchNorm may move where the reference's do.

    Args:
        function: the learner's.
        reference: a right step, with the same arguments.
        make: from a size of batch to the arguments: networks, optimizers over their weights,
            pictures; objects that hold these will do, too. Called with the same global random
            stream for both sides. The optimizers should be SGD, with momentum to see one that is
            made anew at each call; Adam makes whole steps of rounding errors.
        learns: names of the networks that learn, as the reference's arguments are called; a part
            of an argument is `game.discriminator`.
        told: what the step is to do, in the learner's words.
        batches: sizes of batch.
        any_gradient: names of networks whose gradients are nobody's matter afterwards, besides
            `learns`: a generator's step reaches the discriminator's weights, which is harmless
            where the discriminator's own step clears them first.
        modes: whether the text says that modes and frozen weights must stay as they are.
        rtol: relative tolerance of weights and losses.
        atol: absolute tolerance of both.

    Raises:
        AssertionError: it differs, with the network and what is the matter with it.
    """
    __tracebackhide__ = True
    situations: list[tuple[str, int, Callable[[nn.Module], Any], int]] = [
        (f"with a batch of {batches[0]}", batches[0], nn.Module.train, 1),
        ("when gradients are left from before", batches[0], _with_gradients, 1),
        *((f"with a batch of {batch}", batch, nn.Module.train, 2) for batch in batches),
    ]
    if modes:
        situations.append(("with a frozen weight in each network", batches[0], _frozen, 2))
        situations.append(("in evaluation mode", batches[0], nn.Module.eval, 2))
    for where, batch, prepare, calls in situations:
        (names, mine), (_, right) = (_prepared(reference, make, batch, prepare) for _ in range(2))
        for call in ("", ", at the second call")[:calls]:
            told_here = f"{told} ({where}{call})"
            before = {name: state(part) for name, part in _outermost(names, mine).items()}
            torch.manual_seed(5)
            old_stream = global_streams()
            wanted = reference(*right)
            quiet = all(np.array_equal(a, old_stream[n]) for n, a in global_streams().items())
            torch.manual_seed(5)
            with untouched(streams=quiet):
                result = function(*mine)
            if wanted is not None:
                why = f"the loss that it returns is wrong: {told_here}"
                same_values(values(result), values(wanted), why, rtol, atol)
            goals = _outermost(names, right)
            for name, part in _outermost(names, mine).items():
                change = before[name], state(part), state(goals[name])
                free = name in (*learns, *any_gradient)
                _stayed(name, *change, free, told_here)
            for name in learns:
                part = _outermost(names, mine)[name]
                _learned(name, before[name], state(part), state(goals[name]), told_here, rtol, atol)


def _prepared(
    reference: Callable,
    make: Callable[[int], tuple],
    batch: int,
    prepare: Callable[[nn.Module], Any],
) -> tuple[list[str], tuple]:
    """The names of a call's arguments, and the arguments with their networks prepared."""
    torch.manual_seed(4)
    made = make(batch)
    names = [*inspect.signature(reference).parameters][: len(made)]
    for part in _outermost(names, made).values():
        if isinstance(part, nn.Module):
            prepare(part)
    return names, made


def _with_gradients(network: nn.Module) -> None:
    for weight in network.parameters():
        weight.grad = torch.full_like(weight, 0.5)


def _frozen(network: nn.Module) -> None:
    for weight in list(network.parameters())[:1]:
        weight.requires_grad_(False)


def _outermost(names: list[str], arguments: tuple) -> dict[str, Any]:
    """Networks, optimizers and tensors by their names; what is part of a network not again."""
    found: dict[str, Any] = {}
    inner: set[int] = set()
    for name, argument in zip(names, arguments, strict=True):
        for path, part in parts_of(argument, name):
            if id(part) not in inner:
                found[path] = part
            inner |= {id(inside) for _, inside in parts_of(part)}
    return found


def _stayed(name: str, old: State, new: State, goal: State, free: bool, told: str) -> None:
    """Compare what the reference leaves as it is; with `free`, gradients are not looked at."""
    if old.keys() != new.keys():
        raise AssertionError(f"{name} has other parts than before: {told}")
    changed: dict[str, list[str]] = {}
    for (kind, path), value in old.items():
        if (kind == "gradient" and free) or not same(value, goal[kind, path]):
            continue
        if not same(value, new[kind, path]):
            changed.setdefault(kind, []).append(in_words(kind, path))
    if changed.keys() == {"gradient"}:
        raise AssertionError(f"the step leaves a gradient in {name}, which learns nothing: {told}")
    if changed:
        found = few([words for kind in changed for words in changed[kind]])
        raise AssertionError(f"{name} must stay as it was in this ({found}): {told}")


def _learned(
    name: str, old: State, new: State, goal: State, told: str, rtol: float, atol: float
) -> None:
    """Compare the weights that the reference moves, and what else it changes but averages."""
    moved = [key for key, value in old.items() if key[0] == "value" and not same(value, goal[key])]
    weights = [(kind, path) for kind, path in moved if ("weight", path) in old]
    assert weights, f"this check is no use: the reference does not move {name}"
    still = [path for kind, path in weights if same(old[kind, path], new[kind, path])]
    if len(still) == len(weights):
        raise AssertionError(
            f"{name} has not learned: its optimizer did not step, no gradient came, or a copy of "
            f"it learned: {told}"
        )
    assert not still, f"{name} has not learned in every weight ({few(still)} stayed): {told}"
    for key in weights:
        step, right = new[key] - old[key], goal[key] - old[key]
        scale = right.abs().max().item()
        if not torch.allclose(step, right, rtol=rtol, atol=atol + rtol * scale):
            times = (step * right).sum().item() / right.square().sum().item()
            raise AssertionError(
                f"{name} moves otherwise than it should, {key[1]} by about {times:.2f} times the "
                f"right step: {told}"
            )


# A network -----------------------------------------------------------------------------------


def builds(
    function: Callable,
    reference: Callable,
    *cases: tuple,
    inputs: Callable[..., Sequence[tuple]],
    told: str,
    rtol: float = 1e-3,
    atol: float = 1e-5,
) -> nn.Module:
    """Assert that a class or function builds the network that a reference builds.

    That is: as many parameters and all of them learn; outputs of the right shapes; the reference's
    values, once it has the reference's weights, in training and in evaluation mode; a gradient for
    every parameter; two networks share nothing; a forward pass changes neither its input nor, in
    evaluation mode, the network, draws no random number where the reference draws none, and
    treats each sample of a batch alone in evaluation mode.

    Weights are handed over by name, else in the order in which the layers are used, else in the
    order in which they were made, whichever fits. Where the parts are cut otherwise (one wide
    layer for two, say), the values are not compared, and all else is.

    Args:
        function: the learner's class or function.
        reference: another, with the same arguments.
        cases: the arguments of each call.
        inputs: from a case's arguments to the inputs of some forward passes, each a tuple of
            tensors; the first should have a batch of several samples. Try more sizes and channels
            only where the text asks for them.
        told: what the network is to be, in the learner's words.
        rtol: relative tolerance of values.
        atol: absolute tolerance.

    Returns:
        The learner's network for the first case, for checks of its own.

    Raises:
        AssertionError: it differs, with what was expected and what came.
    """
    __tracebackhide__ = True
    first: list[nn.Module] = []
    for case in cases or [()]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            right, another, mine, other = (
                build(*case) for build in (reference, reference, function, function)
            )
            first.append(mine)
            assert isinstance(mine, nn.Module), (
                f"expected a network (an nn.Module), got {type(mine).__name__}: {told}"
            )
            _as_large(mine, right, told)
            _apart(mine, other, right, another, told)
            given = inputs(*case)
            _shapes(mine, right, given, told)
            _alone(mine.eval(), right.eval(), given, told)
            _same_network(mine, right, given, told, rtol, atol)
            _reached(mine.train(), given, told)
    return first[0]


def _as_large(mine: nn.Module, right: nn.Module, told: str) -> None:
    """Compare the numbers of parameters, and what learns."""
    shapes = [
        Counter(tuple(weight.shape) for weight in network.parameters()) for network in (mine, right)
    ]
    count, wanted = (sum(weight.numel() for weight in n.parameters()) for n in (mine, right))
    if count != wanted:
        extra, missing = shapes[0] - shapes[1], shapes[1] - shapes[0]
        words = [
            f"{name} {few([' x '.join(map(str, shape)) for shape in found])}"
            for name, found in (("too many are", extra), ("missing are", missing))
            if found
        ]
        raise AssertionError(
            f"expected {wanted:,} parameters, got {count:,} ({'; '.join(words)}): {told}"
        )
    learning = sum(weight.numel() for weight in mine.parameters() if weight.requires_grad)
    expected = sum(weight.numel() for weight in right.parameters() if weight.requires_grad)
    assert learning == expected, f"{expected:,} parameters learn, not {learning:,}: {told}"


def _apart(
    mine: nn.Module, other: nn.Module, right: nn.Module, another: nn.Module, told: str
) -> None:
    """Two networks share no weight, and start from different ones where the reference's do."""
    places = [
        {part.data_ptr() for part in (*network.parameters(), *network.buffers()) if part.numel()}
        for network in (mine, other)
    ]
    assert not places[0] & places[1], (
        f"two networks share weights: make every layer anew for each: {told}"
    )
    alike = [
        all(same(a.detach(), b.detach()) for a, b in zip(one, two, strict=True))
        for one, two in (
            (mine.parameters(), other.parameters()),
            (right.parameters(), another.parameters()),
        )
    ]
    assert not alike[0] or alike[1], (
        f"two networks start with the same weights: set no seed where you build: {told}"
    )


def _shapes(mine: nn.Module, right: nn.Module, given: Sequence[tuple], told: str) -> None:
    """Compare the shapes of the outputs in training mode."""
    for tensors in given:
        sizes = " and ".join(" x ".join(map(str, tensor.shape)) for tensor in tensors)
        with torch.no_grad():
            found, wanted = (values(network.train()(*_own(tensors))) for network in (mine, right))
        assert len(found) == len(wanted), (
            f"expected {len(wanted)} outputs, got {len(found)}: {told}"
        )
        for value, expected in zip(found, wanted, strict=True):
            assert value.shape == expected.shape, (
                f"for an input of {sizes} expected {tuple(expected.shape)}, got "
                f"{tuple(value.shape)}: {told}"
            )
            assert value.isfinite().all(), f"the output is not finite: {told}"


def _alone(mine: nn.Module, right: nn.Module, given: Sequence[tuple], told: str) -> None:
    """A forward pass in evaluation mode does nothing but give the output, sample by sample."""
    for tensors in given:
        own = _own(tensors)
        with torch.no_grad():
            before = global_streams()
            right(*_own(tensors))
            quiet = all(np.array_equal(a, before[n]) for n, a in global_streams().items())
            names = ["the network", *("an input" for _ in own)]
            with untouched(mine, *own, names=names, streams=quiet):
                result = mine(*own)
            kept = [value.clone() for value in values(result)]
            if not quiet:
                continue
            again = values(mine(*own))
            same_values(again, kept, f"a second pass in evaluation mode differs: {told}")
            mine(*(tensor.flip(0).flip(-1) for tensor in own))
            same_values(values(result), kept, f"a later pass changes an earlier output: {told}")
            single = values(mine(*(tensor[:1] for tensor in own)))
            batched = values(right(*_own(tensors)))
            one = values(right(*(tensor[:1] for tensor in own)))
            for found, whole, a, b in zip(single, kept, one, batched, strict=True):
                if a.ndim and torch.allclose(a, b[:1], rtol=1e-3, atol=1e-5):
                    why = f"in evaluation mode a sample's output depends on the others': {told}"
                    same_values([found], [whole[:1]], why, 1e-3, 1e-5)


def _same_network(
    mine: nn.Module,
    right: nn.Module,
    given: Sequence[tuple],
    told: str,
    rtol: float,
    atol: float,
) -> None:
    """Compare values with the reference's weights, if they can be handed over."""
    tensors = given[0]
    ways = [way(mine, right, tensors) for way in (_by_name, _by_use, _by_order)]
    fitting = [pairs for pairs in ways if pairs]
    complaint = None
    with torch.no_grad():
        for weight in (*right.parameters(), *right.buffers()):
            if weight.is_floating_point():  # weights of which none is 0 or 1 tell parts apart
                weight.mul_(1.3).add_(0.05 * torch.rand(weight.shape))
    for pairs in fitting:
        with torch.no_grad():
            for own, theirs in pairs:
                own.copy_(theirs)
        try:
            for tensors in given:
                _same_outputs(mine.eval(), right.eval(), tensors, told, rtol, atol)
            for network in (mine, right):  # averages move here, and are used in the last call
                network.train()
            _same_outputs(mine, right, given[0], told, rtol, atol)
            _same_outputs(mine.eval(), right.eval(), given[0], told, rtol, atol)
            return
        except AssertionError as error:
            complaint = complaint or error
    if complaint:
        raise complaint


def _same_outputs(
    mine: nn.Module, right: nn.Module, tensors: tuple, told: str, rtol: float, atol: float
) -> None:
    """Compare outputs; what the reference gives by chance is not compared."""
    mode = "training" if mine.training else "evaluation"
    with torch.no_grad():
        (wanted, again), (found, _) = (
            [values(network(*_own(tensors))) for _ in range(2)] for network in (right, mine)
        )
        if all(map(torch.equal, wanted, again)):
            why = (
                f"the same layers with the same weights give other values in {mode} mode; an "
                f"activation, a normalisation, the order?: {told}"
            )
            same_values(found, wanted, why, rtol, atol)


def _reached(mine: nn.Module, given: Sequence[tuple], told: str) -> None:
    """A gradient comes to every parameter that learns."""
    mine.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for value in values(mine(*_own(given[0]))):
        total = total + (value * torch.rand(value.shape, dtype=torch.float64)).sum()
    assert total.requires_grad, f"the output has no gradient: {told}"
    total.backward()
    dry = [name for name, w in mine.named_parameters() if w.requires_grad and w.grad is None]
    assert not dry, f"no gradient reaches {few(dry)}: {told}"
    mine.zero_grad()


def _own(tensors: tuple) -> tuple:
    return tuple(tensor.detach().clone() for tensor in tensors)


# Whose weight is whose -----------------------------------------------------------------------

Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def _by_name(mine: nn.Module, right: nn.Module, _: tuple) -> Pairs:
    """Weights and buffers of the same names; empty if names or shapes differ."""
    own, theirs = mine.state_dict(), right.state_dict()
    if own.keys() != theirs.keys():
        return []
    return _fitting([(own[name], theirs[name]) for name in own])


def _by_use(mine: nn.Module, right: nn.Module, tensors: tuple) -> Pairs:
    """Weights and buffers of layers in the order in which a forward pass uses them."""
    return _fitting(_zipped(*(_used(network, tensors) for network in (mine, right))))


def _by_order(mine: nn.Module, right: nn.Module, _: tuple) -> Pairs:
    """Weights and buffers in the order in which they were made."""
    return _fitting(_zipped(*(list(network.state_dict().values()) for network in (mine, right))))


def _used(network: nn.Module, tensors: tuple) -> list[torch.Tensor]:
    """Weights and buffers in the order in which a forward pass comes to their layers."""
    found: list[torch.Tensor] = []
    seen: set[int] = set()

    def note(layer: nn.Module, *_: Any) -> None:
        if id(layer) not in seen:
            seen.add(id(layer))
            found.extend(layer._parameters[name] for name in sorted(layer._parameters))  # ty: ignore
            found.extend(layer._buffers[name] for name in sorted(layer._buffers))  # ty: ignore

    hooks = [part.register_forward_pre_hook(note) for part in network.modules()]
    with torch.no_grad():
        network.eval()(*_own(tensors))
    for hook in hooks:
        hook.remove()
    return [tensor.detach() for tensor in found if tensor is not None]


def _zipped(own: list[torch.Tensor], theirs: list[torch.Tensor]) -> Pairs:
    return list(zip(own, theirs, strict=True)) if len(own) == len(theirs) else []


def _fitting(pairs: Pairs) -> Pairs:
    """The pairs, if all shapes fit."""
    return pairs if all(own.shape == theirs.shape for own, theirs in pairs) else []
