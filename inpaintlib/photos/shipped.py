"""The trained networks in `data/weights`: which there are, how each was made, and `load`.

Names are `<family>-drawn`, trained on the course's drawn pictures, and `<family>-celeba` or
`gan-mnist`, trained on photographs or real digits. Families that fill holes begin with their lesson
at 64×64, where a step costs a quarter, and go on at 128×128 with holes of every kind.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from inpaintlib.data import ImageSet, default_folder
from inpaintlib.models.contract import Family
from inpaintlib.training import recipes
from inpaintlib.training.checkpoints import load_weights


def folder() -> Path:
    """Where the files are."""
    return default_folder() / "weights"


@dataclass(frozen=True)
class Shipped:
    """How one file of weights is made; everything else is in the family's presets.

    Attributes:
        family: its name.
        drawn: whether it learns from drawn pictures.
        lesson: whether it begins with the preset `lesson`.
        steps: of each run with the preset `shipped`; a further one begins where the one before
            ended, with the learning rate up again. Empty: one run of as many as the preset says.
    """

    family: str
    drawn: bool
    lesson: bool = True
    steps: tuple[int, ...] = ()


SHIPPED = {
    "gan-drawn": Shipped("gan", drawn=True, lesson=False),
    "gan-mnist": Shipped("gan", drawn=False, lesson=False),
    "dcgan-drawn": Shipped("dcgan", drawn=True, lesson=False),
    "dcgan-celeba": Shipped("dcgan", drawn=False, lesson=False, steps=(2_000,)),
    "context-encoder-drawn": Shipped("context-encoder", drawn=True),
    "context-encoder-celeba": Shipped("context-encoder", drawn=False),
    "glcic-drawn": Shipped("glcic", drawn=True, steps=(800,)),
    "glcic-celeba": Shipped("glcic", drawn=False, steps=(1_100,)),
    "deepfill-drawn": Shipped("deepfill", drawn=True, steps=(2_500, 8_000)),
    "deepfill-celeba": Shipped("deepfill", drawn=False, steps=(10_000, 11_000)),
    "unet-drawn": Shipped("unet", drawn=True, steps=(2_000,)),
    "unet-celeba": Shipped("unet", drawn=False, steps=(3_000,)),
    "unet-whole-drawn": Shipped("unet-whole", drawn=True, steps=(500,)),
    "unet-whole-celeba": Shipped("unet-whole", drawn=False, steps=(2_000,)),
    "blind-drawn": Shipped("blind", drawn=True, steps=(500,)),
    "blind-celeba": Shipped("blind", drawn=False, steps=(2_000,)),
}


def available() -> list[str]:
    """The names whose file is here, in the order of the course."""
    return [name for name in SHIPPED if path(name).is_file()]


def is_inpainter(name: str) -> bool:
    """Whether it fills holes, or draws whole pictures."""
    return recipes.recipe(SHIPPED[name].family).presets["shipped"].mask is not None


def path(model: str | os.PathLike[str]) -> Path:
    """The file of a name, or the file itself.

    Raises:
        ValueError: neither a name nor a file.
    """
    if model in SHIPPED:
        return folder() / f"{model}.safetensors"
    file = Path(model)
    if not file.is_file():
        raise ValueError(
            f"no weights {os.fspath(model)!r}: expected one of {', '.join(SHIPPED)}, or a file"
        )
    return file


def card(model: str | os.PathLike[str]) -> dict[str, Any]:
    """What is known of weights: family, settings, data, licence, steps, seconds, metrics.

    Raises:
        ValueError: no such name or file, it is damaged, or it is a file of something else.
    """
    file = path(model)
    try:
        with safe_open(file, framework="pt") as opened:
            facts = json.loads((opened.metadata() or {})["card"])
            return {"family": facts["family"], "settings": facts["settings"]} | facts
    except Exception as error:  # safetensors has its own for a damaged file
        if model in SHIPPED:
            raise ValueError(
                f"{file}: no trained weights here ({error}); see `make weights`"
            ) from error
        raise ValueError(
            f"{file}: expected weights that `train` or `convert` wrote, with a card in the file"
        ) from error


def load(model: str | os.PathLike[str]) -> Family:
    """A trained family, ready to fill: in evaluation mode, on the CPU.

    Args:
        model: one of `SHIPPED`, or a file of weights that `train` or `convert` wrote.

    Raises:
        ValueError: no such name or file, it is damaged, or it is a file of something else.
    """
    facts = card(model)
    settings = {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in facts["settings"].items()
    }
    try:
        family = recipes.make(facts["family"], "shipped", **settings)
    except TypeError as error:  # a setting that this version does not know
        raise ValueError(f"{path(model)}: made by another version: {error}") from error
    load_weights(path(model), family.generator)
    return family.eval().requires_grad_(False)


def weights_for(family: str, pictures: ImageSet) -> str:
    """The name of a family's weights that were trained on the same kind of pictures.

    Example:
        >>> import torch
        >>> blanks = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
        >>> weights_for("glcic", ImageSet(blanks, "blanks", "free: zeros", kind="drawn"))
        'glcic-drawn'
    """
    for name, made in SHIPPED.items():
        if (made.family, made.drawn) == (family, pictures.kind == "drawn"):
            return name
    raise ValueError(f"no weights of a family {family!r}: expected one of {', '.join(SHIPPED)}")
