import math
from functools import partial

import cv2
import numpy as np
import pytest
import torch

from inpaintlib.images import check_mask
from inpaintlib.masks import (
    BANDS,
    KINDS,
    blocks,
    border,
    bounding_box,
    brush,
    centre,
    dilate,
    half,
    hole_fraction,
    in_band,
    mixture,
    pixels,
    rectangle,
    shapes,
    square,
    strokes,
    union,
)
from inpaintlib.seeding import stream

FIXED = ("centre", "border")  # nothing random in them
SAMPLERS = KINDS | {
    "mixture": mixture([square, brush, shapes]),
    "band": in_band(rectangle, 0.1, 0.2),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sides(mask):
    """Height and width of each mask's bounding box."""
    top, left, bottom, right = bounding_box(mask).T
    return bottom - top, right - left


def canvas(*boxes, size=(8, 12)):
    """One mask with a hole at each (top, left, bottom, right)."""
    mask = torch.zeros(1, 1, *size)
    for top, left, bottom, right in boxes:
        mask[..., top:bottom, left:right] = 1
    return mask


class TestEveryFamily:
    @pytest.mark.parametrize("size", [(64, 64), (48, 97), (97, 48), (28, 28)])
    @pytest.mark.parametrize("name", SAMPLERS)
    def test_is_a_mask_of_the_size_asked_for(self, name, size):
        mask = SAMPLERS[name](5, *size, generator=seeded())
        check_mask(mask)
        assert mask.shape == (5, 1, *size)
        assert mask.dtype == torch.float32
        assert (hole_fraction(mask) > 0).all()
        assert (hole_fraction(mask) < 1).all()

    @pytest.mark.parametrize("name", SAMPLERS)
    def test_comes_from_the_generator_alone(self, name):
        draw = SAMPLERS[name]
        torch.manual_seed(1)
        first = draw(3, 40, 56, generator=seeded(7))
        state = torch.get_rng_state()
        torch.manual_seed(2)
        torch.testing.assert_close(draw(3, 40, 56, generator=seeded(7)), first, rtol=0, atol=0)
        torch.manual_seed(1)
        assert torch.equal(torch.get_rng_state(), state)

    @pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in FIXED])
    def test_differs_from_sample_to_sample_and_seed_to_seed(self, name):
        draw = SAMPLERS[name]
        mask = draw(12, 64, 64, generator=seeded())
        assert len(mask.flatten(1).unique(dim=0)) >= (4 if name == "half" else 12)
        assert not torch.equal(draw(12, 64, 64, generator=seeded(1)), mask)

    @pytest.mark.parametrize("size", [(16, 40), (40, 16)])
    @pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in FIXED])
    def test_reaches_every_pixel(self, name, size):
        covered = SAMPLERS[name](3000, *size, generator=seeded()).amax(dim=0)
        assert covered.mean() == 1

    @pytest.mark.parametrize("size", [(0, 8, 8), (1, 0, 8), (1, 8, -1)])
    @pytest.mark.parametrize("name", SAMPLERS)
    def test_refuses_an_impossible_size(self, name, size):
        with pytest.raises(ValueError, match="at least 1"):
            SAMPLERS[name](*size, generator=seeded())


