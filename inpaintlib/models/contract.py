"""The contract between a model and the training loop.

A model says *what* is computed: its phases, each with the networks that learn in it, their loss and
their optimizer. The loop (`training/loop.py`) says *when*: it freezes, clears, runs backward and
steps. Neither knows the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inpaintlib.images import Batch, check_pair, composite, hide
from inpaintlib.layers import activations
from inpaintlib.losses import ADVERSARIAL, chroma_loss, fooling_terms
from inpaintlib.masks import dilate
from inpaintlib.seeding import stream

FLAT = 0.6  # the share of a run after which a learning rate begins to fall

Terms = dict[str, Tensor]
"""Named scalar losses with their weights applied; the loop adds them up."""


def schedule(steps: int, *, warm_up: int = 0, flat: float = FLAT) -> Callable[[int], float]:
    """A rate that rises linearly, stays at 1, then falls linearly to 0 at `steps`.

    Adam's first updates are full steps, whatever the gradient: the rise keeps them small. What a
    game's networks chase each other for at the full rate, the fall lets settle.

    Args:
        steps: of the run; the rate rises over the first `warm_up` of them.
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
        name: unique within the model.
        modules: these train; every other parameter of the model is frozen meanwhile.
        loss: (batch, step) to terms; does its own forward pass. Where the model has `shared`
            something, it is a third argument, which takes the generator's pass from the loss. A
            discriminator scores fakes without gradient, so none can reach the generator.
        optimizer: built from all the parameters of `modules`.
        active: whether the phase runs at a step; GLCIC's three periods are two such predicates.
        rate: factor on the optimizer's learning rate at a step. A function of the step alone, so a
            resumed run needs no scheduler's state.
    """

    name: str
    modules: Sequence[nn.Module]
    loss: Callable[..., Terms]
    optimizer: Optimizer
    active: Callable[[int], bool] = lambda step: True
    rate: Callable[[int], float] = lambda step: 1.0


class Model(nn.Module):
    """Networks with everything that they need to learn.

    A subclass sets `config` and `generator`, and implements `build_phases` and `generate`.
    """

    config: Any  # a frozen dataclass
    generator: nn.Module  # the network that is shipped and averaged

    def __init__(self) -> None:
        super().__init__()
        self._phases: list[Phase] | None = None

    def phases(self) -> list[Phase]:
        """The phases in the order in which they run each step, with their optimizers, made once.

        Move the model to its device before the first call.
        """
        if self._phases is None:
            self._phases = self.build_phases()
        return self._phases

    def build_phases(self) -> list[Phase]:
        """Make phases and optimizers anew."""
        raise NotImplementedError

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """Pictures for a batch, (B, C, H, W), [-1, 1], composited where the batch has a mask.

        Reads only `batch.observed` and `batch.mask`; of `batch.image` at most the shape. Random
        numbers, if it needs any, come from `generator`.
        """
        raise NotImplementedError

    def shared(self, batch: Batch) -> Any:
        """What the generator makes of a batch, once for all phases of a step.

        Made with gradient, before any of them; each gets it as its loss's third argument. None, as
        here, where every phase asks the generator for something else, as with new noise.
        """
        return None

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device


class FromNoise(Model):
    """A model that draws whole pictures from noise of the configuration's `latent` length."""

    discriminator: nn.Module

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, latent) of standard normal noise, drawn on the CPU, on the model's device."""
        return torch.randn(count, self.config.latent, generator=generator).to(self.device)

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """As many new pictures as the batch holds; nothing else of it is read."""
        source = generator or stream(self.config.seed, "generate")
        return self.generator(self.noise(len(batch.image), source))

    def discriminator_loss(self, batch: Batch, step: int) -> Terms:
        z = self.noise(len(batch.image), stream(self.config.seed, "discriminator", step))
        with torch.no_grad():
            fake = self.generator(z)
        # Real and fake pictures are scored apart, so that BatchNorm never mixes their statistics.
        loss, _ = ADVERSARIAL[self.config.adversarial]
        real_logits, fake_logits = self.discriminator(batch.image), self.discriminator(fake)
        return {"adversarial": loss(real_logits=real_logits, fake_logits=fake_logits)}

    def generator_loss(self, batch: Batch, step: int) -> Terms:
        z = self.noise(len(batch.image), stream(self.config.seed, "generator", step))
        _, loss = ADVERSARIAL[self.config.adversarial]
        return {"adversarial": loss(fake_logits=self.discriminator(self.generator(z)))}

    def discriminator_optimizer(self) -> Optimizer:
        """The discriminator's optimizer: the generator's kind."""
        return adam(self.discriminator, self.config)

    def build_phases(self) -> list[Phase]:
        d, g = self.discriminator, self.generator
        quicker = self.discriminator_optimizer()
        return [
            Phase("discriminator", [d], self.discriminator_loss, quicker),
            Phase("generator", [g], self.generator_loss, adam(g, self.config)),
        ]


