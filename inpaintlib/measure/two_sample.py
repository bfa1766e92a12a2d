"""Can a small network tell fills from truths? A test of two samples by classification.

Metrics say how far a fill is from one truth. This asks what a viewer asks: is it a real picture?
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib.images import check_pair
from inpaintlib.masks import bounding_box
from inpaintlib.seeding import stream

WIDTHS = (16, 32, 64)
BATCH = 16  # pairs of fill and truth
MARGIN = 8  # pixels around all holes that the network sees


def told_apart(
    fills: Tensor, truths: Tensor, mask: Tensor, *, folds: int = 2, steps: int = 100, seed: int = 0
) -> Tensor:
    """How well a classifier tells each picture's fill and truth apart, if it has seen neither.

    The pictures are dealt into folds. For each a new network learns, on the other folds, which
    pictures are completed and which are true; it is shown the holes. It then answers for its fold.

    Args:
        fills, truths: (N, C, H, W), [-1, 1], row by row of one picture.
        mask: (N, 1, H, W), {0, 1}: the holes.
        folds: 2 to N.
        steps: of `BATCH` pairs each.
        seed: of the dealing, the weights and the batches.

    Returns:
        (N,), the share of right answers about a pair: 0, ½ or 1. A mean of ½ says that they cannot
        be told apart, by such a network that learned from so few.

    Raises:
        ValueError: shapes do not fit, or there are fewer pictures than folds.

    Source:
        Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests", section 3.
    """
    check_pair(truths, mask)
    if fills.shape != truths.shape or not 2 <= folds <= len(fills):
        shapes = f"{tuple(fills.shape)}, {tuple(truths.shape)}"
        raise ValueError(f"expected two equal shapes and 2 folds to N, got {shapes}, {folds} folds")
    top, left, bottom, right = bounding_box(mask.amax(dim=0, keepdim=True))[0].tolist()
    rows, columns = (
        slice(max(0, first - MARGIN), last + MARGIN)
        for first, last in ((top, bottom), (left, right))
    )
    fills, truths = (
        torch.cat([pictures, mask], dim=1)[..., rows, columns] for pictures in (fills, truths)
    )
    order = torch.randperm(len(fills), generator=stream(seed, "dealing"))
    correct = torch.empty(len(fills))
    for fold in range(folds):
        asked = torch.zeros(len(fills), dtype=torch.bool)
        asked[order[fold::folds]] = True
        network = _learn(fills[~asked], truths[~asked], steps, seed)
        with torch.no_grad():
            answers = _logits(network, fills[asked]) > 0, _logits(network, truths[asked]) < 0
        correct[asked] = torch.stack(answers).float().mean(dim=0)
    return correct


def _learn(fills: Tensor, truths: Tensor, steps: int, seed: int) -> nn.Module:
    """A network whose mean logit is positive for fills."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((fills.shape[1], *WIDTHS)):
            convolution = nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        network = nn.Sequential(*layers, nn.Conv2d(wide, 1, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.5, 0.99))
    for step in range(steps):
        source = stream(seed, "two samples", step)
        rows = torch.randint(len(fills), (BATCH,), generator=source)
        pairs = torch.cat([fills[rows], truths[rows]])
        if torch.rand((), generator=source) < 0.5:
            pairs = pairs.flip(-1)
        labels = torch.arange(2 * BATCH) < BATCH
        loss = F.binary_cross_entropy_with_logits(_logits(network, pairs), labels.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def _logits(network: nn.Module, pictures: Tensor) -> Tensor:
    return network(pictures).mean(dim=(1, 2, 3))
