"""Fills that need no network, or only linear algebra: what a network has to beat.

Every fill is `fill(observed, mask) -> (B, C, H, W)`: images in [-1, 1], 1 = hole, known pixels
returned bit for bit, whatever `observed` shows inside a hole ignored. `MeanImage` and `PCA` learn
from training images first and are then called alike.
"""

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from inpaintlib.images import Batch, check_image, check_pair, composite, from_bytes, to_bytes
from inpaintlib.measure.exemplar import fill_by_example
from inpaintlib.models.contract import Inpainting

Fill = Callable[[Tensor, Tensor], Tensor]
COMPONENTS = 60  # of `PCA`, which needs one picture more


def image_mean(observed: Tensor, mask: Tensor) -> Tensor:
    """Fill with the mean colour of the image's own known pixels.

    Args:
        observed: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole.

    Returns:
        (B, C, H, W), [-1, 1].

    Raises:
        ValueError: the shapes do not match, or an image has no known pixel.

    Example:
        >>> image_mean(torch.tensor([[[[9.0, 0.2, 0.4]]]]), torch.tensor([[[[1.0, 0.0, 0.0]]]]))
        tensor([[[[0.3000, 0.2000, 0.4000]]]])
    """
    check_pair(observed, mask)
    known = 1 - mask
    blind = (known.amax(dim=(1, 2, 3)) == 0).nonzero().flatten().tolist()
    if blind:
        raise ValueError(
            "expected at least one known pixel in each image, got a mask that is all hole for "
            f"image {', '.join(map(str, blind))} of the batch"
        )
    total = torch.where(mask.bool(), 0, observed).sum(dim=(2, 3), keepdim=True)
    mean = total / known.sum(dim=(2, 3), keepdim=True)
    return composite(mean.expand_as(observed), observed, mask)


def telea(observed: Tensor, mask: Tensor) -> Tensor:
    """Fast marching: fill inwards from the hole's edge, each pixel from its known neighbours.

    OpenCV works on bytes, so a filled value is one of 256.

    Args and errors as for `image_mean`.

    Source: Telea 2004, "An image inpainting technique based on the fast marching method".
    """
    return _each(observed, mask, partial(_opencv, method=cv2.INPAINT_TELEA))


def navier_stokes(observed: Tensor, mask: Tensor) -> Tensor:
    """Continue the lines of equal brightness into the hole, as a fluid's stream would flow.

    Args and errors as for `telea`.

    Source: Bertalmio et al. 2001, "Navier-Stokes, fluid dynamics, and image and video inpainting".
    """
    return _each(observed, mask, partial(_opencv, method=cv2.INPAINT_NS))


def biharmonic(observed: Tensor, mask: Tensor) -> Tensor:
    """The smoothest surface through the known pixels: the squared Laplacian is 0 in the hole.

    A filled value stays within the image's known values. Args and errors as for `image_mean`.

    Source: scikit-image's `inpaint_biharmonic`; Damelin and Hoang 2018.
    """
    return _each(observed, mask, _biharmonic)


def exemplar(observed: Tensor, mask: Tensor) -> Tensor:
    """Copy patches from elsewhere in the picture: every filled pixel is one of its known pixels.

    Args and errors as for `image_mean`.

    Source: Criminisi et al. 2004; see `fill_by_example`.
    """
    return _each(observed, mask, fill_by_example)


class MeanImage:
    """Fill with the mean of the training images, pixel by pixel: the mean face, if they are faces.

    Attributes:
        mean: (C, H, W), [-1, 1].
    """

    def __init__(self, images: Tensor) -> None:
        """Learn from `images`: (N, C, H, W), [-1, 1]."""
        check_image(images)
        self.mean = images.mean(dim=0)

    def __call__(self, observed: Tensor, mask: Tensor) -> Tensor:
        """Fill as `image_mean` does; the images must have the size learned from."""
        _check_learned(observed, mask, self.mean)
        return composite(self.mean.to(observed).expand_as(observed), observed, mask)


