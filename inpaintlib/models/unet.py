"""A U-Net with self-attention that is asked for colours, edges and structure (lesson 06).

Source 001: generator of 4,880,836 parameters at base 64 (losses around the hole), of 1,221,860 at
base 32 (losses on the whole image), and a small patch discriminator of 35,553. The U-Net is that of
Ronneberger et al. 2015, the self-attention that of SAGAN (Zhang et al. 2018), the discriminator
that of pix2pix (Isola et al. 2017).
Ours differs: SSIM is a loss, as the source's text promises, not only a metric; the network is told
the true hole, not the hole with its ring; Sobel gradients are not divided by their maximum; only
real targets are smoothed; the discriminator is scored on the patches with the hole in their middle,
because far from it both pictures are equal, and never skips a step; no gradient clipping; He
initialisation, because torch's own lets the signal fade in a network without normalisation.
LESSON and SHIPPED are not the source's: there the discriminator sees the mask, under spectral
normalisation, with the hinge loss, ten times the weight, and its features matched.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.images import Batch, composite
from inpaintlib.layers import PatchDiscriminator, SelfAttention2d, activations, check_multiple
from inpaintlib.losses import masked_l1, sobel_loss, ssim_loss
from inpaintlib.masks import dilate
from inpaintlib.models.contract import AdversarialInpainting, Terms


@dataclass(frozen=True)
class UNetConfig:
    """Settings of the U-Net; the defaults are the source's hole variant."""

    channels: int = 3
    size: int = 200  # pixels per side in training; any multiple of 8 works
    base: int = 64  # channels of the first block; the deeper ones have 2 and 4 times as many
    discriminator_base: int = 32  # channels of the source's discriminator
    discriminator_widths: tuple[int, ...] = ()  # of one that sees the mask, in the other's place
    whole: bool = False  # losses on the whole image instead of the hole and its ring
    ring: int = 4  # pixels of known context around the hole that the losses include
    adversarial: str = "bce smoothed"  # or "hinge"
    adversarial_weight: float = 1.0
    feature_weight: float = 0.0  # of feature matching
    chroma_weight: float = 0.0  # of the error in colour alone
    l1_weight: float = 100.0
    sobel_weight: float = 10.0
    ssim_weight: float = 1.0
    adversarial_start: int = 0  # step at which the discriminator enters the game
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    warm_up: int = 0  # steps over which the learning rate rises
    decay: bool = False  # it falls to 0 at the end, see `contract.schedule`
    batch_size: int = 20
    steps: int = 820  # 20 epochs of 819 photos


PAPER = UNetConfig()
PAPER_WHOLE = replace(PAPER, base=32, whole=True, steps=1200)  # 30 epochs of 800 photos
LESSON = replace(
    PAPER,
    size=64,
    base=32,
    discriminator_widths=(32, 64, 128, 256, 256),
    adversarial="hinge",
    adversarial_weight=10.0,
    feature_weight=100.0,
    learning_rate=5e-4,
    betas=(0.5, 0.99),
    warm_up=50,
    decay=True,
    batch_size=16,
    steps=700,
)
LESSON_WHOLE = replace(LESSON, whole=True)
SHIPPED = replace(LESSON, size=128, batch_size=8, steps=800, chroma_weight=400.0)
SHIPPED_WHOLE = replace(SHIPPED, whole=True)


class DoubleConv(nn.Sequential):
    """Two 3×3 convolutions, each with its activation: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.LeakyReLU(0.2),
        )


class Generator(nn.Module):
    """Picture with a hole to prediction: (B, C, H, W) -> (B, C, H, W) in [-1, 1]."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        base = config.base
        self.enc1 = DoubleConv(config.channels + 1, base)
        self.enc2 = DoubleConv(base, 2 * base)
        self.enc3 = DoubleConv(2 * base, 4 * base)
        self.attention = SelfAttention2d(4 * base)
        self.bottleneck = DoubleConv(4 * base, 4 * base)
        self.dec3 = DoubleConv(8 * base, 4 * base)
        self.dec2 = DoubleConv(6 * base, 2 * base)
        self.dec1 = nn.Sequential(
            nn.Conv2d(3 * base, base, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(base, config.channels, 3, padding=1),
            nn.Tanh(),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                layer.bias = nn.Parameter(torch.zeros(layer.out_channels))

    def forward(self, observed: Tensor, mask: Tensor) -> Tensor:
        check_multiple(observed, 8)
        fine = self.enc1(torch.cat([observed, mask], dim=1))  # (B, base, H, W)
        middle = self.enc2(F.max_pool2d(fine, 2))  # (B, 2 base, H/2, W/2)
        coarse = self.enc3(F.max_pool2d(middle, 2))  # (B, 4 base, H/4, W/4)
        x = self.bottleneck(self.attention(F.max_pool2d(coarse, 2)))  # (B, 4 base, H/8, W/8)
        x = self.dec3(torch.cat([double(x), coarse], dim=1))  # (B, 4 base, H/4, W/4)
        x = self.dec2(torch.cat([double(x), middle], dim=1))  # (B, 2 base, H/2, W/2)
        return self.dec1(torch.cat([double(x), fine], dim=1))  # (B, C, H, W)


class Discriminator(nn.Module):
    """Picture to logits: (B, C, H, W) -> (B, 1, H/4 - 1, W/4 - 1), one per patch of 22×22."""

    layers: nn.Sequential

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        base = config.discriminator_base
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, base, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(base, 2 * base, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * base),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * base, 1, 4, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class UNet(AdversarialInpainting):
    """The U-Net, its discriminator, and the four things asked of a fill."""

    discriminator: PatchDiscriminator | Discriminator

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        self.generator = Generator(self.config)
        widths = self.config.discriminator_widths
        if widths:
            self.discriminator = PatchDiscriminator(self.config.channels + 1, widths)
        else:
            self.discriminator = Discriminator(self.config)

    def region(self, mask: Tensor) -> Tensor:
        """The pixels that the losses compare: the hole and its ring, or the whole image."""
        return torch.ones_like(mask) if self.config.whole else dilate(mask, self.config.ring)

    def reconstruction(self, made: Tensor, batch: Batch) -> Terms:
        """Colours, edges and structure; outside the region the windows see the truth."""
        region = self.region(batch.holes()[1])
        seen = composite(made, batch.image, region)
        return {
            "l1": self.config.l1_weight * masked_l1(seen, batch.image, region),
            "sobel": self.config.sobel_weight * sobel_loss(seen, batch.image, region),
            "ssim": self.config.ssim_weight * ssim_loss(seen, batch.image, region),
        }

    def activations(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """The discriminator's, which sees the mask; the source's sees none.

        Of the source's logits those count whose patch has the hole in its middle, or all: (n,).
        """
        if self.config.discriminator_widths:
            return activations(self.discriminator.layers, torch.cat([image, mask], dim=1))
        logits = self.discriminator(image).float()
        holes = mask.cpu() if mask.is_mps else mask  # where it is wrong: pytorch issue 190064
        seen = F.adaptive_max_pool2d(holes, logits.shape[2:]).bool().to(logits.device)
        return [logits[seen | ~seen.any()]]


def double(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear with aligned corners as in the source."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
