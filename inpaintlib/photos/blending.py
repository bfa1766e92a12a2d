"""Poisson blending: keep a fill's structure, take its colours from the known pixels around it."""

import numpy as np
import torch
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu
from torch import Tensor

from inpaintlib.images import Batch, check_pair, composite
from inpaintlib.models.contract import Inpainting


def poisson_blend(prediction: Tensor, observed: Tensor, mask: Tensor) -> Tensor:
    """Shift the fill smoothly until it meets the known pixels, so that no seam is left.

    Inside the hole the result has the prediction's differences between neighbours; across the edge
    of the hole it has the prediction's step from inside to outside, counted from the known pixel.
    Such a picture rarely exists, so the one with the least squared deviation is taken: the solution
    of Poisson's equation.

    Nothing hidden is read: of `observed` only known pixels. Public GLCIC code blends into the true
    picture, and so leaks the truth into the hole.

    Args:
        prediction: (B, C, H, W), [-1, 1]: the network's whole output, not composited, because what
            it shows just outside the hole says what belongs to the seam.
        observed: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole.

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
    # float64 on the CPU alone: an Apple GPU has none
    lacking = (observed - prediction).detach().cpu().double().permute(0, 2, 3, 1).numpy()
    holes = mask[:, 0].bool().cpu().numpy()
    added = np.stack([extend(*pair) for pair in zip(lacking, holes, strict=True)])
    shift = torch.from_numpy(added).permute(0, 3, 1, 2).float().to(prediction)
    return composite((prediction + shift).clamp(-1, 1), observed, mask)


def blended(model: Inpainting, batch: Batch, *, generator: torch.Generator | None = None) -> Tensor:
    """What a model fills in, without a seam: shapes and ranges as `Inpainting.generate`."""
    return poisson_blend(model.extended(batch, generator=generator), *batch.holes())


def extend(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Continue known values into a hole: each hidden one is the mean of its neighbours.

    Args:
        values: (H, W, C); hidden ones are not read.
        hole: (H, W), bool.

    Returns:
        (H, W, C); 0 in a picture that is all hole.

    Example:
        >>> extend(np.array([[[0.0], [7.0], [1.0]]]), np.array([[False, True, False]])).ravel()
        array([0. , 0.5, 1. ])
    """
    values = np.where(hole[..., None], 0.0, values)
    if not hole.any() or hole.all():
        return values
    # For every hidden pixel: neighbours · its value - Σ hidden neighbours = Σ known neighbours.
    place, hidden = np.arange(hole.size).reshape(hole.shape), hole.ravel()
    right, below = (place[:, :-1], place[:, 1:]), (place[:-1], place[1:])
    ends = np.hstack([np.stack(pair).reshape(2, -1) for pair in (right, below)])
    ends = np.hstack([ends, ends[::-1]])  # each pair of neighbours, from either side
    beside = coo_array((np.ones(ends.shape[1]), tuple(ends)), (hole.size, hole.size))
    beside = beside.tocsr()[hidden]  # (hidden, all)
    matrix = diags_array(beside.sum(axis=1)) - beside[:, hidden]
    known_beside = beside @ values.reshape(hole.size, -1)
    # The matrix is symmetric; told so, the solver keeps its factors small.
    values[hole] = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(known_beside)
    return values
