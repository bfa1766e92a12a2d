"""The context encoder of lesson 03: the sheet's exact layers, and losses on what counts."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from inpaintlib.images import composite, hide
from inpaintlib.losses import masked_l1
from inpaintlib.masks import rectangle
from inpaintlib.models.context_encoder import (
    LESSON,
    PAPER,
    SHIPPED_64,
    ContextEncoder,
    ContextEncoderConfig,
)
from inpaintlib.models.contract import count_parameters
from inpaintlib.training.loop import train

SMALL = ContextEncoderConfig(size=16, widths=(4, 8), discriminator_widths=(4, 8))


def batch(count=2, height=16, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 3, height, width, generator=generator) * 2 - 1
    return hide(image, rectangle(count, height, width, generator=generator))


def counts(network, kind):
    return [count_parameters(module) for module in network.modules() if isinstance(module, kind)]


def test_parameter_counts_layer_by_layer():
    family = ContextEncoder(PAPER)
    down = [4_160, 131_200, 524_544, 2_097_664, 4_194_816, 4_194_816]
    assert counts(family.generator.encoder, nn.Conv2d) == down
    up = [4_194_816, 4_194_816, 2_097_408, 524_416, 131_136, 3_075]
    assert counts(family.generator.decoder, nn.ConvTranspose2d) == up
    assert counts(family.generator.decoder, nn.BatchNorm2d) == [1_024, 1_024, 512, 256, 128]
    assert count_parameters(family.generator) == 22_295_811
    assert sum(buffer.numel() for buffer in family.generator.buffers()) == 2_949
    patches = [3_136, 131_200, 524_544, 2_097_664, 4_609]
    assert counts(family.discriminator, nn.Conv2d) == patches
    assert count_parameters(family.discriminator) == 2_761_153
    assert not list(family.discriminator.buffers())


def test_what_is_shipped_doubles_by_repeated_pixels():
    family = ContextEncoder(SHIPPED_64).eval()
    assert not counts(family.generator, nn.ConvTranspose2d)
    assert len(counts(family.generator.decoder, nn.Conv2d)) == len(SHIPPED_64.widths)
    assert family.generate(batch(2, 64, 64)).shape == (2, 3, 64, 64)
    assert counts(ContextEncoder(LESSON).generator, nn.ConvTranspose2d)


def test_shapes_at_the_sources_size():
    family = ContextEncoder(PAPER).eval()
    maps = []
    family.generator.encoder.register_forward_hook(lambda *call: maps.append(call[2].shape))
    with torch.no_grad():
        filled = family.generate(batch(1, 256, 256))
        assert family.discriminator(filled).shape == (1, 1, 16, 16)
    assert maps == [(1, 512, 4, 4)]


def test_a_discriminator_logit_sees_78_pixels():
    family = ContextEncoder(PAPER)
    image = torch.zeros(1, 3, 256, 256, requires_grad=True)
    family.discriminator(image)[0, 0, 8, 8].backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    assert (seen.any(0).sum(), seen.any(1).sum()) == (78, 78)


@pytest.mark.parametrize("size", [(64, 64), (32, 80)])
def test_fills_any_multiple_and_keeps_what_is_known(size):
    family = ContextEncoder(LESSON).eval()
    data = batch(2, *size)
    filled = family.generate(data)
    assert filled.shape == (2, 3, *size)
    assert filled.abs().max() <= 1
    known = data.mask.expand_as(filled) == 0
    assert torch.equal(filled[known], data.image[known])
    assert not torch.equal(filled, data.observed)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="divisible by 16, got 60×64"):
        ContextEncoder(LESSON).generate(batch(1, 60, 64))


def test_the_mean_and_the_sum_of_the_reconstruction():
    mean = ContextEncoder(SMALL)
    total = ContextEncoder(replace(SMALL, reconstruction_sum=True))
    data = batch(3)
    prediction = data.image + 0.5
    assert mean.error(prediction, data).item() == pytest.approx(0.5, abs=1e-6)
    values = 3 * data.mask.sum().item()
    assert total.error(prediction, data).item() == pytest.approx(0.5 * values, rel=1e-5)


def test_the_adversarial_term_sees_nothing_outside_the_hole():
    family = ContextEncoder(replace(SMALL, reconstruction_weight=0.0))
    data = batch()
    predictions = []

    def keep(module, arguments, prediction):
        prediction.retain_grad()
        predictions.append(prediction)

    family.generator.register_forward_hook(keep)
    sum(family.generator_loss(data, 0).values()).backward()
    gradient = predictions[0].grad
    inside = data.mask.expand_as(gradient) == 1
    assert not gradient[~inside].any()
    assert gradient[inside].any()


def test_terms_carry_their_weights():
    family = ContextEncoder(replace(SMALL, visible_weight=0.5)).eval()
    data = batch()
    terms = family.generator_loss(data, 0)
    prediction = family.generator(data.observed, data.mask)
    hole = masked_l1(prediction, data.image, data.mask)
    visible = masked_l1(prediction, data.image, 1 - data.mask)
    completed = composite(prediction, data.image, data.mask)
    score = (family.discriminator(completed) - 1).square().mean() / 2
    torch.testing.assert_close(terms["reconstruction"], 0.999 * hole)
    torch.testing.assert_close(terms["visible"], 0.999 * 0.5 * visible)
    torch.testing.assert_close(terms["adversarial"], 0.001 * score)


def test_it_learns_to_fill_a_constant():
    torch.manual_seed(0)
    family = ContextEncoder(replace(SMALL, learning_rate=1e-2, decay=True, steps=40))
    data = hide(torch.full((4, 3, 16, 16), 0.5), batch(4).mask)
    before = masked_l1(family.generate(data), data.image, data.mask)
    for _ in train(family, iter([data] * 40), steps=40):
        pass
    assert masked_l1(family.generate(data), data.image, data.mask) < 0.3 * before
