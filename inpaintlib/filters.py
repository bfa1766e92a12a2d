"""Fixed filters that losses and metrics share: Gaussian, Sobel, Laplacian, chroma, SSIM map."""

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.images import check_alike

LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue look (ITU-R BT.601)
SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def wide(values: Tensor) -> Tensor:
    """In float32 or better: half precision has too few digits for differences, and counts badly."""
    return values if values.dtype == torch.float64 else values.float()


def gaussian_window(size: int = 11, sigma: float = 1.5) -> Tensor:
    """A one-dimensional Gaussian that sums to one, (size,).

    Args:
        size: number of taps, odd; else a ValueError.
        sigma: standard deviation in pixels.

    Example:
        >>> gaussian_window(3, sigma=1.0)
        tensor([0.2741, 0.4519, 0.2741])
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"expected an odd, positive window size, got {size}")
    x = torch.arange(size, dtype=torch.float32) - size // 2
    weights = torch.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


def blur_matrix(length: int, *, padding: str) -> Tensor:
    """The Gaussian window as a matrix, so that two matrix products blur a picture.

    On a CPU ten times faster than a convolution a channel, forward and backward. For lines of N
    pixels (N - 10, N), or with padding "same", where the border is repeated outwards, (N, N).
    """
    window = gaussian_window()
    margin = len(window) // 2 if padding == "same" else 0
    rows = length + 2 * margin - len(window) + 1
    places = torch.arange(rows)[:, None] + torch.arange(len(window)) - margin
    weights = window.expand(rows, -1)
    return torch.zeros(rows, length).scatter_add(1, places.clamp(0, length - 1), weights)


def filter_channels(image: Tensor, kernel: Tensor, *, padding: str = "valid") -> Tensor:
    """Correlate every channel of (B, C, H, W) with the same kernel (h, w).

    Args:
        padding: "valid", for (B, C, H - h + 1, W - w + 1), or "same", where the border is repeated
            outwards.
    """
    channels = image.shape[1]
    h, w = kernel.shape
    image = wide(image)
    if padding == "same":
        image = F.pad(image, (w // 2, w // 2, h // 2, h // 2), mode="replicate")
    with torch.autocast(image.device.type, enabled=False):
        return F.conv2d(image, kernel.to(image).expand(channels, 1, h, w), groups=channels)


def chroma(image: Tensor) -> Tensor:
    """What is left of (B, 3, H, W) when each pixel's brightness is taken away: the colour alone.

    Each channel less the luma, 0.299 R + 0.587 G + 0.114 B. Grey is 0, and so is any change of
    brightness. Other numbers of channels raise a ValueError.
    """
    if image.shape[1] != 3:
        raise ValueError(f"expected red, green and blue, got shape {tuple(image.shape)}")
    return image - (image * image.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def sobel(image: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical derivative by Sobel's 3×3 pair, divided by 8.

    With that divisor a ramp that rises by s a pixel has gradient s.

    Returns:
        d/dx (along the width) and d/dy (along the height), each as large as the image.

    Example:
        >>> ramp = torch.arange(4.0).expand(1, 1, 4, 4)
        >>> dx, dy = sobel(ramp)
        >>> dx[0, 0, 1], dy.abs().max()
        (tensor([0.5000, 1.0000, 1.0000, 0.5000]), tensor(0.))
    """
    kernel = torch.tensor(SOBEL_X) / 8
    dx = filter_channels(image, kernel, padding="same")
    dy = filter_channels(image, kernel.T, padding="same")
    return dx, dy


def laplacian(image: Tensor) -> Tensor:
    """Sum of the four neighbours' differences to each pixel; the border is repeated outwards.

    Of the image's shape: 0 on any ramp, large where there is fine detail.
    """
    return filter_channels(image, torch.tensor(LAPLACIAN), padding="same")


def ssim_map(x: Tensor, y: Tensor, *, data_range: float, padding: str = "valid") -> Tensor:
    """Structural similarity at every pixel, with the Gaussian window of the paper (11 taps, σ 1.5).

    Luminance × contrast × structure, with k1 = 0.01 and k2 = 0.03. Always in float32 or better:
    under bfloat16 the differences of squares below lose two digits.

    Args:
        x, y: (B, C, H, W), both in the same range.
        data_range: width of that range: 2 for [-1, 1], 1 for [0, 1].
        padding: "valid" gives scikit-image's and the paper's value; "same" keeps the size.

    Returns:
        (B, C, H - 10, W - 10), or (B, C, H, W) with "same"; each value in [-1, 1].

    Raises:
        ValueError: the shapes differ, or the picture is smaller than the window.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
        structural similarity", IEEE TIP 2004, equations 13 to 16.
    """
    check_alike(x, y)
    if padding == "valid" and min(x.shape[2:]) < 11:
        raise ValueError(f"SSIM needs pictures of at least 11×11 pixels, got {tuple(x.shape[2:])}")
    with torch.autocast(x.device.type, enabled=False):
        x, y = wide(x), wide(y)
        down = blur_matrix(x.shape[2], padding=padding).to(x)
        across = blur_matrix(x.shape[3], padding=padding).to(x)

        def mean(image: Tensor) -> Tensor:
            return down @ image @ across.T

        mean_x, mean_y = mean(x), mean(y)
        variance_x = mean(x * x) - mean_x**2
        variance_y = mean(y * y) - mean_y**2
        covariance = mean(x * y) - mean_x * mean_y
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        contrast_structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
        return luminance * contrast_structure