class TestBoxes:
    @pytest.mark.parametrize(
        ("size", "side", "margin"), [((200, 200), 32, 16), ((256, 256), 128, 0), ((40, 90), 8, 5)]
    )
    def test_square_has_its_area_and_keeps_its_margin(self, size, side, margin):
        mask = square(600, *size, generator=seeded(), side=side, margin=margin)
        assert (mask.sum(dim=(1, 2, 3)) == side * side).all()
        height, width = sides(mask)
        assert (height == side).all()
        assert (width == side).all()
        top, left, bottom, right = bounding_box(mask).T
        # both extremes are reached, and never passed
        assert (top.min(), left.min()) == (margin, margin)
        assert (size[0] - bottom.max(), size[1] - right.max()) == (margin, margin)

    def test_square_takes_every_place_equally_often(self):
        top = bounding_box(square(9000, 8, 8, generator=seeded(), side=6))[:, 0]
        assert top.bincount().tolist() == pytest.approx([3000] * 3, abs=200)

    def test_a_float_is_a_fraction_of_the_shorter_side(self):
        mask = square(1, 64, 200, generator=seeded(), side=0.5)
        assert mask.sum() == 32 * 32

    @pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
    def test_numpys_numbers_are_lengths_like_pythons(self, kind):
        assert square(1, 64, 200, generator=seeded(), side=kind(0.5)).sum() == 32 * 32
        assert square(1, 64, 200, generator=seeded(), side=np.int64(5)).sum() == 25

    def test_rectangle_draws_each_side_independently_within_its_bounds(self):
        height, width = sides(rectangle(2000, 64, 96, generator=seeded(), low=24, high=32))
        for side in (height, width):
            assert side.bincount()[24:].min() > 150  # 222 expected of each of the 9 lengths
            assert side.aminmax() == (24, 32)
        assert abs(torch.corrcoef(torch.stack([height, width]).float())[0, 1]) < 0.08

    def test_rectangle_defaults_are_those_of_glcic(self):
        height, _ = sides(rectangle(600, 160, 160, generator=seeded()))
        assert height.aminmax() == (48, 96)

    def test_centre_and_border(self):
        expected = canvas((2, 4, 6, 8))
        assert torch.equal(centre(1, 8, 12, generator=seeded(), side=4), expected)
        expected = 1 - canvas((3, 3, 5, 9))
        assert torch.equal(border(1, 8, 12, generator=seeded(), thickness=3), expected)

    def test_half_is_each_of_the_four_equally_often(self):
        boxes = [(0, 0, 7, 4), (0, 5, 7, 9), (0, 0, 3, 9), (4, 0, 7, 9)]
        mask = half(400, 7, 9, generator=seeded())
        counts = [
            (mask == canvas(box, size=(7, 9))).all(dim=(1, 2, 3)).sum().item() for box in boxes
        ]
        assert sum(counts) == 400
        assert counts == pytest.approx([100] * 4, abs=40)

    @pytest.mark.parametrize(
        ("family", "parameters", "message"),
        [
            (square, {"side": 33, "margin": 16}, "do not fit"),
            (square, {"side": 0}, "side"),
            (square, {"side": 65}, r"0\.\.64 pixels"),
            (square, {"side": 1.5}, r"0\.\.64 pixels"),
            (square, {"margin": -1}, "margin"),
            (rectangle, {"low": 32, "high": 24}, "low <= high"),
            (rectangle, {"low": 0.0, "high": 0.5}, "0 < low"),
            (border, {"thickness": 32}, "nothing known"),
            (blocks, {"cells": 65}, "1 to 64 cells"),
            (blocks, {"probability": 1.1}, "probability"),
            (pixels, {"probability": -0.1}, "probability"),
            (brush, {"thickness": (0.2, 0.1)}, "thickness"),
            (shapes, {"fraction": (0.3, 0.1)}, "band"),
        ],
    )
    def test_bad_parameters(self, family, parameters, message):
        with pytest.raises(ValueError, match=message):
            family(1, 64, 64, generator=seeded(), **parameters)


class TestCells:
    def test_blocks_are_whole_cells_hidden_with_the_probability(self):
        mask = blocks(500, 128, 128, generator=seeded())
        cells = mask.unfold(2, 16, 16).unfold(3, 16, 16).flatten(4)  # (B, 1, 8, 8, 256)
        assert torch.equal(cells.amin(dim=4), cells.amax(dim=4))
        assert mask.mean().item() == pytest.approx(0.2, abs=0.01)

    def test_pixels_are_hidden_with_the_probability_each_alone(self):
        mask = pixels(50, 64, 64, generator=seeded(), probability=0.3)
        assert mask.mean().item() == pytest.approx(0.3, abs=0.01)
        both = (mask[..., 1:] * mask[..., :-1]).mean().item()
        assert both == pytest.approx(0.09, abs=0.01)


