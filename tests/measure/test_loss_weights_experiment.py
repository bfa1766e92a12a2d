"""The designed experiment of lesson 6: two switches in all positions, resumable, paired."""

import json
from dataclasses import replace
from functools import partial

import experiment
import loss_weights
import numpy as np
import pytest
import tiny
import torch
from scipy import ndimage

from inpaintlib.images import hide
from inpaintlib.masks import rectangle


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Tiny pictures and networks, and folders of its own."""
    tiny_one = {"base": 8, "size": 16, "batch_size": 2, "steps": 2, "warm_up": 0}
    further = replace(loss_weights.FURTHER, discriminator_widths=(4, 8), **tiny_one)
    monkeypatch.setattr(loss_weights, "FURTHER", further)
    monkeypatch.setattr(loss_weights, "NEW", replace(loss_weights.NEW, **tiny_one))
    monkeypatch.setattr(loss_weights, "STEPS", 2)
    monkeypatch.setattr(loss_weights, "ADVERSARIAL_START", 0)
    monkeypatch.setattr(loss_weights, "SIZE", 16)
    monkeypatch.setattr(loss_weights, "HOLE", partial(rectangle, low=6, high=8))
    monkeypatch.setattr(loss_weights, "PRECISION", "float32")
    monkeypatch.setattr(loss_weights, "load_faces", tiny.pictures)
    begin = loss_weights.start(further, 5, None)
    monkeypatch.setattr(loss_weights.shipped, "load", lambda name: begin)
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(experiment, "folder_of", lambda name: tmp_path / "cards" / name)
    return tmp_path


@pytest.mark.parametrize("further", [False, True])
def test_a_stopped_experiment_goes_on_and_ends_with_a_card(small, further):
    words = ["--seeds", "3", *["--further"] * further]
    loss_weights.main([*words, "--runs", "3"])
    kept = sorted((small / "runs").rglob("*.json"))
    assert len(kept) == 3
    stamps = [path.stat().st_mtime_ns for path in kept]
    loss_weights.main(words)
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    (path,) = (small / "cards" / "experiments").iterdir()
    assert ("further" in path.stem) is further
    card = json.loads(path.read_text("utf-8"))
    found = [tuple(run["weights"].values()) for run in card["runs"]]
    assert found == loss_weights.settings(further)
    names = {"PSNR", "SSIM", "L1", "gradient error", "sharpness"}
    assert all(names <= run["metrics"].keys() for run in card["runs"])
    distinct = {tuple(run["metrics"].values()) for run in card["runs"]}
    assert len(distinct) == len(found), "two settings trained the same network"


def test_runs_of_other_settings_are_not_mixed(small, monkeypatch):
    loss_weights.main(["--seeds", "3", "--runs", "1"])
    monkeypatch.setattr(loss_weights, "NEW", replace(loss_weights.NEW, learning_rate=1.0))
    with pytest.raises(ValueError, match="other settings"):
        loss_weights.main(["--seeds", "3", "--runs", "1"])


def test_two_switches_stand_in_every_position_with_and_without_an_adversary():
    alone, against = loss_weights.settings(True)[:4], loss_weights.settings(True)[4:]
    assert [s[:2] for s in alone] == [s[:2] for s in against]
    assert len({s[:2] for s in alone}) == 4
    assert [{s[2] for s in four} for four in (alone, against)] == [
        {0.0},
        {loss_weights.FURTHER.adversarial_weight},
    ]
    assert loss_weights.settings(False)[:4] == alone


def test_the_discriminator_learns_where_it_has_a_weight_and_nowhere_else(small, monkeypatch):
    families = []
    kept = loss_weights.judged
    monkeypatch.setattr(
        loss_weights, "judged", lambda family, *rest: families.append(family) or kept(family, *rest)
    )
    loss_weights.main(["--seeds", "3", "--further"])
    untouched = loss_weights.start(loss_weights.FURTHER, 3, None).discriminator.layers[0].weight
    stood = [torch.equal(f.discriminator.layers[0].weight, untouched) for f in families]
    assert stood == [True] * 4 + [False] * 4


def test_further_runs_begin_with_the_trained_generator_and_the_seeds_discriminator(small):
    begin = loss_weights.shipped.load("any")
    setting = loss_weights.FURTHER
    one, same, other = (loss_weights.start(setting, seed, begin) for seed in (1, 1, 2))
    for name, weight in begin.generator.state_dict().items():
        assert torch.equal(other.generator.state_dict()[name], weight), name
    first, second, third = (family.discriminator.layers[0] for family in (one, same, other))
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, third.weight)


def test_the_gradient_error_is_scipys():
    torch.manual_seed(0)
    image, filled = torch.rand(2, 3, 3, 12, 14) * 2 - 1
    mask = torch.zeros(3, 1, 12, 14)
    mask[:, :, 4:9, 5:9] = 1
    look = hide(image, mask)
    found = loss_weights.measure(filled, look)["gradient error"]
    planes = ((filled - image) / 2).flatten(0, 1).numpy()
    slopes = [[ndimage.sobel(p, axis, mode="nearest") / 8 for axis in (0, 1)] for p in planes]
    per_pixel = np.abs(slopes).sum(axis=1)  # (planes, H, W)
    assert found == pytest.approx(per_pixel[:, 4:9, 5:9].mean(), rel=1e-3)
