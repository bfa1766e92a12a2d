"""DeepFillV2: the counts of its public code, both attentions, and what each network sees."""

from dataclasses import replace

import pytest
import torch

from inpaintlib.images import Batch, composite, hide
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.deepfill import PAPER, SELF_ATTENTION, DeepFill, DeepFillConfig
from inpaintlib.training.loop import run_phase

SMALL = DeepFillConfig(base=4, discriminator_widths=(4, 8))
ATTENTIONS = ["contextual", "self"]


def small(**changes):
    torch.manual_seed(0)
    return DeepFill(replace(SMALL, **changes))


def holes(batch=2, height=32, width=48, *, seed=0):
    source = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, height, width, generator=source) * 2 - 1
    mask = torch.zeros(batch, 1, height, width)
    for index in range(batch):
        mask[index, :, 8 : 18 + index, 10 + 8 * index : 30] = 1
    return hide(image, mask)


def test_every_part_counts_as_the_papers_code():
    family = DeepFill(PAPER)
    stages = family.generator
    assert count_parameters(stages.coarse) == 1_631_151
    parts = {name: count_parameters(part) for name, part in stages.refinement.named_children()}
    assert parts == {"near": 990_000, "before": 450_192, "after": 332_160, "merge": 648_975}
    assert count_parameters(stages.refinement) == 2_421_327
    assert count_parameters(stages) == 4_052_478
    assert count_parameters(family.discriminator) == 5_946_816


def test_the_sources_preset_has_self_attention_and_no_mask_for_the_discriminator():
    family = DeepFill(SELF_ATTENTION)
    assert count_parameters(family.generator.refinement.attention) == 11_641
    assert count_parameters(family.generator) == 4_064_119
    assert count_parameters(family.discriminator) == 5_945_216
    assert (SELF_ATTENTION.l1_weight, SELF_ATTENTION.adversarial_weight) == (1, 0.01)


def test_layers_of_the_coarse_stage_are_the_papers():
    counts = [count_parameters(layer) for layer in DeepFill(PAPER).generator.coarse]
    wide = 166_080
    assert [count for count in counts if count] == [
        *(6_048, 20_832, 41_568, 83_136, *8 * [wide]),
        *(83_040, 41_568, 20_784, 5_208, 327),
    ]


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40)])
def test_shapes_and_known_pixels(attention, height, width):
    family, batch = small(base=8, attention=attention), holes(3, height, width)
    coarse, refined = family.shared(batch)
    filled = family.generate(batch)
    assert coarse.shape == refined.shape == filled.shape == (3, 3, height, width)
    assert max(coarse.abs().max(), refined.abs().max()) <= 1
    known = batch.mask.expand_as(filled) == 0
    assert torch.equal(filled[known], batch.image[known])
    assert torch.equal(filled[~known], refined[~known])


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_truth_under_the_hole_is_not_read(attention):
    family, batch = small(attention=attention, base=8), holes()
    other = Batch(torch.full_like(batch.image, torch.nan), batch.mask, batch.observed)
    assert torch.equal(family.generate(other), family.generate(batch))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_each_sample_is_filled_by_its_own_mask(attention):
    family, batch = small(attention=attention, base=8), holes(2)
    alone = Batch(batch.image[1:], batch.mask[1:], batch.observed[1:])
    torch.testing.assert_close(family.generate(batch)[1:], family.generate(alone))


def test_both_stages_see_what_the_paper_says():
    family, batch = small(), holes()
    seen = {}
    for name in ("coarse", "refinement"):
        part = getattr(family.generator, name)
        part.register_forward_hook(lambda _, inputs, out, name=name: seen.update({name: inputs}))
    coarse, _ = family.shared(batch)
    ones = torch.ones_like(batch.mask)
    assert torch.equal(seen["coarse"][0], torch.cat([batch.observed, ones, batch.mask], dim=1))
    assert torch.equal(seen["refinement"][0], composite(coarse, batch.observed, batch.mask))


@pytest.mark.parametrize("sees_mask", [True, False])
def test_the_discriminator_judges_completed_pictures(sees_mask):
    family, batch = small(discriminator_sees_mask=sees_mask), holes()
    shown = []
    first = family.discriminator.layers[0]
    first.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    family.eval()
    family.discriminator_loss(batch, 0)
    assert [picture.shape[1] for picture in shown] == [3 + sees_mask] * 2
    assert torch.equal(shown[0][:, :3], batch.image)
    assert torch.equal(shown[1][:, :3], family.generate(batch))
    if sees_mask:
        assert torch.equal(shown[1][:, 3:], batch.mask)


def test_terms_and_their_weights():
    family, batch = small(l1_weight=2.0, hole_l1_weight=3.0, adversarial_weight=0.5), holes()
    family.eval()  # spectral normalisation moves its vectors while training
    coarse, refined = family.shared(batch)
    terms = family.generator_loss(batch, 0)
    for name, prediction in (("l1_coarse", coarse), ("l1_refined", refined)):
        error = (prediction - batch.image).abs()
        hole = error[batch.mask.expand_as(error) == 1].mean()
        torch.testing.assert_close(terms[name], 2 * error.mean() + 3 * hole)
    scores = family.activations(composite(refined, batch.image, batch.mask), batch.mask)[-1]
    torch.testing.assert_close(terms["adversarial"], -0.5 * scores.mean())


def test_scores_are_linear_and_two_evaluations_are_equal():
    family, batch = small(), holes()
    assert isinstance(family.discriminator.layers[-1], torch.nn.Conv2d)
    family.eval()
    first = family.activations(batch.image, batch.mask)[-1]
    assert torch.equal(first, family.activations(batch.image, batch.mask)[-1])
    assert first.shape == (2, 8, 8, 12)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_empty_and_full_masks_train(attention, value):
    family, batch = small(attention=attention, base=8), holes()
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


@pytest.mark.parametrize(("height", "width"), [(32, 36), (20, 32)])
def test_sizes_must_be_divisible_by_eight(height, width):
    with pytest.raises(ValueError, match=f"divisible by 8, got {height}×{width}"):
        small().generate(holes(1, height, width))


def test_unknown_attention_is_refused():
    with pytest.raises(ValueError, match=r"expected attention of .* got .soft"):
        DeepFill(replace(SMALL, attention="soft"))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_losses_under_bfloat16_are_those_of_float32(attention):
    batch = holes()
    exact, rounded = small(attention=attention, base=8), small(attention=attention, base=8)
    for phase, same in zip(exact.phases(), rounded.phases(), strict=True):
        terms = run_phase(exact, phase, batch, 0)
        for name, value in run_phase(rounded, same, batch, 0, precision="bfloat16").items():
            torch.testing.assert_close(value, terms[name], rtol=0.03, atol=0.01)
