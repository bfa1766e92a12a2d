"""The experiment over the families: equal pictures and equal time from the same runs."""

import json
from dataclasses import replace

import experiment
import families
import pytest
import tiny

from inpaintlib.training import recipes

COSTS = {"context-encoder": 0.5, "unet": 1.0}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two families at 32×32, a few steps each, and folders of its own."""
    monkeypatch.setattr(families, "FAMILIES", tuple(COSTS))
    monkeypatch.setattr(families, "SIZE", 32)
    monkeypatch.setattr(families, "PICTURES", 4)
    monkeypatch.setattr(families, "REFRESHED", 1)
    monkeypatch.setattr(families, "PRECISION", "float32")
    monkeypatch.setattr(families, "load_faces", tiny.pictures)
    monkeypatch.setattr(families, "seconds_per_step", lambda _: COSTS)
    changes = {"size": 32, "batch_size": 2}
    presets = {name: recipes.preset(name, "shipped-64", **changes) for name in COSTS}

    def preset(name, _, **more):
        return replace(presets[name], config=replace(presets[name].config, **more))

    monkeypatch.setattr(families.recipes, "preset", preset)
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(experiment, "folder_of", lambda name: tmp_path / "cards" / name)
    return tmp_path


def test_marks_double_and_end_with_the_time():
    assert families.marks(5, 0.75) == [50, 100, 200, 400]
    assert families.marks(1, 0.5) == [50, 100, 120]
    assert families.marks(0.1, 1.0) == [6]


def test_a_stopped_experiment_goes_on_and_ends_with_a_card(small):
    words = ["--minutes", "0.05", "--seeds", "1"]
    families.main([*words, "--runs", "1"])
    (kept,) = (small / "runs" / "families").rglob("*-1.json")
    stamp = kept.stat().st_mtime_ns
    families.main(words)
    assert kept.stat().st_mtime_ns == stamp
    (path,) = (small / "cards" / "experiments").iterdir()
    card = json.loads(path.read_text("utf-8"))
    assert card["seconds per step"] == COSTS
    curves = {run["family"]: run["curve"] for run in card["runs"]}
    assert {name: curve[-1]["steps"] for name, curve in curves.items()} == {
        "context-encoder": 6,
        "unet": 3,
    }
    last = curves["unet"][-1]
    assert last["pictures"] == 3 * 2
    assert last["holes"].keys() == {"centre", "every kind"}
    centre = last["holes"]["centre"]
    assert len(centre["values"]) == 4
    assert centre["psnr"] == pytest.approx(sum(centre["values"]) / 4, abs=0.01)


def test_a_measurement_does_not_move_the_training(small, monkeypatch):
    """The curve's marks are free: with more of them the end is the same."""
    training = tiny.pictures("train", size=32)
    looks = {"centre": families.fixed_batch(training, 4, mask=recipes.ONE_BOX)}
    runs = [
        families.make_run("context-encoder", 3, stops, training, looks, None)
        for stops in ([3], [1, 2, 3])
    ]
    assert runs[0]["curve"][-1] == runs[1]["curve"][-1]
