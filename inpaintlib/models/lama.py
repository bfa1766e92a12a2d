"""LaMa's generator: a residual network whose every block sees the whole picture (lesson 09).

Paper: Suvorov et al. 2022, "Resolution-robust large mask inpainting with Fourier convolutions"; the
layers are those of its public code (`saicinpainting/training/modules/ffc.py`) with the settings
`ffc_resnet_075` (LaMa-Fourier, 27,048,835 parameters, the paper's 27 million) and
`big-lama` (50,975,875, the paper's 51 million).
Ours differs: data are in [-1, 1], so Tanh stands where that code has a sigmoid. Networks and counts
only: the lesson trains small ones by a loop of its own, and no weights are shipped.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from inpaintlib.images import apply_mask
from inpaintlib.layers import FourierBlock, check_multiple


@dataclass(frozen=True)
class LaMaConfig:
    """Settings of LaMa's generator."""

    channels: int = 3
    width: int = 64  # channels at full size; doubles at each halving
    halvings: int = 3
    blocks: int = 9
    share: float = 0.75  # of the channels that are global in a block


PAPER = LaMaConfig()  # `lama-fourier`
BIG = replace(PAPER, blocks=18)  # `big-lama`


class LaMaGenerator(nn.Module):
    """Observed picture and mask to picture: (B, C, H, W), (B, 1, H, W) -> (B, C, H, W) in [-1, 1].

    At 256×256: 64×256×256 -> 512×32×32, where the blocks work, -> 3×256×256. Any multiple of
    2^halvings will do, from twice that on.
    """

    def __init__(self, config: LaMaConfig = PAPER) -> None:
        super().__init__()
        self.multiple = 2**config.halvings
        widths = [config.width * 2**level for level in range(config.halvings + 1)]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3)]
        layers += _normed(nn.Conv2d(config.channels + 1, config.width, 7, bias=False))
        for narrow, wide in pairwise(widths):
            halve = nn.Conv2d(
                narrow, wide, 3, stride=2, padding=1, padding_mode="reflect", bias=False
            )
            layers += _normed(halve)
        layers += [FourierBlock(widths[-1], config.share) for _ in range(config.blocks)]
        for wide, narrow in pairwise(reversed(widths)):
            double = nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1)
            layers += _normed(double)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(config.width, config.channels, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observed: Tensor, mask: Tensor) -> Tensor:
        check_multiple(observed, self.multiple)
        if (least := min(observed.shape[2:])) < 2 * self.multiple:  # a 1×1 core has no border
            raise ValueError(f"expected at least {2 * self.multiple} pixels a side, got {least}")
        return self.layers(torch.cat([apply_mask(observed, mask), mask], dim=1)).float()


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU()]
