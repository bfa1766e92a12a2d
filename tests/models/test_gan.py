"""The vanilla GAN of lesson 01: the source's exact networks, and a game that can be won."""

import torch

from inpaintlib.images import Batch
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.gan import GAN, GANConfig
from inpaintlib.training.loop import train


def test_parameter_counts_are_the_sources():
    family = GAN()
    assert count_parameters(family.generator) == 1_486_352
    assert count_parameters(family.discriminator) == 1_460_225
    assert not list(family.buffers())


def test_layers_are_the_sources():
    sizes = [layer.weight.shape for layer in GAN().generator.layers if hasattr(layer, "weight")]
    assert sizes == [(256, 100), (512, 256), (1024, 512), (784, 1024)]
    sizes = [layer.weight.shape for layer in GAN().discriminator.layers if hasattr(layer, "weight")]
    assert sizes == [(1024, 784), (512, 1024), (256, 512), (1, 256)]


def test_pictures_are_in_range_and_follow_the_generator():
    family = GAN().eval()
    batch = Batch(torch.zeros(3, 1, 28, 28))
    first = family.generate(batch, generator=torch.Generator().manual_seed(1))
    again = family.generate(batch, generator=torch.Generator().manual_seed(1))
    other = family.generate(batch, generator=torch.Generator().manual_seed(2))
    assert first.shape == (3, 1, 28, 28)
    assert first.abs().max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_noise_differs_from_step_to_step_and_between_the_phases():
    family = GAN(GANConfig(dropout=0.0)).eval()
    batch = Batch(torch.zeros(2, 1, 28, 28))
    losses = {
        round(loss(batch, step)["adversarial"].item(), 7)
        for loss in (family.generator_loss, family.discriminator_loss)
        for step in (0, 1)
    }
    assert len(losses) == 4


def test_it_learns_a_constant_picture():
    torch.manual_seed(0)
    config = GANConfig(size=4, latent=2, generator_widths=(32,), discriminator_widths=(32,))
    family = GAN(config)
    target = torch.full((32, 1, 4, 4), 0.5)
    target[..., :2] = -0.5

    def distance():
        with torch.no_grad():
            return (family.generate(Batch(target)) - target).abs().mean().item()

    before = distance()
    for _ in train(family, iter([Batch(target)] * 800), steps=800):
        pass
    assert distance() < 0.5 * before
