"""Compositing, hiding, ranges, and the errors at the edge."""

import pytest
import torch

from inpaintlib.images import (
    HOLE_MARKER,
    Batch,
    apply_mask,
    check_image,
    check_mask,
    check_pair,
    composite,
    from_bytes,
    hide,
    paint_holes,
    to_bytes,
    to_unit,
)


@pytest.fixture
def pair():
    source = torch.Generator().manual_seed(0)
    image = torch.rand(3, 3, 5, 7, generator=source) * 2 - 1
    mask = (torch.rand(3, 1, 5, 7, generator=source) < 0.4).float()
    return image, mask


def test_composite_keeps_known_pixels_bit_for_bit_and_takes_the_rest(pair):
    image, mask = pair
    prediction = torch.full_like(image, 0.1)
    prediction[0, 0, 0, 0] = float("nan")
    mask[0, 0, 0, 0] = 0
    result = composite(prediction, image, mask)
    hole = mask.bool().expand_as(image)
    assert torch.equal(result[~hole], image[~hole])
    assert torch.equal(result[hole], prediction[hole])


def test_observed_does_not_depend_on_hidden_pixels(pair):
    image, mask = pair
    changed = torch.where(mask.bool(), torch.randn_like(image), image)
    assert torch.equal(apply_mask(image, mask, fill=0.3), apply_mask(changed, mask, fill=0.3))


def test_fill_may_be_one_value_a_channel(pair):
    image, mask = pair
    colour = torch.tensor([0.1, -0.2, 0.3])
    observed = hide(image, mask, fill=colour).observed
    for channel, value in enumerate(colour):
        assert (observed[:, channel][mask[:, 0].bool()] == value).all()


@pytest.mark.parametrize(("channels", "values"), [(1, 3), (3, 2)])
def test_a_fill_of_another_number_of_channels_is_refused(channels, values):
    """Three values would make three channels of a grey picture's one."""
    image, mask = torch.zeros(1, channels, 4, 4), torch.ones(1, 1, 4, 4)
    with pytest.raises(ValueError, match=f"or {channels}, one per channel, got {values}"):
        apply_mask(image, mask, fill=(0.5,) * values)
    assert (apply_mask(image, mask, fill=(0.5,)) == 0.5).all()


def test_inputs_are_not_changed(pair):
    image, mask = pair
    copies = image.clone(), mask.clone()
    hide(image, mask)
    composite(image + 1, image, mask)
    to_unit(image)
    assert torch.equal(image, copies[0])
    assert torch.equal(mask, copies[1])


def test_bytes_survive_the_way_there_and_back():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(from_bytes(pixels)), pixels)
    assert from_bytes(pixels).min() == -1
    assert from_bytes(pixels).max() == 1


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (torch.zeros(3, 8, 8), r"\(3, 8, 8\)"),
        (torch.zeros(1, 2, 8, 8), r"\(1, 2, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"),
        ([[0.0]], "list"),
    ],
)
def test_what_is_no_image_is_refused(image, word):
    with pytest.raises(ValueError, match=word):
        check_image(image)


def test_grey_masks_are_refused_with_a_count():
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2, 0] = 0.5
    with pytest.raises(ValueError, match=r"2 other values between 0 and 0\.5"):
        check_mask(mask)


@pytest.mark.parametrize("mask", [torch.zeros(1, 1, 4, 5), torch.zeros(2, 1, 4, 4)])
def test_a_mask_of_another_size_is_refused_with_both_shapes(mask):
    with pytest.raises(ValueError, match=r"does not fit image \(1, 3, 4, 4\)"):
        check_pair(torch.zeros(1, 3, 4, 4), mask)
    with pytest.raises(ValueError, match="does not fit"):
        apply_mask(torch.zeros(1, 3, 4, 4), mask, fill=0)


def test_boolean_masks_are_refused():
    with pytest.raises(ValueError, match=r"torch\.bool"):
        check_mask(torch.zeros(1, 1, 4, 4, dtype=torch.bool))


def test_a_batch_without_a_mask_says_so_when_asked_for_its_holes(pair):
    image, mask = pair
    batch = hide(image, mask)
    assert batch.holes() == (batch.observed, batch.mask)
    with pytest.raises(ValueError, match="expected a batch with a mask"):
        Batch(image).holes()
    with pytest.raises(ValueError, match="observed image"):
        Batch(image).seen()


def test_holes_are_painted_and_the_rest_is_kept():
    image = torch.full((1, 1, 4, 4), 0.2)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 0, 0] = 1
    painted = paint_holes(image, mask)
    expected = torch.tensor(HOLE_MARKER) * 2 - 1
    torch.testing.assert_close(painted[0, :, 0, 0], expected)
    assert (painted[..., 1:, :] == 0.2).all()
