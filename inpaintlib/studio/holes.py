"""Masks on their way between browser and kernel: drawn at random, as bytes, as arrays."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inpaintlib.images import check_mask, to_bytes
from inpaintlib.masks import SIZED

SIZES = (0.05, 0.95)
VIEW = 1024  # pixels: the longest side that the browser shows; what is larger is scaled


def draw_hole(kind: str, size: float, seed: int, height: int, width: int) -> Tensor:
    """One mask, (1, 1, height, width).

    Args:
        kind: one of `masks.SIZED`.
        size: 0.05 to 0.95, how much it hides; 0.5 gives the kind's defaults.
        seed: the same seed draws the same mask.
        height, width: of the mask, pixels.

    Raises:
        ValueError: no such kind, or a size outside these bounds.
    """
    if kind not in SIZED:
        raise ValueError(f"no kind of mask {kind!r}: expected one of {', '.join(SIZED)}")
    low, high = SIZES
    if not low <= size <= high:
        raise ValueError(f"expected a size of {low} to {high}, got {size}")
    return SIZED[kind](size)(1, height, width, generator=torch.Generator().manual_seed(seed))


def as_mask(mask: Tensor | np.ndarray) -> Tensor:
    """(1, 1, H, W), float32, of 0 and 1, from an array or a tensor, (H, W) or (1, 1, H, W).

    Example:
        >>> as_mask(np.array([[True, False]]))
        tensor([[[[1., 0.]]]])
    """
    tensor = torch.as_tensor(mask).float().detach().cpu()
    tensor = tensor[None, None] if tensor.ndim == 2 else tensor
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 1):
        raise ValueError(f"expected a mask (H, W) or (1, 1, H, W), got {tuple(tensor.shape)}")
    check_mask(tensor)
    return tensor


def mask_to_bytes(mask: Tensor) -> bytes:
    """(1, 1, H, W) to H·W bytes 0 or 1, row by row: what the browser keeps."""
    return mask.to(torch.uint8).numpy().tobytes()


def mask_from_bytes(content: bytes, height: int, width: int) -> Tensor:
    """The inverse of `mask_to_bytes`; ValueError where the number of bytes or a value is wrong."""
    pixels = np.frombuffer(content, np.uint8)
    if pixels.size != height * width:
        raise ValueError(f"expected {height * width} bytes of a mask, got {pixels.size}")
    return as_mask(pixels.reshape(height, width).copy())


def png(image: Tensor, *, scale: int = 1) -> bytes:
    """A picture (1, C, H, W), [-1, 1], as a PNG file, each pixel `scale` wide."""
    pixels = to_bytes(image)[0].permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    file = io.BytesIO()
    large = (picture.width * scale, picture.height * scale)
    picture.resize(large, Image.Resampling.NEAREST).save(file, "PNG", compress_level=1)
    return file.getvalue()


def view_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of a picture as the browser shows it.

    Example:
        >>> view_size(3000, 4000), view_size(128, 128)
        ((768, 1024), (128, 128))
    """
    longest = max(height, width, VIEW)
    return max(1, round(height * VIEW / longest)), max(1, round(width * VIEW / longest))


def view(image: Tensor) -> bytes:
    """A picture (1, C, H, W), [-1, 1], as the browser shows it: PNG, or a smaller JPEG."""
    height, width = view_size(*image.shape[2:])
    if (height, width) == tuple(image.shape[2:]):
        return png(image)
    pixels = to_bytes(image)[0].permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    file = io.BytesIO()
    picture.resize((width, height), Image.Resampling.LANCZOS).save(file, "JPEG", quality=90)
    return file.getvalue()