class PCA:
    """Fill with the training images' principal components, fitted to the known pixels.

    An image is modelled as mean + basis' z: a row of the basis is a principal component scaled by
    its standard deviation, so that z is about standard normal. From the known pixels alone

        z = argmin  sum over known values of (image - mean - basis' z)^2  +  ridge D |z|^2

    with D = C H W values an image. Without the ridge a component that the hole hides nearly whole
    could take any value; with it such a component stays near 0, its mean. D makes one ridge serve
    every size: the default was the best on CelebA at 32, 64 and 128 pixels with the centre hidden.

    Attributes:
        mean: (C, H, W), [-1, 1].
        basis: (components, D).
    """

    def __init__(
        self, images: Tensor, *, components: int = COMPONENTS, ridge: float = 3e-4
    ) -> None:
        """Learn from `images`: (N, C, H, W), [-1, 1].

        Raises:
            ValueError: fewer images than components + 1, fewer values an image than components, or
                `ridge` not positive.
        """
        check_image(images)
        most = min(len(images) - 1, images[0].numel())
        if not 1 <= components <= most:
            raise ValueError(
                f"expected 1 to {most} components from {len(images)} images of "
                f"{images[0].numel()} values, got {components}"
            )
        if not ridge > 0:
            raise ValueError(f"expected a ridge above 0, got {ridge}")
        self.mean = images.mean(dim=0)
        self.basis = _principal_components((images - self.mean).flatten(1), components)
        self.ridge = ridge

    def __call__(self, observed: Tensor, mask: Tensor) -> Tensor:
        """Fill as `image_mean` does; the images must have the size learned from."""
        _check_learned(observed, mask, self.mean)
        mean, basis = self.mean.to(observed), self.basis.to(observed)
        known = 1 - mask.expand_as(observed).flatten(1)
        residual = torch.where(mask.bool(), 0, observed - mean).flatten(1)
        # image by image, since each hides other pixels: (B, D, components) at once would be large
        normal = torch.stack([(basis * pixels) @ basis.T for pixels in known])
        ridge = self.ridge * basis.shape[1] * torch.eye(len(basis)).to(observed)
        weights = torch.linalg.solve(normal + ridge, residual @ basis.T)
        prediction = mean + (weights @ basis).view_as(observed)
        return composite(prediction.clamp(-1, 1), observed, mask)


def _principal_components(centred: Tensor, components: int) -> Tensor:
    """(N, D) rows of mean 0 to (components, D): the directions of most variance, each scaled by
    its standard deviation, the largest first.

    The singular value decomposition's answer, from the smaller of the two products of the matrix
    with its transpose, which is many times faster.
    """
    count, values = centred.shape
    if count <= values:
        _, vectors = torch.linalg.eigh((centred @ centred.T).double())
        basis = vectors.T.to(centred) @ centred
    else:
        variances, vectors = torch.linalg.eigh((centred.T @ centred).double())
        basis = (vectors * variances.clamp(min=0).sqrt()).T.to(centred)
    return basis[-components:].flip(0) / math.sqrt(count - 1)


def _each(
    observed: Tensor, mask: Tensor, fill_one: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Tensor:
    """Fill image by image; `fill_one` takes and gives (H, W, C), and takes a boolean (H, W)."""
    # start from the mean: next to the picture's edge OpenCV reads a few pixels inside the hole
    prediction = image_mean(observed, mask)
    for index, hole in enumerate(mask[:, 0].bool().cpu().numpy()):
        if hole.any():
            image = prediction[index].permute(1, 2, 0).cpu().numpy()
            filled = torch.from_numpy(fill_one(image, hole))
            prediction[index] = filled.permute(2, 0, 1).to(observed)
    return composite(prediction, observed, mask)


def _opencv(image: np.ndarray, hole: np.ndarray, *, method: int) -> np.ndarray:
    pixels = to_bytes(torch.from_numpy(image)).numpy()
    filled = cv2.inpaint(pixels, hole.astype(np.uint8), 3, method)
    return from_bytes(torch.from_numpy(filled.reshape(image.shape))).numpy()


def _biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    # regions one by one: only a box around each is solved, and the answer is the same
    return inpaint_biharmonic(
        image.astype(np.float64), hole, split_into_regions=True, channel_axis=-1
    )


def _check_learned(observed: Tensor, mask: Tensor, mean: Tensor) -> None:
    check_pair(observed, mask)
    if observed.shape[1:] != mean.shape:
        raise ValueError(
            f"expected images of the size learned from, {tuple(mean.shape)}, "
            f"got {tuple(observed.shape[1:])}"
        )


# The fills that need no training images.
CLASSICAL: dict[str, Fill] = {
    "image mean": image_mean,
    "Telea": telea,
    "Navier-Stokes": navier_stokes,
    "biharmonic": biharmonic,
    "exemplar": exemplar,
}


class Formula(Inpainting):
    """A fill without a network in the place of a model, as `photos.inpainter.Inpainter` takes one.

    Example:
        >>> Formula(telea).draws
        False
    """

    def __init__(self, fill: Fill) -> None:
        super().__init__()
        self.fill = fill
        # a window of this size is seen as it is, others are scaled to it, as for a network
        self.config = SimpleNamespace(channels=3, size=256)

    def generate(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The fill; no random numbers are used."""
        return self.fill(*batch.holes())

    def extended(self, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
        """The same: known pixels are met already, so that blending changes nothing."""
        return self.generate(batch)

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")
