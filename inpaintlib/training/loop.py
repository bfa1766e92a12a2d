"""The one training loop of the course: it yields after each step; the caller plots and stops."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib.images import Batch
from inpaintlib.models.contract import Model, Phase, Terms
from inpaintlib.seeding import part_of_batch
from inpaintlib.training import distributed
from inpaintlib.training.ema import EMA

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Record:
    """What one step reports.

    Attributes:
        step: the step that was just made, counted from 0.
        terms: detached scalars named "phase/term". Calling `.item()` waits for a GPU; do it rarely.
    """

    step: int
    terms: Terms


@contextmanager
def eval_mode(module: nn.Module) -> Generator[None]:
    """Evaluation mode without gradients; each submodule gets its own mode back afterwards."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for child, mode in modes.items():
            child.training = mode


def train(
    model: Model,
    batches: Iterator[Batch],
    *,
    steps: int,
    start: int = 0,
    ema: EMA | None = None,
    precision: str = "float32",
    accumulate: int = 1,
) -> Iterator[Record]:
    """Train, yielding a record after every step.

    One step: `run_phase` for each active phase, then the average is updated. Several phases share
    one pass of the generator, if they can. The loop can be left at any record and entered again
    with `start`.

    Args:
        model: the model, on its device.
        batches: an iterator whose next item is the batch of step `start`.
        steps: the step to stop before: `steps - start` steps are made.
        start: the first step.
        precision: "float32", or "bfloat16" for autocast forward passes.
        accumulate: parts that each batch is worked through in, to save memory; see `run_phase`.

    Raises:
        ValueError: `steps`, `start` or `precision` make no sense, or the parts are not equal.
        FloatingPointError: a term is not finite; the phase's update has not been made.
    """
    if start < 0 or steps < start:
        raise ValueError(f"expected 0 <= start <= steps, got start {start}, steps {steps}")
    if precision not in PRECISIONS:
        raise ValueError(f"expected a precision among {list(PRECISIONS)}, got {precision!r}")
    model.train()
    for step in range(start, steps):
        batch = next(batches).to(model.device)
        active = [phase for phase in model.phases() if phase.active(step)]
        made = None
        if len(active) > 1 and accumulate == 1:  # the graphs of all parts would fill the memory
            with computing(model, precision, distributed.rank()):
                made = model.shared(batch)
        terms: Terms = {}
        for phase in active:
            done = run_phase(
                model, phase, batch, step, precision=precision, accumulate=accumulate, made=made
            )
            terms |= {f"{phase.name}/{name}": value for name, value in done.items()}
        if ema is not None:
            ema.update()
        yield Record(step, terms)


@contextmanager
def computing(model: Model, precision: str, part: int) -> Generator[None]:
    """A forward pass in a precision; `part` says which part of the whole batch it sees."""
    with (
        part_of_batch(part),
        torch.autocast(model.device.type, PRECISIONS[precision], enabled=precision != "float32"),
    ):
        yield


def run_phase(
    model: Model,
    phase: Phase,
    batch: Batch,
    step: int,
    *,
    precision: str = "float32",
    accumulate: int = 1,
    made: Any = None,
) -> Terms:
    """One update of one phase: its gradients, then its optimizer's step. Returns its terms.

    Args:
        accumulate: parts that the batch is worked through in; see `gradients`.
        made: what `model.shared` made of the batch; None: the loss makes it itself.
    """
    with only_training(model, phase.modules):
        phase.optimizer.zero_grad()  # of what ran outside of the loop
        terms = gradients(model, phase, batch, step, precision, accumulate, made)
        set_rate(phase, step)
        phase.optimizer.step()
        phase.optimizer.zero_grad()  # their memory is free while the other phases run
    return terms


def gradients(
    model: Model, phase: Phase, batch: Batch, step: int, precision: str, accumulate: int, made: Any
) -> Terms:
    """Leave the gradients of a phase's loss in its modules; returns its detached terms.

    A batch may be divided: into `accumulate` parts here, and before that among processes. Their
    gradients are averaged, which is the whole batch's gradient where every sample weighs the same.
    It is not quite where BatchNorm sees only a part, where spectral norm refines its estimate with
    every part, where a loss divides by the hole's area and the parts' areas differ, or where noise
    is drawn: every part draws its own.
    """
    means: Terms = {}
    for number, part in enumerate(distributed.split(batch, accumulate)):
        # No two parts have one number, on any process, so each draws other noise.
        with computing(model, precision, distributed.rank() * accumulate + number):
            terms = phase.loss(part, step) if made is None else phase.loss(part, step, made)
        total = torch.stack(list(terms.values())).sum()
        check_finite(total, terms, f"step {step}, {phase.name}")
        (total / accumulate).backward()  # adds to the gradients of the parts before
        for name, value in terms.items():
            means[name] = means.get(name, 0) + value.detach() / accumulate
    distributed.average_gradients(p for module in phase.modules for p in module.parameters())
    return means


def check_finite(total: Tensor, terms: Terms, where: str) -> None:
    """Raise FloatingPointError, on every process, if the total is not finite on one of them."""
    bad = not torch.isfinite(total)  # on a GPU this waits for the step; a silent NaN costs more
    if distributed.anywhere(int(bad)):
        values = ", ".join(f"{name} = {value.item():.4g}" for name, value in terms.items())
        owner = "" if bad else " on another process; here"
        raise FloatingPointError(f"{where}: not finite{owner}: {values}")


def set_rate(phase: Phase, step: int) -> None:
    """Give the phase's optimizer the learning rate of this step."""
    for group in phase.optimizer.param_groups:
        first = group.setdefault("initial_lr", group["lr"])
        group["lr"] = first * phase.rate(step)


@contextmanager
def only_training(model: nn.Module, modules: Sequence[nn.Module]) -> Generator[None]:
    """While the context lasts, only the parameters of `modules` ask for gradients."""
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    for module in modules:
        for parameter in module.parameters():
            parameter.requires_grad_(flags[parameter])
    try:
        yield
    finally:
        for parameter, flag in flags.items():
            parameter.requires_grad_(flag)
