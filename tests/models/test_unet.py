"""The U-Net: the source's counts block by block, what it is judged on, and what it may see."""

from dataclasses import replace

import pytest
import torch

from inpaintlib.images import Batch, composite, hide
from inpaintlib.losses import masked_l1, sobel_loss, ssim_loss
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.unet import LESSON, LESSON_WHOLE, PAPER, PAPER_WHOLE, UNet, UNetConfig
from inpaintlib.training.loop import run_phase

SMALL = UNetConfig(base=2, discriminator_base=4)
PAINTING = {"discriminator_widths": (4, 8), "adversarial": "hinge", "feature_weight": 2.0}


def small(**changes):
    torch.manual_seed(0)
    return UNet(replace(SMALL, **changes))


def holes(batch=2, height=32, width=48, *, seed=0):
    source = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, height, width, generator=source) * 2 - 1
    mask = torch.zeros(batch, 1, height, width)
    for index in range(batch):
        mask[index, :, 8 : 18 + index, 10 + index : 20] = 1
    return hide(image, mask)


def test_every_block_counts_as_the_source_says():
    family = UNet(PAPER)
    blocks = {name: count_parameters(block) for name, block in family.generator.named_children()}
    assert blocks == {
        "enc1": 39_296,
        "enc2": 221_440,
        "enc3": 885_248,
        "attention": 82_241,
        "bottleneck": 1_180_160,
        "dec3": 1_769_984,
        "dec2": 590_080,
        "dec1": 112_387,
    }
    assert count_parameters(family.generator) == 4_880_836
    assert count_parameters(family.discriminator) == 35_553


@pytest.mark.parametrize(("base", "count"), [(32, 1_221_860), (16, 306_292)])
def test_narrower_generators_count_as_the_source_says(base, count):
    assert count_parameters(UNet(UNetConfig(base=base)).generator) == count


