"""Drawn digits: the same bytes for the same place in a series, and digits that look like MNIST."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from drawings.digits import BLOCK, SAMPLES, _catmull_rom, _render, draw_digits

DATA = Path(os.environ.get("INPAINTLIB_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    """2,000 digits of series 0."""
    return draw_digits(2000)


def nearest_centroid(images: Tensor, centroids: Tensor) -> Tensor:
    """The label of the closest of ten mean images."""
    return torch.cdist(images.flatten(1).float(), centroids).argmin(dim=1)


def class_means(images: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([images[labels == d].flatten(1).float().mean(dim=0) for d in range(10)])


def test_shape_type_and_range(digits):
    images, labels = digits
    assert images.shape == (2000, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert labels.shape == (2000,)
    assert labels.dtype == torch.int64
    # Every digit is inked fully somewhere, and has paper.
    assert (images.flatten(1).amax(dim=1) > 200).all()
    assert (images.flatten(1).amin(dim=1) == 0).all()


@pytest.mark.parametrize(
    ("start", "count"), [(0, 10), (5, 1), (BLOCK - 3, 7), (BLOCK, BLOCK), (100, 3 * BLOCK + 1)]
)
def test_a_digit_depends_on_seed_and_place_alone(digits, start, count):
    images, labels = draw_digits(count, start=start)
    torch.testing.assert_close(images, digits[0][start : start + count], rtol=0, atol=0)
    torch.testing.assert_close(labels, digits[1][start : start + count], rtol=0, atol=0)


def test_the_global_stream_is_neither_read_nor_moved():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, _ = draw_digits(4)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(draw_digits(4)[0], first)


def test_series_differ_and_no_digit_comes_twice(digits):
    other, other_labels = draw_digits(2000, seed=1)
    assert not torch.equal(other_labels, digits[1])
    together = torch.cat([digits[0], other, draw_digits(100, seed=2**32)[0]]).flatten(1)
    assert len(together.unique(dim=0)) == 4100


def test_every_digit_is_equally_likely(digits):
    # Binomial(2000, 0.1): the mean is 200, four standard deviations are 54.
    counts = torch.bincount(digits[1], minlength=10)
    assert len(counts) == 10
    assert ((counts > 146) & (counts < 254)).all(), counts


def test_statistics_are_those_of_mnist(digits):
    # MNIST's mean brightness is 0.1307 and its standard deviation 0.3081.
    unit = digits[0].float() / 255
    assert unit.mean().item() == pytest.approx(0.1307, abs=0.01)
    assert unit.std().item() == pytest.approx(0.3081, abs=0.015)


def test_placed_as_in_mnist(digits):
    """The longer side fills the 20×20 box, the mass is centred, the border is black."""
    ink = digits[0][:, 0].float()
    seen = ink > 127
    height = seen.any(dim=2).sum(dim=1)
    width = seen.any(dim=1).sum(dim=1)
    longer = torch.maximum(height, width)
    assert ((longer >= 17) & (longer <= 22)).all(), (longer.min(), longer.max())
    grid = torch.arange(28) + 0.5
    for axis in (1, 2):
        centre = (ink.sum(dim=axis) * grid).sum(dim=1) / ink.sum(dim=(1, 2))
        offset = (centre - 14).abs()
        assert offset.median() < 0.25
        assert offset.max() < 2.5
    border = ink.clone()
    border[:, 1:-1, 1:-1] = 0
    assert border.sum() == 0


@pytest.mark.parametrize("size", [16, 28, 37, 64, 256])
def test_a_size_changes_the_pixels_and_not_the_shape(size):
    images, labels = draw_digits(12, size=size)
    large, large_labels = draw_digits(12, size=112)
    assert images.shape == (12, 1, size, size)
    assert torch.equal(labels, large_labels)
    area = torch.nn.functional.interpolate(large.float(), size=(size, size), mode="area")
    assert (images.float() - area).abs().mean() / 255 < 0.02


@pytest.mark.parametrize("size", [0, 15, 257])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ValueError, match=f"16 to 256 pixels, got {size}"):
        draw_digits(1, size=size)


@pytest.mark.parametrize(
    "bad", [{"count": -1}, {"count": 1, "seed": -1}, {"count": 1, "start": -1}]
)
def test_a_negative_number_is_refused(bad):
    with pytest.raises(ValueError, match="expected count, seed and start of 0 or more"):
        draw_digits(**bad)


def test_no_digits_are_an_empty_pair():
    images, labels = draw_digits(0)
    assert images.shape == (0, 1, 28, 28)
    assert labels.shape == (0,)


def test_a_line_is_drawn_as_the_distance_to_it():
    """Against the exact distance: a straight stroke of one radius, upright, in mid-image."""
    size, radius = 64, 4 / 64
    position = torch.full((1, SAMPLES, 2), 0.5)
    position[0, :, 1] = torch.linspace(-0.5, 1.5, SAMPLES)  # runs past both edges
    length = torch.full((1, SAMPLES), 2 / SAMPLES)
    drawn = _render(position, torch.full((1, SAMPLES), radius), length, size)[0, size // 2]
    distance = ((torch.arange(size) + 0.5) / size - 0.5).abs() - radius
    exact = (0.5 - distance * size / 1.1).clamp(0, 1) * 255
    torch.testing.assert_close(drawn.float(), exact, rtol=0, atol=3)


def test_the_spline_passes_through_its_points():
    """Each control point in turn; in between, the textbook's weights -1, 9, 9, -1 over 16."""
    weights = _catmull_rom(5, 9)
    torch.testing.assert_close(weights[::2], torch.eye(5))
    torch.testing.assert_close(weights[3], torch.tensor([-1.0, 9.0, 9.0, -1.0, 0.0]) / 16)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(9))


def test_classes_are_distinguishable(digits):
    """Mean images of one series name the digits of another: 0.9 (MNIST's own: 0.83)."""
    other, other_labels = draw_digits(1000, seed=1)
    named = nearest_centroid(other, class_means(*digits))
    assert (named == other_labels).float().mean() > 0.85


@pytest.mark.skipif(not (DATA / "MNIST" / "raw").is_dir(), reason="needs MNIST")
def test_mean_images_of_drawn_digits_name_real_ones(digits):
    from torchvision.datasets import MNIST

    real = MNIST(root=DATA, train=False)
    named = nearest_centroid(real.data[:1000], class_means(*digits))
    assert (named == real.targets[:1000]).float().mean() > 0.75


@pytest.mark.parametrize(("size", "seed", "start"), [(28, 0, 0), (16, 3, 1_000_007)])
def test_every_pixel_is_as_it_was(size: int, seed: int, start: int):
    """The pixels are part of the course: weights, cards and figures were made with them.

    `digits-SIZE.png` holds them, 8 rows of 8. Processors round matrix products differently, which
    moves a pixel or two by one level.
    """
    images, _ = draw_digits(64, size=size, seed=seed, start=start)
    sheet = images.view(8, 8, size, size).transpose(1, 2).reshape(8 * size, 8 * size)
    stored = pil_to_tensor(Image.open(Path(__file__).with_name(f"digits-{size}.png")))[0]
    moved = (sheet.int() - stored.int()).abs()
    assert moved.max() <= 1
    assert moved.float().mean() < 1e-3
