"""Blind inpainting that works: find the damage, then fill it (lesson 07).

The repair of source 003, whose failing networks are in lesson 07's `genfill.py`. In order of
effect: the picture is given at full contrast with its damage cut out, known pixels are pasted back,
L1 (weight 100, as in pix2pix, Isola et al. 2017) leads and an adversarial term follows,
convolutions overlap, the mask is given at every scale, the locator is frozen while the filler
learns, and the discriminator is a PatchGAN on pairs with the hinge loss, whose features are
matched.
Blind means: the true mask is the locator's label in training and never an input.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inpaintlib.images import Batch, apply_mask, check_pair, composite
from inpaintlib.layers import PatchDiscriminator, ResizeConv2d, activations, check_multiple
from inpaintlib.losses import ADVERSARIAL, fooling_terms, masked_l1
from inpaintlib.masks import dilate
from inpaintlib.models.contract import Inpainting, Phase, Terms, adam, schedule


@dataclass(frozen=True)
class BlindConfig:
    """Settings of the repaired blind inpainter."""

    channels: int = 3
    size: int = 128  # pixels per side in training; any multiple of 2^levels works
    locator_widths: tuple[int, ...] = (16, 32, 64, 128)  # at full size, half, quarter, …
    filler_widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    discriminator_widths: tuple[int, ...] = (64, 128, 256)
    margin: int = 1  # pixels filled around what the locator found
    l1_weight: float = 100.0
    adversarial: str = "hinge"
    adversarial_weight: float = 10.0
    feature_weight: float = 100.0  # of feature matching
    locator_steps: int = 4_000  # the locator learns alone; then filler and discriminator
    steps: int = 60_000
    batch_size: int = 16
    learning_rate: float = 5e-4  # falls linearly to 0 in the last 40 % of locator_steps or steps
    warm_up: int = 50  # steps over which it rises from the run's start: the locator's alone
    betas: tuple[float, float] = (0.5, 0.99)  # of Adam


PAPER = BlindConfig()
LESSON = BlindConfig(
    size=64,
    locator_widths=(8, 16, 32, 64),
    filler_widths=(32, 64, 128, 256),
    discriminator_widths=(32, 64, 128, 256, 256),
    locator_steps=300,
    steps=1_300,
)
# Five levels see 48 pixels far, four only 24, which does not reach the middle of a hole of 64. The
# deep ones are narrow, so that a file stays below 4 MB.
SHIPPED_64 = replace(LESSON, filler_widths=(32, 64, 128, 128, 128))
SHIPPED = replace(SHIPPED_64, size=128, batch_size=8, locator_steps=150, steps=700)


def corrupt(image: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
    """Damage the holes: in half of the samples with noise, in the others with one random colour.

    Known pixels of (B, C, H, W) stay bit for bit; in the holes nothing of the picture is left.
    """
    check_pair(image, mask)
    noise = 2 * torch.rand(image.shape, generator=generator) - 1
    flat = torch.rand(len(image), 1, 1, 1, generator=generator) < 0.5
    damage = torch.where(flat, noise[:, :, :1, :1], noise)
    return composite(damage.to(image), image, mask)


class MaskedUNet(nn.Module):
    """A U-Net with overlapping kernels, told the mask at every scale if it has one.

    (B, inputs, H, W), (B, 1, H, W) or None -> (B, outputs, H, W). With widths a, b, c:
    a×H×W -> b×H/2×W/2 -> c×H/4×W/4 -> b×H/2×W/2 -> a×H×W.
    """

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], *, masked: bool) -> None:
        super().__init__()
        extra = int(masked)  # one more input channel wherever the mask joins
        self.multiple = 2 ** (len(widths) - 1)
        self.stem = stage(nn.Conv2d(inputs + extra, widths[0], 3, padding=1), widths[0])
        self.downs, self.ups, self.joins = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for fine, coarse in pairwise(widths):
            down = nn.Conv2d(fine + extra, coarse, 4, stride=2, padding=1)
            self.downs.append(stage(down, coarse))
            self.ups.insert(0, stage(ResizeConv2d(coarse, fine), fine))
            join = nn.Conv2d(2 * fine + extra, fine, 3, padding=1)
            self.joins.insert(0, stage(join, fine))
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        check_multiple(image, self.multiple)
        masks = [] if mask is None else [mask]
        x, skips = self.stem(torch.cat([image, *masks], dim=1)), []
        for down in self.downs:
            skips.append(torch.cat([x, *masks], dim=1))
            x = down(skips[-1])
            masks = [functional.avg_pool2d(level, 2) for level in masks]  # share of hole a cell
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
        return self.head(x).float()


def stage(convolution: nn.Module, channels: int) -> nn.Sequential:
    """Convolution, normalisation over groups of 8 channels (no statistics go stale), activation."""
    groups = max(1, channels // 8)
    return nn.Sequential(convolution, nn.GroupNorm(groups, channels), nn.LeakyReLU(0.2))


class Generator(nn.Module):
    """Locator and filler: all that a user needs."""

    def __init__(self, config: BlindConfig) -> None:
        super().__init__()
        self.margin = config.margin
        channels = config.channels
        self.locator = MaskedUNet(channels, 1, config.locator_widths, masked=False)
        self.filler = MaskedUNet(channels, channels, config.filler_widths, masked=True)

    def locate(self, observed: Tensor) -> Tensor:
        """The probability of each pixel to be damaged: (B, C, H, W) -> (B, 1, H, W)."""
        return self.locator(observed).sigmoid()

    @torch.no_grad()
    def hole(self, observed: Tensor) -> Tensor:
        """What will be filled, (B, 1, H, W), {0, 1}: the likely damage and a margin around it."""
        return dilate((self.locate(observed) > 0.5).float(), self.margin)

    def forward(self, observed: Tensor, hole: Tensor) -> Tensor:
        """The filler's whole prediction, (B, C, H, W), [-1, 1], without the damage in its way."""
        return self.filler(apply_mask(observed, hole), hole).tanh()


