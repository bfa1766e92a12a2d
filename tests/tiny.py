"""Families and pictures so small that a training run takes a second; for tests of whole runs.

As a program (`python tests/tiny.py train unet …`) it is the command line with these in their place.
"""

import sys
from functools import partial

import torch

from inpaintlib import cli, data
from inpaintlib.data import ImageSet
from inpaintlib.masks import square
from inpaintlib.models import blind, context_encoder, deepfill, gan
from inpaintlib.training import recipes
from inpaintlib.training.recipes import Preset, Recipe

SIDE = 16
MASK = partial(square, side=8)
FULL = {"size": SIDE, "batch_size": 4, "steps": 6}
CONFIGS = {
    "gan": gan.GANConfig(generator_widths=(16,), discriminator_widths=(16,), **FULL),
    "context-encoder": context_encoder.ContextEncoderConfig(
        widths=(4, 8), discriminator_widths=(4, 8), decay=True, **FULL
    ),
    "deepfill": deepfill.DeepFillConfig(
        base=4, attention="self", discriminator_widths=(4, 8), adversarial_start=2, **FULL
    ),
    "blind": blind.BlindConfig(
        locator_widths=(8, 16),
        filler_widths=(8, 16),
        discriminator_widths=(8,),
        locator_steps=2,
        **FULL,
    ),
}


def table() -> dict[str, Recipe]:
    """The table of families, with the tiny ones in the places of the full ones."""
    table = {}
    for name, recipe in recipes.RECIPES.items():
        mask = None if recipe.presets["paper"].mask is None else MASK
        preset = Preset(CONFIGS.get(name), mask)
        table[name] = Recipe(
            recipe.build, dict.fromkeys(recipe.presets, preset), recipe.digits, recipe.damage
        )
    return table


def pictures(
    split: str,
    *,
    root: object = None,
    size: int = SIDE,
    channels: int = 3,
    large: bool = False,
) -> ImageSet:
    """Twelve smooth random pictures of a split."""
    source = torch.Generator().manual_seed(len(split))
    coarse = torch.rand(12, channels, 4, 4, generator=source)
    images = (255 * torch.nn.functional.interpolate(coarse, (size, size))).to(torch.uint8)
    return ImageSet(images, "tiny pictures", "free: random")


if __name__ == "__main__":
    recipes.RECIPES = table()
    data.load_faces = pictures
    data.load_digits = partial(pictures, channels=1)
    sys.exit(cli.main())