class Inpainting(Model):
    """A model that fills holes.

    Attributes:
        draws: whether other random numbers give another fill of the same hole.
    """

    draws = False

    def told(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The pictures filled where the mask says, also by a model that would find holes itself."""
        return self.generate(batch, generator=generator)

    def extended(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """A fill that reaches at least one pixel beyond the hole, (B, C, H, W), not composited.

        Blending reads it. Here the model is told of a hole one pixel wider: all that is known of it
        is how it fills holes.
        """
        observed, mask = batch.holes()
        return self.generate(hide(observed, dilate(mask, 1)), generator=generator)


class AdversarialInpainting(Inpainting):
    """Generator and discriminator in turns: what the inpainting models of lessons 03 to 06 share.

    A subclass sets `discriminator` and implements `reconstruction`. Its configuration names the
    adversarial pair and its weights, see `losses.fooling_terms`.
    """

    discriminator: Any  # a network

    def shared(self, batch: Batch) -> Any:
        """The generator's raw picture, float32; nothing of `batch.image` is read."""
        return self.generator(*batch.holes()).float()

    def prediction(self, made: Any) -> Tensor:
        """The picture that is composited, of all that `shared` made."""
        return made

    def activations(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """The discriminator's activations, layer by layer, and last its logits, float32.

        It is shown the mask if the configuration says so.
        """
        shown = torch.cat([image, mask], dim=1) if self.config.discriminator_sees_mask else image
        return activations(self.discriminator.layers, shown)

    def reconstruction(self, made: Any, batch: Batch) -> Terms:
        """What is asked of a fill beside a good score, with its weights."""
        raise NotImplementedError

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The observed pictures with their holes filled; no random numbers are used."""
        observed, mask = batch.holes()
        check_pair(observed, mask)
        return composite(self.prediction(self.shared(batch)), observed, mask)

    def extended(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The raw picture: what is drawn beside the hole fits the fill, whatever the loss covers.

        The fill of a hole one pixel wider, told as such, is another one, and fits it worse: with
        GLCIC and the context encoder by 0.4 to 1.3 dB after blending.
        """
        return self.prediction(self.shared(batch))

    def discriminator_loss(self, batch: Batch, step: int, made: Any = None) -> Terms:
        observed, mask = batch.holes()
        with torch.no_grad():
            made = self.shared(batch) if made is None else made
            completed = composite(self.prediction(made), observed, mask)
        loss, _ = ADVERSARIAL[self.config.adversarial]
        real_logits = self.activations(batch.image, mask)[-1]
        fake_logits = self.activations(completed, mask)[-1]
        return {"adversarial": loss(real_logits=real_logits, fake_logits=fake_logits)}

    def generator_loss(self, batch: Batch, step: int, made: Any = None) -> Terms:
        observed, mask = batch.holes()
        made = self.shared(batch) if made is None else made
        terms = self.reconstruction(made, batch)
        if self.config.chroma_weight:
            error = chroma_loss(self.prediction(made), batch.image, mask)
            terms["chroma"] = self.config.chroma_weight * error
        if self.discriminator_learns(step):
            completed = composite(self.prediction(made), observed, mask)
            see = partial(self.activations, mask=mask)
            terms |= fooling_terms(see, completed, batch.image, self.config)
        return terms

    def discriminator_learns(self, step: int) -> bool:
        """Whether the discriminator takes part at this step."""
        return step >= self.config.adversarial_start

    def generator_learns(self, step: int) -> bool:
        """Whether the generator takes part at this step."""
        return True

    def optimizer(self, module: nn.Module) -> Optimizer:
        """The optimizer of one network."""
        return adam(module, self.config)

    def build_phases(self) -> list[Phase]:
        def phase(name: str, module: nn.Module, loss: Any, active: Any) -> Phase:
            return Phase(name, [module], loss, self.optimizer(module), active, rate_of(self.config))

        d, g = self.discriminator, self.generator
        return [
            phase("discriminator", d, self.discriminator_loss, self.discriminator_learns),
            phase("generator", g, self.generator_loss, self.generator_learns),
        ]


def count_parameters(module: nn.Module) -> int:
    """The number of learnable values, used or not; buffers do not count.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(parameter.numel() for parameter in module.parameters())
