"""Filters against scipy, scikit-image and numbers worked out by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch.testing import assert_close

from inpaintlib.filters import gaussian_window, laplacian, sobel, ssim_map


def pictures(height=24, width=31):
    source = torch.Generator().manual_seed(3)
    x = torch.rand(2, 3, height, width, generator=source, dtype=torch.float64)
    y = (x + 0.2 * torch.randn(x.shape, generator=source, dtype=torch.float64)).clamp(0, 1)
    return x, y


def test_gaussian_window_is_scipys():
    impulse = np.zeros(31)
    impulse[15] = 1
    expected = ndimage.gaussian_filter1d(impulse, sigma=1.5, radius=5)[10:21]
    assert_close(gaussian_window().double(), torch.from_numpy(expected), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", [0, 4, -3])
def test_even_windows_are_refused(size):
    with pytest.raises(ValueError, match=f"odd, positive window size, got {size}"):
        gaussian_window(size)


def test_sobel_of_a_hand_worked_patch():
    patch = torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0], [5.0, 1.0, 2.0]]).view(1, 1, 3, 3)
    dx, dy = sobel(patch)
    # centre: right column minus left column, weights 1 2 1: (4 + 2 + 2) - (1 + 0 + 5) = 2
    assert dx[0, 0, 1, 1].item() == pytest.approx(2 / 8)
    # bottom row minus top row: (5 + 2 + 2) - (1 + 4 + 4) = 0
    assert dy[0, 0, 1, 1].item() == pytest.approx(0 / 8)


def test_sobel_is_scipys_everywhere():
    x, _ = pictures()
    dx, dy = sobel(x)
    for image, across, down in zip(
        x.flatten(0, 1), dx.flatten(0, 1), dy.flatten(0, 1), strict=True
    ):
        expected_x = ndimage.sobel(image.numpy(), axis=1, mode="nearest") / 8
        expected_y = ndimage.sobel(image.numpy(), axis=0, mode="nearest") / 8
        assert_close(across, torch.from_numpy(expected_x))
        assert_close(down, torch.from_numpy(expected_y))


def test_laplacian_is_scipys_everywhere():
    image = torch.rand(2, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    expected = [[ndimage.laplace(plane, mode="nearest") for plane in p] for p in image.numpy()]
    assert_close(laplacian(image), torch.tensor(np.array(expected)))


def test_ssim_map_is_scikit_images():
    x, y = pictures()
    _, full = structural_similarity(
        x[0].numpy(),
        y[0].numpy(),
        data_range=1.0,
        channel_axis=0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    assert_close(
        ssim_map(x, y, data_range=1.0)[0], torch.from_numpy(full[:, 5:-5, 5:-5]), rtol=0, atol=1e-6
    )


def test_ssim_same_keeps_the_size_and_the_inside():
    x, y = pictures()
    wide = ssim_map(x, y, data_range=1.0, padding="same")
    assert wide.shape == x.shape
    assert_close(wide[..., 5:-5, 5:-5], ssim_map(x, y, data_range=1.0))


def test_ssim_stays_in_float32_under_autocast():
    x, y = (image.float() for image in pictures())
    with torch.autocast("cpu", torch.bfloat16):
        low = ssim_map(x.bfloat16().float(), y.bfloat16().float(), data_range=1.0)
    assert low.dtype == torch.float32
    exact = ssim_map(x.bfloat16().float(), y.bfloat16().float(), data_range=1.0)
    assert_close(low, exact)


def test_sobel_keeps_small_differences_under_autocast():
    x = pictures()[0].float() / 100 + 0.5
    with torch.autocast("cpu", torch.bfloat16):
        low = sobel(x)
    assert_close(low, sobel(x))


def test_ssim_refuses_other_shapes_and_tiny_pictures():
    with pytest.raises(ValueError, match="one shape"):
        ssim_map(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 17), data_range=1.0)
    with pytest.raises(ValueError, match="at least 11×11"):
        ssim_map(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), data_range=1.0)
