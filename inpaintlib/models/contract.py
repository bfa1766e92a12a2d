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

from inpaintlib.images import Batch, hide
from inpaintlib.masks import dilate

Terms = dict[str, Tensor]
"""Named scalar losses with their weights applied; the loop adds them up."""


def always(step: int) -> bool:
    """The phase runs at every step."""
    return True


def constant(step: int) -> float:
    """The learning rate stays as it is."""
    return 1.0


def decay_to_zero(steps: int) -> Callable[[int], float]:
    """A rate that falls linearly from 1 to 0 at `steps`.

    Example:
        >>> rate = decay_to_zero(100)
        >>> rate(0), rate(75), rate(110)
        (1.0, 0.25, 0.0)
    """
    return lambda step: max(0.0, 1 - step / steps)


def adam(module: nn.Module, config: Any) -> Adam:
    """Adam for a network, at a configuration's `learning_rate` and `betas`."""
    return Adam(module.parameters(), lr=config.learning_rate, betas=config.betas)


@dataclass(frozen=True)
class Phase:
    """One kind of update, such as the discriminator's.

    Attributes:
        name: unique within the family, for example "discriminator".
        modules: these train; every other parameter of the family is frozen meanwhile.
        loss: (batch, step) to terms; does its own forward pass. A phase that judges fakes makes
            them under `torch.no_grad()`, so no gradient can reach the generator.
        optimizer: built from all the parameters of `modules`.
        active: whether the phase runs at a step; GLCIC's three periods are two such predicates.
        rate: factor on the optimiser's learning rate at a step. A function of the step alone, so a
            resumed run needs no scheduler's state.
    """

    name: str
    modules: Sequence[nn.Module]
    loss: Callable[[Batch, int], Terms]
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

    def prediction(self, batch: Batch) -> Tensor:
        """A fill that reaches at least one pixel beyond the hole, (B, C, H, W), not composited.

        Here the family is told of a hole one pixel wider. A family whose loss covers known pixels
        too gives what it draws there instead, which fits its fill better.
        """
        observed, mask = batch.holes()
        return self.generate(hide(observed, dilate(mask, 1)))

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
