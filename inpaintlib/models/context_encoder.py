"""Context encoder: convolutions down, transposed convolutions up, no shortcut (lesson 03).

Paper: Pathak et al. 2016, "Context encoders: feature learning by inpainting". Layers: source 004
where it says something (LeakyReLU down, BatchNorm and ELU up, masked L1, least-squares GAN), else
the paper's kind: 22,295,811 parameters in the generator and 2,761,153 in the discriminator.
Ours differs from the source: the loss is divided by the hole's area (the source's sum drowns the
adversarial term; it is an option, to see it do so); the discriminator gives logits (the source's
loss takes a Sigmoid's output for them) and is shown the completed picture, not the raw one.
In LESSON and SHIPPED the discriminator, unlike the source's, sees the mask, under spectral
normalisation, with the hinge loss, a tenth of the L1's weight, and its features matched. SHIPPED
doubles by repeated pixels: transposed convolutions answer the adversary with chequered noise.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from inpaintlib.images import Batch
from inpaintlib.layers import (
    PatchDiscriminator,
    ResizeConv2d,
    check_multiple,
    initialise_normal,
)
from inpaintlib.losses import masked_l1
from inpaintlib.models.contract import AdversarialInpainting, Terms


@dataclass(frozen=True)
class ContextEncoderConfig:
    """Settings of the context encoder."""

    channels: int = 3
    size: int = 256  # pixels per side in training; any multiple of 2^levels works
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512)  # one level down each; mirrored up
    resize_convolution: bool = False  # up-sampling; False: transposed convolution as in the paper
    discriminator_widths: tuple[int, ...] = (64, 128, 256, 512)
    discriminator_sees_mask: bool = False  # and is under spectral normalisation
    reconstruction_sum: bool = False  # True: the source's plain sum over hole values
    reconstruction_weight: float = 0.999  # paper, equation 3
    visible_weight: float = 0.0  # of the same error on known pixels
    adversarial: str = "lsgan"  # or "hinge"
    adversarial_weight: float = 0.001  # paper, equation 3
    feature_weight: float = 0.0  # of feature matching
    chroma_weight: float = 0.0  # of the error in colour alone
    adversarial_start: int = 0  # step at which the discriminator enters the game
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    warm_up: int = 0  # steps over which the learning rate rises
    decay: bool = False  # it falls to 0 at the end, see `contract.schedule`
    batch_size: int = 8
    steps: int = 35_000  # as far as the source's curves reach


PAPER = ContextEncoderConfig()
LESSON = ContextEncoderConfig(
    size=64,
    widths=(32, 64, 128, 256),
    discriminator_widths=(32, 64, 128, 256, 256),
    discriminator_sees_mask=True,
    visible_weight=0.2,
    adversarial="hinge",
    adversarial_weight=0.1,
    feature_weight=1.0,
    learning_rate=5e-4,
    betas=(0.5, 0.99),
    warm_up=50,
    decay=True,
    batch_size=16,
    steps=1500,
)
# Each level reaches twice as far: with four, the middle of a hole of 64 pixels is told nothing.
SHIPPED_64 = replace(LESSON, widths=(32, 64, 128, 192, 192), resize_convolution=True, steps=4_000)
SHIPPED = replace(SHIPPED_64, size=128, batch_size=8, steps=2_000, chroma_weight=4.0)


class Generator(nn.Module):
    """Observed picture and mask to picture: (B, C, H, W), (B, 1, H, W) -> (B, C, H, W) in [-1, 1].

    At 256×256, each step halves or doubles: 4×256×256 -> 64 -> 128 -> 256 -> 512 -> 512 -> 512×4×4
    -> 512 -> 512 -> 256 -> 128 -> 64×128×128 -> 3×256×256. All that is known of the picture passes
    the narrowest map; nothing goes around it.
    """

    def __init__(self, config: ContextEncoderConfig) -> None:
        super().__init__()
        self.multiple = 2 ** len(config.widths)
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((config.channels + 1, *config.widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.encoder = nn.Sequential(*layers)
        transposed = partial(nn.ConvTranspose2d, kernel_size=4, stride=2, padding=1)
        up = ResizeConv2d if config.resize_convolution else transposed  # doubles height and width
        layers = []
        for wide, narrow in pairwise(reversed(config.widths)):
            layers += [up(wide, narrow), nn.BatchNorm2d(narrow), nn.ELU()]
        layers += [up(config.widths[0], config.channels), nn.Tanh()]
        self.decoder = nn.Sequential(*layers)

    def forward(self, observed: Tensor, mask: Tensor) -> Tensor:
        check_multiple(observed, self.multiple)
        return self.decoder(self.encoder(torch.cat([observed, mask], dim=1))).float()


class ContextEncoder(AdversarialInpainting):
    """Generator, discriminator, and what is asked of a filled hole.

    At 256×256 the discriminator goes 3×256×256 -> 64×128×128 -> 128×64×64 -> 256×32×32 ->
    512×16×16 -> 1×16×16 logits, each for a patch of 78×78 pixels.
    """

    def __init__(self, config: ContextEncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or ContextEncoderConfig()
        self.generator = Generator(self.config)
        initialise_normal(self.generator)
        told, widths = self.config.discriminator_sees_mask, self.config.discriminator_widths
        self.discriminator = PatchDiscriminator(self.config.channels + told, widths, spectral=told)
        if not told:
            initialise_normal(self.discriminator)

    def reconstruction(self, made: Tensor, batch: Batch) -> Terms:
        """The error in the hole, and that on known pixels if it has a weight."""
        weight = self.config.reconstruction_weight
        terms = {"reconstruction": weight * self.error(made, batch)}
        if self.config.visible_weight:
            visible = masked_l1(made, batch.image, 1 - batch.holes()[1])
            terms["visible"] = weight * self.config.visible_weight * visible
        return terms

    def error(self, prediction: Tensor, batch: Batch) -> Tensor:
        """Absolute error in the hole: its mean, or the source's sum.

        A sum grows with picture, batch and hole: 196,000 for a bad guess on 8 pictures of 256×256
        with a quarter hidden, beside which an adversarial term of at most 1 has no say.
        """
        _, mask = batch.holes()
        if self.config.reconstruction_sum:
            return ((prediction - batch.image).abs() * mask).sum()
        return masked_l1(prediction, batch.image, mask)
