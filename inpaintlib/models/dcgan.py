"""DCGAN: a convolutional GAN that draws faces from noise (lesson 02).

Paper: Radford, Metz, Chintala 2016, "Unsupervised representation learning with deep convolutional
generative adversarial networks". Layers: the usual 64×64 layout of that paper, 3,576,704 parameters
in the generator and 2,765,568 in the discriminator.
Ours differs: normal instead of uniform noise, logits instead of a Sigmoid, and one level more or
less for each doubling or halving of the picture.
SHIPPED is not the paper's: what steadies a short game is spectral normalisation and the hinge loss
(Miyato et al. 2018), a discriminator that learns twice as fast (Heusel et al. 2017), and repeated
pixels, which leave no chequered pattern (Odena et al. 2016).
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from torch import Tensor, nn
from torch.optim import Optimizer

from inpaintlib.layers import ResizeConv2d, check_shape, initialise_normal, spectral_norm
from inpaintlib.models.contract import FromNoise, adam


@dataclass(frozen=True)
class DCGANConfig:
    """Settings of the DCGAN."""

    channels: int = 3
    size: int = 64  # pixels per side: 8, 16, 32, 64, 128, …
    latent: int = 100  # length of the noise vector z
    generator_width: int = 64  # channels before the last layer; doubles with every level down
    discriminator_width: int = 64  # channels after the first layer; doubles with every level down
    resize_convolution: bool = False  # up-sampling; False: transposed convolution as in the paper
    spectral: bool = False  # spectral norm instead of BatchNorm in the discriminator
    adversarial: str = "bce"  # or "hinge"
    learning_rate: float = 2e-4  # section 4
    discriminator_factor: float = 1.0  # on the discriminator's learning rate
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam, section 4
    batch_size: int = 128  # section 4
    steps: int = 31_650  # 5 epochs of CelebA's 202,599 photos, widely used; the paper gives none
    seed: int = 0  # of the noise

    def __post_init__(self) -> None:
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"expected a size that is a power of two from 8 on, got {self.size}")

    @property
    def levels(self) -> int:
        """How often 4×4 is doubled to reach the picture: 4 for 64×64."""
        return self.size.bit_length() - 3


PAPER = DCGANConfig()
LESSON = DCGANConfig(generator_width=32, discriminator_width=32, batch_size=32, steps=1000)
SHIPPED = replace(
    LESSON,
    generator_width=48,
    discriminator_width=48,
    resize_convolution=True,
    spectral=True,
    adversarial="hinge",
    discriminator_factor=2.0,
    betas=(0.0, 0.99),
    steps=2_500,
)


class Generator(nn.Module):
    """Noise to picture: (B, latent) -> (B, channels, size, size) in [-1, 1].

    At 64×64: 100 -> 512×4×4 -> 256×8×8 -> 128×16×16 -> 64×32×32 -> 3×64×64, or by repeated pixels
    100 -> 512×4×4 -> 512×8×8 -> 256×16×16 -> 128×32×32 -> 64×64×64 -> 3×64×64.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = [config.generator_width << level for level in reversed(range(config.levels))]
        layers = up_block(nn.ConvTranspose2d(config.latent, widths[0], 4, bias=False), widths[0])
        if config.resize_convolution:
            for wide, narrow in pairwise((widths[0], *widths)):
                layers += up_block(ResizeConv2d(wide, narrow, bias=False), narrow)
            layers.append(nn.Conv2d(widths[-1], config.channels, 3, padding=1, bias=False))
        else:
            for wide, narrow in pairwise(widths):
                layers += up_block(doubling(wide, narrow), narrow)
            layers.append(doubling(widths[-1], config.channels))
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z[:, :, None, None]).float()


def doubling(wide: int, narrow: int) -> nn.Module:
    """A transposed convolution to twice the height and width."""
    return nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1, bias=False)


def up_block(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """Convolution (its bias would be undone by the normalisation), BatchNorm, ReLU."""
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU()]


class Discriminator(nn.Module):
    """Picture to logit: (B, channels, size, size) -> (B, 1), large for real.

    At 64×64: 3×64×64 -> 64×32×32 -> 128×16×16 -> 256×8×8 -> 512×4×4 -> 1.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.shape = (config.channels, config.size, config.size)
        widths = [config.discriminator_width << level for level in range(config.levels)]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((config.channels, *widths)):
            layers.append(nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=config.spectral))
            if layers[:-1] and not config.spectral:  # section 3: not at the first layer
                layers.append(nn.BatchNorm2d(wide))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(widths[-1], 1, 4, bias=config.spectral))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        check_shape(image, self.shape)  # another size would silently give a map of wrong scores
        return self.layers(image).flatten(start_dim=1).float()


class DCGAN(FromNoise):
    """Generator, discriminator and the game between them."""

    def __init__(self, config: DCGANConfig | None = None) -> None:
        super().__init__()
        self.config = config or DCGANConfig()
        self.generator = Generator(self.config)
        self.discriminator = Discriminator(self.config)
        initialise_normal(self)  # section 4
        if self.config.spectral:
            for layer in self.discriminator.layers:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)

    def discriminator_optimizer(self) -> Optimizer:
        """Adam, faster than the generator's by the configuration's factor."""
        return adam(self.discriminator, self.config, factor=self.config.discriminator_factor)
