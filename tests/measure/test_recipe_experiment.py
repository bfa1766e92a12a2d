"""The experiment on what makes fills sharp: it is resumable, paired, and one factor at a time."""

import json
from dataclasses import replace

import experiment
import lesson_presets
import pytest
import recipe
import tiny
import torch

from inpaintlib.images import hide
from inpaintlib.models.unet import LESSON, UNet
from inpaintlib.training.folder import RunFolder


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Tiny pictures and networks, and folders of its own."""
    config = replace(LESSON, base=8, size=16, batch_size=4, discriminator_widths=(4, 8))
    monkeypatch.setattr(recipe, "LESSON", config)
    monkeypatch.setattr(recipe, "load_faces", tiny.pictures)
    monkeypatch.setattr(experiment, "PRECISION", "float32")
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(experiment, "folder_of", lambda name: tmp_path / "cards" / name)
    return tmp_path


def test_a_stopped_experiment_goes_on_and_ends_with_a_card(small, capsys):
    words = ["--steps", "2", "--seeds", "3", "5"]
    recipe.main([*words, "--runs", "4"])
    kept = sorted((small / "runs" / "recipe").rglob("*.json"))
    assert len(kept) == 4
    stamps = [path.stat().st_mtime_ns for path in kept]
    assert not (small / "cards").exists()
    recipe.main(words)
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    (path,) = (small / "cards" / "experiments").iterdir()
    card = json.loads(path.read_text("utf-8"))
    assert (card["steps"], card["seeds"], card["pictures"]) == (2, [3, 5], recipe.PICTURES)
    pairs = {(run["setting"], run["seed"]) for run in card["runs"]}
    assert pairs == {(name, seed) for name in recipe.SETTINGS for seed in (3, 5)}
    assert {"PSNR", "sharpness"} <= card["runs"][0]["metrics"].keys()
    assert str(path) in capsys.readouterr().out


def judged(kind: type[UNet], seed: int = 0):
    torch.manual_seed(seed)
    family = kind(replace(LESSON, base=8, discriminator_widths=(4, 8))).eval()
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    masks = torch.zeros(2, 2, 1, 16, 16)
    masks[0, ..., :8], masks[1, ..., 8:] = 1, 1
    return [family.activations(image, mask)[-1] for mask in masks]


def test_only_the_blindfolded_judge_does_not_see_the_mask():
    one, other = judged(recipe.Blindfolded)
    assert torch.equal(one, other)
    assert not torch.equal(*judged(UNet))


def test_a_whole_view_is_one_score_a_picture():
    patches, whole = judged(UNet)[0], judged(recipe.Whole)[0]
    assert patches.shape == (2, 1, 4, 4)
    torch.testing.assert_close(whole, patches.mean(dim=(1, 2, 3)))


def test_without_a_game_there_are_no_terms_of_it():
    _, changes = recipe.SETTINGS["no discriminator"]
    family = UNet(replace(LESSON, base=8, size=16, discriminator_widths=(4, 8), **changes))
    mask = torch.zeros(2, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    terms = family.generator_loss(hide(torch.zeros(2, 3, 16, 16), mask), 10_000)
    assert terms.keys() == {"l1", "sobel", "ssim"}


def test_runs_of_other_settings_are_not_mixed(small, monkeypatch):
    """Also of those settings that no name of a run and no fact of its own tells."""
    words = ["--steps", "2", "--seeds", "3", "--runs", "0"]
    recipe.main(words)
    recipe.main([*words, "--seeds", "3", "4"])  # seeds may be added
    monkeypatch.setattr(recipe, "LESSON", replace(recipe.LESSON, warm_up=1))
    with pytest.raises(ValueError, match="made with other settings"):
        recipe.main(words)


def test_a_stopped_run_of_a_lessons_preset_is_gone_on_with(small, monkeypatch):
    """It has looks at the validation pictures too, but not the last one."""
    run = RunFolder(small / "runs" / "presets" / "unet-0")
    run.begin({})
    run.add({"step": 50, "seconds": 9.0, "psnr": 11.0})
    torch.save({"step": 50}, run.state)
    told = []

    def finish(words: list[str], *, check: bool) -> None:
        told.append(words)
        run.add({"step": lesson_presets.preset("unet").config.steps, "seconds": 99.0, "psnr": 18.0})
        torch.save({"step": lesson_presets.preset("unet").config.steps}, run.state)

    monkeypatch.setattr(lesson_presets.subprocess, "run", finish)
    assert lesson_presets.last_look("unet", 0)["psnr"] == 18.0
    assert lesson_presets.last_look("unet", 0)["psnr"] == 18.0
    assert [words[-1] for words in told] == ["--resume"]