Repair = tuple[Tensor, Tensor, Tensor]
"""Completed pictures, the raw prediction, and the holes that were found."""


class Blind(Inpainting):
    """Locator, filler, discriminator; `batch.mask` is the locator's label, never an input."""

    def __init__(self, config: BlindConfig | None = None) -> None:
        super().__init__()
        self.config = config or BlindConfig()
        self.generator = Generator(self.config)
        pair = 2 * self.config.channels  # the damaged picture and a candidate
        self.discriminator = PatchDiscriminator(pair, self.config.discriminator_widths)

    def shared(self, batch: Batch) -> Repair:
        return self.repair(batch.seen())

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The observed pictures with what was **found** filled; reads neither image nor mask."""
        return self.repair(batch.seen())[0]

    def told(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The observed pictures filled where the mask says, wherever the locator would look."""
        observed, mask = batch.holes()
        return composite(self.generator(observed, mask), observed, mask)

    def extended(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """What the filler draws when it is told the hole, and that it is a pixel wider."""
        _, mask = batch.holes()
        return self.generator(batch.seen(), dilate(mask, 1))

    def repair(self, observed: Tensor) -> Repair:
        """Completed pictures, the raw prediction, and the holes that were found."""
        hole = self.generator.hole(observed)
        prediction = self.generator(observed, hole)
        return composite(prediction, observed, hole), prediction, hole

    def locator_loss(self, batch: Batch, step: int) -> Terms:
        observed, mask = batch.holes()
        logits = self.generator.locator(observed)
        return {"location": functional.binary_cross_entropy_with_logits(logits, mask)}

    def discriminator_loss(self, batch: Batch, step: int, made: Repair | None = None) -> Terms:
        with torch.no_grad():
            completed, _, hole = made or self.repair(batch.seen())
        see = partial(self.activations, batch, hole)
        loss, _ = ADVERSARIAL[self.config.adversarial]
        real_logits, fake_logits = see(batch.image)[-1], see(completed.detach())[-1]
        return {"adversarial": loss(real_logits=real_logits, fake_logits=fake_logits)}

    def filler_loss(self, batch: Batch, step: int, made: Repair | None = None) -> Terms:
        completed, prediction, hole = made or self.repair(batch.seen())
        see = partial(self.activations, batch, hole)
        terms = {"l1": self.config.l1_weight * masked_l1(prediction, batch.image, hole)}
        return terms | fooling_terms(see, completed, batch.image, self.config)

    def activations(self, batch: Batch, hole: Tensor, candidate: Tensor) -> list[Tensor]:
        """The discriminator's, for the picture with the found holes cut out and a candidate."""
        pair = torch.cat([apply_mask(batch.seen(), hole), candidate], dim=1)
        return activations(self.discriminator.layers, pair)

    def build_phases(self) -> list[Phase]:
        config, generator = self.config, self.generator

        def phase(name, module, loss, active, steps) -> Phase:
            rate = schedule(steps, warm_up=config.warm_up)
            return Phase(name, [module], loss, adam(module, config), active, rate)

        first = (lambda step: step < config.locator_steps, config.locator_steps)
        later = (lambda step: step >= config.locator_steps, config.steps)
        return [
            phase("locator", generator.locator, self.locator_loss, *first),
            phase("discriminator", self.discriminator, self.discriminator_loss, *later),
            phase("filler", generator.filler, self.filler_loss, *later),
        ]
