"""LaMa's generator of lesson 09: counts of the public settings, shapes, what it may see."""

import pytest
import torch

from inpaintlib.models.contract import count_parameters
from inpaintlib.models.lama import BIG, PAPER, LaMaConfig, LaMaGenerator

TINY = LaMaConfig(width=8, halvings=2, blocks=1)


def counted(blocks, width=64, halvings=3):
    """Parameters, added up from the layers of `FFCResNetGenerator` with `ffc_resnet_075`."""
    most = width * 2**halvings
    wide = 3 * most // 4
    near, half = most - wide, wide // 2
    spectral = wide * half + 2 * half + (2 * half) ** 2 + 4 * half + half * wide
    convolution = 9 * (near * near + 2 * near * wide) + spectral + 2 * most
    levels = [width * 2**level for level in range(halvings)]
    down = sum(9 * c * 2 * c + 2 * 2 * c for c in levels)
    up = sum(9 * 2 * c * c + c + 2 * c for c in levels)
    ends = 49 * 4 * width + 2 * width + 49 * width * 3 + 3
    return ends + down + 2 * blocks * convolution + up


def test_counts_of_the_public_settings():
    """Suvorov et al. 2022, table 1: 27 and 51 million; exact by the public code's own class."""
    with torch.device("meta"):
        found = [count_parameters(LaMaGenerator(config)) for config in (PAPER, BIG)]
    assert found == [27_048_835, 50_975_875] == [counted(9), counted(18)]
    assert count_parameters(LaMaGenerator(TINY)) == counted(1, 8, 2)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 36), (20, 16)])
def test_pictures_of_any_size(height, width):
    torch.manual_seed(0)
    network = LaMaGenerator(TINY).eval()
    image = torch.rand(2, 3, height, width) * 2 - 1
    mask = (torch.rand(2, 1, height, width) < 0.3).float()
    filled = network(image, mask)
    assert filled.shape == image.shape
    assert filled.abs().max() <= 1
    other = torch.where(mask.bool(), -image, image)  # what a hole hides has no influence
    torch.testing.assert_close(network(other, mask), filled)


def test_a_picture_that_shrinks_to_one_cell():
    with pytest.raises(ValueError, match="at least 8 pixels a side, got 4"):
        LaMaGenerator(TINY)(torch.zeros(1, 3, 8, 4), torch.zeros(1, 1, 8, 4))


def test_a_size_that_does_not_divide():
    with pytest.raises(ValueError, match="divisible by 4"):
        LaMaGenerator(TINY)(torch.zeros(1, 3, 8, 10), torch.zeros(1, 1, 8, 10))