class TestBrush:
    def test_hides_as_much_as_the_original(self):
        # the published code at 256x256: mean 0.150, 5 % 0.036, 95 % 0.289, largest 0.43
        fraction = hole_fraction(brush(1000, 256, 256, generator=seeded()))
        assert fraction.mean().item() == pytest.approx(0.150, abs=0.01)
        low, high = fraction.quantile(torch.tensor([0.05, 0.95])).tolist()
        assert low == pytest.approx(0.036, abs=0.01)
        assert high == pytest.approx(0.289, abs=0.03)

    def test_scales_with_the_picture(self):
        small = hole_fraction(brush(1500, 64, 64, generator=seeded())).mean().item()
        assert small == pytest.approx(0.150, abs=0.02)

    def test_does_not_drift(self):
        # the published code, whose flips have no effect: 0.043 left, 0.223 right; 0.168, 0.134
        mean = brush(4000, 64, 64, generator=seeded()).mean(dim=(0, 1))
        left, right = mean[:, :8].mean().item(), mean[:, -8:].mean().item()
        assert left == pytest.approx(right, abs=0.015)
        top, bottom = mean[:32].mean().item(), mean[32:].mean().item()
        assert top == pytest.approx(bottom, abs=0.012)
        assert left > 0.1

    @pytest.mark.parametrize("size", [(24, 96), (96, 24)])
    def test_is_spread_over_a_long_picture(self, size):
        # height and width once swapped hide the ends, or the middle, several times less
        mean = brush(1000, *size, generator=seeded()).mean(dim=(0, 1))
        strips = mean.flatten().view(8, 12, 24) if size[0] == 96 else mean.T.reshape(8, 12, 24)
        strips = strips.mean(dim=(1, 2))
        assert strips.min() > 0.5 * strips.max()

    def test_one_step_is_a_capsule(self, monkeypatch):
        # area of a thick segment with round ends, for the segment that the box's size tells
        monkeypatch.setattr(strokes, "STROKES", (1, 1))
        monkeypatch.setattr(strokes, "STEPS", (1, 1))
        mask = brush(100, 256, 256, generator=seeded(), thickness=(41, 41))
        top, left, bottom, right = bounding_box(mask).T
        inside = (top > 0) & (left > 0) & (bottom < 256) & (right < 256)
        for one in mask[inside]:
            height, width = (int(side) - 41 for side in sides(one[None]))
            area = math.hypot(height, width) * 41 + math.pi * 20.5**2
            assert one.sum().item() == pytest.approx(area, rel=0.05)
        assert inside.sum() > 20


def test_shapes_keep_their_share_and_use_all_of_it():
    fraction = hole_fraction(shapes(400, 64, 64, generator=seeded()))
    assert 0.05 < fraction.min() < 0.07
    assert 0.27 < fraction.max() <= 0.30


def always(box, batch, height, width, *, generator):
    """A sampler of one box, given in shares of the picture."""
    top, left, bottom, right = (
        round(share * side) for share, side in zip(box, (height, width) * 2, strict=True)
    )
    return canvas((top, left, bottom, right), size=(height, width)).expand(batch, -1, -1, -1)


LEFT, TOP = partial(always, (0, 0, 1, 0.5)), partial(always, (0, 0, 0.5, 1))


