"""Published weights: public PyTorch checkpoints of DeepFillV2 and GLCIC as files of this course.

A checkpoint is recognised by its names, and must fit in every shape. It is read with
`weights_only=True`, so nothing in it is executed, and written in full precision.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from inpaintlib.models.deepfill import PAPER as DEEPFILL
from inpaintlib.models.deepfill import DeepFill
from inpaintlib.models.glcic import GLCIC, GLCICConfig
from inpaintlib.training.checkpoints import save_weights

DEEPFILL_SOURCE = "https://github.com/nipponjo/deepfillv2-pytorch"
GLCIC_SOURCE = "https://github.com/otenim/GLCIC-PyTorch"
TERMS = "its author's, see the source, and those of the pictures it was trained on"

DOWN = (
    "conv1",
    *("down_block1.conv1_downsample", "down_block1.conv2"),
    *("down_block2.conv1_downsample", "down_block2.conv2"),
    "conv_bn1",
)
DILATED = ("conv_bn2", "conv_bn3", "conv_bn4", "conv_bn5")
UP = (
    *("conv_bn6", "conv_bn7"),
    *("up_block1.conv1_upsample.conv", "up_block1.conv2"),
    *("up_block2.conv1_upsample.conv", "up_block2.conv2"),
    "conv_to_rgb",
)
DEEPFILL_LAYERS = (  # in the order of our generator
    *(f"stage1.{name}" for name in (*DOWN, *DILATED, *UP)),
    *(f"stage2.conv_{name}" for name in (*DOWN, *DILATED)),
    *(f"stage2.ca_{name}" for name in (*DOWN, "conv_bn4", "conv_bn5")),
    *(f"stage2.{name}" for name in UP),
)
GLCIC_LAYERS = [f"{'deconv' if layer in (13, 15) else 'conv'}{layer}" for layer in range(1, 18)]
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def convert(source: str | Path, out: str | Path) -> str:
    """Write a public checkpoint as weights of this course, for `load`, `fill` and `evaluate`.

    Args:
        source: DeepFillV2 by nipponjo (`states_pt_….pth`), or GLCIC by otenim (`model_cn…`, with
            its `config.json` beside it).
        out: the new file, `….safetensors`.

    Returns:
        The family's name.

    Raises:
        ValueError: the file cannot be read, is neither of them, or does not fit; `out` is there.
        OSError: `out` cannot be written.
    """
    path = Path(source)
    if Path(out).suffix != ".safetensors":
        raise ValueError(f"{out}: expected a name that ends in .safetensors")
    if Path(out).exists():
        raise ValueError(f"{out}: is there already: choose another name, or delete it first")
    tensors = read_tensors(path)
    if "stage1.conv1.conv.weight" in tensors:
        name, model = "deepfill", deepfill(tensors, path)
        origin = DEEPFILL_SOURCE
    elif "deconv13.weight" in tensors:
        name, model = "glcic", glcic(tensors, path)
        origin = GLCIC_SOURCE
    elif any(key.startswith("stage1.") for key in tensors):
        raise ValueError(
            f"{path}: these weights are for TensorFlow's padding (states_tf_…), another network: "
            f"take states_pt_… from {DEEPFILL_SOURCE}"
        )
    else:
        raise ValueError(
            f"{path}: expected DeepFillV2 ({DEEPFILL_SOURCE}) or GLCIC ({GLCIC_SOURCE}), got "
            f"{len(tensors)} tensors that begin with {next(iter(tensors), 'nothing')}"
        )
    card = {
        "family": name,
        "settings": asdict(model.config),
        "data": f"as its author says, see {origin}",
        "licence": TERMS,
        "source": origin,
        "file": path.name,
    }
    save_weights(out, model.generator, card=card, half=False)
    return name


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The generator's tensors of a checkpoint, by name.

    Raises:
        ValueError: it cannot be read, or holds no tensors.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle raises almost anything
        got = "got another, or one that holds more than tensors"
        if isinstance(error, OSError | RuntimeError):  # others advise to let the file run code
            got = str(error).partition("\n")[0]
        wanted = f"{path}: expected a PyTorch checkpoint or safetensors file"
        raise ValueError(f"{wanted}: {got}") from error
    if isinstance(found, Mapping) and isinstance(found.get("G"), Mapping):
        found = found["G"]
    if isinstance(found, Mapping) and {"family", "optimizers"} <= found.keys():
        raise ValueError(f"{path}: a run's state: the weights are in its weights.safetensors")
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: expected tensors by name, got {type(found).__name__}")
    # DataParallel puts "module." before every name.
    pairs = ((str(name).removeprefix("module."), value) for name, value in found.items())
    return {name: value for name, value in pairs if isinstance(value, Tensor)}


def deepfill(tensors: Mapping[str, Tensor], path: Path) -> DeepFill:
    """DeepFillV2 with these weights, and attention as they learned it."""
    model = DeepFill(replace(DEEPFILL, attention="published"))
    theirs = [f"{layer}.conv.{part}" for layer in DEEPFILL_LAYERS for part in ("weight", "bias")]
    fixed = {"stage2.contextual_attention.fuse_weight"}  # ones on the diagonal, not learned
    names = dict(zip(model.generator.state_dict(), theirs, strict=True))
    fit(model.generator, names, tensors, fixed, path)
    return model


def glcic(tensors: Mapping[str, Tensor], path: Path) -> GLCIC:
    """GLCIC's completion network with these weights, and the mean pixel that holes are shown."""
    mean = mean_pixel(path.with_name("config.json"))
    config = GLCICConfig(  # the sizes of its training
        size=160, local_size=96, global_levels=5, fill=mean, unit_range=True
    )
    model = GLCIC(config)
    names = {}
    for place, layer in enumerate(GLCIC_LAYERS):
        for part in ("weight", "bias"):
            names[f"layers.{3 * place}.{part}"] = f"{layer}.{part}"
        if layer != GLCIC_LAYERS[-1]:
            for part in NORM:
                names[f"layers.{3 * place + 2}.{part}"] = f"bn{place + 1}.{part}"
    fit(model.generator, names, tensors, set(), path)
    return model


def mean_pixel(config: Path) -> tuple[float, ...]:
    """GLCIC's `mpv`, three means in [0, 1], in [-1, 1]."""
    try:
        means = json.loads(config.read_text("utf-8"))["mpv"]
        red, green, blue = (2 * float(mean) - 1 for mean in means)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{config}: expected GLCIC's settings beside its weights, with three means mpv: {error}"
        ) from error
    return red, green, blue


def fit(
    network: nn.Module,
    names: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    fixed: set[str],
    path: Path,
) -> None:
    """Fill a network.

    Args:
        names: our name to theirs.
        tensors: theirs.
        fixed: names of theirs that are not learned.
        path: where they are from, for the message.

    Raises:
        ValueError: a tensor is missing, too many, or of another shape.
    """
    own = network.state_dict()
    wrong = sorted(set(names.values()) ^ (set(tensors) - fixed))
    wrong += [b for a, b in names.items() if b in tensors and tensors[b].shape != own[a].shape]
    if wrong:
        raise ValueError(
            f"{path}: does not fit: {len(wrong)} tensors are missing, too many or of another "
            f"shape, such as {wrong[0]}"
        )
    network.load_state_dict({a: tensors[b] for a, b in names.items()})
