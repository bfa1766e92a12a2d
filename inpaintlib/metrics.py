"""How good is a filled picture: L1, PSNR, SSIM and sharpness, in the hole or the whole image.

Images come in [-1, 1] and are compared in [0, 1], where the field's published numbers live. Every
function gives one value **an image**, (B,); average them afterwards. (PSNR of the averaged error is
not the averaged PSNR.)
"""

import torch
from torch import Tensor

from inpaintlib.filters import laplacian, ssim_map, wide
from inpaintlib.images import check_comparison, composite, to_unit


def l1(prediction: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute error on the [0, 1] scale.

    Args:
        prediction, image: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}: only these pixels count; None for the whole image.

    Returns:
        (B,), 0 is perfect; nan where a mask is empty.

    Raises:
        ValueError: shapes do not fit, or the mask holds other values than 0 and 1.
    """
    check_comparison(prediction, image, mask)
    return _mean_per_image((to_unit(prediction) - to_unit(image)).abs(), mask)


def psnr(prediction: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in decibels, -10·log10 of the mean squared error in [0, 1].

    Arguments and errors as for `l1`. Higher is better; inf for a perfect match.

    Example:
        >>> x = torch.zeros(1, 1, 4, 4)
        >>> psnr(x + 0.2, x)
        tensor([20.0000])
    """
    check_comparison(prediction, image, mask)
    error = _mean_per_image((to_unit(prediction) - to_unit(image)).square(), mask)
    return -10 * torch.log10(error)


def ssim(prediction: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor:
    """Structural similarity, averaged over the whole picture or over the hole's pixels.

    Without a mask only pixels whose 11×11 window fits count, and the value equals scikit-image's
    `structural_similarity(gaussian_weights=True, use_sample_covariance=False)`. With a mask every
    pixel of the hole counts, and the border is repeated outwards where a window leaves the picture;
    at the hole's edge a window also sees what was given, which is taken from the image.

    Arguments and errors as for `l1`; source: see `filters.ssim_map`. At most 1, higher is better;
    nan where a mask is empty.
    """
    check_comparison(prediction, image, mask)
    if mask is not None:
        prediction = composite(prediction, image, mask)
    padding = "valid" if mask is None else "same"
    values = ssim_map(to_unit(prediction), to_unit(image), data_range=1.0, padding=padding)
    return _mean_per_image(values, mask)


def sharpness(prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """How much fine detail a fill has, measured against the truth's: 1 = as sharp.

    The root of the ratio of two energies, of the fill and of the truth: the sum of the squared
    Laplacian over the hole's pixels. PSNR is won by blur; this says what it costs. It says nothing
    about whether the detail is the right one: noise is very sharp, and so is a seam, because the
    Laplacian at the hole's edge reads known neighbours: in a thin hole a flat fill of another tone
    has more than 1. Arguments and errors as for `l1`; known pixels are taken from the image.

    Returns:
        (B,), at least 0; nan where a mask is empty, or truth and fill are both flat; inf where the
        truth alone is.

    Example:
        >>> x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> sharpness(x / 2, x, torch.ones(1, 1, 8, 8))
        tensor([0.5000])
    """
    check_comparison(prediction, image, mask)
    fill, truth = (
        (laplacian(to_unit(picture)).square() * mask).sum(dim=(1, 2, 3))
        for picture in (composite(prediction, image, mask), image)
    )
    return (fill / truth).sqrt()


def _mean_per_image(values: Tensor, mask: Tensor | None) -> Tensor:
    values = wide(values)
    region = torch.ones_like(values[:, :1]) if mask is None else wide(mask)
    count = region.sum(dim=(1, 2, 3)) * values.shape[1]
    return (values * region).sum(dim=(1, 2, 3)) / count
