"""Fill by example: copy patches from elsewhere in the same picture (Criminisi et al. 2004)."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from inpaintlib.filters import sobel

REACH = 128
"""Pixels from the patch that is filled to the farthest patch that is looked at: everything, in the
course's pictures. In a large photograph it keeps the search short."""
SMALLEST = 5  # pixels, of a patch that is still an example
FLAT = 1e-3  # the least a patch without any edge is worth, so that such patches get their turn


def fill_by_example(image: np.ndarray, hole: np.ndarray, *, size: int = 9) -> np.ndarray:
    """Patch by patch: the most urgent one at the hole's edge gets the best match's pixels.

    Urgent is what has many known pixels and an edge that runs into the hole. The best match is the
    wholly known patch with the smallest sum of squared differences over the pixels known in both.
    The paper compares in CIELab, we in RGB. Where no patch of `size` is wholly known, smaller ones
    are used; where none of `SMALLEST` is, as between scattered pixels, the nearest pixels.

    Args:
        image: (H, W, C), float32; what it shows in the hole is never copied.
        hole: (H, W), boolean, with at least one known pixel.
        size: side of a patch in pixels, odd; the paper's is 9.

    Returns:
        (H, W, C), float32: every pixel in the hole is a copy of a known one.

    Raises:
        ValueError: no known pixel, or a size that is even or not positive.

    Source: Criminisi, Pérez, Toyama 2004, "Region filling and object removal by exemplar-based
    image inpainting", section III.

    Example:
        >>> stripes = np.tile(np.float32([[[0], [1]]]), (6, 8, 1))  # columns 0 1 0 1 …
        >>> hole = np.zeros((6, 16), dtype=bool)
        >>> hole[2:4, 3:6] = True
        >>> np.array_equal(fill_by_example(np.where(hole[..., None], 9, stripes), hole), stripes)
        True
    """
    if size < 1 or size % 2 == 0 or hole.all():
        raise ValueError(
            f"expected an odd patch size and a known pixel, got size {size} and "
            f"{int((~hole).sum())} known pixels"
        )
    picture = torch.from_numpy(image).permute(2, 0, 1).clone()
    missing = torch.from_numpy(hole).clone()
    while not (whole := _wholly_known(missing, size)).any() and size > SMALLEST:
        size -= 2
    if not whole.any():
        _, (rows, columns) = distance_transform_edt(hole, return_indices=True)
        return image[rows, columns]
    source, confidence = torch.cat([picture.square(), picture]), (~missing).float()
    while missing.any():
        row, column, certain = _most_urgent(picture, missing, confidence, size)
        here = slice(row, row + size), slice(column, column + size)
        gap = missing[here].clone()
        top, left = _best_match(source, whole, picture[:, *here], ~gap, (row, column))
        found = source[len(picture) :, top : top + size, left : left + size]
        picture[:, *here] = torch.where(gap, found, picture[:, *here])
        confidence[here] = torch.where(gap, certain, confidence[here])
        missing[here] = False
    return picture.permute(1, 2, 0).numpy()


def _wholly_known(missing: Tensor, size: int) -> Tensor:
    """(H - size + 1, W - size + 1): whether the patch that begins there has no missing pixel."""
    if size > min(missing.shape):
        return torch.zeros(0, dtype=torch.bool)
    return functional.max_pool2d(missing.float()[None], size, stride=1)[0] == 0


def _most_urgent(
    picture: Tensor, missing: Tensor, confidence: Tensor, size: int
) -> tuple[int, int, Tensor]:
    """Top, left and confidence of the patch to fill next: confidence times data term is largest."""
    margin = size // 2
    grown = functional.max_pool2d(missing.float()[None], 3, 1, 1)[0] > 0
    slopes = torch.stack(sobel(picture.mean(dim=0)[None, None]))[:, 0, 0]
    slopes = torch.where(grown, 0, slopes)  # next to a missing pixel a slope means nothing
    strength = slopes.square().sum(dim=0)
    _, strongest = functional.max_pool2d(strength[None], size, 1, margin, return_indices=True)
    across, down = slopes.flatten(1)[:, strongest[0]]  # the strongest edge of each patch
    normal_x, normal_y = torch.stack(sobel(missing.float()[None, None]))[:, 0, 0]
    length = torch.hypot(normal_x, normal_y).clamp(min=1e-6)
    runs_in = (across * normal_y - down * normal_x).abs() / length / 2  # [-1, 1] to [0, 1]
    certain = functional.avg_pool2d(confidence[None], size, 1, margin)[0]
    at_edge = missing & (functional.max_pool2d((~missing).float()[None], 3, 1, 1)[0] > 0)
    urgency = torch.where(at_edge, certain * (runs_in + FLAT), -1)
    row, column = divmod(int(urgency.argmax()), missing.shape[1])
    top = min(max(row - margin, 0), missing.shape[0] - size)
    left = min(max(column - margin, 0), missing.shape[1] - size)
    return top, left, certain[row, column]


def _best_match(
    source: Tensor, whole: Tensor, patch: Tensor, known: Tensor, place: tuple[int, int]
) -> tuple[int, int]:
    """Top and left of the best match, from the picture's squares and values in one stack.

    sum k (s - t)² = sum k s² - 2 sum k t s + a constant: one correlation for all places.
    """
    size, (top, left) = len(known), (max(0, start - REACH) for start in place)
    near = slice(top, place[0] + REACH + 1), slice(left, place[1] + REACH + 1)
    if not whole[near].any():
        near, top, left = (slice(None), slice(None)), 0, 0
    rows, columns = whole[near].shape
    stack = source[:, top : top + rows + size - 1, left : left + columns + size - 1]
    weight = torch.cat([known.expand_as(patch).float(), -2 * known * patch])
    cost = functional.conv2d(stack[None], weight[None])[0, 0]
    best = int(torch.where(whole[near], cost, torch.inf).argmin())
    return top + best // columns, left + best % columns
