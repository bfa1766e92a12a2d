"""The trained networks in `data/weights`: which there are, how each was made, and `load`.

Names are `<family>-drawn`, trained on the course's drawn pictures, and `<family>-celeba` or
`gan-mnist`, trained on photographs or real digits. Most families that fill holes begin at 64×64,
where a step costs half as much for twice the pictures, and go on at 128×128.
"""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from inpaintlib.data import ImageSet, default_folder
from inpaintlib.data.cache import cache_folder
from inpaintlib.models.contract import Model
from inpaintlib.training import recipes
from inpaintlib.training.checkpoints import load_weights


def folder() -> Path:
    """Where the files are: in the course's folder, else where `download weights` puts them."""
    own = default_folder() / "weights"
    return own if own.is_dir() else cache_folder() / "weights"


@dataclass(frozen=True)
class Stage:
    """One training run on the way to a file of weights.

    Attributes:
        preset: of the family.
        steps: how many.
        large: whether it learns from the larger set of faces, see `data.load_faces`.
    """

    preset: str
    steps: int
    large: bool = True


@dataclass(frozen=True)
class Shipped:
    """How one file of weights is made; everything else is in the family's presets.

    Attributes:
        family: its name.
        drawn: whether it learns from drawn pictures.
        stages: its runs; each begins with the generator of the one before, at the same size with
            its discriminator too, and the learning rate up again.
        ancestor: what the first run begins with: the file of that name in an earlier commit of this
            repository, or today's file of another name. None: with new weights.
    """

    family: str
    drawn: bool
    stages: tuple[Stage, ...]
    ancestor: str | None = None


AVERAGES = "6390319"
"""The last commit whose weights were trained as the sources weigh the terms: blurred, and many
thousand steps ahead in everything but detail. Some families go on from there."""

FRINGED = "3e62f87"
"""The last commit whose weights learned without `losses.chroma_loss`: sharp, with fringes in all
colours at eyes and glasses. Some families go on from there."""


def both_sizes(small: int, full: int) -> tuple[Stage, ...]:
    """So many steps at 64×64, then so many at 128×128."""
    return Stage("shipped-64", small), Stage("shipped", full)


# What `make weights` does for a file that is missing. One that is here may have been made by an
# earlier table: its card says how.
SHIPPED = {
    "gan-drawn": Shipped("gan", True, (Stage("shipped", 4_000, large=False),)),
    "gan-mnist": Shipped("gan", False, (Stage("shipped", 4_000, large=False),)),
    "dcgan-drawn": Shipped("dcgan", True, (Stage("shipped", 2_500),)),
    "dcgan-celeba": Shipped("dcgan", False, (Stage("shipped", 2_500),)),
    "context-encoder-drawn": Shipped(
        "context-encoder", True, (*both_sizes(4_000, 2_000), Stage("shipped", 5_000))
    ),
    "context-encoder-celeba": Shipped(
        "context-encoder", False, (*both_sizes(4_000, 2_000), Stage("shipped", 5_000))
    ),
    "glcic-drawn": Shipped("glcic", True, (Stage("shipped", 2_000),), FRINGED),
    "glcic-celeba": Shipped("glcic", False, (Stage("shipped", 2_000),), FRINGED),
    "deepfill-drawn": Shipped("deepfill", True, (Stage("shipped", 800),), FRINGED),
    "deepfill-celeba": Shipped("deepfill", False, (Stage("shipped", 600),), AVERAGES),
    "unet-drawn": Shipped("unet", True, (Stage("shipped", 1_500),), FRINGED),
    "unet-celeba": Shipped("unet", False, (Stage("shipped", 1_500),), FRINGED),
    "unet-whole-drawn": Shipped("unet-whole", True, (Stage("shipped", 600),), "unet-drawn"),
    "unet-whole-celeba": Shipped("unet-whole", False, (Stage("shipped", 600),), "unet-celeba"),
    "blind-drawn": Shipped("blind", True, (*both_sizes(1_500, 1_700), Stage("shipped", 1_300))),
    "blind-celeba": Shipped("blind", False, (*both_sizes(1_500, 1_700), Stage("shipped", 1_300))),
    "flow-drawn": Shipped("flow", True, (Stage("shipped", 3_000), Stage("shipped", 3_000))),
    "flow-celeba": Shipped(
        "flow", False, (Stage("shipped", 3_000), Stage("shipped", 3_000), Stage("shipped", 5_000))
    ),
}


def available() -> list[str]:
    """The names whose file is here, in the order of the course."""
    return [name for name in SHIPPED if path(name).is_file()]


def nothing_here() -> str:
    """What to tell the user where no trained network is."""
    return (
        f"no trained networks in {folder()}: `python -m inpaintlib download weights` fetches them"
    )


def family_of(model: str | os.PathLike[str]) -> str:
    """The family of a name, or of a file's card.

    Raises:
        ValueError: no such name or file, or no card in it.
    """
    name = os.fspath(model)
    return SHIPPED[name].family if name in SHIPPED else card(model)["family"]


def is_inpainter(model: str | os.PathLike[str]) -> bool:
    """Whether it fills holes, or draws whole pictures."""
    return recipes.recipe(family_of(model)).presets["shipped"].mask is not None


def path(model: str | os.PathLike[str]) -> Path:
    """The file of a name, or the file itself.

    Raises:
        ValueError: neither a name nor a file.
    """
    if os.fspath(model) in SHIPPED:
        return folder() / f"{model}.safetensors"
    file = Path(model)
    if not file.is_file() and (file.suffix or len(file.parts) > 1):
        raise ValueError(f"{file}: no such file of weights")
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
        if os.fspath(model) in SHIPPED:
            raise ValueError(
                f"{file}: no trained weights here ({error}); "
                f"`python -m inpaintlib download weights {model}` fetches them"
            ) from error
        raise ValueError(
            f"{file}: expected weights that `train` or `convert` wrote, with a card in the file"
        ) from error


def load(model: str | os.PathLike[str]) -> Model:
    """A trained family, ready to fill: in evaluation mode, on the CPU.

    Args:
        model: one of `SHIPPED`, or a file of weights that `train` or `convert` wrote.

    Raises:
        ValueError: no such name or file, it is damaged, or it is a file of something else.
    """
    facts = card(model)
    try:
        config = recipes.preset(facts["family"], "paper").config
    except ValueError as error:  # no such family
        raise ValueError(f"{path(model)}: {error}") from error
    # Settings that are no more are left out, missing ones are the paper's: those of training differ
    # freely. Where tensors differ, the weights do not fit; a setting that changes only what is
    # computed shows nowhere, so it keeps its name, and the paper's value is that of older files.
    known = {field.name for field in fields(config)}
    settings = {
        setting: tuple(value) if isinstance(value, list) else value
        for setting, value in facts["settings"].items()
        if setting in known
    }
    with torch.random.fork_rng([]):  # weights are drawn at random, and overwritten at once
        found = recipes.make(facts["family"], "paper", **settings)
    load_weights(path(model), found.generator)
    return found.eval().requires_grad_(False)


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
