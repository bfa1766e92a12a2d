"""Poisson blending: the right equation, solved, and nothing hidden read."""

import numpy as np
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch.testing import assert_close

from inpaintlib.images import apply_mask
from inpaintlib.masks import brush, rectangle
from inpaintlib.photos.blending import poisson_blend


def test_float64_is_made_on_the_cpu_alone(monkeypatch):
    """An Apple GPU has no float64: the picture must have left it before."""
    inputs = pictures(1, 16, 16), pictures(1, 16, 16, seed=1), masks(1, 16, 16)
    called = []
    for name in ("cpu", "double"):
        plain = getattr(torch.Tensor, name)

        def spy(x, plain=plain, name=name):
            called.append(name)
            return plain(x)

        monkeypatch.setattr(torch.Tensor, name, spy)
    poisson_blend(*inputs)
    assert called.index("cpu") < called.index("double")


def pictures(count, height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.4 * (torch.rand(count, 3, height, width, generator=generator) * 2 - 1)


def masks(count, height, width, family=rectangle, seed=1):
    return family(count, height, width, generator=torch.Generator().manual_seed(seed))


def solved_directly(prediction, observed, mask):
    """Poisson's equation as a sparse matrix, one unknown a hole pixel: one channel, one sample."""
    prediction, observed, mask = (x.double().numpy() for x in (prediction, observed, mask))
    where = np.argwhere(mask > 0)
    index = {tuple(place): number for number, place in enumerate(where)}
    matrix, right = lil_matrix((len(where), len(where))), np.zeros(len(where))
    for (y, x), number in index.items():
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= place[0] < mask.shape[0] and 0 <= place[1] < mask.shape[1]):
                continue
            matrix[number, number] += 1
            right[number] += prediction[y, x] - prediction[place]
            if place in index:
                matrix[number, index[place]] -= 1
            else:
                right[number] += observed[place]
    filled = observed.copy()
    filled[mask > 0] = np.clip(spsolve(matrix.tocsr(), right), -1, 1)
    return torch.from_numpy(filled).float()


def test_equals_a_direct_solver_for_any_hole_shape():
    image, prediction = pictures(2, 20, 28), pictures(2, 20, 28, seed=5)
    mask = masks(2, 20, 28, family=brush)
    mask[1, :, :6] = 1  # touches the picture's border
    result = poisson_blend(prediction, apply_mask(image, mask), mask)
    for sample in range(2):
        for channel in range(3):
            expected = solved_directly(
                prediction[sample, channel], image[sample, channel], mask[sample, 0]
            )
            assert_close(result[sample, channel], expected, atol=1e-4, rtol=0)


def test_a_shifted_truth_is_recovered():
    image = pictures(3, 24, 32)
    mask = masks(3, 24, 32)
    shift = torch.tensor([0.2, -0.3, 0.05]).view(1, 3, 1, 1)
    result = poisson_blend(image + shift, apply_mask(image, mask), mask)
    assert_close(result, image, atol=1e-4, rtol=0)


def test_hidden_pixels_are_never_read():
    image, prediction = pictures(2, 16, 16), pictures(2, 16, 16, seed=3)
    mask = masks(2, 16, 16)
    other = torch.where(mask.bool(), torch.randn(image.shape), image)
    assert torch.equal(
        poisson_blend(prediction, image, mask), poisson_blend(prediction, other, mask)
    )


def test_known_pixels_are_bit_exact_and_inputs_unchanged():
    image, prediction = pictures(2, 16, 24), pictures(2, 16, 24, seed=3)
    mask = masks(2, 16, 24)
    copies = [x.clone() for x in (prediction, image, mask)]
    result = poisson_blend(prediction, image, mask)
    known = mask.expand_as(image) == 0
    assert torch.equal(result[known], image[known])
    assert all(torch.equal(a, b) for a, b in zip(copies, (prediction, image, mask), strict=True))


def test_empty_and_full_masks():
    image, prediction = pictures(2, 12, 12), pictures(2, 12, 12, seed=3)
    mask = torch.stack([torch.zeros(1, 12, 12), torch.ones(1, 12, 12)])
    result = poisson_blend(prediction, image, mask)
    assert torch.equal(result[0], image[0])
    assert torch.equal(result[1], prediction[1])
