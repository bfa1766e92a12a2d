"""Metrics against scikit-image, in the hole against the definition written out."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inpaintlib.images import composite
from inpaintlib.metrics import l1, psnr, sharpness, ssim


@pytest.fixture
def pair():
    source = torch.Generator().manual_seed(0)
    image = torch.rand(4, 3, 32, 48, generator=source) * 2 - 1
    noise = torch.randn(image.shape, generator=source)
    levels = torch.tensor([0.05, 0.1, 0.2, 0.4]).view(4, 1, 1, 1)
    return (image + levels * noise).clamp(-1, 1), image


def unit(image):
    return (image.double().numpy() + 1) / 2


def test_whole_image_psnr_and_ssim_are_scikit_images(pair):
    prediction, image = pair
    for p, x, decibels, similarity in zip(
        unit(prediction), unit(image), psnr(*pair).tolist(), ssim(*pair).tolist(), strict=True
    ):
        expected = peak_signal_noise_ratio(x, p, data_range=1.0)
        assert decibels == pytest.approx(expected, abs=1e-4)
        expected = structural_similarity(
            x,
            p,
            data_range=1.0,
            channel_axis=0,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert similarity == pytest.approx(expected, abs=1e-4)


def test_in_the_hole_only_the_hole_counts(pair):
    prediction, image = pair
    mask = torch.zeros(4, 1, 32, 48)
    mask[:, :, 8:20, 10:30] = 1
    mask[1, :, :, :] = 1
    spoiled = torch.where(mask.bool(), prediction, torch.zeros_like(prediction))
    for metric in (l1, psnr, ssim):
        torch.testing.assert_close(
            metric(prediction, image, mask), metric(spoiled, image, mask), rtol=0, atol=0
        )
    error = np.abs(unit(prediction) - unit(image))
    assert l1(prediction, image, mask)[0].item() == pytest.approx(
        error[0, :, 8:20, 10:30].mean(), abs=1e-6
    )
    assert l1(prediction, image, mask)[1].item() == pytest.approx(error[1].mean(), abs=1e-6)
    mse = (error[2, :, 8:20, 10:30] ** 2).mean()
    assert psnr(prediction, image, mask)[2].item() == pytest.approx(-10 * math.log10(mse), abs=1e-4)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_large_pictures_in_half_precision_are_measured(kind, masked):
    image = torch.zeros(1, 3, 256, 257, dtype=kind)  # more pixels than float16's largest number
    mask = torch.ones_like(image[:, :1]) if masked else None
    assert l1(image + 0.5, image, mask).tolist() == [0.25]
    assert psnr(image + 0.5, image, mask).item() == pytest.approx(12.0412, abs=1e-3)


def test_ssim_in_the_hole_is_the_mean_of_scikit_images_map(pair):
    prediction, image = pair
    mask = torch.zeros(4, 1, 32, 48)
    mask[:, :, 8:20, 10:30] = 1
    _, full = structural_similarity(
        unit(image)[3],
        unit(torch.where(mask.bool(), prediction, image))[3],
        data_range=1.0,
        channel_axis=0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    assert ssim(prediction, image, mask)[3].item() == pytest.approx(
        full[:, 8:20, 10:30].mean(), abs=1e-4
    )


def test_perfect_match(pair):
    _, image = pair
    assert l1(image, image).tolist() == [0.0] * 4
    assert psnr(image, image).tolist() == [math.inf] * 4
    assert ssim(image, image).tolist() == pytest.approx([1.0] * 4)


def test_a_whole_image_score_flatters_a_small_hole(pair):
    prediction, image = pair
    mask = torch.zeros(4, 1, 32, 48)
    mask[..., :12, :16] = 1
    completed = torch.where(mask.bool(), prediction, image)
    gain = psnr(completed, image) - psnr(completed, image, mask)
    share = 12 * 16 / (32 * 48)
    torch.testing.assert_close(gain, torch.full((4,), -10 * math.log10(share)), atol=1e-3, rtol=0)


def test_values_beyond_the_range_are_clipped_as_a_viewer_would(pair):
    _, image = pair
    assert psnr(torch.where(image > 0.999, image + 5, image), image).min() > 60


def test_an_empty_mask_has_no_score(pair):
    prediction, image = pair
    mask = torch.zeros(4, 1, 32, 48)
    mask[0] = 1
    assert [math.isnan(value) for value in l1(prediction, image, mask).tolist()] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("metric", [l1, psnr, ssim])
def test_other_shapes_are_refused(metric, pair):
    prediction, image = pair
    with pytest.raises(ValueError, match="one shape"):
        metric(prediction[:, :, :-1], image)
    with pytest.raises(ValueError, match="does not fit"):
        metric(prediction, image, torch.ones(4, 1, 32, 47))


def test_sharpness_by_hand():
    image, mask = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5)
    mask[..., 1:4, 1:4] = 1
    image[..., 2, 2] = 0.5  # in the hole: once -4 and four times 1, times half of 0.5
    fill = image.clone()
    fill[..., 2, 2], fill[..., 0, 2] = 0.1, 0.9  # a fifth of the contrast; the other is known
    assert sharpness(fill, image, mask).item() == pytest.approx(0.2, abs=1e-6)
    image[..., 0, 2] = 0.5  # known, yet its pixel below is in the hole: 0.25 ± 0.25 there
    truth, blank = 16 + 3 + 4, 1  # in squares of 0.25
    fill = composite(torch.zeros_like(image), image, mask)
    expected = math.sqrt(blank / truth)
    assert sharpness(fill, image, mask).item() == pytest.approx(expected, rel=1e-5)


def test_sharpness_is_one_for_the_truth_and_falls_with_blur():
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    blurred = torch.nn.functional.avg_pool2d(image, 3, 1, 1)
    noisy = image + 0.5 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    assert sharpness(image, image, mask).tolist() == [1, 1]
    assert (sharpness(blurred, image, mask) < 0.5).all()
    assert (sharpness(noisy, image, mask) > 1.05).all()
    assert sharpness(image, image, torch.zeros_like(mask)).isnan().all()
    assert sharpness(image, torch.zeros_like(image), torch.ones_like(mask)).isinf().all()
