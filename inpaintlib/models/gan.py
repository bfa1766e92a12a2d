"""The vanilla GAN: two fully connected networks on 28×28 digits (lesson 01).

Paper: Goodfellow et al. 2014, "Generative adversarial nets". Layers: source 002 (GNR652), whose
generator has 1,486,352 parameters and whose discriminator has 1,460,225.
Ours differs: data in [-1, 1] as Tanh makes them (the source feeds [0, 1]), logits instead of a
Sigmoid, and Adam's first beta 0.5 instead of 0.9.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor, nn

from inpaintlib.layers import check_shape
from inpaintlib.models.contract import FromNoise


@dataclass(frozen=True)
class GANConfig:
    """Settings of the vanilla GAN."""

    channels: int = 1
    size: int = 28  # pixels per side
    latent: int = 100  # length of the noise vector z
    generator_widths: tuple[int, ...] = (256, 512, 1024)
    discriminator_widths: tuple[int, ...] = (1024, 512, 256)
    dropout: float = 0.3  # in the discriminator only
    learning_rate: float = 2e-4
    adversarial: str = "bce"  # see `losses.ADVERSARIAL`
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    seed: int = 0  # of the noise
    batch_size: int = 100
    steps: int = 120_000  # 200 epochs of MNIST's 60,000 digits, as in the source


PAPER = GANConfig()
LESSON = GANConfig(learning_rate=4e-4, steps=3_000)
SHIPPED = replace(LESSON, steps=4_000)


class Generator(nn.Module):
    """Noise to picture: (B, latent) -> (B, channels, size, size) in [-1, 1]."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.shape = (config.channels, config.size, config.size)
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((config.latent, *config.generator_widths)):
            layers += [nn.Linear(narrow, wide), nn.LeakyReLU(0.2)]
        pixels = config.channels * config.size**2
        layers += [nn.Linear(config.generator_widths[-1], pixels), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape).float()


class Discriminator(nn.Module):
    """Picture to logit: (B, channels, size, size) -> (B, 1), large for real."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.shape = (config.channels, config.size, config.size)
        pixels = config.channels * config.size**2
        layers: list[nn.Module] = [nn.Flatten()]
        for wide, narrow in pairwise((pixels, *config.discriminator_widths)):
            layers += [nn.Linear(wide, narrow), nn.LeakyReLU(0.2), nn.Dropout(config.dropout)]
        layers.append(nn.Linear(config.discriminator_widths[-1], 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        check_shape(image, self.shape)
        return self.layers(image).float()


class GAN(FromNoise):
    """Generator, discriminator and the game between them."""

    def __init__(self, config: GANConfig | None = None) -> None:
        super().__init__()
        self.config = config or GANConfig()
        self.generator = Generator(self.config)
        self.discriminator = Discriminator(self.config)
