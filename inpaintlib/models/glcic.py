"""GLCIC: globally and locally consistent image completion (lesson 04).

Paper: Iizuka, Simo-Serra, Ishikawa 2017, "Globally and locally consistent image completion", with
the layers of the public PyTorch code that source 002 uses: completion network 6,072,131 parameters,
discriminators 45,063,681 (256×256 pictures, 128×128 crops) or 39,557,121 (160×160, 96×96).
Ours differs from that code: the discriminator is shown the completed picture, not the raw output;
α weighs the completion network's term alone; the squared error is divided by the hole's area, not
the picture's; each sample has its own crop around its hole, not one at random; the completion
network is really frozen while the discriminator learns alone; data are in [-1, 1].
In LESSON and SHIPPED both discriminators see the mask, under spectral normalisation, with the hinge
loss and their features matched; and all learn together from the first step.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adadelta, Optimizer

from inpaintlib.images import Batch, apply_mask
from inpaintlib.layers import ResizeConv2d, activations, check_multiple, check_shape, spectral_norm
from inpaintlib.losses import masked_l2
from inpaintlib.masks import bounding_box
from inpaintlib.models.contract import AdversarialInpainting, Terms


@dataclass(frozen=True)
class GLCICConfig:
    """Settings of GLCIC."""

    channels: int = 3
    size: int = 256  # pixels per side that the global discriminator sees
    local_size: int = 128  # pixels per side of its crop around the hole
    fill: float | tuple[float, ...] = 0.0  # MPV: the training pictures' mean pixel value, [-1, 1]
    unit_range: bool = False  # the completion network is shown [0, 1], as public weights need it
    width: int = 64  # channels of the completion network at full size
    resize_convolution: bool = False  # up-sampling; False: transposed convolution as in the paper
    discriminator_width: int = 64  # channels after the first layer; doubles, at most 8 times it
    global_levels: int = 6  # halvings of the picture
    local_levels: int = 5  # halvings of the crop
    features: int = 1024  # length of each discriminator's summary
    spectral: bool = False  # spectral norm instead of BatchNorm in the discriminators
    discriminator_sees_mask: bool = False
    completion_steps: int = 90_000  # T_C: the completion network learns alone
    discriminator_steps: int = 10_000  # T_D: then the discriminator alone; then both
    steps: int = 500_000  # T_train
    batch_size: int = 96
    adversarial: str = "bce"  # or "hinge"
    adversarial_weight: float = 4e-4  # α, on the completion network's term only
    feature_weight: float = 0.0  # of feature matching
    chroma_weight: float = 0.0  # of the error in colour alone
    adam: bool = False  # False: AdaDelta as in the paper
    learning_rate: float = 1.0
    betas: tuple[float, float] = (0.5, 0.99)  # of Adam
    warm_up: int = 0  # steps over which the learning rate rises
    decay: bool = False  # it falls to 0 at the end, see `contract.schedule`


PAPER = GLCICConfig()
LESSON = GLCICConfig(
    size=64,
    local_size=32,
    fill=(0.03, -0.15, -0.24),  # faces
    width=32,
    resize_convolution=True,
    discriminator_width=16,
    global_levels=4,
    local_levels=3,
    features=128,
    spectral=True,
    discriminator_sees_mask=True,
    completion_steps=0,
    discriminator_steps=0,
    steps=800,
    batch_size=16,
    adversarial="hinge",
    adversarial_weight=0.1,
    feature_weight=1.0,
    adam=True,
    learning_rate=5e-4,
    warm_up=50,
    decay=True,
)
# The squared error forgives small steps in tone at the hole's edge: the other terms weigh less.
SHIPPED = replace(
    LESSON, size=128, local_size=64, global_levels=5, local_levels=4, batch_size=8, steps=600,
    adversarial_weight=0.05, chroma_weight=1.0,
)  # fmt: skip


class CompletionNetwork(nn.Module):
    """Observed picture and mask to picture: (B, C, H, W), (B, 1, H, W) -> (B, C, H, W) in [-1, 1].

    At 256×256: 64×256×256 -> 128×128×128 -> 256×64×64, where four dilated convolutions widen the
    view to 300 pixels, -> 128×128×128 -> 64×256×256 -> 3×256×256. Any multiple of 4 will do.
    """

    def __init__(self, config: GLCICConfig) -> None:
        super().__init__()
        self.fill, self.unit_range = config.fill, config.unit_range
        w = config.width
        transposed = partial(nn.ConvTranspose2d, kernel_size=4, stride=2, padding=1)
        up = ResizeConv2d if config.resize_convolution else transposed  # doubles height and width
        layers = block(nn.Conv2d(config.channels + 1, w, 5, padding=2), w)
        layers += block(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), 2 * w)
        layers += block(nn.Conv2d(2 * w, 2 * w, 3, padding=1), 2 * w)
        layers += block(nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1), 4 * w)
        for dilation in (1, 1, 2, 4, 8, 16, 1, 1):
            layers += block(nn.Conv2d(4 * w, 4 * w, 3, padding=dilation, dilation=dilation), 4 * w)
        layers += block(up(4 * w, 2 * w), 2 * w)
        layers += block(nn.Conv2d(2 * w, 2 * w, 3, padding=1), 2 * w)
        layers += block(up(2 * w, w), w)
        layers += block(nn.Conv2d(w, w // 2, 3, padding=1), w // 2)
        layers += [nn.Conv2d(w // 2, config.channels, 3, padding=1), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observed: Tensor, mask: Tensor) -> Tensor:
        check_multiple(observed, 4)
        filled = apply_mask(observed, mask, fill=self.fill)  # whatever the caller's fill was
        filled = (filled + 1) / 2 if self.unit_range else filled
        return 2 * self.layers(torch.cat([filled, mask], dim=1)).float() - 1  # Sigmoid to [-1, 1]


def block(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """Convolution, ReLU, BatchNorm, in the order of the public code."""
    return [convolution, nn.ReLU(), nn.BatchNorm2d(channels)]


class Discriminator(nn.Module):
    """Picture, and the crop around its hole, to one logit: (B, C, S, S), (B, 1, S, S) -> (B, 1).

    In PAPER: 3×256×256 -> 512×4×4 -> 1024 and 3×128×128 -> 512×4×4 -> 1024, together 2048 -> 1.
    """

    def __init__(self, config: GLCICConfig) -> None:
        super().__init__()
        self.shape = (config.channels, config.size, config.size)
        self.local_size, self.sees_mask = config.local_size, config.discriminator_sees_mask
        self.whole = self.branch(config, config.size, config.global_levels)
        self.local = self.branch(config, config.local_size, config.local_levels)
        self.head = nn.Linear(2 * config.features, 1)

    @staticmethod
    def branch(config: GLCICConfig, size: int, levels: int) -> nn.Sequential:
        """Strided 5×5 convolutions, then one dense layer: (B, C, size, size) -> (B, features)."""
        widths = [config.discriminator_width * min(2**level, 8) for level in range(levels)]
        layers: list[nn.Module] = []
        inputs = config.channels + config.discriminator_sees_mask
        for narrow, wide in pairwise((inputs, *widths)):
            convolution = nn.Conv2d(narrow, wide, 5, stride=2, padding=2)
            if config.spectral:
                layers += [spectral_norm(convolution), nn.ReLU()]
            else:
                layers += block(convolution, wide)
            size = (size + 1) // 2
        dense = nn.Linear(widths[-1] * size**2, config.features)
        layers += [nn.Flatten(), spectral_norm(dense) if config.spectral else dense, nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.features(image, mask)[-1]

    def features(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """Every activation, of the whole picture's branch, then of the crop's, and the logits."""
        check_shape(image, self.shape)
        shown = torch.cat([image, mask], dim=1) if self.sees_mask else image
        whole = activations(self.whole, shown)
        local = activations(self.local, crop_around(shown, mask, self.local_size))
        logits = self.head(torch.cat([whole[-1], local[-1]], dim=1)).float()
        return [*whole, *local, logits]


def crop_around(image: Tensor, mask: Tensor, size: int) -> Tensor:
    """Each sample's square around the middle of its own hole, moved inwards at the border.

    (B, C, H, W) and (B, 1, H, W) -> (B, C, size, size), with `size` at most H and W.
    """
    height, width = image.shape[2:]
    top, left, bottom, right = bounding_box(mask).unbind(dim=1)
    offsets = torch.arange(size, device=image.device)
    rows = ((top + bottom - size) // 2).clamp(0, height - size)[:, None] + offsets
    columns = ((left + right - size) // 2).clamp(0, width - size)[:, None] + offsets
    sample = torch.arange(len(image), device=image.device)[:, None, None]
    return image.movedim(1, 3)[sample, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


class GLCIC(AdversarialInpainting):
    """Completion network, both discriminators, and the three periods of their training."""

    def __init__(self, config: GLCICConfig | None = None) -> None:
        super().__init__()
        self.config = config or GLCICConfig()
        self.generator = CompletionNetwork(self.config)
        self.discriminator = Discriminator(self.config)

    def generator_learns(self, step: int) -> bool:
        """In the first period alone, and from the third on with the discriminator."""
        start = self.config.completion_steps
        return step < start or step >= start + self.config.discriminator_steps

    def discriminator_learns(self, step: int) -> bool:
        """From the second period on."""
        return step >= self.config.completion_steps

    def activations(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        """Both discriminators'. A real picture is cropped where its own hole would be."""
        return self.discriminator.features(image, mask)

    def reconstruction(self, made: Tensor, batch: Batch) -> Terms:
        """The squared error in the hole."""
        return {"reconstruction": masked_l2(made, batch.image, batch.holes()[1])}

    def discriminator_loss(self, batch: Batch, step: int, made: Tensor | None = None) -> Terms:
        # In training mode BatchNorm's statistics would move while the network is said to be frozen.
        moving = [module for module in self.generator.modules() if module.training]
        still = [] if self.generator_learns(step) else moving
        try:
            for module in still:
                module.training = False
            return super().discriminator_loss(batch, step, made)
        finally:
            for module in still:
                module.training = True

    def optimizer(self, module: nn.Module) -> Optimizer:
        """AdaDelta as in the paper, or Adam."""
        if self.config.adam:
            return super().optimizer(module)
        return Adadelta(module.parameters(), lr=self.config.learning_rate, rho=0.9, eps=1e-6)
