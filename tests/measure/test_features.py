"""The distance between crowds of pictures, and the small network that sees them."""

import pytest
import scipy.linalg
import torch
import torch.nn.functional as F

from inpaintlib.data import ImageSet, load_faces
from inpaintlib.measure.features import (
    LENGTH,
    FaceFeatures,
    features_for,
    frechet_distance,
    kernel_distance,
    learn_features,
)


def crowd(count: int, *, seed: int, shift: float = 0.0, width: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=generator)
    return torch.randn(count, width, generator=generator) @ mixing + shift


def test_frechet_distance_equals_the_formula_with_scipys_square_root():
    one, other = crowd(200, seed=0), crowd(150, seed=1, shift=0.3)
    first, second = one.double().T.cov().numpy(), other.double().T.cov().numpy()
    root = scipy.linalg.sqrtm(first @ second).real
    means = (one.double().mean(0) - other.double().mean(0)).square().sum().item()
    expected = means + (first + second - 2 * root).trace()
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_equal_crowds_and_of_shifted_ones():
    one = crowd(100, seed=2)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(one, one + 2.0) == pytest.approx(4 * one.shape[1], rel=1e-5)
    assert frechet_distance(crowd(3, seed=3), crowd(3, seed=4)) >= 0  # fewer than features
    single = crowd(100, seed=5, width=1)
    single = (single - single.mean()) / single.std()
    assert frechet_distance(single, 3 + 2 * single) == pytest.approx(3**2 + (2 - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize(
    ("one", "other"), [(torch.zeros(5, 3), torch.zeros(5, 4)), (torch.zeros(1, 3),) * 2]
)
def test_frechet_distance_refuses_other_shapes(one, other):
    with pytest.raises(ValueError, match=r"expected features \(N, D\) and \(M, D\)"):
        frechet_distance(one, other)


def test_kernel_distance_by_hand():
    one, other = torch.tensor([[1.0], [0.0], [2.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    k = lambda x, y: (x * y + 1) ** 3  # noqa: E731
    expected, pairs = 0.0, [(i, j) for i in range(3) for j in range(3) if i != j]
    for i, j in pairs:
        (a, b), (c, d) = (one[i, 0], one[j, 0]), (other[i, 0], other[j, 0])
        expected += float(k(a, b) + k(c, d) - k(a, d) - k(b, c)) / len(pairs)
    assert kernel_distance(one, other) == pytest.approx(expected)


def test_kernel_distance_is_right_on_average_where_frechets_is_too_large():
    pairs = [(crowd(20, seed=seed), crowd(20, seed=seed + 500)) for seed in range(0, 400, 2)]
    mixing = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    same = [
        [
            torch.randn(20, 6, generator=torch.Generator().manual_seed(s)) @ mixing
            for s in (a, a + 1)
        ]
        for a in range(1_000, 1_400, 2)
    ]
    values = torch.tensor([kernel_distance(*pair) for pair in same])
    assert values.mean().abs() < 3 * values.std() / len(values) ** 0.5
    assert (values < 0).any()
    assert min(frechet_distance(*pair) for pair in same) > 0
    assert sum(kernel_distance(*pair) > 0 for pair in pairs) > 150  # differently mixed


def test_kernel_distance_of_equal_crowds_is_zero_and_other_shapes_are_refused():
    one = crowd(30, seed=2)
    assert kernel_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert kernel_distance(one, one + 1) > 0
    for other in (one[:20], one[:, :4]):
        with pytest.raises(ValueError, match=r"expected two times features \(N, D\)"):
            kernel_distance(one, other)


def faces(count: int = 256) -> ImageSet:
    """Bright and dark squares; whether they are bright is an attribute, another one is rare."""
    generator = torch.Generator().manual_seed(0)
    bright = torch.rand(count, generator=generator) < 0.5
    noise = torch.randint(0, 60, (count, 3, 64, 64), generator=generator)
    images = (noise + 150 * bright.view(-1, 1, 1, 1)).to(torch.uint8)
    rare = torch.zeros(count, dtype=torch.bool)
    return ImageSet(images, "squares", "free: made", attributes={"Bright": bright, "Rare": rare})


def test_the_network_learns_the_attributes_that_are_not_rare():
    squares = faces()
    before = torch.get_rng_state()
    network = learn_features(squares, steps=20)
    assert torch.equal(torch.get_rng_state(), before)
    features = network(squares.floats())
    assert features.shape == (256, LENGTH)
    assert network.head.out_features == 1
    right = (network.head(features)[:, 0] > 0) == squares.attributes["Bright"]
    assert right.float().mean() > 0.95


def test_larger_pictures_are_reduced_first():
    network = FaceFeatures(2).eval()
    plain = torch.linspace(-1, 1, 3).view(1, 3, 1, 1)
    torch.testing.assert_close(
        network(plain.expand(1, 3, 128, 128)), network(plain.expand(1, 3, 64, 64))
    )


def test_faces_without_attributes_are_refused():
    blanks = ImageSet(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), "blanks", "free: zeros")
    with pytest.raises(ValueError, match="blanks has none"):
        learn_features(blanks)


def damaged(image: torch.Tensor, other: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Kind of damage in the middle of every face to three strengths of it, the mildest first."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    blurs = [F.avg_pool2d(image, k, 1, k // 2, count_include_pad=False) for k in (3, 7, 15)]
    swapped = [
        torch.where(torch.arange(len(image)).view(-1, 1, 1, 1) < n, other, image)
        for n in (9, 30, 90)
    ]
    kinds = {
        "blur": blurs,
        "noise": [image + strength * noise for strength in (0.1, 0.3, 0.6)],
        "seam": [image + step for step in (0.1, 0.3, 0.6)],
        "other face": swapped,
    }
    inside = torch.zeros_like(image[:1])
    inside[..., 16:48, 16:48] = 1
    return {
        kind: [torch.where(inside == 1, values.clamp(-1, 1), image) for values in strengths]
        for kind, strengths in kinds.items()
    }


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_the_shipped_features_order_known_damages(drawn, distance, request, monkeypatch):
    folder = "drawn" if drawn else str(request.getfixturevalue("real_data"))
    monkeypatch.setenv("INPAINTLIB_DATA", folder)
    pictures = load_faces("validation", limit=90)
    eyes = features_for(pictures)
    if eyes is None:
        pytest.skip("no features are shipped for these pictures")
    image, other = pictures.floats(), load_faces("train", limit=90).floats()
    for kind, strengths in damaged(image, other).items():
        mild, middle, strong = (distance(eyes(fill), eyes(image)) for fill in strengths)
        assert 0 < mild < middle < strong, kind
