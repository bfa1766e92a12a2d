"""The table of families: every name the command takes, with settings that fit together."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import tiny
import torch
from torch import nn

from inpaintlib import data
from inpaintlib.images import Batch, hide
from inpaintlib.masks import centre
from inpaintlib.models.unet import UNet
from inpaintlib.seeding import stream
from inpaintlib.training import recipes
from inpaintlib.training.recipes import RECIPES, load, make, preset

NAMES = [
    "gan",
    "dcgan",
    "context-encoder",
    "glcic",
    "deepfill",
    "unet",
    "unet-whole",
    "blind",
    "flow",
]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny families and pictures in the places of the full ones."""
    monkeypatch.setattr(recipes, "RECIPES", tiny.table())
    monkeypatch.setattr(data, "load_faces", tiny.pictures)
    return


def test_the_names_are_those_of_the_command():
    assert list(RECIPES) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["lesson", "shipped", "paper"])
def test_every_preset_makes_a_family_that_takes_its_own_pictures(name, which):
    chosen = preset(name, which)
    assert min(chosen.config.size, chosen.config.batch_size, chosen.config.steps) > 0
    with torch.device("meta"):  # shapes without memory
        family = RECIPES[name].build(chosen.config)
    assert family.config == chosen.config
    if chosen.mask is None:
        assert name in ("gan", "dcgan")
    else:
        size = chosen.config.size
        mask = chosen.mask(2, size, size, generator=torch.Generator().manual_seed(0))
        assert 0 < mask.mean() < 0.6


EACH = [(name, which) for name in NAMES[2:-1] for which in ("lesson", "shipped-64", "shipped")]


@pytest.mark.parametrize(("name", "which"), EACH)
def test_the_middle_of_a_centre_hole_is_filled_by_something_seen(name, which, monkeypatch):
    """Else a flat square stays there, however long one trains."""
    monkeypatch.setattr(nn.GroupNorm, "forward", lambda self, x: x)  # its statistics see all
    torch.manual_seed(0)
    family = make(name, which).eval()
    size = family.config.size
    mask = centre(1, size, size, generator=stream(0), side=1 / 2)
    observed = torch.randn(1, 3, size, size, generator=stream(1)).requires_grad_()
    filled = family.told(hide(observed, mask))[..., size // 2, size // 2]
    (gradient,) = torch.autograd.grad(filled.sum(), observed)
    assert (gradient * (1 - mask)).abs().max() > 0


def test_lessons_are_64_pixels_with_one_hole_of_24_to_32():
    for name in NAMES[2:-1]:  # flow learns from every kind of hole
        chosen = preset(name)
        assert chosen.config.size == 64
        mask = chosen.mask(200, 64, 64, generator=torch.Generator().manual_seed(0))
        rows, columns = mask.amax(dim=3).sum(dim=2), mask.amax(dim=2).sum(dim=2)
        assert {float(v) for v in torch.stack([rows.amin(), rows.amax()])} == {24, 32}
        assert torch.equal(mask.sum(dim=(2, 3)), rows * columns)


def test_changes_reach_the_configuration():
    family = make("unet", "lesson", base=8, steps=7)
    assert isinstance(family, UNet)
    assert (family.config.base, family.config.steps, family.config.size) == (8, 7, 64)


@pytest.mark.parametrize("wrong", ["u-net", "", "GAN"])
def test_an_unknown_family_is_answered_with_the_names(wrong):
    with pytest.raises(ValueError, match=f"'{wrong}'.*" + ", ".join(NAMES)):
        make(wrong)


def test_unknown_presets_and_settings_are_refused():
    with pytest.raises(ValueError, match=r"'small'.*lesson, shipped-64, shipped, paper"):
        make("unet", "small")
    with pytest.raises(ValueError, match=r"unet has no such setting.*depth"):
        make("unet", depth=3)


@pytest.mark.usefixtures("small")
def test_batches_are_addressed_by_their_number():
    pictures = load("blind", preset("blind"))
    whole = pictures.batches(seed=3)
    first = [next(whole) for _ in range(6)]
    again = next(pictures.batches(seed=3, start=5))
    for tensor in ("image", "mask", "observed"):
        assert torch.equal(getattr(first[5], tensor), getattr(again, tensor))
    assert not torch.equal(first[4].mask, first[5].mask)


@pytest.mark.usefixtures("small")
def test_a_blind_family_sees_damage_and_the_others_grey():
    def hidden(name: str) -> torch.Tensor:
        batch: Batch = load(name, preset(name)).fixed(count=4)
        assert batch.observed is not None
        assert torch.equal(batch.observed[batch.mask.expand_as(batch.image) == 0].abs() <= 1, TRUE)
        return batch.observed[batch.mask.expand_as(batch.image) == 1]

    TRUE = torch.ones(4 * 3 * (16 * 16 - 8 * 8), dtype=torch.bool)
    assert hidden("context-encoder").eq(0).all()
    assert hidden("blind").std() > 0.3


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("name", "flip"), [("gan", False), ("context-encoder", True)])
def test_faces_are_mirrored_digits_are_not_and_colours_change_as_the_preset_says(name, flip):
    chosen = replace(preset(name), jitter=0.3)
    images = tiny.pictures("train")
    made = recipes.Pictures(recipes.recipe(name), chosen, images, images).batches(seed=3)
    options = {"batch_size": chosen.config.batch_size, "mask": chosen.mask, "seed": 3}
    expected = data.batches(images, **options, flip=flip, jitter=0.3)
    for _ in range(3):
        assert torch.equal(next(made).image, next(expected).image)
