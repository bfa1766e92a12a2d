"""The tests of finding holes that lessons 07 and 07b share: what damage may and may not show."""

import pytest
import torch

from blind_exams import KINDS, exams
from inpaintlib.data import ImageSet, draw_faces
from inpaintlib.seeding import stream


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    return ImageSet(draw_faces(6, size=64)[0], "drawn faces", "drawn here")


@pytest.mark.parametrize("name", KINDS)
def test_a_hole_shows_nothing_of_the_picture_and_known_pixels_stay(name: str):
    kind, damage = KINDS[name]
    mask = kind(3, 64, 48, generator=stream(1))
    assert mask.shape == (3, 1, 64, 48)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert all(sample.any() for sample in mask)
    one, other = 2 * torch.rand(2, 3, 3, 64, 48, generator=stream(2)) - 1
    hurt, again = (damage(x, mask, generator=stream(3)) for x in (one, other))
    hole = mask.expand_as(one) == 1
    assert torch.equal(hurt[hole], again[hole])
    assert torch.equal(hurt[~hole], one[~hole])
    assert hurt.abs().max() <= 1


@pytest.mark.parametrize(("name", "colours"), [("flat cells", 1), ("noise cells", 500)])
def test_noise_has_many_colours_and_a_flat_hole_one(name: str, colours: int):
    kind, damage = KINDS[name]
    mask = kind(2, 64, 64, generator=stream(1))
    hurt = damage(torch.zeros(2, 3, 64, 64), mask, generator=stream(2))
    for picture, hole in zip(hurt, mask[:, 0] == 1, strict=True):
        found = len(picture[:, hole].unique(dim=1).T)
        assert found == 1 if colours == 1 else found >= colours
    assert not torch.equal(hurt[0].unique(), hurt[1].unique()), "each picture has its own"


def test_lines_are_thin_and_cells_are_not():
    shares = {
        name: kind(40, 64, 64, generator=stream(1)).mean() for name, (kind, _) in KINDS.items()
    }
    assert shares["text"] < shares["scratches"] < 0.15 < shares["flat cells"]


def test_exams_are_the_same_at_every_call(faces: ImageSet):
    first, second = exams(faces, 4), exams(faces, 4)
    assert list(first) == list(KINDS)
    for name, exam in first.items():
        assert torch.equal(exam.seen(), second[name].seen())
        assert torch.equal(exam.image, faces.floats(slice(4)))
        assert not torch.equal(exam.seen(), exam.image)