class TestSamplers:
    def test_mixture_takes_each_sampler_equally_often(self):
        draw = mixture([LEFT, TOP, centre])
        fraction = draw(900, 16, 16, generator=seeded())[:, 0, 0].mean(dim=1)  # of the first row
        counts = [(fraction == share).sum().item() for share in (0.5, 1.0, 0.0)]
        assert counts == pytest.approx([300] * 3, abs=50)

    def test_union_is_a_hole_wherever_one_is(self):
        draw = union([LEFT, TOP])
        assert torch.equal(
            draw(2, 4, 6, generator=seeded())[1:], 1 - canvas((2, 3, 4, 6), size=(4, 6))
        )

    @pytest.mark.parametrize("combine", [mixture, union])
    def test_refuse_an_empty_list(self, combine):
        with pytest.raises(ValueError, match="at least one"):
            combine([])

    @pytest.mark.parametrize("name", BANDS)
    def test_in_band_draws_in_that_band_only(self, name):
        draw = in_band(partial(rectangle, low=0.1, high=1.0), *BANDS[name])
        fraction = draw(20, 48, 48, generator=seeded()).double().mean(dim=(1, 2, 3))
        low, high = BANDS[name]
        assert ((fraction > low) & (fraction <= high)).all()

    def test_in_band_gives_up_with_a_reason(self):
        with pytest.raises(ValueError, match="2 of 2 masks still"):
            in_band(centre, 0.5, 0.6)(2, 16, 16, generator=seeded())

    def test_in_band_draws_nothing_that_it_does_not_look_at(self):
        drawn = []

        def spy(batch, height, width, *, generator):
            drawn.append(batch)
            return centre(batch, height, width, generator=generator)

        with pytest.raises(ValueError, match="after 3 draws 2 of 2"):
            in_band(spy, 0.5, 0.6, tries=3)(2, 16, 16, generator=seeded())
        assert drawn == [2, 2, 2]

    @pytest.mark.parametrize("edges", [(0.2, 0.1), (-0.1, 0.2), (0.5, 1.1)])
    def test_in_band_refuses_a_bad_band(self, edges):
        with pytest.raises(ValueError, match="band"):
            in_band(brush, *edges)


class TestTools:
    def test_hole_fraction_is_per_sample(self):
        mask = torch.cat([canvas((0, 0, 4, 6)), canvas(), canvas((0, 0, 8, 12))])
        torch.testing.assert_close(hole_fraction(mask), torch.tensor([0.25, 0.0, 1.0]))

    def test_bounding_box_by_hand(self):
        mask = torch.cat(
            [
                canvas((2, 3, 5, 7)),
                canvas((0, 0, 1, 1), (7, 11, 8, 12)),
                canvas(),
                canvas((0, 0, 8, 12)),
                canvas((1, 8, 2, 9), (5, 2, 6, 3)),
            ]
        )
        expected = [[2, 3, 5, 7], [0, 0, 8, 12], [0, 0, 0, 0], [0, 0, 8, 12], [1, 2, 6, 9]]
        assert bounding_box(mask).tolist() == expected

    @pytest.mark.parametrize("pixels", [0, 1, 3])
    def test_dilate_equals_opencv(self, pixels):
        mask = brush(3, 40, 60, generator=seeded())
        kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
        for grown, one in zip(dilate(mask, pixels), mask, strict=True):
            expected = torch.from_numpy(cv2.dilate(one[0].numpy(), kernel))
            torch.testing.assert_close(grown[0], expected, rtol=0, atol=0)

    def test_dilate_refuses_to_shrink(self):
        with pytest.raises(ValueError, match="0 or more"):
            dilate(canvas(), -1)

    @pytest.mark.parametrize("tool", [hole_fraction, bounding_box])
    def test_refuse_a_grey_mask(self, tool):
        with pytest.raises(ValueError, match="zeros and ones"):
            tool(torch.full((1, 1, 4, 4), 0.5))


def test_a_stream_has_one_address_for_a_number_of_python_and_of_numpy():
    drawn = [torch.rand(3, generator=stream(key, "masks")).tolist() for key in (7, np.int64(7), 8)]
    assert drawn[0] == drawn[1] != drawn[2]
