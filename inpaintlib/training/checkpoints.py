"""Saving and loading: the weights that are shipped, and the state that a run resumes from.

Weights are safetensors, so nothing in the file is ever executed. A training state is read with
`weights_only=True`, which accepts tensors and plain values only.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from inpaintlib.data.writing import write_whole
from inpaintlib.models.contract import Model
from inpaintlib.training.ema import EMA


def save_weights(
    path: str | Path, module: nn.Module, *, card: dict[str, Any], half: bool = True
) -> None:
    """Write a network's tensors, halved or not, with its card of JSON-compatible facts inside.

    A tensor with values beyond half precision's 65,504 is written as it is.

    Raises:
        OSError: the folder cannot be written; an older file of that name is untouched.
    """
    tensors = {}
    for name, value in module.state_dict().items():
        if half and value.is_floating_point() and torch.isfinite(value.half()).all():
            value = value.half()
        tensors[name] = value.detach().cpu().contiguous()
    write_whole(path, lambda part: save_file(tensors, part, metadata={"card": json.dumps(card)}))


def load_weights(path: str | Path, module: nn.Module) -> dict[str, Any]:
    """Fill a network from a file of `save_weights` and return the file's card.

    Raises:
        ValueError: the file is missing, no safetensors file, or made for another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: expected a safetensors file of weights: {error}") from error
    wanted = {name: value.shape for name, value in module.state_dict().items()}
    found = {name: value.shape for name, value in tensors.items()}
    wrong = sorted(dict(wanted.items() ^ found.items()))
    if wrong:
        raise ValueError(
            f"{path}: the weights do not fit this network: {len(wrong)} tensors are missing, too "
            f"many or of another shape, such as {wrong[0]}"
        )
    module.load_state_dict(tensors)
    return json.loads(metadata.get("card", "{}"))


def save_state(path: str | Path, model: Model, *, step: int, ema: EMA | None = None) -> None:
    """Write all that a run needs to go on exactly at `step`: weights, optimizers, average.

    Random numbers depend on seed and step, so no generator's state is needed.

    Raises:
        OSError: the disk is full or cannot be written; an older file of that name is untouched.
    """
    state = {
        "step": step,
        "family": model.state_dict(),
        "optimizers": {phase.name: phase.optimizer.state_dict() for phase in model.phases()},
        "ema": None if ema is None else ema.state_dict(),
    }
    write_whole(path, lambda part: torch.save(state, part))


def load_state(path: str | Path, model: Model, *, ema: EMA | None = None) -> int:
    """Put a run back where `save_state` left it; returns the step to resume at.

    Raises:
        ValueError: the file is missing, damaged, or of another model or run.
    """
    try:
        # Read on the CPU: each part goes to its own device, and Adam's step counts stay here, where
        # reading them does not wait for a GPU.
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["family"])
        for phase in model.phases():
            phase.optimizer.load_state_dict(state["optimizers"][phase.name])
        if (ema is None) != (state["ema"] is None):
            raise ValueError("one run averages its weights (ema) and the other does not")
        if ema is not None:
            ema.load_state_dict(state["ema"])
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(f"{path}: cannot resume from this file: {error}") from error
    return int(state["step"])


def load_networks(path: str | Path, model: Model) -> None:
    """Take a state's networks for a model with the same generator: its average, the discriminator.

    A discriminator with dense layers fits one size of pictures only. Where any tensor of it is
    missing or has another shape, all of it stays new.

    Raises:
        ValueError: the file is missing or damaged, has no average, or has another generator.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.generator.load_state_dict(state["ema"]["average"])
        others = {k: v for k, v in state["family"].items() if not k.startswith("generator.")}
        here = {k: v for k, v in model.state_dict().items() if not k.startswith("generator.")}
        found, wanted = ({k: v.shape for k, v in each.items()} for each in (others, here))
        if found == wanted:
            model.load_state_dict(others, strict=False)
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(f"{path}: cannot begin with this state: {error}") from error
