"""GLCIC of lesson 04: exact networks, three periods, one crop a sample."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from inpaintlib.images import Batch, composite, hide
from inpaintlib.losses import masked_l2
from inpaintlib.masks import bounding_box, centre, rectangle
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.glcic import GLCIC, LESSON, PAPER, GLCICConfig, crop_around
from inpaintlib.training import recipes
from inpaintlib.training.loop import train

AT_160 = replace(PAPER, size=160, local_size=96, global_levels=5)  # as source 002 has it
SMALL = GLCICConfig(
    size=16,
    local_size=8,
    width=4,
    discriminator_width=4,
    global_levels=2,
    local_levels=1,
    features=8,
    completion_steps=3,
    discriminator_steps=2,
    steps=8,
)


def batch(count=2, height=16, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 3, height, width, generator=generator) * 2 - 1
    return hide(image, rectangle(count, height, width, generator=generator))


def counts(network, *kinds):
    return [count_parameters(module) for module in network.modules() if isinstance(module, kinds)]


def test_completion_network_layer_by_layer():
    network = GLCIC(SMALL).generator
    assert [layer.dilation[0] for layer in network.layers if isinstance(layer, nn.Conv2d)] == [
        *(1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 1, 1, 1, 1, 1)
    ]
    network = GLCIC(replace(AT_160, discriminator_width=1, features=1)).generator
    convolutions = [6_464, 73_856, 147_584, 295_168, *[590_080] * 8]
    convolutions += [524_416, 147_584, 131_136, 18_464, 867]
    assert counts(network, nn.Conv2d, nn.ConvTranspose2d) == convolutions
    assert counts(network, nn.BatchNorm2d) == [128, 256, 256, *[512] * 9, 256, 256, 128, 64]
    assert count_parameters(network) == 6_072_131
    assert sum(buffer.numel() for buffer in network.buffers()) == 5_968


@pytest.mark.parametrize(
    ("config", "local", "whole", "total", "dense", "buffers"),
    [
        (PAPER, 19_253_248, 25_808_384, 45_063_681, [8_389_632, 8_389_632, 2_049], 6_923),
        (AT_160, 15_583_232, 23_971_840, 39_557_121, [13_108_224, 4_719_616, 2_049], 5_898),
    ],
)
def test_discriminators_branch_by_branch(config, local, whole, total, dense, buffers):
    network = GLCIC(config).discriminator
    assert counts(network.local, nn.Conv2d) == [4_864, 204_928, 819_456, 3_277_312, 6_554_112]
    assert count_parameters(network.local) == local
    assert count_parameters(network.whole) == whole
    assert counts(network, nn.Linear) == dense
    assert count_parameters(network) == total
    assert sum(buffer.numel() for buffer in network.buffers()) == buffers


def test_shapes_at_the_celeba_size():
    family = GLCIC(AT_160).eval()
    data = batch(1, 160, 160)
    with torch.no_grad():
        assert family.discriminator(family.generate(data), data.mask).shape == (1, 1)


@pytest.mark.parametrize("size", [(64, 64), (36, 52)])
def test_fills_any_multiple_and_keeps_what_is_known(size):
    family = GLCIC(LESSON).eval()
    data = batch(2, *size)
    filled = family.generate(data)
    assert filled.shape == (2, 3, *size)
    assert filled.abs().max() <= 1
    known = data.mask.expand_as(filled) == 0
    assert torch.equal(filled[known], data.image[known])
    assert not torch.equal(filled, data.observed)


def test_wrong_sizes_are_refused():
    family = GLCIC(LESSON)
    with pytest.raises(ValueError, match="divisible by 4, got 62×64"):
        family.generate(batch(1, 62, 64))
    with pytest.raises(ValueError, match=r"pictures of \(3, 64, 64\), got \(3, 64, 68\)"):
        family.discriminator_loss(batch(1, 64, 68), 0)


def test_the_networks_own_fill_counts_and_not_the_callers():
    family = GLCIC(replace(SMALL, fill=(0.1, -0.2, -0.3))).eval()
    data = batch()
    other = hide(data.image, data.mask, fill=0.9)
    assert torch.equal(family.generate(data), family.generate(other))
    seen = []
    family.generator.layers.register_forward_pre_hook(
        lambda module, arguments: seen.append(*arguments)
    )
    family.generate(data)
    hole = data.mask[:, 0] == 1
    for channel, value in enumerate((0.1, -0.2, -0.3)):
        torch.testing.assert_close(seen[0][:, channel][hole], torch.full((hole.sum(),), value))
    assert torch.equal(seen[0][:, 3:], data.mask)


def test_the_three_periods():
    family = GLCIC(replace(SMALL, completion_steps=10, discriminator_steps=5))
    active = {
        step: [phase.name for phase in family.phases() if phase.active(step)]
        for step in (0, 9, 10, 11, 14, 15, 16)
    }
    assert active[0] == active[9] == ["generator"]
    assert active[10] == active[11] == active[14] == ["discriminator"]
    assert active[15] == active[16] == ["discriminator", "generator"]
    assert list(family.generator_loss(batch(), 9)) == ["reconstruction"]
    assert list(family.generator_loss(batch(), 15)) == ["reconstruction", "adversarial"]


def test_training_passes_through_the_periods_and_freezes_the_network_in_the_second():
    family = GLCIC(SMALL)
    states, terms = [], []
    for record in train(family, iter([batch(4)] * 8), steps=8):
        states.append({k: v.clone() for k, v in family.generator.state_dict().items()})
        terms.append(set(record.terms))
    first = {"generator/reconstruction"}
    second = {"discriminator/adversarial"}
    assert terms == [first] * 3 + [second] * 2 + [first | second | {"generator/adversarial"}] * 3
    assert all(torch.equal(states[2][k], states[4][k]) for k in states[2])  # buffers included
    assert not all(torch.equal(states[4][k], states[5][k]) for k in states[2])
    assert all(module.training for module in family.modules())


def test_a_frozen_layer_and_a_failed_step_leave_modes_as_they_were(monkeypatch):
    family = GLCIC(SMALL).train()
    norm = next(m for m in family.generator.modules() if isinstance(m, nn.BatchNorm2d))
    norm.eval()
    modes = [module.training for module in family.modules()]
    for step in (3, 9):  # in the second period, in the third
        family.discriminator_loss(batch(4), step)
        assert [module.training for module in family.modules()] == modes
    monkeypatch.setattr(family, "activations", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        family.discriminator_loss(batch(4), 3)
    assert [module.training for module in family.modules()] == modes


def test_the_weight_alpha_is_on_the_completion_network_alone():
    light, heavy = (GLCIC(replace(SMALL, adversarial_weight=w)).eval() for w in (1e-3, 1.0))
    heavy.load_state_dict(light.state_dict())
    data = batch()
    terms = [family.generator_loss(data, 7) for family in (light, heavy)]
    torch.testing.assert_close(terms[0]["adversarial"] * 1e3, terms[1]["adversarial"])
    losses = [family.discriminator_loss(data, 7)["adversarial"] for family in (light, heavy)]
    assert losses[0] == losses[1]


def test_the_discriminator_judges_the_completed_picture():
    family = GLCIC(SMALL).eval()
    data = batch()
    judged = []
    look = family.discriminator.features
    family.discriminator.features = lambda image, mask: (
        judged.append((image, mask)) or look(image, mask)
    )
    family.discriminator_loss(data, 7)
    family.generator_loss(data, 7)
    prediction = family.generator(data.observed, data.mask)
    completed = composite(prediction, data.image, data.mask)
    for (image, mask), expected in zip(judged, (data.image, completed, completed), strict=True):
        assert torch.equal(image, expected)
        assert torch.equal(mask, data.mask)


def test_the_reconstruction_is_divided_by_the_holes_area():
    image = torch.zeros(1, 3, 16, 16)
    for side in (2, 8, 16):
        mask = torch.zeros(1, 1, 16, 16)
        mask[..., :side, :side] = 1
        assert masked_l2(image + 0.5, image, mask).item() == pytest.approx(0.25)
        family = GLCIC(SMALL).eval()
        family.generator.forward = lambda observed, mask: observed + 0.5
        terms = family.generator_loss(Batch(image, mask, image), 0)
        assert terms["reconstruction"].item() == pytest.approx(0.25)


def test_crops_are_centred_on_each_samples_hole():
    mask = torch.zeros(4, 1, 20, 30)
    mask[0, :, 8:12, 10:16] = 1  # in the middle
    mask[1, :, 0:3, 27:30] = 1  # in a corner
    mask[2, :, 5:16, 4:7] = 1  # one side longer than the crop
    crops = crop_around(mask, mask, 8)
    assert crops.shape == (4, 1, 8, 8)
    assert bounding_box(crops).tolist() == [[2, 1, 6, 7], [0, 5, 3, 8], [0, 3, 8, 6], [0, 0, 0, 0]]
    places = torch.arange(20 * 30.0).view(1, 1, 20, 30).expand(4, 1, -1, -1)
    assert torch.equal(crop_around(places, mask, 8)[0], places[0, :, 6:14, 9:17])
    assert torch.equal(crop_around(places, mask, 8)[1], places[1, :, 0:8, 22:30])


def test_gradients_flow_through_the_crop():
    image = torch.zeros(2, 3, 16, 16, requires_grad=True)
    data = batch()
    crop_around(image, data.mask, 8).sum().backward()
    assert image.grad.sum() == 2 * 3 * 8 * 8
    assert image.grad.max() == 1


def test_optimizers():
    ada = GLCIC(SMALL).phases()[0].optimizer
    assert isinstance(ada, torch.optim.Adadelta)
    assert (ada.defaults["lr"], ada.defaults["rho"], ada.defaults["eps"]) == (1.0, 0.9, 1e-6)
    assert isinstance(GLCIC(LESSON).phases()[1].optimizer, torch.optim.Adam)


def test_the_lesson_uses_resize_convolution_and_spectral_norm():
    family = GLCIC(LESSON).eval()
    assert not counts(family, nn.ConvTranspose2d)
    assert not counts(family.discriminator, nn.BatchNorm2d)
    data = batch(2, 64, 64)
    scores = [family.discriminator(data.image, data.mask) for _ in range(2)]
    assert torch.equal(*scores)


def test_grey_pictures_need_a_fill_of_their_own():
    """The lesson's is the mean of coloured faces."""
    observed = hide(torch.zeros(1, 1, 64, 64), centre(1, 64, 64, generator=torch.Generator()))
    with pytest.raises(ValueError, match="a fill for all or 1, one per channel, got 3"):
        recipes.make("glcic", "lesson", channels=1).generate(observed)
    family = recipes.make("glcic", "lesson", channels=1, fill=0.1)
    assert family.generate(observed).shape == (1, 1, 64, 64)