def test_presets_are_the_sources():
    weights = ("adversarial_weight", "l1_weight", "sobel_weight", "ssim_weight")
    assert [getattr(PAPER, name) for name in weights] == [1, 100, 10, 1]
    assert (PAPER.whole, PAPER_WHOLE.whole, LESSON.whole, LESSON_WHOLE.whole) == (0, 1, 0, 1)
    assert replace(LESSON_WHOLE, whole=False) == LESSON  # the two lesson runs differ in one thing
    assert PAPER_WHOLE.base == 32
    assert (PAPER.feature_weight, PAPER.discriminator_widths) == (0, ())


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40)])
def test_shapes_and_known_pixels(height, width):
    family, batch = small(), holes(3, height, width)
    prediction, filled = family.shared(batch), family.generate(batch)
    assert prediction.shape == filled.shape == (3, 3, height, width)
    assert prediction.abs().max() <= 1
    known = batch.mask.expand_as(filled) == 0
    assert torch.equal(filled[known], batch.image[known])
    assert not torch.equal(filled, batch.observed)
    assert family.discriminator(filled).shape == (3, 1, height // 4 - 1, width // 4 - 1)


def test_the_truth_under_the_hole_is_not_read():
    family, batch = small(), holes()
    other = Batch(torch.full_like(batch.image, torch.nan), batch.mask, batch.observed)
    assert torch.equal(family.generate(other), family.generate(batch))


def test_the_network_is_told_the_true_hole():
    family, batch = small(), holes()
    seen = {}
    family.generator.enc1.register_forward_hook(lambda _, inputs, __: seen.update(x=inputs[0]))
    family.generator_loss(batch, 0)
    assert torch.equal(seen["x"], torch.cat([batch.observed, batch.mask], dim=1))


@pytest.mark.parametrize(("height", "width"), [(32, 36), (20, 32)])
def test_sizes_must_be_divisible_by_eight(height, width):
    with pytest.raises(ValueError, match=f"divisible by 8, got {height}×{width}"):
        small().generate(holes(1, height, width))


@pytest.mark.parametrize("whole", [False, True])
def test_each_term_is_present_weighted_and_on_its_region(whole):
    family, batch = small(whole=whole), holes()
    prediction = family.shared(batch)
    region = torch.zeros_like(batch.mask)  # the hole and 4 pixels around it, by hand
    region[0, :, 4:22, 6:24] = 1
    region[1, :, 4:23, 7:24] = 1
    if whole:
        region = torch.ones_like(region)
    judged = composite(prediction, batch.image, region)
    terms = family.generator_loss(batch, 0)
    assert set(terms) == {"l1", "sobel", "ssim", "adversarial"}
    torch.testing.assert_close(terms["l1"], 100 * masked_l1(prediction, batch.image, region))
    torch.testing.assert_close(terms["sobel"], 10 * sobel_loss(judged, batch.image, region))
    torch.testing.assert_close(terms["ssim"], ssim_loss(judged, batch.image, region))


def test_a_perfect_prediction_costs_nothing_and_an_error_outside_the_region_neither():
    family, batch = small(), holes()
    outside = family.region(batch.mask) == 0
    prediction = torch.where(outside, -batch.image, batch.image)
    for value in family.reconstruction(prediction, batch).values():
        assert value.item() == pytest.approx(0, abs=1e-4)
    family = small(whole=True)
    assert all(value > 0.01 for value in family.reconstruction(prediction, batch).values())


def test_only_patches_that_see_the_hole_are_judged():
    family, batch = small(), holes(1, 64, 64)
    logits = family.discriminator(batch.image)
    judged = family.activations(batch.image, batch.mask)[-1]
    assert logits.shape == (1, 1, 15, 15)
    assert 0 < judged.numel() < 30
    nothing = torch.zeros_like(batch.mask)
    assert torch.equal(family.activations(batch.image, nothing)[-1], logits.flatten())


def test_a_discriminator_with_widths_sees_the_mask_and_every_patch_counts():
    family, batch = small(**PAINTING).eval(), holes(1, 64, 64)  # in training its norm moves
    logits = family.discriminator(torch.cat([batch.image, batch.mask], dim=1))
    assert logits.shape == (1, 1, 16, 16)
    torch.testing.assert_close(family.activations(batch.image, batch.mask)[-1], logits)
    assert not torch.equal(family.activations(batch.image, 1 - batch.mask)[-1], logits)


def test_the_painting_terms_and_their_weights():
    family, batch = small(**PAINTING, adversarial_weight=0.5).eval(), holes()
    completed = family.generate(batch)
    terms = family.generator_loss(batch, 0)
    fake, real = (family.activations(image, batch.mask) for image in (completed, batch.image))
    torch.testing.assert_close(terms["adversarial"], -0.5 * fake[-1].mean())
    gaps = [(f - r).abs().mean() for f, r in zip(fake[:2], real[:2], strict=True)]
    torch.testing.assert_close(terms["features"], 2 * (gaps[0] + gaps[1]) / 2)
    judged = family.discriminator_loss(batch, 0)["adversarial"]
    expected = ((1 - real[-1]).relu().mean() + (1 + fake[-1]).relu().mean()) / 2
    torch.testing.assert_close(judged, expected)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_masks_train(value):
    family, batch = small(), holes()
    batch = hide(batch.image, torch.full_like(batch.mask, value))
    for phase in family.phases():
        terms = run_phase(family, phase, batch, 0)
        assert all(torch.isfinite(term) for term in terms.values())


def test_the_discriminator_enters_at_its_step():
    family, batch = small(adversarial_start=5), holes()
    discriminator = family.phases()[0]
    assert [discriminator.active(step) for step in (4, 5, 6)] == [False, True, True]
    terms = [set(family.generator_loss(batch, step)) for step in (4, 5)]
    assert terms[1] - terms[0] == {"adversarial"}


def test_the_learning_rate_stays_or_falls_to_zero():
    rates = [phase.rate for phase in small(decay=True, steps=10).phases() + small().phases()]
    assert [rate(6) for rate in rates] == [1, 1, 1, 1]
    assert [rate(8) for rate in rates] == [0.5, 0.5, 1, 1]
    assert [rate(10) for rate in rates] == [0, 0, 1, 1]
    rising = small(warm_up=4).phases()[1].rate
    assert [rising(step) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


def test_losses_under_bfloat16_are_those_of_float32():
    batch = holes()
    exact, rounded = small(), small()
    for phase, same in zip(exact.phases(), rounded.phases(), strict=True):
        terms = run_phase(exact, phase, batch, 0)
        for name, value in run_phase(rounded, same, batch, 0, precision="bfloat16").items():
            torch.testing.assert_close(value, terms[name], rtol=0.02, atol=0)
