"""Several fills of one hole, against sums by hand."""

import pytest
import torch

from inpaintlib.measure.variety import variety


def test_three_fills_by_hand():
    truths, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[:, :, :2] = 1
    fills = torch.zeros(3, 2, 3, 4, 4)
    fills[0, 0, :, :2], fills[1, 0, :, :2], fills[2, 0, :, :2] = 0.2, -0.2, 0.6
    fills[:, 1, :, :2] = 0.2  # the second picture is filled three times alike
    fills[:, :, :, 2:] = 9.0  # outside of the hole nothing counts
    found = variety(fills, truths, mask)
    torch.testing.assert_close(found["diversity"], torch.tensor([(0.2 + 0.2 + 0.4) / 3, 0.0]))
    decibels = [20.0, 20.0, -20 * torch.log10(torch.tensor(0.3))]  # off by 0.1, 0.1, 0.3 of 1
    torch.testing.assert_close(found["one"], torch.tensor([sum(decibels) / 3, 20.0]))
    torch.testing.assert_close(found["best"], torch.tensor([20.0, 20.0]))
    torch.testing.assert_close(found["mean"], torch.tensor([20.0, 20.0]))


def test_one_fill_has_no_variety():
    with pytest.raises(ValueError, match=r"expected \(K, 1, 3, 4, 4\) with K ≥ 2, got \(1, 1, 3"):
        variety(torch.zeros(1, 1, 3, 4, 4), torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 4))
