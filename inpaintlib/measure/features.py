"""A small classifier of faces, and distances between two sets of pictures in its features.

The field's Fréchet distance compares features of an Inception network (Heusel et al. 2017), which
is a download. Ours compares features of a classifier of face attributes, trained here on the same
pictures, so its numbers may be compared with each other and with nobody else's.
"""

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from inpaintlib.data import ImageSet
from inpaintlib.photos import shipped
from inpaintlib.seeding import stream
from inpaintlib.training.checkpoints import load_weights

SIZE = 64
LENGTH = 64


class FaceFeatures(nn.Module):
    """Pictures to features, (B, 3, H, W) -> (B, 64), and to a logit an attribute.

    Args:
        attributes: how many it learns to tell.
    """

    def __init__(self, attributes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in ((3, 16), (16, 32), (32, 64), (64, LENGTH)):  # 64 -> 32 -> 16 -> 8 -> 4
            convolution = nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(LENGTH, attributes)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), [-1, 1], any size from 64 on -> (B, 64)."""
        if image.shape[-2:] != (SIZE, SIZE):
            image = F.interpolate(image, (SIZE, SIZE), mode="bilinear", antialias=True)
        return self.layers(image).mean(dim=(2, 3))


def learn_features(faces: ImageSet, *, steps: int = 600, seed: int = 0) -> FaceFeatures:
    """Train the classifier on those attributes that 2 % to 98 % of the faces have.

    Args:
        faces: pictures with attributes.
        steps: of 64 pictures each.
        seed: of weights and batches.

    Raises:
        ValueError: the pictures have no attributes.
    """
    chosen = [flags for flags in faces.attributes.values() if 0.02 < flags.float().mean() < 0.98]
    if not chosen:
        raise ValueError(f"expected faces with attributes, {faces.name} has none")
    labels = torch.stack(chosen, dim=1).float()
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = FaceFeatures(len(chosen))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(steps):
        rows = torch.randint(len(faces), (64,), generator=stream(seed, "features", step))
        logits = network.head(network(faces.floats(rows)))
        loss = F.binary_cross_entropy_with_logits(logits, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def features_for(pictures: ImageSet) -> FaceFeatures | None:
    """The shipped features for such faces; None for pictures of another kind."""
    file = shipped.folder() / f"features-{pictures.kind}.safetensors"
    if not file.is_file():
        return None
    with safe_open(file, framework="pt") as opened:
        attributes = opened.get_slice("head.weight").get_shape()[0]
    network = FaceFeatures(attributes)
    load_weights(file, network)
    return network.eval().requires_grad_(False)


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Distance of two normal distributions with these samples' means and covariances.

        |μ1 - μ2|² + tr(C1 + C2 - 2 (C1 C2)^½)

    Args:
        one, other: (N, D) and (M, D) features.

    Returns:
        0 for equal samples. Few samples (N near D) make it too large, by as much for every system.

    Raises:
        ValueError: widths differ, or fewer than two samples.

    Source:
        Dowson and Landau 1982; Heusel et al. 2017 (FID), equation 6.
    """
    if one.ndim != 2 or one.shape[1:] != other.shape[1:] or min(len(one), len(other)) < 2:
        shapes = f"{tuple(one.shape)} and {tuple(other.shape)}"
        raise ValueError(f"expected features (N, D) and (M, D), at least two each, got {shapes}")
    one, other = one.double(), other.double()
    first, second = one.T.cov(), other.T.cov()
    root = _square_root(first)
    mixed = _square_root(root @ second @ root)  # has the trace of (C1 C2)^½ and is symmetric
    difference = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    return max(0.0, float(difference + (first + second - 2 * mixed).trace()))  # rounding


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """Squared maximum mean discrepancy of two crowds under the kernel (x·y / D + 1)³: "KID".

    Unlike the Fréchet distance it is right on average for few samples, and may fall below 0. Row i
    of both may belong to the same picture: no sum compares them. Equal samples have distance 0.

    Args:
        one, other: (N, D) features each.

    Raises:
        ValueError: the shapes differ, or fewer than two samples.

    Source:
        Bińkowski et al. 2018, equation 4 and section 4; for pairs Gretton et al. 2012, lemma 6.
    """
    if one.ndim != 2 or one.shape != other.shape or len(one) < 2:
        shapes = f"{tuple(one.shape)} and {tuple(other.shape)}"
        raise ValueError(f"expected two times features (N, D), at least two, got {shapes}")
    one, other = one.double(), other.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    cross = kernel(one, other)
    gaps = (kernel(one, one) + kernel(other, other) - cross - cross.T).fill_diagonal_(0)
    return float(gaps.sum() / (len(one) * (len(one) - 1)))


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
