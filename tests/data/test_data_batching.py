from functools import partial
from itertools import islice

import pytest
import torch

from inpaintlib import masks
from inpaintlib.data import ImageSet, batches, fixed_batch, jitter_colours


@pytest.fixture(scope="module")
def ramps() -> ImageSet:
    """22 pictures; picture i has i in its first row, and a ramp from left to right below."""
    images = torch.arange(0, 80, 10).expand(22, 3, 8, 8).clone()
    images[:, :, 0] = torch.arange(22).view(-1, 1, 1)
    return ImageSet(images.byte(), "ramps", "free: made here")


square = partial(masks.square, side=3)


def which(batch) -> list[int]:
    return ((batch.image[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def take(count, *args, **options):
    return list(islice(batches(*args, **options), count))


def same(a, b) -> bool:
    return torch.equal(a.image, b.image) and torch.equal(a.observed, b.observed)


def test_an_epoch_shows_each_picture_at_most_once_then_in_another_order(ramps):
    shown = [place for batch in take(10, ramps, batch_size=4) for place in which(batch)]
    first, second = shown[:20], shown[20:]
    assert len(set(first)) == len(set(second)) == 20, "20 of 22: the rest of an epoch is dropped"
    assert first != second
    assert first[:4] != which(take(1, ramps, batch_size=4, seed=1)[0])


def test_a_run_can_start_anywhere(ramps):
    options = dict(batch_size=4, mask=square, flip=True, seed=3)
    whole = take(17, ramps, **options)
    for start in (0, 4, 5, 11):
        rest = take(17 - start, ramps, start=start, **options)
        assert all(same(a, b) for a, b in zip(rest, whole[start:], strict=True))


def test_masks_are_fresh_at_every_step_and_differ_by_seed(ramps):
    first, second = take(2, ramps, batch_size=4, mask=square)
    other = take(1, ramps, batch_size=4, mask=square, seed=1)[0]
    assert not torch.equal(first.mask, second.mask)
    assert not torch.equal(first.mask, other.mask)


def test_the_global_stream_is_neither_read_nor_moved(ramps):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = take(3, ramps, batch_size=4, mask=square, flip=True)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(1)
    again = take(3, ramps, batch_size=4, mask=square, flip=True)
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_flips_mirror_whole_pictures_before_they_are_hidden(ramps):
    plain = take(20, ramps, batch_size=22, mask=square, fill=0.5)
    flipped = take(20, ramps, batch_size=22, mask=square, fill=0.5, flip=True)
    mirrored = 0
    for a, b in zip(plain, flipped, strict=True):
        assert torch.equal(a.mask, b.mask), "flipping changes no mask"
        is_mirrored = b.image[:, 0, 1, 0] > b.image[:, 0, 1, -1]
        mirrored += is_mirrored.sum().item()
        expected = torch.where(is_mirrored.view(-1, 1, 1, 1), a.image.flip(-1), a.image)
        torch.testing.assert_close(b.image, expected, rtol=0, atol=0)
        hole = b.mask.bool().expand_as(b.image)
        assert (b.observed[hole] == 0.5).all()
        assert torch.equal(b.observed[~hole], b.image[~hole])
    assert 170 < mirrored < 270, "about half of 440"


def test_without_a_mask_nothing_is_hidden(ramps):
    batch = next(batches(ramps, batch_size=22))
    assert batch.mask is None
    assert batch.observed is None
    assert batch.image.shape == (22, 3, 8, 8)
    assert batch.image.min() >= -1


def test_errors_come_at_once(ramps):
    with pytest.raises(ValueError, match="from 1 to the 22 pictures of ramps, got 23"):
        batches(ramps, batch_size=23)
    with pytest.raises(ValueError, match="got 0"):
        batches(ramps, batch_size=0)
    with pytest.raises(ValueError, match="start of 0 or more, got -1"):
        batches(ramps, batch_size=2, start=-1)


def test_a_mask_of_the_wrong_size_is_refused(ramps):
    stream = batches(ramps, batch_size=2, mask=lambda b, h, w, generator: torch.zeros(b, 1, 4, 4))
    with pytest.raises(ValueError, match="does not fit image"):
        next(stream)


def test_a_fixed_batch_is_fixed(ramps):
    assert which(fixed_batch(ramps, 3)) == [0, 1, 2]
    assert which(fixed_batch(ramps, [7, 2])) == [7, 2]
    assert which(fixed_batch(ramps, torch.tensor([4]))) == [4]
    a, b = (fixed_batch(ramps, 5, mask=square) for _ in range(2))
    assert same(a, b)
    assert not torch.equal(a.mask, fixed_batch(ramps, 5, mask=square, seed=1).mask)


def test_jitter_changes_colours_within_its_strength_and_keeps_the_range():
    generator = torch.Generator().manual_seed(0)
    image = 2 * torch.rand(500, 3, 6, 6, generator=generator) - 1
    torch.testing.assert_close(jitter_colours(image, 0.0, generator=generator), image)
    jittered = jitter_colours(0.5 * image, 0.1, generator=generator)
    assert jittered.abs().max() <= 1
    shift = (jittered - 0.5 * image).mean(dim=(1, 2, 3))  # neither contrast nor colour moves it
    assert 0.09 < shift.abs().max() <= 0.1 + 1e-5
    assert shift.mean().abs() < 0.01
    spread = jittered.mean(dim=1).std(dim=(1, 2)) / (0.5 * image).mean(dim=1).std(dim=(1, 2))
    assert 0.9 - 1e-4 <= spread.min() < 0.91 < 1.09 < spread.max() <= 1.1 + 1e-4
    colour = [x - x.mean(dim=1, keepdim=True) for x in (jittered, 0.5 * image)]
    ratio = colour[0].std(dim=(1, 2, 3)) / colour[1].std(dim=(1, 2, 3))
    assert 0.81 <= ratio.min() < 0.85 < 1.15 < ratio.max() <= 1.21  # saturation times contrast


def test_batches_jitter_each_step_anew(ramps):
    plain, first, again = (
        next(batches(ramps, batch_size=4, jitter=strength)).image for strength in (0, 0.1, 0.1)
    )
    assert torch.equal(first, again)
    assert 0 < (first - plain).abs().max() < 0.35
