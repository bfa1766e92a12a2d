"""Poisson blending: keep a fill's structure, take its colours from the known pixels around it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from inpaintlib.images import check_pair, composite

NEIGHBOURS = ((0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 0.0))


def poisson_blend(
    prediction: Tensor, observed: Tensor, mask: Tensor, *, tolerance: float = 1e-6
) -> Tensor:
    """Shift the fill smoothly until it meets the known pixels, so that no seam is left.

    Inside the hole the result has the prediction's differences between neighbours; across the edge
    of the hole it has the prediction's step from inside to outside, counted from the known pixel.
    Such a picture rarely exists, so the one with the least squared deviation is taken: the solution
    of Poisson's equation, found by conjugate gradients.

    Nothing hidden is read: of `observed` only known pixels. Public GLCIC code blends into the true
    picture, and so leaks the truth into the hole (its defect GL4).

    Args:
        prediction: (B, C, H, W), [-1, 1]: the network's whole output, not composited, because what
            it shows just outside the hole says what belongs to the seam.
        observed: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole.
        tolerance: largest error of the equations to accept.

    Returns:
        (B, C, H, W), [-1, 1]: known pixels bit for bit, the blended fill in the hole. A picture
        that is all hole has nothing to blend with and keeps its prediction.

    Raises:
        ValueError: the shapes do not match, or the mask holds other values than 0 and 1.

    Source:
        Pérez, Gangnet, Blake 2003, "Poisson image editing", equation 7; Iizuka et al. 2017 (GLCIC),
        section 3.4, blend this way.
    """
    check_pair(observed, mask)
    hole = mask.double()
    correction = torch.where(mask.bool(), 0.0, observed.double() - prediction.double())
    # In the hole, correction = mean of the neighbours': n·c(p) - Σ c(hole neighbours) = Σ c(known).
    count = sum_neighbours(torch.ones_like(hole))

    def laplacian(c: Tensor) -> Tensor:
        return hole * (count * c - sum_neighbours(c))

    right_side = hole * sum_neighbours(correction)
    solution = conjugate_gradients(laplacian, right_side, tolerance=tolerance)
    blended = (prediction + solution.to(prediction.dtype)).clamp(-1, 1)
    return composite(blended, observed, mask)


def sum_neighbours(image: Tensor) -> Tensor:
    """The sum of the four neighbours inside the picture, for every pixel of (B, C, H, W)."""
    channels = image.shape[1]
    kernel = torch.tensor(NEIGHBOURS).to(image).expand(channels, 1, 3, 3)
    return functional.conv2d(image, kernel, padding=1, groups=channels)


def conjugate_gradients(
    operator: Callable[[Tensor], Tensor], right_side: Tensor, *, tolerance: float
) -> Tensor:
    """Solve operator(x) = right_side for every sample and channel at once.

    Args:
        operator: linear, symmetric, positive where `right_side` may be other than 0.
        right_side: (B, C, H, W).
        tolerance: largest absolute error of an equation.
    """

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=(2, 3), keepdim=True)

    x, residual = torch.zeros_like(right_side), right_side
    direction, power = residual, dot(residual, residual)
    for _ in range(right_side[0, 0].numel()):
        if residual.abs().max() <= tolerance:
            break
        step = operator(direction)
        length = power / dot(direction, step).clamp(min=1e-30)
        x, residual = x + length * direction, residual - length * step
        previous, power = power, dot(residual, residual)
        direction = residual + power / previous.clamp(min=1e-30) * direction
    return x
