import numpy as np
import pytest
import torch
from skimage.data import brick, gravel

from inpaintlib.measure import exemplar
from inpaintlib.measure.exemplar import fill_by_example


def noise(height, width, channels=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, (height, width, channels)).astype(np.float32)


def box(height, width, top, bottom, left, right):
    hole = np.zeros((height, width), dtype=bool)
    hole[top:bottom, left:right] = True
    return hole


def hidden(image, hole):
    """The image with something in the hole that would be noticed."""
    return np.where(hole[..., None], np.float32(7), image)


def test_every_filled_pixel_is_a_copy_of_a_known_one():
    image, hole = noise(40, 30), box(40, 30, 10, 27, 0, 14)
    filled = fill_by_example(hidden(image, hole), hole)
    known = {tuple(pixel) for pixel in image[~hole]}
    assert all(tuple(pixel) in known for pixel in filled[hole])
    assert np.array_equal(filled[~hole], image[~hole])


def test_a_texture_that_repeats_is_restored_exactly():
    image = np.tile(noise(7, 5), (6, 9, 1))
    hole = box(42, 45, 12, 29, 14, 33)
    assert np.array_equal(fill_by_example(hidden(image, hole), hole), image)


@pytest.mark.parametrize(("slanted", "wrong"), [(False, 0), (True, 20)])
def test_an_edge_goes_on_straight(slanted, wrong):
    # without the data term the slanted one is rounded off: 178 pixels of 400 are wrong
    row, column = np.mgrid[:48, :48]
    image = np.where(column > (row if slanted else 22), 1, -1).astype(np.float32)[..., None]
    hole = box(48, 48, 14, 34, 14, 34)
    assert (fill_by_example(hidden(image, hole), hole) != image).sum() <= wrong


@pytest.mark.parametrize("slanted", [False, True])
def test_most_urgent_is_where_an_edge_runs_into_the_hole(slanted):
    # there the gradient's product with the border's normal is 0, and at a corner so is one with a
    # wrong sign: either would choose another place
    row, column = np.mgrid[:40, :40]
    picture = torch.from_numpy(column > (row if slanted else 19)).float()[None]
    missing = torch.from_numpy(box(40, 40, 8, 32, 8, 32))
    top, left, _ = exemplar._most_urgent(picture, missing, (~missing).float(), 9)
    assert top + 4 in (8, 31)
    assert left == top if slanted else abs(left + 4 - 19.5) < 5


def test_without_an_edge_the_best_known_patch_comes_first():
    missing = torch.from_numpy(box(30, 30, 10, 20, 4, 26) | box(30, 30, 20, 26, 15, 16))
    picture, confidence = torch.zeros(1, 30, 30), (~missing).float()
    # around the spike's tip 5 pixels of 81 are missing, around a corner of the box 25
    top, left, certain = exemplar._most_urgent(picture, missing, confidence, 9)
    assert (top + 4, left + 4) == (25, 15)
    assert certain.item() == pytest.approx(76 / 81)
    confidence[24:] *= 0.5  # as if it had been filled: 24 + 52 / 2 of 81 around the tip
    top, _, certain = exemplar._most_urgent(picture, missing, confidence, 9)
    assert top + 4 < 20
    assert certain.item() == pytest.approx(56 / 81)


def test_the_best_match_is_the_one_found_by_hand():
    picture = torch.from_numpy(noise(20, 17)).permute(2, 0, 1)
    missing = torch.from_numpy(box(20, 17, 3, 8, 9, 17))
    patch, known = torch.from_numpy(noise(5, 5, seed=1)).permute(2, 0, 1), torch.ones(5, 5) == 1
    known[2:, :3] = False
    costs = {
        (top, left): ((picture[:, top : top + 5, left : left + 5] - patch) ** 2)[:, known].sum()
        for top in range(16)
        for left in range(13)
        if not missing[top : top + 5, left : left + 5].any()
    }
    source = torch.cat([picture.square(), picture])
    whole = exemplar._wholly_known(missing, 5)
    assert int(whole.sum()) == len(costs)
    best = min(costs, key=lambda place: costs[place].item())
    assert exemplar._best_match(source, whole, patch, known, (9, 2)) == best


@pytest.mark.parametrize("across", [6, 7])
def test_smaller_patches_where_no_large_one_is_known(across):
    image, hole = noise(36, 36), np.zeros((36, 36), dtype=bool)
    hole[::6], hole[:, ::across] = True, True  # islands of 5 x 5, or 5 x 6, known pixels
    filled = fill_by_example(hidden(image, hole), hole)
    known = {tuple(pixel) for pixel in image[~hole]}
    assert all(tuple(pixel) in known for pixel in filled[hole])


def test_the_nearest_pixel_where_no_patch_is_known():
    image, hole = noise(12, 12), np.zeros((12, 12), dtype=bool)
    hole[::2], hole[5, 5] = True, True
    filled = fill_by_example(hidden(image, hole), hole)
    assert np.array_equal(filled[0], image[1])
    assert any(np.array_equal(filled[5, 5], image[5, column]) for column in (4, 6))


def test_a_picture_smaller_than_a_patch():
    image, hole = noise(4, 6), box(4, 6, 1, 3, 2, 4)  # no 5 x 5 in it, either
    assert np.abs(fill_by_example(hidden(image, hole), hole)).max() <= 1


def test_far_patches_are_looked_at_only_when_no_near_one_is_known(monkeypatch):
    monkeypatch.setattr(exemplar, "REACH", 12)
    image, hole = noise(30, 80, channels=1), box(30, 80, 10, 20, 10, 20)
    image[:, 40:] = 0.5  # a far half of its own
    assert (fill_by_example(hidden(image, hole), hole)[hole] != 0.5).all()
    hole = box(30, 80, 0, 30, 0, 40)  # from its far end on, only what is copied is near
    assert (fill_by_example(hidden(image, hole), hole)[hole] == 0.5).all()


@pytest.mark.parametrize("texture", [brick, gravel])
def test_a_texture_stays_as_rough_as_it_is(texture):
    image = torch.from_numpy(texture()[:128, :128]).float().numpy()[..., None] / 127.5 - 1
    hole = box(128, 128, 44, 84, 44, 84)
    filled = fill_by_example(hidden(image, hole), hole)
    inside = slice(48, 80), slice(48, 80)
    assert filled[inside].std() == pytest.approx(image[inside].std(), rel=0.3)


@pytest.mark.parametrize(("hole", "size"), [(box(9, 9, 0, 9, 0, 9), 9), (box(9, 9, 2, 4, 2, 4), 4)])
def test_refuses_what_it_cannot_do(hole, size):
    with pytest.raises(ValueError, match="odd patch size and a known pixel"):
        fill_by_example(noise(9, 9), hole, size=size)
