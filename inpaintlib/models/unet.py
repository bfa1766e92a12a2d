"""A U-Net with self-attention that is asked for colours, edges and structure (lesson 06).

Source 001: generator of 4,880,836 parameters at base 64 (losses around the hole), of 1,221,860 at
base 32 (losses on the whole image), and a small patch discriminator of 35,553. The U-Net is that of
Ronneberger et al. 2015, the self-attention that of SAGAN (Zhang et al. 2018), the discriminator
that of pix2pix (Isola et al. 2017).
Ours differs: SSIM is a loss, as the source's text promises, not only a metric; the network is told
the true hole, not the hole with its ring (its defect U10); Sobel gradients are not divided by their
maximum (U11); smoothing is for the discriminator's real targets only (U6); the discriminator is
judged on the patches with the hole in their middle: far from it both pictures are equal (U4, U5);
it never skips a step (U3); no gradient clipping (U17); He initialisation instead of torch's own,
which lets the signal fade in a network without normalisation.
LESSON and SHIPPED are not the source's: there the discriminator sees the mask, under spectral
normalisation, with the hinge loss, ten times the weight, and its features matched.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.images import Batch, check_pair, composite
from inpaintlib.layers import PatchDiscriminator, SelfAttention2d, check_multiple
from inpaintlib.losses import (
    bce_discriminator_loss,
    fooling_terms,
    hinge_discriminator_loss,
    masked_l1,
    sobel_loss,
    ssim_loss,
)
from inpaintlib.masks import dilate
from inpaintlib.phases import Family, Phase, Terms, adam, rate_of


@dataclass(frozen=True)
class UNetConfig:
    """Settings of the U-Net; the defaults are the source's hole variant."""

    channels: int = 3
    size: int = 200  # pixels a side in training; any multiple of 8 works
    base: int = 64  # channels of the first block; the deeper ones have 2 and 4 times as many
    discriminator_base: int = 32  # channels of the source's discriminator
    discriminator_widths: tuple[int, ...] = ()  # of one that sees the mask, in the other's place
    whole: bool = False  # losses on the whole image instead of the hole and its ring
    ring: int = 4  # pixels of known context around the hole that the losses include
    adversarial: str = "bce"  # or "hinge"
    adversarial_weight: float = 1.0
    feature_weight: float = 0.0  # of feature matching
    l1_weight: float = 100.0
    sobel_weight: float = 10.0
    ssim_weight: float = 1.0
    real_target: float = 0.9  # one-sided label smoothing, with "bce"
    adversarial_start: int = 0  # step at which the discriminator enters the game
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    warm_up: int = 0  # steps over which the learning rate rises
    decay: bool = False  # it falls to 0 at the end, see `phases.schedule`
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
SHIPPED = replace(LESSON, size=128, batch_size=8, steps=800)
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
    """Picture to logits: (B, C, H, W) -> (B, 1, H/4 - 1, W/4 - 1), one a patch of 22×22."""

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


class UNet(Family):
    """The U-Net, its discriminator, and the four things asked of a fill."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        self.generator = Generator(self.config)
        widths = self.config.discriminator_widths
        self.discriminator: nn.Module = (
            PatchDiscriminator(self.config.channels + 1, widths)
            if widths
            else Discriminator(self.config)
        )

    def prediction(self, batch: Batch) -> Tensor:
        """The generator's raw picture, float32; nothing of `batch.image` is read."""
        observed, mask = batch.holes()
        return self.generator(observed, mask).float()

    def shared(self, batch: Batch) -> Tensor:
        return self.prediction(batch)

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The filled pictures; nothing is drawn.

        Raises:
            ValueError: picture and mask do not fit, or a side is not divisible by 8.
        """
        observed, mask = batch.holes()
        check_pair(observed, mask)
        return composite(self.prediction(batch), observed, mask)

    def region(self, mask: Tensor) -> Tensor:
        """The pixels that the losses compare: the hole and its ring, or the whole image."""
        return torch.ones_like(mask) if self.config.whole else dilate(mask, self.config.ring)

    def reconstruction(self, prediction: Tensor, batch: Batch) -> Terms:
        """Colours, edges and structure; outside the region the windows see the truth."""
        _, mask = batch.holes()
        region = self.region(mask)
        judged = composite(prediction, batch.image, region)
        return {
            "l1": self.config.l1_weight * masked_l1(judged, batch.image, region),
            "sobel": self.config.sobel_weight * sobel_loss(judged, batch.image, region),
            "ssim": self.config.ssim_weight * ssim_loss(judged, batch.image, region),
        }

    def judge(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """The discriminator's activations, and last its logits, float32.

        The source's sees no mask; of its logits those count whose patch has the hole in its middle,
        or all without a hole: (n,).
        """
        if self.config.discriminator_widths:
            return self.discriminator.features(torch.cat([image, mask], dim=1))
        logits = self.discriminator(image).float()
        seen = F.adaptive_max_pool2d(mask, logits.shape[2:]).bool()
        return [logits[seen | ~seen.any()]]

    def scores(self, image: Tensor, mask: Tensor) -> Tensor:
        """The logits that count, float32."""
        return self.judge(image, mask)[-1]

    def discriminator_loss(self, batch: Batch, step: int, made: Tensor | None = None) -> Terms:
        _, mask = batch.holes()
        with torch.no_grad():
            prediction = self.prediction(batch) if made is None else made
            completed = composite(prediction, batch.image, mask)
        real, fake = self.scores(batch.image, mask), self.scores(completed, mask)
        if self.config.adversarial == "hinge":
            loss = hinge_discriminator_loss(real_logits=real, fake_logits=fake)
        else:
            target = self.config.real_target
            loss = bce_discriminator_loss(real_logits=real, fake_logits=fake, real_target=target)
        return {"adversarial": loss}

    def generator_loss(self, batch: Batch, step: int, made: Tensor | None = None) -> Terms:
        _, mask = batch.holes()
        prediction = self.prediction(batch) if made is None else made
        terms = self.reconstruction(prediction, batch)
        if self.in_game(step):
            completed = composite(prediction, batch.image, mask)
            judge = partial(self.judge, mask=mask)
            terms |= fooling_terms(judge, completed, batch.image, self.config)
        return terms

    def in_game(self, step: int) -> bool:
        """Whether the discriminator takes part at this step."""
        return step >= self.config.adversarial_start

    def build_phases(self) -> list[Phase]:
        d, g, config, rate = self.discriminator, self.generator, self.config, rate_of(self.config)
        loss = self.discriminator_loss
        return [
            Phase("discriminator", [d], loss, adam(d, config), self.in_game, rate),
            Phase("generator", [g], self.generator_loss, adam(g, config), rate=rate),
        ]


def double(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear with aligned corners as in the source."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
