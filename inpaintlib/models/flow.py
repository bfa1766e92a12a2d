"""Conditional flow matching: a model that gives many answers to one hole (lesson 10).

Papers: Lipman et al. 2023, "Flow matching for generative modeling", and Liu et al. 2023, "Flow
straight and fast" (rectified flow), for the straight path from noise to picture; Saharia et al.
2022, "Palette", for the condition: what is known, and the mask, are further channels of the
network's input. The network is a small version of the U-Net of Ho et al. 2020, with group
normalisation, SiLU, scale and shift by the time, and self-attention at its coarsest level.
Half of the steps draw times near the middle of the path more often, as in Esser et al. 2024.
PAPER is ours, too: of this course's network, about as wide as a GPU with 16 GB can train.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from inpaintlib.images import Batch, check_pair, composite
from inpaintlib.layers import check_multiple
from inpaintlib.losses import masked_l2
from inpaintlib.models.contract import Inpainting, Phase, Terms, adam, rate_of
from inpaintlib.seeding import stream


@dataclass(frozen=True)
class FlowConfig:
    """Settings of the flow-matching model."""

    channels: int = 3
    size: int = 64  # pixels per side in training; any multiple of 2^(levels - 1) works
    widths: tuple[int, ...] = (128, 256, 384, 512)  # channels at full size, half, quarter, …
    groups: int = 8  # of group normalisation; divides every width
    heads: int = 4  # of the self-attention
    everywhere_weight: float = 0.1  # of the squared error on the whole picture
    samples: int = 20  # Euler steps from noise to picture
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    warm_up: int = 1_000  # steps over which the learning rate rises
    decay: bool = True  # it falls to 0 at the end, see `contract.schedule`
    batch_size: int = 64
    steps: int = 200_000
    seed: int = 0  # of the noise and the times


PAPER = FlowConfig()
LESSON = replace(
    PAPER, widths=(32, 64, 128, 192), learning_rate=1e-3, warm_up=100, batch_size=16, steps=500
)
SHIPPED = replace(LESSON, steps=3_000)


class Residual(nn.Module):
    """Two convolutions beside a skip, scaled and shifted by the time.

    (B, inputs, H, W) and the time's vector (B, last width) -> (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, config: FlowConfig) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(config.groups, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(config.widths[-1], 2 * outputs)
        self.norm2 = nn.GroupNorm(config.groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # at first a block changes nothing

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        inner = self.conv1(functional.silu(self.norm1(x)))
        inner = self.norm2(inner) * (1 + scale) + shift
        return self.skip(x) + self.conv2(functional.silu(inner))


class Attention(nn.Module):
    """Self-attention with several heads beside a skip: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, width: int, config: FlowConfig) -> None:
        super().__init__()
        if width % config.heads:
            raise ValueError(f"expected heads that divide the width {width}, got {config.heads}")
        self.heads = config.heads
        self.norm = nn.GroupNorm(config.groups, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, breadth = x.shape
        parts = self.qkv(self.norm(x)).view(batch, 3, self.heads, -1, height * breadth)
        query, key, value = parts.transpose(-1, -2).unbind(dim=1)  # (B, heads, HW, C / heads)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(seen.transpose(-1, -2).reshape(batch, width, height, breadth))


class VelocityNet(nn.Module):
    """Where a noisy picture must move, at a time between noise, 0, and picture, 1.

    Noisy and observed (B, C, H, W), mask (B, 1, H, W), time (B,) -> velocity (B, C, H, W).
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        first, last = config.widths[0], config.widths[-1]
        levels = list(pairwise((first, *config.widths)))
        self.frequencies = first // 2
        self.embed = nn.Sequential(
            nn.Linear(2 * self.frequencies, last), nn.SiLU(), nn.Linear(last, last), nn.SiLU()
        )
        self.begin = nn.Conv2d(2 * config.channels + 1, first, 3, padding=1)
        self.down = nn.ModuleList(Residual(a, b, config) for a, b in levels)
        self.attend = Attention(last, config)
        self.middle = Residual(last, last, config)
        self.up = nn.ModuleList(Residual(2 * b, a, config) for a, b in reversed(levels))
        self.norm = nn.GroupNorm(config.groups, first)
        self.end = nn.Conv2d(first, config.channels, 3, padding=1)
        nn.init.zeros_(self.end.weight)

    def forward(self, noisy: Tensor, observed: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        check_multiple(observed, 2 ** (len(self.down) - 1))
        embedded = self.embed(waves(time, self.frequencies))
        x = self.begin(torch.cat([noisy, observed, mask], dim=1))
        skips = []
        for block in self.down:
            if skips:
                x = functional.avg_pool2d(x, 2)
            x = block(x, embedded)
            skips.append(x)
        x = self.middle(self.attend(x), embedded)
        for block in self.up:
            skip = skips.pop()
            if x.shape != skip.shape:
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skip], dim=1), embedded)
        return self.end(functional.silu(self.norm(x)))


