"""DeepFillV2: two stages of gated convolutions, and an attention between far places (lesson 05).

Paper: Yu et al. 2019, "Free-form image inpainting with gated convolution". Layers: its public code,
4,052,478 parameters in the generator with contextual attention, 5,946,816 in the discriminator.
Source 000 puts SAGAN's self-attention (Zhang et al. 2018) in its place: 4,064,119; it weights the
adversarial term by 0.01 and shows the discriminator no mask: 5,945,216.
Ours differs: the discriminator's last layer is linear, where the public code's leaky ReLU shrinks
negative scores fivefold; contextual attention takes each sample's own mask, not the first one's for
the whole batch; spectral normalisation keeps the raw weights, which the public code overwrites; and
gates start open (`layers.GatedConv2d`).
LESSON and SHIPPED are source 000's but for the discriminator, which sees the mask, whose term
weighs a tenth of the L1 in the hole, and whose features are matched.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.images import Batch, composite
from inpaintlib.layers import (
    Activation,
    GatedConv2d,
    SelfAttention2d,
    check_multiple,
    contextual_attention,
    spectral_norm,
)
from inpaintlib.losses import masked_l1
from inpaintlib.models.contract import AdversarialInpainting, Terms


@dataclass(frozen=True)
class DeepFillConfig:
    """Settings of DeepFillV2; the defaults are the paper's."""

    channels: int = 3
    size: int = 256  # pixels per side in training; any multiple of 8 works
    base: int = 24  # channels after the gate of the first layer; the deeper ones have 2 and 4 times
    attention: str = "contextual"  # or "self"; "published": contextual as public weights need it
    discriminator_widths: tuple[int, ...] = (64, 128, 256, 256, 256, 256)
    discriminator_sees_mask: bool = True
    l1_weight: float = 1.0  # of each stage, mean over the whole picture
    hole_l1_weight: float = 0.0  # of each stage, mean over the hole alone
    adversarial: str = "hinge"
    adversarial_weight: float = 1.0
    feature_weight: float = 0.0  # of feature matching
    chroma_weight: float = 0.0  # of the error in colour alone
    adversarial_start: int = 0  # step at which the discriminator enters the game
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    warm_up: int = 0  # steps over which the learning rate rises
    decay: bool = False  # it falls to 0 at the end, see `contract.schedule`
    batch_size: int = 16
    steps: int = 1_000_000  # ours: the paper names none


PAPER = DeepFillConfig()
SELF_ATTENTION = replace(  # source 000
    PAPER,
    attention="self",
    discriminator_sees_mask=False,
    adversarial_weight=0.01,
    batch_size=2,
    steps=6_000_000,
)
LESSON = replace(
    SELF_ATTENTION,
    size=64,
    base=16,
    discriminator_widths=(32, 64, 128, 256, 256),
    discriminator_sees_mask=True,
    l1_weight=0.25,
    hole_l1_weight=1.0,
    adversarial_weight=0.1,
    feature_weight=1.0,
    learning_rate=5e-4,
    betas=(0.5, 0.99),
    warm_up=50,
    decay=True,
    batch_size=16,
    steps=500,
)
SHIPPED = replace(LESSON, size=128, batch_size=8, steps=700, chroma_weight=4.0)


def encoder(
    inputs: int, widths: tuple[int, int, int, int, int, int], last: Activation = F.elu
) -> list[nn.Module]:
    """Six gated convolutions, two with stride 2: (B, inputs, H, W) -> (B, ·, H/4, W/4)."""
    kernels, strides, activations = (5, 3, 3, 3, 3, 3), (1, 2, 1, 2, 1, 1), (*[F.elu] * 5, last)
    layers = zip(pairwise((inputs, *widths)), kernels, strides, activations, strict=True)
    return [
        GatedConv2d(narrow, wide, kernel, stride=stride, activation=activation)
        for (narrow, wide), kernel, stride, activation in layers
    ]


def dilated(width: int) -> list[nn.Module]:
    """Four gated convolutions, each looking twice as far as the one before at the same size."""
    return [GatedConv2d(width, width, 3, dilation=d) for d in (2, 4, 8, 16)]


