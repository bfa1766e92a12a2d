"""The networks that benchmarks/public_steps.py times are the course's own, written another way."""

from dataclasses import replace

import public_steps
import pytest
import torch
from torch import nn

from inpaintlib.images import hide
from inpaintlib.models import deepfill, glcic


def copied(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Theirs with our weights, layer for layer."""
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    with torch.no_grad():
        for weight, other in pairs:
            other.copy_(weight)
    return theirs.eval()


@pytest.fixture
def batch():
    source = torch.Generator().manual_seed(4)
    image = torch.rand(2, 3, 64, 48, generator=source) * 2 - 1
    mask = torch.zeros(2, 1, 64, 48)
    mask[0, :, 10:40, 9:30], mask[1, :, 30:50, 3:20] = 1, 1
    return hide(image, mask)


@torch.no_grad()
def test_deepfill_gives_the_same_numbers(batch):
    torch.manual_seed(0)
    ours = deepfill.Generator(replace(deepfill.PAPER, base=8, attention="published")).eval()
    theirs = copied(ours, public_steps.DeepFill(base=8))
    for mine, other in zip(ours(*batch.holes()), theirs(*batch.holes()), strict=True):
        assert mine.std() > 0.001
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_glcic_gives_the_same_numbers(batch):
    torch.manual_seed(0)
    ours = glcic.CompletionNetwork(glcic.PAPER).eval()
    theirs = copied(ours, public_steps.Completion())
    mine, other = ours(*batch.holes()), 2 * theirs(torch.cat(batch.holes(), dim=1)) - 1
    torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


def test_the_discriminators_are_as_large():
    sizes = public_steps.preset("glcic", "paper", **public_steps.SIZES["glcic"]).config
    judges = public_steps.Judges(sizes.size, sizes.local_size, sizes.global_levels)
    for ours, theirs in (
        (deepfill.Discriminator(deepfill.PAPER), public_steps.Patches()),
        (glcic.Discriminator(sizes), judges),
    ):
        assert shapes(ours) == shapes(theirs)


def shapes(network: nn.Module) -> list[tuple[int, ...]]:
    return sorted(tuple(weight.shape) for weight in network.parameters())


def test_crops_are_the_course_s(batch):
    ours = glcic.crop_around(batch.image, batch.mask, 32)
    assert torch.equal(public_steps.cut(batch.image, batch.mask, 32), ours)