def waves(time: Tensor, count: int) -> Tensor:
    """Sines and cosines of a time, from slow to quick: (B,) in [0, 1] -> (B, 2 count).

    Source:
        Vaswani et al. 2017, section 3.5, with the time in thousandths.
    """
    rates = torch.exp(-math.log(10_000) / count * torch.arange(count, device=time.device))
    angles = 1_000 * time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Flow(Inpainting):
    """A network that says how noise moves to become a picture, shown what is known of it."""

    draws = True

    def __init__(self, config: FlowConfig | None = None) -> None:
        super().__init__()
        self.config = config or FlowConfig()
        self.generator = VelocityNet(self.config)

    def noise(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal noise like `image`, drawn on the CPU, on its device."""
        return torch.randn(image.shape, generator=generator).to(image)

    def times(self, count: int, step: int) -> Tensor:
        """Times of a step's pictures, (B,): uniform, and at every other step mostly in the middle.

        What the network must decide about the picture as a whole, it decides near the middle.
        """
        source = stream(self.config.seed, "time", step)
        if step % 2:
            return torch.randn(count, generator=source).sigmoid().to(self.device)
        return torch.rand(count, generator=source).to(self.device)

    def loss(self, batch: Batch, step: int) -> Terms:
        """Squared error of the velocity at one point of each picture's way, and step."""
        observed, mask = batch.holes()
        noise = self.noise(batch.image, stream(self.config.seed, "noise", step))
        time = self.times(len(noise), step)
        part = time[:, None, None, None]
        noisy = (1 - part) * noise + part * batch.image
        velocity = self.generator(noisy, observed, mask, time).float()
        aim = batch.image - noise
        everywhere = functional.mse_loss(velocity, aim)
        return {
            "hole": masked_l2(velocity, aim, mask),
            "everywhere": self.config.everywhere_weight * everywhere,
        }

    def build_phases(self) -> list[Phase]:
        g = self.generator
        rate = rate_of(self.config)
        return [Phase("generator", [g], self.loss, adam(g, self.config), rate=rate)]

    def path(self, batch: Batch, noise: Tensor, steps: int | None = None) -> list[Tensor]:
        """The pictures on the way from noise to fill, of `steps` Euler steps: steps + 1 of them.

        Args:
            batch: its observed pictures and masks.
            noise: (B, C, H, W), standard normal: another noise is another fill.
            steps: None for the configuration's.
        """
        observed, mask = batch.holes()
        steps = steps or self.config.samples
        states = [noise]
        for step in range(steps):
            time = torch.full((len(noise),), step / steps, device=noise.device)
            velocity = self.generator(states[-1], observed, mask, time).float()
            states.append(states[-1] + velocity / steps)
        return states

    def extended(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The whole picture at the way's end: the loss covers known pixels too."""
        source = generator or stream(self.config.seed, "generate")
        return self.path(batch, self.noise(batch.holes()[0], source))[-1].clamp(-1, 1)

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The observed pictures with their holes filled, each call of a generator differently."""
        observed, mask = batch.holes()
        check_pair(observed, mask)
        return composite(self.extended(batch, generator=generator), observed, mask)
