"""The shipped networks as ONNX: what the page runs, and any other program could.

    python -m web.export OUT [NAME …]

One contract for every network of the kind "fill": `image` (B, 3, H, W), [-1, 1], and `mask`
(B, 1, H, W), {0, 1}, 1 = hole, to `prediction` (B, 3, H, W), [-1, 1]. Hiding the hole is part of
the graph, so what `image` shows there does not matter. The prediction is `Inpainting.extended`: it
reaches beyond the hole, and Poisson blending makes the fill of it. Height and width may be any that
the network's own halvings divide.
"""

import argparse
import copy
import hashlib
import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from inpaintlib.data.writing import write_whole
from inpaintlib.images import hide
from inpaintlib.models.contract import Inpainting
from inpaintlib.photos import shipped
from inpaintlib.training import recipes

OPSET = 17
INPUTS, OUTPUT = ("image", "mask"), "prediction"
SMALL = 64  # values: what is smaller is not worth a node that widens it


class Fill(nn.Module):
    """The contract as one module: (image, mask) -> prediction."""

    def __init__(self, model: Inpainting) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.model.extended(hide(image, mask))


class SteadyGroupNorm(nn.Module):
    """GroupNorm whose means are taken along one axis after the other.

    onnxruntime adds up all values of a group in float32, one by one. For 131,072 values that is
    wrong in the fourth digit; sums of sums of some hundred are right in the seventh.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        groups = self.norm.num_groups
        parts = x.reshape(batch, groups, channels // groups, height, width)
        parts = parts - mean(parts)
        parts = parts * torch.rsqrt(mean(parts * parts) + self.norm.eps)
        weight, bias = (value.view(1, -1, 1, 1) for value in (self.norm.weight, self.norm.bias))
        return parts.reshape(batch, channels, height, width) * weight + bias


def mean(parts: Tensor) -> Tensor:
    """The mean of every group of (B, G, C, H, W), as (B, G, 1, 1, 1)."""
    for axis in (4, 3, 2):
        parts = parts.mean(dim=axis, keepdim=True)
    return parts


def steady(module: nn.Module) -> nn.Module:
    """The module with every GroupNorm in it made steady, in place; `export` gives a copy."""
    for name, child in module.named_children():
        setattr(module, name, SteadyGroupNorm(child) if isinstance(child, nn.GroupNorm) else child)
        steady(child)
    return module


def export(model: Inpainting) -> ModelProto:
    """A model that fills holes, in evaluation mode, as ONNX with float32 weights."""
    size, channels = model.config.size, model.config.channels
    example = (torch.zeros(1, channels, size, size), torch.zeros(1, 1, size, size))
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in (*INPUTS, OUTPUT)}
    file: Any = io.BytesIO()  # the exporter takes it, whatever its types say
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own: it is old, and it says so
        torch.onnx.export(
            steady(Fill(copy.deepcopy(model))).eval(),
            example,
            file,
            dynamo=False,
            opset_version=OPSET,
            # `eval` is kept; the exporter's own would fold BatchNorm into weights, no float16 then
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes=axes,
        )
    return onnx.load_from_string(file.getvalue())


def halved(model: ModelProto) -> ModelProto:
    """The same graph with its weights as float16, widened again when the network is loaded.

    The shipped weights are float16, so nothing is lost; what is not representable stays float32.
    """
    small = ModelProto()
    small.CopyFrom(model)
    widen = []
    for weight in list(small.graph.initializer):
        values = numpy_helper.to_array(weight)
        half = values.astype(np.float16)
        if values.dtype != np.float32 or values.size <= SMALL or (half != values).any():
            continue
        small.graph.initializer.remove(weight)
        small.graph.initializer.append(numpy_helper.from_array(half, f"{weight.name}.half"))
        widen.append(
            helper.make_node("Cast", [f"{weight.name}.half"], [weight.name], to=TensorProto.FLOAT)
        )
    nodes = [*widen, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    onnx.checker.check_model(small)
    return small


def names() -> list[str]:
    """Every shipped network that fills holes in one pass and whose weights are here."""
    return [
        name
        for name in shipped.available()
        if shipped.is_inpainter(name) and not recipes.recipe(shipped.family_of(name)).draws
    ]


def onnx_of(name: str) -> bytes:
    """The file of a shipped network.

    Raises:
        ValueError: no such name, or its weights are missing; or it draws whole pictures.
    """
    model = shipped.load(name)
    if not isinstance(model, Inpainting):
        raise ValueError(f"expected a network that fills holes, got {name}")
    small = halved(export(model))
    facts = {"network": name, "weights": weights_hash(name)}
    helper.set_model_props(small, facts)
    return small.SerializeToString()


def weights_hash(name: str) -> str:
    """The SHA-256 of a shipped network's file of weights: what its ONNX was made of."""
    return hashlib.sha256(shipped.path(name).read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `NAME.onnx` for every name, or for all that are shipped."""
    parser = argparse.ArgumentParser(description="the shipped networks as ONNX")
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(arguments)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or names():
        content = onnx_of(name)
        file = options.out / f"{name}.onnx"
        write_whole(file, lambda part, content=content: part.write_bytes(content))
        print(f"{file}  {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
