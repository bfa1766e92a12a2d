"""Blind inpainting of lesson 07: the failing original, exactly, and the repair."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import genfill
from genfill import BlindOriginal, BlindOriginalConfig
from inpaintlib.images import hide
from inpaintlib.masks import blocks, dilate
from inpaintlib.models import blind
from inpaintlib.models.blind import Blind, BlindConfig
from inpaintlib.models.contract import count_parameters
from inpaintlib.training.loop import train

ORIGINAL = BlindOriginalConfig(
    widths=(4, 8, 16), predictor_residuals=1, residuals=1, predictor_steps=2, steps=4
)
SMALL = BlindConfig(
    locator_widths=(8, 16),
    filler_widths=(8, 16),
    discriminator_widths=(8,),
    locator_steps=2,
    steps=4,
    warm_up=0,
)


def pictures(count=2, height=32, width=48, seed=0):
    """Smooth random pictures in [-1, 1] with block holes; observed is the repair's corruption."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * 1.6 - 0.8
    image = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)
    mask = blocks(count, height, width, generator=generator, cells=4, probability=0.3)
    return damaged(hide(image, mask), blind.corrupt, seed)


def damaged(batch, corrupt, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return type(batch)(
        batch.image, batch.mask, corrupt(batch.image, batch.mask, generator=generator)
    )


def sums(modules):
    return [count_parameters(module) for module in modules]


# --- the original ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paper():
    return BlindOriginal(genfill.PAPER)


def test_original_predictor_block_by_block(paper):
    expected = [897, 32_769, 131_585, 524_289, 4_720_642, 4_718_594, 4_609]
    assert sums(paper.generator.predictor) == expected
    assert count_parameters(paper.generator.predictor) == 10_133_385


def test_original_filler_block_by_block(paper):
    filler = paper.generator.filler
    assert sums(filler.downs) == [897, 32_769, 131_585, 524_289]
    assert sums(filler.residuals) == [4_739_096, 4_737_044] * 6
    assert sums(filler.ups) == [8_417_281, 2_099_201, 527_361, 131_585]
    assert count_parameters(filler.head) == 867
    assert count_parameters(filler) == 68_722_675


def test_original_discriminator(paper):
    assert count_parameters(paper.discriminator[0]) == 1_665
    assert count_parameters(paper.discriminator) == 57_330_333


def test_original_buffers(paper):
    networks = (paper.generator.predictor, paper.generator.filler, paper.discriminator)
    sizes = [sum(buffer.numel() for buffer in network.buffers()) for network in networks]
    assert sizes == [2_692, 23_208, 12_942]


def test_original_shapes_at_128(paper):
    batch = pictures(1, 128, 128)
    with torch.no_grad():
        assert paper.generate(batch).shape == (1, 3, 128, 128)
        assert paper.generator.predictor(batch.observed).shape == (1, 1, 8, 8)
        assert paper.scores(batch, batch.image).shape == (1, 1, 8, 8)


def test_original_corruption_statistics():
    generator = torch.Generator().manual_seed(0)
    mask = blocks(16, 128, 128, generator=generator)
    image = torch.full((16, 3, 128, 128), 0.8)
    observed = genfill.corrupt(image, mask, generator=generator)
    inside = mask.expand_as(image) == 1
    assert observed[inside].std().item() == pytest.approx(0.29, abs=0.005)
    assert observed[~inside].std().item() == pytest.approx(0.033, abs=0.0005)
    for region in (inside, ~inside):  # the picture is still there, at half contrast
        assert observed[region].mean().item() == pytest.approx(0.40, abs=0.002)


def test_original_has_no_composite_and_no_reconstruction():
    family = BlindOriginal(ORIGINAL).eval()
    batch = damaged(pictures(), genfill.corrupt)
    output = family.generate(batch)
    known = batch.mask.expand_as(output) == 0
    assert not (output[known] == batch.observed[known]).any()
    assert list(family.filler_loss(batch, 3)) == ["adversarial"]


def test_original_kernels_do_not_overlap():
    predictor = nn.Sequential(*list(BlindOriginal(ORIGINAL).generator.predictor)[:3]).eval()
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    predictor(image)[0, :, 1, 2].sum().backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    assert seen.sum() == 8 * 8
    assert seen[8:16, 16:24].all()


def test_original_trains_in_two_periods_with_a_staircase():
    family = BlindOriginal(ORIGINAL)
    batch = damaged(pictures(), genfill.corrupt)
    names = [set(record.terms) for record in train(family, iter([batch] * 4), steps=4)]
    later = {"discriminator/adversarial", "filler/adversarial"}
    assert names == [{"predictor/cells"}] * 2 + [later] * 2
    rates = {phase.name: phase.rate for phase in BlindOriginal(ORIGINAL).phases()}
    steps = [2, 2001, 2002, 4002]
    assert [rates["filler"](step) for step in steps] == pytest.approx([1, 1, 0.999, 0.999**2])
    assert [rates["discriminator"](step) for step in steps] == pytest.approx([1, 1, 0.98, 0.98**2])


# --- the repair --------------------------------------------------------------------------------


def test_corruption_hides_the_holes_and_nothing_else():
    generator = torch.Generator().manual_seed(0)
    mask = blocks(64, 32, 32, generator=generator)
    image = torch.full((64, 3, 32, 32), 0.25)
    observed = blind.corrupt(image, mask, generator=torch.Generator().manual_seed(1))
    inside = mask.expand_as(image) == 1
    assert torch.equal(observed[~inside], image[~inside])
    other = blind.corrupt(-image, mask, generator=torch.Generator().manual_seed(1))
    assert torch.equal(observed[inside], other[inside])
    assert observed.abs().max() <= 1
    flat = [
        sample[:, hole[0] == 1].std(dim=1).max().item() < 1e-6
        for sample, hole in zip(observed, mask, strict=True)
    ]
    assert 20 <= sum(flat) <= 44
    again = blind.corrupt(image, mask, generator=torch.Generator().manual_seed(1))
    assert torch.equal(observed, again)


@pytest.mark.parametrize("size", [(64, 64), (32, 48)])
def test_known_pixels_outside_the_found_hole_are_bit_exact(size):
    family = Blind(blind.LESSON)
    batch = pictures(3, *size)
    probability = family.generator.locate(batch.observed)
    assert probability.shape == (3, 1, *size)
    # An untrained locator finds everything or nothing: move its bias so that it finds half.
    middle = probability.logit().median().item()
    with torch.no_grad():
        family.generator.locator.head.bias -= middle
    completed = family.generate(batch)
    hole = family.generator.hole(batch.observed).expand_as(completed) == 1
    assert 0.2 < hole.float().mean() < 0.98
    assert torch.equal(completed[~hole], batch.observed[~hole])
    assert not (completed[hole] == batch.observed[hole]).any()
    assert completed.abs().max() <= 1


def test_the_mask_is_a_target_and_never_an_input():
    family = Blind(SMALL)
    batch = pictures()
    other = hide(torch.zeros_like(batch.image), 1 - batch.mask)
    other = type(batch)(other.image, other.mask, batch.observed)
    assert torch.equal(family.generate(batch), family.generate(other))
    assert family.locator_loss(batch, 0)["location"] != family.locator_loss(other, 0)["location"]


def test_damage_that_was_found_does_not_reach_the_filler():
    family = Blind(SMALL)
    batch = pictures()
    hole = dilate(batch.mask, 1)
    noisy = torch.where(batch.mask.bool(), torch.rand(batch.image.shape), batch.observed)
    torch.testing.assert_close(
        family.generator(batch.observed, hole), family.generator(noisy, hole)
    )


def test_the_margin_surrounds_what_was_found():
    family = Blind(SMALL)
    observed = pictures().observed
    found = (family.generator.locate(observed) > 0.5).float()
    assert torch.equal(family.generator.hole(observed), dilate(found, 1))


def test_repair_trains_in_two_periods_and_leaves_the_locator_alone_in_the_second():
    family = Blind(SMALL)
    states, names = [], []
    for record in train(family, iter([pictures()] * 4), steps=4):
        locator = family.generator.locator.state_dict()
        states.append({key: value.clone() for key, value in locator.items()})
        names.append(set(record.terms))
    later = {"discriminator/adversarial", "filler/l1", "filler/adversarial", "filler/features"}
    assert names == [{"locator/location"}] * 2 + [later] * 2
    assert all(torch.equal(states[1][key], states[3][key]) for key in states[1])
    assert not all(torch.equal(states[0][key], states[1][key]) for key in states[1])


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="divisible by 8, got 60×64"):
        Blind(blind.LESSON).generate(pictures(1, 60, 64))
    with pytest.raises(ValueError, match="divisible by 32, got 48×64"):
        BlindOriginal(genfill.PAPER).generate(pictures(1, 48, 64))


def test_widths_below_a_group_of_the_normalisation_are_one_group():
    family = Blind(replace(SMALL, locator_widths=(4, 8)))
    assert family.generate(pictures()).isfinite().all()
