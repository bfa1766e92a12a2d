"""How different the fills of one hole are, and how near the best of them and their mean are."""

from itertools import combinations

import torch
from torch import Tensor

from inpaintlib import metrics


def variety(fills: Tensor, truths: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Measure several fills of each hole, picture by picture.

    Args:
        fills: (K, N, C, H, W), [-1, 1]: K fills, two at least, of the same N holes.
        truths: (N, C, H, W), [-1, 1].
        mask: (N, 1, H, W), {0, 1}: the holes.

    Returns:
        Each (N,): "diversity", the mean L1 distance in the hole of two fills on the 0 to 1 scale;
        "one", "best" and "mean", the PSNR in dB of one fill on average, of the best of the K, and
        of their mean.

    Raises:
        ValueError: fewer than two fills, or shapes that do not fit.
    """
    if len(fills) < 2 or fills.shape[1:] != truths.shape:
        wanted = ", ".join(map(str, truths.shape))
        raise ValueError(f"expected (K, {wanted}) with K ≥ 2, got {tuple(fills.shape)}")
    pairs = [metrics.l1(one, other, mask) for one, other in combinations(fills, 2)]
    each = torch.stack([metrics.psnr(fill, truths, mask) for fill in fills])
    return {
        "diversity": torch.stack(pairs).mean(dim=0),
        "one": each.mean(dim=0),
        "best": each.amax(dim=0),
        "mean": metrics.psnr(fills.mean(dim=0), truths, mask),
    }
