"""The experiments of lessons 5 and 5b: twins of DeepFill, and a rare attribute."""

import json
from dataclasses import replace

import experiment
import imbalance
import pytest
import tiny
import torch
import twins

from inpaintlib.data import ImageSet
from inpaintlib.measure.features import FaceFeatures
from inpaintlib.models.deepfill import DeepFill


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Tiny pictures and networks, and folders of its own."""
    config = replace(
        twins.SMALL, base=4, size=32, batch_size=2, discriminator_widths=(4, 8), warm_up=0
    )
    monkeypatch.setattr(imbalance, "SMALL", config)
    monkeypatch.setattr(twins, "SMALL", config)
    monkeypatch.setattr(twins, "load_faces", tiny.pictures)
    monkeypatch.setattr(experiment, "PRECISION", "float32")
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(experiment, "folder_of", lambda name: tmp_path / "cards" / name)
    return tmp_path


def twin(name: str) -> DeepFill:
    kind, changes = twins.SETTINGS[name]
    torch.manual_seed(4)
    return kind(replace(twins.SMALL, **changes))


def test_a_stopped_experiment_goes_on_and_ends_with_a_card(small):
    words = ["--steps", "2", "--seeds", "3"]
    twins.main([*words, "--runs", "2"])
    kept = sorted((small / "runs" / "twins").rglob("*.json"))
    assert len(kept) == 2
    stamps = [path.stat().st_mtime_ns for path in kept]
    twins.main(words)
    assert [path.stat().st_mtime_ns for path in kept] == stamps
    (path,) = (small / "cards" / "experiments").iterdir()
    card = json.loads(path.read_text("utf-8"))
    assert [run["setting"] for run in card["runs"]] == list(twins.SETTINGS)
    assert card["runs"][0]["metrics"].keys() == {"centre", "strokes"}


@pytest.mark.parametrize("name", list(twins.SETTINGS)[1:])
def test_twins_begin_with_the_same_weights(small, name):
    base, other = twin("self-attention, weight 0.1").state_dict(), twin(name).state_dict()
    assert all("attention" in key for key in base.keys() - other.keys())
    assert other.keys() <= base.keys()
    for key, weight in other.items():
        assert torch.equal(weight, base[key]), key


def test_attention_is_the_only_difference(small):
    x = torch.rand(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    layer = twin("no attention").generator.refinement.attention
    assert torch.equal(layer(x), x)
    assert twin("contextual attention").generator.refinement.attention is None


def test_the_weight_is_that_of_both_terms_of_the_discriminator(small):
    one, other = (twin(f"weight {weight}").config for weight in ("0.01", "1"))
    assert other.adversarial_weight == pytest.approx(100 * one.adversarial_weight)
    assert other.feature_weight == pytest.approx(100 * one.feature_weight)
    base = twin("self-attention, weight 0.1").config
    assert base.feature_weight == pytest.approx(10 * base.adversarial_weight)


def faces(count: int = 200, size: int = 16):
    worn = {"Eyeglasses": torch.arange(count) % 2 == 0}
    pictures = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    return ImageSet(pictures, "some", "free", "drawn", attributes=worn)


def test_the_imbalance_is_measured_on_both_kinds_of_faces(small, monkeypatch):
    monkeypatch.setattr(imbalance, "load_faces", lambda *_, size, **__: faces(20, size))
    monkeypatch.setattr(imbalance, "features_for", lambda _: FaceFeatures(1).eval())
    monkeypatch.setattr(imbalance, "ASKED", 10)
    imbalance.main(["--steps", "1", "--seeds", "3"])
    (path,) = (small / "cards" / "experiments").iterdir()
    card = json.loads(path.read_text("utf-8"))
    assert [run["setting"] for run in card["runs"]] == list(imbalance.SHARES)
    assert card["pictures"] == {"with glasses": 10, "without": 10}
    shares = {name: found["truths called so"] for name, found in card["runs"][0]["slices"].items()}
    assert shares["with glasses"] == shares["without"]  # all these truths are the same grey


def test_a_classifier_of_other_attributes_is_refused(small, monkeypatch):
    monkeypatch.setattr(imbalance, "load_faces", lambda *_, size, **__: faces(20, size))
    monkeypatch.setattr(imbalance, "features_for", lambda _: FaceFeatures(2).eval())
    with pytest.raises(SystemExit, match="every attribute"):
        imbalance.main(["--seeds", "3"])


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_mixture_has_its_share_of_glasses(share):
    mixed = imbalance.mixture(faces(), share, count=100)
    assert len(mixed) == 100
    assert mixed.attributes["Eyeglasses"].sum() == 100 * share


def test_too_few_glasses_are_refused():
    with pytest.raises(ValueError, match="expected 150 faces with glasses and 50 without, got 100"):
        imbalance.mixture(faces(), 0.75, count=200)


def test_one_eye_is_hidden_from_the_middle_on():
    (mask,) = imbalance.one_eye(1, 64, 64)
    assert mask[0, 16:40, 32:56].all()
    assert mask.sum() == 24 * 24


def test_only_the_filled_half_decides_whether_glasses_are_worn():
    class Eyes:
        """Sees glasses where the left edge of the picture is bright."""

        def __call__(self, picture):
            return picture[:, 0, :, 0].mean(dim=1, keepdim=True)

        head = torch.nn.Identity()

    left, right = torch.full((2, 1, 3, 8, 8), -1.0)
    left[..., :4], right[..., 4:] = 1, 1
    assert imbalance.wearing(torch.cat([left, right]), Eyes(), 0).tolist() == [False, True]
