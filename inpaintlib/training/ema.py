"""A moving average of a network's weights."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib.images import Batch


class EMA:
    """Exponential moving average of a network: a smoother generator for nothing but memory.

    Parameters are averaged; buffers (BatchNorm's statistics) are copied. Early on the decay is
    lowered to (1 + n) / (10 + n), so that a short run does not remember its random beginning.

    Args:
        module: the network to follow, usually `model.generator`.
        decay: weight of the past at each update, 0 to 1.

    Source:
        Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training".
    """

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"expected a decay in [0, 1), got {decay}")
        self.module, self.decay, self.updates = module, decay, 0
        self.average = {name: value.detach().clone() for name, value in _tensors(module).items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        learnable = dict(self.module.named_parameters())
        for name, value in _tensors(self.module).items():
            if name in learnable:
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def applied(self) -> Generator[None]:
        """While the context lasts, the network carries the averaged weights."""
        present = {name: value.detach().clone() for name, value in _tensors(self.module).items()}
        _load(self.module, self.average)
        try:
            yield
        finally:
            _load(self.module, present)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint stores."""
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored state of the same network."""
        self.updates = state["updates"]
        for name, value in self.average.items():
            value.copy_(state["average"][name])


@torch.no_grad()
def refresh_statistics(
    module: nn.Module, forward: Callable[[Batch], object], batches: Iterable[Batch]
) -> None:
    """Measure BatchNorm's running statistics again, for the weights that the network carries now.

    Copied statistics belong to the raw weights, not to their average: on GLCIC they cost 1.8 dB.
    Call it inside `EMA.applied()`, before the average is shown, measured or saved.

    Args:
        module: the network; without BatchNorm nothing happens.
        forward: runs the network on a batch, for example `model.generate`.
        batches: a few dozen training batches; all count alike.
    """
    norms = {
        layer: (layer.training, layer.momentum)
        for layer in module.modules()
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.SyncBatchNorm)
    }
    for layer in norms:
        layer.reset_running_stats()
        layer.train()
        layer.momentum = None  # torch's sign for a plain mean over all batches
    try:
        for batch in batches if norms else ():
            forward(batch)
    finally:
        for layer, (training, momentum) in norms.items():
            layer.training, layer.momentum = training, momentum


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


@torch.no_grad()
def _load(module: nn.Module, values: dict[str, Tensor]) -> None:
    for name, value in _tensors(module).items():
        value.copy_(values[name])
