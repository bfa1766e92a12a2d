"""Every family by name: its class, its presets, and the pictures and holes it learns from.

`lesson` is 64×64 at reduced width, minutes on two cores; `shipped-64` and `shipped` are how the
weights in `data/weights` were made: the same networks with holes of every kind, first at 64×64,
then at 128×128; `paper` is full width at the source's size. The table below is all there is: a new
family is a new row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inpaintlib import data
from inpaintlib.data import ImageSet
from inpaintlib.images import Batch
from inpaintlib.masks import MaskSampler, brush, centre, mixture, rectangle, square, union
from inpaintlib.models import blind, context_encoder, dcgan, deepfill, flow, gan, glcic, unet
from inpaintlib.models.contract import Model
from inpaintlib.seeding import stream

Damage = Callable[..., Tensor]
"""(image, mask, *, generator) to what is observed, for families that must find the holes."""


@dataclass(frozen=True)
class Preset:
    """Settings, and the holes that belong to them.

    Attributes:
        config: the family's frozen dataclass; has `size`, `batch_size` and `steps`.
        mask: draws the holes; None for families that draw whole pictures.
        jitter: strength of the random change of colours; see `data.jitter_colours`.
    """

    config: Any
    mask: MaskSampler | None = None
    jitter: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What it takes to train a family.

    Attributes:
        build: config to family.
        presets: "lesson", "shipped", "paper"; lessons 3 to 7 have "shipped-64" too.
        digits: whether it learns from digits; else from faces, mirrored at random.
        damage: what the holes show; None for a constant grey.
    """

    build: Callable[[Any], Model]
    presets: Mapping[str, Preset]
    digits: bool = False
    damage: Damage | None = None

    @property
    def draws(self) -> bool:
        """Whether it fills one hole in many ways, see `contract.Inpainting`."""
        return getattr(self.build, "draws", False)


@dataclass(frozen=True)
class Pictures:
    """What a family learns from and is measured on.

    Attributes:
        recipe, preset: of the family.
        training, validation: pictures of the preset's size.
    """

    recipe: Recipe
    preset: Preset
    training: ImageSet
    validation: ImageSet

    def batches(self, seed: int = 0, start: int = 0) -> Iterator[Batch]:
        """Training batches without end, from number `start` on; see `data.batches`."""
        plain = data.batches(
            self.training,
            batch_size=self.preset.config.batch_size,
            mask=self.preset.mask,
            flip=not self.recipe.digits,
            jitter=self.preset.jitter,
            seed=seed,
            start=start,
        )
        for step, batch in enumerate(plain, start):
            yield self._damaged(batch, stream(seed, "damage", step))

    def fixed(self, seed: int = 0, count: int = 128) -> Batch:
        """The first `count` validation pictures (or all), with the same holes at every call."""
        batch = data.fixed_batch(self.validation, count, mask=self.preset.mask, seed=seed)
        return self._damaged(batch, stream(seed, "fixed damage"))

    def _damaged(self, batch: Batch, generator: torch.Generator) -> Batch:
        if self.recipe.damage is None or batch.mask is None:
            return batch
        observed = self.recipe.damage(batch.image, batch.mask, generator=generator)
        return replace(batch, observed=observed)


ONE_BOX = partial(rectangle, low=24 / 64, high=32 / 64)
"""A box of 24 to 32 pixels at 64×64, and of 96 to 128 at 256×256 (GLCIC, section 4)."""
BOX_AND_BRUSH = union([ONE_BOX, brush])
"""DeepFillV2's training holes: a box and free-form strokes."""
SMALL_SQUARE = partial(square, side=32, margin=16)
"""Source 001's hole, in pixels."""


KINDS = [
    partial(square, side=32 / 128),
    partial(centre, side=64 / 128),
    partial(rectangle, low=32 / 128, high=72 / 128),
    brush,
    union([partial(square, side=32 / 128), brush]),
]
"""What a user may hide of a face: small and large, boxed and free-form."""
EVERY_KIND = mixture(KINDS)
EVERY_KIND_OR_ALL = mixture([*KINDS, partial(centre, side=1.0)])
"""At times nothing is known: so a model that draws its fills learns to draw whole pictures too."""


