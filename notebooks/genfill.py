"""genFill: the blind inpainting experiment that did not converge, rebuilt as it was (lesson 07).

Source 003. A hole predictor (10,133,385 parameters) finds the damaged cells, a filler (68,722,675)
redraws the picture, a discriminator (57,330,333) scores pairs. Kept on purpose: holes that are
half-transparent noise over a picture at half contrast, an adversarial term alone, no composite,
kernels that never overlap, a hole map at the coarsest scale only, a predictor in training mode.
`inpaintlib.models.blind` has the repair. Ours differs: logits instead of a Sigmoid in the
predictor's loss, which is the same number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inpaintlib.images import Batch, check_pair
from inpaintlib.layers import check_multiple
from inpaintlib.losses import bce_generator_loss
from inpaintlib.models.contract import Inpainting, Phase, Terms
from inpaintlib.seeding import stream


@dataclass(frozen=True)
class BlindOriginalConfig:
    """Settings of genFill; the defaults are its own."""

    channels: int = 3
    size: int = 128  # pixels a side in training; any multiple of 2^levels works
    widths: tuple[int, ...] = (64, 128, 256, 512)  # one halving each
    predictor_residuals: int = 2  # residual blocks of the hole predictor
    residuals: int = 12  # of filler and discriminator
    label_noise: float = 0.05  # the discriminator's targets are off by up to this
    predictor_steps: int = 4_000  # the hole predictor learns first
    steps: int = 150_000
    batch_size: int = 16
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam, filler and discriminator
    decay_every: int = 2_000  # steps: two epochs of the source
    filler_decay: float = 0.999  # factor on the learning rate each time
    discriminator_decay: float = 0.98
    seed: int = 0  # of the label noise


PAPER = BlindOriginalConfig()
LESSON = BlindOriginalConfig(
    size=64, widths=(16, 32, 64), residuals=4, predictor_steps=200, steps=800, decay_every=100
)


def corrupt(image: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
    """The source's damage: (image + noise) / 2, the noise strong in the holes, weak elsewhere.

    Args:
        image: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole; the source's are `masks.blocks`.
        generator: of the noise.

    Returns:
        (B, C, H, W), [-1.1, 1.1]: at half contrast everywhere, still half visible in the holes.

    Raises:
        ValueError: the shapes do not match, or the mask holds other values than 0 and 1.
    """
    check_pair(image, mask)
    strength = mask + 0.2 * uniform(mask, generator)
    return (image + uniform(image, generator) * strength) / 2


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1), of the shape of `like`, drawn on the CPU."""
    return (2 * torch.rand(like.shape, generator=generator) - 1).to(like)


class Down(nn.Sequential):
    """Half the size; a 2×2 kernel with stride 2 sees no pixel of its neighbours."""

    def __init__(self, inputs: int, outputs: int, *, normalise: bool) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 2, stride=2, bias=False),
            nn.PReLU(),
            *([nn.BatchNorm2d(outputs)] if normalise else []),
        )


class Residual(nn.Sequential):
    """Two convolutions added to what came in."""

    def __init__(self, channels: int, *, normalise: bool) -> None:
        super().__init__()
        for _ in range(2):
            self.append(nn.Conv2d(channels, channels, 3, padding=1, bias=False)).append(nn.PReLU())
            if normalise:
                self.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Up(nn.Sequential):
    """Twice the size: halved first, then four times enlarged by shuffling channels into pixels."""

    def __init__(self, inputs: int, outputs: int, *, normalise: bool) -> None:
        super().__init__(
            nn.Conv2d(inputs, 16 * outputs, 2, stride=2),
            *([nn.BatchNorm2d(16 * outputs)] if normalise else []),
            nn.PixelShuffle(4),
            nn.PReLU(),
        )


def downs(inputs: int, widths: tuple[int, ...]) -> list[Down]:
    """The halvings; the 1st, 3rd, … normalise."""
    levels = enumerate(pairwise((inputs, *widths)))
    return [Down(*pair, normalise=level % 2 == 0) for level, pair in levels]


def residuals(channels: int, count: int) -> list[Residual]:
    """Residual blocks; the 1st, 3rd, … normalise."""
    return [Residual(channels, normalise=index % 2 == 0) for index in range(count)]


