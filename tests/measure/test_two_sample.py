"""The classifier test: what cannot be told apart, what can, and whom it asks."""

import pytest
import torch

from inpaintlib.images import composite
from inpaintlib.measure import two_sample
from inpaintlib.measure.two_sample import told_apart


def samples(count: int = 24, size: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth random pictures, and a hole of half the side in the middle of each."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=generator) * 2 - 1
    truths = torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    mask = torch.zeros(count, 1, size, size)
    mask[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 1
    return truths, mask


def test_equal_pictures_cannot_be_told_apart():
    truths, mask = samples()
    assert told_apart(truths, truths, mask, steps=5).tolist() == [0.5] * 24


def test_noisy_fills_are_told_from_the_truth_in_pictures_never_seen():
    truths, mask = samples()
    noise = 0.5 * torch.randn(truths.shape, generator=torch.Generator().manual_seed(1))
    fills = composite(truths + noise, truths, mask)
    before = torch.get_rng_state()
    right = told_apart(fills, truths, mask, steps=60)
    assert right.shape == (24,)
    assert right.mean() > 0.9
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(right, told_apart(fills, truths, mask, steps=60))


def test_nobody_is_asked_about_what_it_learned_from(monkeypatch):
    truths, mask = samples(10)
    fills = truths + torch.arange(10.0).view(-1, 1, 1, 1)  # each carries its number
    learned, asked = [], []

    def learn(fills, truths, steps, seed):
        learned.append(
            {round(float((f - t)[:3].mean())) for f, t in zip(fills, truths, strict=True)}
        )
        return torch.nn.Identity()

    def logits(network, pictures):
        asked.append(len(pictures))
        return torch.ones(len(pictures))

    monkeypatch.setattr(two_sample, "_learn", learn)
    monkeypatch.setattr(two_sample, "_logits", logits)
    assert told_apart(fills, truths, mask, folds=5).tolist() == [0.5] * 10
    assert [len(numbers) for numbers in learned] == [8] * 5
    assert asked == [2] * 10
    assert set.intersection(*learned) == set()


def test_the_network_sees_the_holes_and_a_margin_only(monkeypatch):
    truths, mask = samples(4)
    mask[:] = 0
    mask[0, :, 20:24, 2:6], mask[1, :, 30:32, 40:44] = 1, 1
    shapes = []
    monkeypatch.setattr(
        two_sample,
        "_learn",
        lambda fills, *_: shapes.append(fills.shape[1:]) or torch.nn.Identity(),
    )
    monkeypatch.setattr(two_sample, "_logits", lambda _, pictures: torch.ones(len(pictures)))
    told_apart(truths, truths, mask)
    assert shapes == [(4, 32 + 8 - (20 - 8), 48)] * 2


@pytest.mark.parametrize(("others", "folds"), [(3, 2), (4, 5), (4, 1)])
def test_impossible_wishes_are_refused(others, folds):
    truths, mask = samples(4)
    with pytest.raises(ValueError, match="expected two equal shapes and 2 folds to N"):
        told_apart(truths[:others], truths, mask, folds=folds)


def test_it_learns_from_pictures_and_from_their_mirror_images(monkeypatch):
    ramp = torch.linspace(-1, 1, 16).expand(4, 4, 16, 16)
    rising, logits = [], two_sample._logits

    def spy(network, pictures):
        rising.append(set((pictures[..., -1] > pictures[..., 0]).flatten().tolist()))
        return logits(network, pictures)

    monkeypatch.setattr(two_sample, "_logits", spy)
    two_sample._learn(ramp, ramp, steps=12, seed=0)
    assert {len(one) for one in rising} == {1}, "a step's fills and truths look the same way"
    assert 3 <= rising.count({True}) <= 9