def presets(
    lesson: Any, shipped: Any, paper: Any, mask: MaskSampler | None = None, small: Any = None
) -> dict[str, Preset]:
    """All presets; what learns in lessons 3 to 7 has one kind of hole, to be compared.

    `small` is what `shipped-64` learns with; as a rule that of the lesson.
    """
    found = {"lesson": Preset(lesson), "shipped": Preset(shipped), "paper": Preset(paper)}
    if mask:
        found = {
            "lesson": Preset(lesson, ONE_BOX),
            "shipped-64": Preset(small or lesson, EVERY_KIND, jitter=0.05),
            "shipped": Preset(shipped, EVERY_KIND, jitter=0.05),
            "paper": Preset(paper, mask),
        }
    return found


RECIPES: dict[str, Recipe] = {
    "gan": Recipe(gan.GAN, presets(gan.LESSON, gan.SHIPPED, gan.PAPER), digits=True),
    "dcgan": Recipe(dcgan.DCGAN, presets(dcgan.LESSON, dcgan.SHIPPED, dcgan.PAPER)),
    "context-encoder": Recipe(
        context_encoder.ContextEncoder,
        presets(
            context_encoder.LESSON,
            context_encoder.SHIPPED,
            context_encoder.PAPER,
            ONE_BOX,
            small=context_encoder.SHIPPED_64,
        ),
    ),
    "glcic": Recipe(glcic.GLCIC, presets(glcic.LESSON, glcic.SHIPPED, glcic.PAPER, ONE_BOX)),
    "deepfill": Recipe(
        deepfill.DeepFill,
        presets(deepfill.LESSON, deepfill.SHIPPED, deepfill.PAPER, BOX_AND_BRUSH),
    ),
    "unet": Recipe(unet.UNet, presets(unet.LESSON, unet.SHIPPED, unet.PAPER, SMALL_SQUARE)),
    "unet-whole": Recipe(
        unet.UNet,
        presets(unet.LESSON_WHOLE, unet.SHIPPED_WHOLE, unet.PAPER_WHOLE, SMALL_SQUARE),
    ),
    "blind": Recipe(
        blind.Blind,
        presets(blind.LESSON, blind.SHIPPED, blind.PAPER, BOX_AND_BRUSH, small=blind.SHIPPED_64),
        damage=blind.corrupt,
    ),
    "flow": Recipe(
        flow.Flow,
        {
            "lesson": Preset(flow.LESSON, EVERY_KIND_OR_ALL),
            "shipped": Preset(flow.SHIPPED, EVERY_KIND_OR_ALL),
            "paper": Preset(flow.PAPER, EVERY_KIND_OR_ALL),
        },
    ),
}


def recipe(name: str) -> Recipe:
    """A family's row of the table.

    Raises:
        ValueError: no family of that name.
    """
    if name not in RECIPES:
        raise ValueError(f"no family {name!r}: expected one of {', '.join(RECIPES)}")
    return RECIPES[name]


def preset(name: str, which: str = "lesson", **changes: Any) -> Preset:
    """A family's settings and holes.

    Args:
        name: of the family.
        which: "lesson", "shipped-64", "shipped" or "paper".
        changes: fields of the configuration with other values, such as `steps=300`.

    Raises:
        ValueError: no such family, preset or field.

    Example:
        >>> preset("unet", "paper", batch_size=4).config.batch_size
        4
    """
    known = recipe(name).presets
    if which not in known:
        raise ValueError(f"no preset {which!r}: expected one of {', '.join(known)}")
    try:
        config = replace(known[which].config, **changes)
    except TypeError as error:
        raise ValueError(f"{name} has no such setting: {error}") from error
    return replace(known[which], config=config)


def make(name: str, which: str = "lesson", **changes: Any) -> Model:
    """A family with new weights; arguments and errors as for `preset`.

    Weights come from torch's global random stream: seed it before.
    """
    return recipe(name).build(preset(name, which, **changes).config)


def load(
    name: str, chosen: Preset, *, root: str | Path | None = None, large: bool = False
) -> Pictures:
    """A family's training and validation pictures, at the preset's size.

    Args:
        name: of the family.
        chosen: from `preset`.
        root: a folder of digits or faces; see `data.locations` for what happens without.
        large: learn from the larger set of faces, see `data.load_faces`.

    Raises:
        ValueError: no such family; no folder, or nothing fitting in it.
    """
    own = recipe(name)

    def split(which: str) -> ImageSet:
        if own.digits:
            return data.load_digits(which, root=root)
        return data.load_faces(which, size=chosen.config.size, root=root, large=large)

    return Pictures(own, chosen, split("train"), split("validation"))