class CellClassifier(nn.Sequential):
    """Picture to a logit a cell: the hole predictor, and with pairs as input the discriminator.

    At 128×128: C×128×128 -> 64×64×64 -> 128×32×32 -> 256×16×16 -> 512×8×8 -> 1×8×8.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], count: int) -> None:
        super().__init__(
            *downs(inputs, widths),
            *residuals(widths[-1], count),
            nn.Conv2d(widths[-1], 1, 3, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image).float()


class Filler(nn.Module):
    """Damaged picture and hole map to picture: (B, C, H, W), (B, 1, H/16, W/16) -> (B, C, H, W).

    At 128×128: 64×64×64 -> 128×32×32 -> 256×16×16 -> 512×8×8, with the map 513×8×8, -> 256×16×16
    -> 128×32×32 -> 64×64×64 -> 32×128×128 -> 3×128×128 in [-1, 1].
    """

    def __init__(self, config: BlindOriginalConfig) -> None:
        super().__init__()
        self.downs = nn.ModuleList(downs(config.channels, config.widths))
        inner = config.widths[-1] + 1
        self.residuals = nn.Sequential(*residuals(inner, config.residuals))
        widths = (inner, *config.widths[-2::-1], config.widths[0] // 2)
        self.ups = nn.ModuleList(
            Up(*pair, normalise=level % 2 == 0) for level, pair in enumerate(pairwise(widths))
        )
        self.head = nn.Sequential(nn.Conv2d(widths[-1], config.channels, 3, padding=1), nn.Tanh())

    def forward(self, observed: Tensor, hole_map: Tensor) -> Tensor:
        maps = [observed]
        for down in self.downs:
            maps.append(down(maps[-1]))
        _, *skips, x = maps
        x = self.residuals(torch.cat([x, hole_map], dim=1))
        for up in self.ups:
            x = up(x) + skips.pop() if skips else up(x)
        return self.head(x).float()


class BlindGenerator(nn.Module):
    """Hole predictor and filler: all that a user needs."""

    def __init__(self, config: BlindOriginalConfig) -> None:
        super().__init__()
        self.multiple = 2 ** (len(config.widths) + 1)  # an Up halves the coarsest map once more
        self.predictor = CellClassifier(config.channels, config.widths, config.predictor_residuals)
        self.filler = Filler(config)

    def forward(self, observed: Tensor) -> Tensor:
        check_multiple(observed, self.multiple)
        with torch.no_grad():  # the source collects gradients here that it never uses
            hole_map = self.predictor(observed).sigmoid()
        return self.filler(observed, hole_map)


class BlindOriginal(Inpainting):
    """Predictor, filler, discriminator; `batch.mask` is the predictor's label, never an input."""

    def __init__(self, config: BlindOriginalConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BlindOriginalConfig()
        self.generator = BlindGenerator(config)
        self.discriminator = CellClassifier(2 * config.channels, config.widths, config.residuals)

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """Redrawn pictures, **not** composited: every pixel is the network's, as in the source."""
        observed = batch.seen()
        return self.generator(observed)

    def predictor_loss(self, batch: Batch, step: int) -> Terms:
        observed, mask = batch.holes()
        logits = self.generator.predictor(observed)
        cells = functional.adaptive_max_pool2d(mask, logits.shape[2:])
        return {"cells": functional.binary_cross_entropy_with_logits(logits, cells)}

    def discriminator_loss(self, batch: Batch, step: int) -> Terms:
        observed = batch.seen()
        with torch.no_grad():
            fake = self.generator(observed)
        real_logits, fake_logits = self.scores(batch, batch.image), self.scores(batch, fake)
        noise = torch.rand(real_logits.shape, generator=stream(self.config.seed, "labels", step))
        noise = self.config.label_noise * noise.to(real_logits)  # one draw for both
        bce = functional.binary_cross_entropy_with_logits
        return {"adversarial": bce(real_logits, 1 - noise) + bce(fake_logits, noise)}

    def filler_loss(self, batch: Batch, step: int) -> Terms:
        observed = batch.seen()
        fake_logits = self.scores(batch, self.generator(observed))
        return {"adversarial": bce_generator_loss(fake_logits=fake_logits)}

    def scores(self, batch: Batch, candidate: Tensor) -> Tensor:
        """Logits a cell of the pair (damaged picture, candidate)."""
        observed = batch.seen()
        return self.discriminator(torch.cat([observed, candidate], dim=1))

    def predictor_learns(self, step: int) -> bool:
        return step < self.config.predictor_steps

    def filler_learns(self, step: int) -> bool:
        return step >= self.config.predictor_steps

    def staircase(self, factor: float) -> Callable[[int], float]:
        """A rate multiplied by `factor` every `decay_every` steps of the filler's time."""
        start, every = self.config.predictor_steps, self.config.decay_every
        return lambda step: factor ** (max(0, step - start) // every)

    def build_phases(self) -> list[Phase]:
        config, generator = self.config, self.generator

        def phase(name, module, loss, betas, active, rate=lambda step: 1.0) -> Phase:
            adam = torch.optim.Adam(module.parameters(), lr=config.learning_rate, betas=betas)
            return Phase(name, [module], loss, adam, active, rate)

        first = ((0.9, 0.999), self.predictor_learns)
        later = (config.betas, self.filler_learns)
        slow, fast = map(self.staircase, (config.filler_decay, config.discriminator_decay))
        return [
            phase("predictor", generator.predictor, self.predictor_loss, *first),
            phase("discriminator", self.discriminator, self.discriminator_loss, *later, fast),
            phase("filler", generator.filler, self.filler_loss, *later, slow),
        ]
