"""The contract between a model and the training loop.

A model says *what* is computed: its phases, each with the networks that learn in it, their loss and
their optimiser. The loop (`training.py`) says *when*: it freezes, clears, runs backward and steps.
Neither knows the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inpaintlib.blending import poisson_blend
from inpaintlib.images import Batch, hide
from inpaintlib.masks import dilate

FLAT = 0.6
"""The share of a run after which a learning rate begins to fall."""

Terms = dict[str, Tensor]
"""Named scalar losses with their weights applied; the loop adds them up."""


def always(step: int) -> bool:
    """The phase runs at every step."""
    return True


def constant(step: int) -> float:
    """The learning rate stays as it is."""
    return 1.0


def schedule(steps: int, *, warm_up: int = 0, flat: float = FLAT) -> Callable[[int], float]:
    """A rate that rises linearly, stays at 1, then falls linearly to 0 at `steps`.

    Adam's first updates are full steps, whatever the gradient: the rise keeps them small. What a
    game's networks chase each other for at the full rate, the fall lets settle.

    Args:
        steps: of the run.
        warm_up: steps over which it rises.
        flat: the share of the run, 0 to 1, after which it begins to fall; at 1 it never does.

    Example:
        >>> rate = schedule(100, warm_up=4, flat=0.6)
        >>> rate(0), rate(3), rate(60), rate(80), rate(110)
        (0.25, 1.0, 1.0, 0.5, 0.0)
    """

    falling = (1 - flat) * steps

    def rate(step: int) -> float:
        rise = (step + 1) / warm_up if step < warm_up else 1.0
        left = max(0, steps - step)
        return rise * (left / falling if left < falling else 1.0)

    return rate


def rate_of(config: Any) -> Callable[[int], float]:
    """The schedule of a configuration: its `warm_up` steps, and its fall if it has `decay`."""
    return schedule(config.steps, warm_up=config.warm_up, flat=FLAT if config.decay else 1.0)


def adam(module: nn.Module, config: Any, *, factor: float = 1.0) -> Adam:
    """Adam for a network, at a configuration's `learning_rate`, times a factor, and `betas`."""
    return Adam(module.parameters(), lr=factor * config.learning_rate, betas=config.betas)


@dataclass(frozen=True)
class Phase:
    """One kind of update, such as the discriminator's.

    Attributes:
        name: unique within the family, for example "discriminator".
        modules: these train; every other parameter of the family is frozen meanwhile.
        loss: (batch, step) to terms; does its own forward pass. Where the family has `shared`
            something, it is a third argument, which takes the generator's pass from the loss. A
            phase that judges fakes does so without gradient, so none can reach the generator.
        optimizer: built from all the parameters of `modules`.
        active: whether the phase runs at a step; GLCIC's three periods are two such predicates.
        rate: factor on the optimiser's learning rate at a step. A function of the step alone, so a
            resumed run needs no scheduler's state.
    """

    name: str
    modules: Sequence[nn.Module]
    loss: Callable[..., Terms]
    optimizer: Optimizer
    active: Callable[[int], bool] = always
    rate: Callable[[int], float] = constant


class Family(nn.Module):
    """A model with everything that it needs to learn.

    A subclass sets `config` (a frozen dataclass) and `generator` (the network that is shipped and
    averaged), and implements `build_phases` and `generate`.
    """

    config: Any
    generator: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self._phases: list[Phase] | None = None

    def phases(self) -> list[Phase]:
        """The phases in the order in which they run each step, with their optimisers, made once.

        Move the family to its device before the first call.
        """
        if self._phases is None:
            self._phases = self.build_phases()
        return self._phases

    def build_phases(self) -> list[Phase]:
        """Make phases and optimisers anew; called by `phases`."""
        raise NotImplementedError

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """Pictures for a batch, composited where the batch has a mask.

        Reads only `batch.observed` and `batch.mask`; of `batch.image` at most the shape.

        Args:
            batch: (B, C, H, W) images, see `Batch`.
            generator: where random numbers come from, if the family draws any.

        Returns:
            (B, C, H, W), [-1, 1].
        """
        raise NotImplementedError

    def shared(self, batch: Batch) -> Any:
        """What the generator makes of a batch, once for all phases of a step.

        Made with gradient, before any of them; each gets it as its loss's third argument. None, as
        here, where every phase asks the generator for something else, as with new noise.
        """
        return None

    def prediction(self, batch: Batch) -> Tensor:
        """A fill that reaches at least one pixel beyond the hole, (B, C, H, W), not composited.

        Here the family is told of a hole one pixel wider. A family whose loss covers known pixels
        too gives what it draws there instead, which fits its fill better.
        """
        observed, mask = batch.holes()
        return self.generate(hide(observed, dilate(mask, 1)))

    def blended(self, batch: Batch) -> Tensor:
        """The filled pictures without a seam, see `blending`: shapes and ranges as `generate`."""
        return poisson_blend(self.prediction(batch), *batch.holes())

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device


def count_parameters(module: nn.Module) -> int:
    """The number of learnable values, used or not; buffers do not count.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(parameter.numel() for parameter in module.parameters())