def decoder(base: int, channels: int) -> list[nn.Module]:
    """(B, 4 base, H/4, W/4) -> (B, channels, H, W) in [-1, 1], by repeating pixels."""
    return [
        nn.Upsample(scale_factor=2),
        GatedConv2d(4 * base, 2 * base, 3),
        GatedConv2d(2 * base, 2 * base, 3),
        nn.Upsample(scale_factor=2),
        GatedConv2d(2 * base, base, 3),
        GatedConv2d(base, base // 2, 3),
        nn.Conv2d(base // 2, channels, 3, padding=1),
        nn.Tanh(),
    ]


class Coarse(nn.Sequential):
    """The first stage, a rough fill: (B, C + 2, H, W) -> (B, C, H, W) in [-1, 1]."""

    def __init__(self, config: DeepFillConfig) -> None:
        base, wide = config.base, 4 * config.base
        super().__init__(
            *encoder(config.channels + 2, (base, 2 * base, 2 * base, wide, wide, wide)),
            *dilated(wide),
            *(GatedConv2d(wide, wide, 3) for _ in range(2)),
            *decoder(base, config.channels),
        )


class Refinement(nn.Module):
    """The second stage: what is near (convolutions) and what is far (attention), then merged."""

    def __init__(self, config: DeepFillConfig) -> None:
        super().__init__()
        base, channels = config.base, config.channels
        wide = 4 * base
        widths = (base, base, 2 * base, 2 * base, wide, wide)
        self.near = nn.Sequential(*encoder(channels, widths), *dilated(wide))
        widths = (base, base, 2 * base, wide, wide, wide)
        # ReLU last, so that similarities are at least 0.
        self.before = nn.Sequential(*encoder(channels, widths, last=F.relu))
        self.attention = SelfAttention2d(wide) if config.attention == "self" else None
        self.published = config.attention == "published"
        self.after = nn.Sequential(GatedConv2d(wide, wide, 3), GatedConv2d(wide, wide, 3))
        self.merge = nn.Sequential(
            GatedConv2d(2 * wide, wide, 3), GatedConv2d(wide, wide, 3), *decoder(base, channels)
        )

    def forward(self, filled: Tensor, mask: Tensor) -> Tensor:
        near = self.near(filled)  # (B, 4 base, H/4, W/4)
        far = self.before(filled)  # (B, 4 base, H/4, W/4)
        if self.attention is None:
            far = contextual_attention(far, far, mask, published=self.published)
        else:
            far = self.attention(far)
        return self.merge(torch.cat([near, self.after(far)], dim=1))  # (B, C, H, W)


class Generator(nn.Module):
    """Picture with a hole to two predictions, coarse and refined, each (B, C, H, W) in [-1, 1]."""

    def __init__(self, config: DeepFillConfig) -> None:
        super().__init__()
        self.coarse = Coarse(config)
        self.refinement = Refinement(config)

    def forward(self, observed: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        check_multiple(observed, 8)
        # The constant 1 beside the mask lets zero padding tell where the picture ends.
        coarse = self.coarse(torch.cat([observed, torch.ones_like(mask), mask], dim=1))
        return coarse, self.refinement(composite(coarse, observed, mask), mask)


class Discriminator(nn.Module):
    """Picture, with the mask or without, to logits: (B, C or C + 1, H, W) -> (B, 256, H/64, W/64).

    In PAPER every score sees 253 pixels around its own place, nearly the whole picture with another
    centre: one network in the place of a global and a local one.
    """

    layers: nn.Sequential

    def __init__(self, config: DeepFillConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = config.channels + config.discriminator_sees_mask
        for narrow, wide in pairwise((inputs, *config.discriminator_widths)):
            conv = nn.Conv2d(narrow, wide, 5, stride=2, padding=2)
            layers += [spectral_norm(conv), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])  # logits are not bent

    def forward(self, picture: Tensor) -> Tensor:
        return self.layers(picture)


class DeepFill(AdversarialInpainting):
    """Both stages, the discriminator and the losses."""

    def __init__(self, config: DeepFillConfig | None = None) -> None:
        super().__init__()
        self.config = config or DeepFillConfig()
        kinds = ("contextual", "published", "self")
        if self.config.attention not in kinds:
            known = ", ".join(f'"{kind}"' for kind in kinds)
            raise ValueError(f"expected attention of {known}, got {self.config.attention!r}")
        self.generator = Generator(self.config)
        self.discriminator = Discriminator(self.config)

    def shared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Coarse and refined picture, float32; nothing of `batch.image` is read."""
        observed, mask = batch.holes()
        coarse, refined = self.generator(observed, mask)
        return coarse.float(), refined.float()

    def prediction(self, made: tuple[Tensor, Tensor]) -> Tensor:
        return made[1]

    def reconstruction(self, made: tuple[Tensor, Tensor], batch: Batch) -> Terms:
        """The error of both stages."""
        coarse, refined = made
        return {"l1_coarse": self.l1(coarse, batch), "l1_refined": self.l1(refined, batch)}

    def l1(self, prediction: Tensor, batch: Batch) -> Tensor:
        """Mean absolute error of one stage's raw picture, weighted."""
        _, mask = batch.holes()
        whole = (prediction - batch.image).abs().mean()
        hole = masked_l1(prediction, batch.image, mask)
        return self.config.l1_weight * whole + self.config.hole_l1_weight * hole
