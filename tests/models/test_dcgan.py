"""The DCGAN of lesson 02: the paper's layers, initialisation and sizes."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from inpaintlib.images import Batch
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.dcgan import DCGAN, LESSON, PAPER, SHIPPED, DCGANConfig
from inpaintlib.training.loop import train


def counts(network, kind):
    return [count_parameters(module) for module in network.modules() if isinstance(module, kind)]


def test_parameter_counts_layer_by_layer():
    family = DCGAN(PAPER)
    convolutions = [819_200, 2_097_152, 524_288, 131_072, 3_072]
    assert counts(family.generator, nn.ConvTranspose2d) == convolutions
    assert counts(family.generator, nn.BatchNorm2d) == [1_024, 512, 256, 128]
    assert count_parameters(family.generator) == 3_576_704
    convolutions = [3_072, 131_072, 524_288, 2_097_152, 8_192]
    assert counts(family.discriminator, nn.Conv2d) == convolutions
    assert counts(family.discriminator, nn.BatchNorm2d) == [256, 512, 1_024]
    assert count_parameters(family.discriminator) == 2_765_568


def test_buffers_are_those_of_batch_normalisation():
    family = DCGAN(PAPER)
    sizes = [
        sum(buffer.numel() for buffer in network.buffers())
        for network in (family.generator, family.discriminator)
    ]
    assert sizes == [1_924, 1_795]


def test_width_of_the_papers_figure():
    family = DCGAN(DCGANConfig(generator_width=128, discriminator_width=128))
    assert count_parameters(family.generator) == 12_658_432
    assert count_parameters(family.discriminator) == 11_036_160


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_size_has_its_levels(size, channels):
    config = DCGANConfig(
        channels=channels, size=size, generator_width=4, discriminator_width=4, latent=8
    )
    family = DCGAN(config)
    fake = family.generate(Batch(torch.zeros(2, channels, size, size)))
    assert fake.shape == (2, channels, size, size)
    assert fake.abs().max() <= 1
    assert family.discriminator(fake).shape == (2, 1)
    maps = []
    family.discriminator.layers[-1].register_forward_pre_hook(
        lambda module, arguments: maps.append(arguments[0].shape[2:])
    )
    family.discriminator(fake)
    assert maps == [(4, 4)]


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="power of two from 8 on, got 96"):
        DCGANConfig(size=96)
    with pytest.raises(ValueError, match=r"takes pictures of \(3, 64, 64\), got \(3, 128, 128\)"):
        DCGAN(LESSON).discriminator(torch.zeros(1, 3, 128, 128))


def test_the_shipped_networks_repeat_pixels_and_are_normalised_spectrally():
    family = DCGAN(SHIPPED)
    kernels = sum(9 * wide * narrow for wide, narrow in pairwise((384, 384, 192, 96, 48, 3)))
    norms = 2 * (384 + 384 + 192 + 96 + 48)
    expected = 4 * 4 * 384 * 100 + kernels + norms
    assert count_parameters(family.generator) == expected
    assert not any(isinstance(m, nn.BatchNorm2d) for m in family.discriminator.modules())
    convolutions = [m for m in family.discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 5
    assert all(hasattr(layer, "parametrizations") for layer in convolutions)
    assert family.generate(Batch(torch.zeros(2, 3, 64, 64))).shape == (2, 3, 64, 64)
    rates = [phase.optimizer.param_groups[0]["lr"] for phase in family.phases()]
    assert rates == [4e-4, 2e-4]


def test_initialisation_moments():
    family = DCGAN(PAPER)
    for module in family.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.bias is None
            assert abs(module.weight.mean()) < 0.002
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.3)
            assert not module.bias.any()


def test_it_learns_the_mean_of_a_constant_picture():
    config = DCGANConfig(
        size=8, generator_width=8, discriminator_width=8, latent=4, learning_rate=2e-3
    )
    torch.manual_seed(0)
    family = DCGAN(config)
    target = torch.full((16, 3, 8, 8), 0.5)
    target[..., 4:] = -0.5

    def distance():
        with torch.no_grad():
            return (family.generate(Batch(target)) - target).abs().mean().item()

    before = distance()
    for _ in train(family, iter([Batch(target)] * 150), steps=150):
        pass
    assert distance() < 0.6 * before
