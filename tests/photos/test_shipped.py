"""The trained networks: their table, their files, and what loading promises."""

import os
import subprocess
from pathlib import Path
from shutil import copy

import pytest
import torch

import inpaintlib
from inpaintlib import data
from inpaintlib.data import ImageSet
from inpaintlib.images import Batch, hide
from inpaintlib.photos import shipped
from inpaintlib.photos.shipped import SHIPPED, load, weights_for
from inpaintlib.training import recipes
from inpaintlib.training.checkpoints import load_weights, save_weights
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.settings import check_same
from tools import make_weights, weight_cards

DATA = "INPAINTLIB_DATA"
FACES = ImageSet(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), "blanks", "free: zeros")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of `data/weights`."""
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    return tmp_path


def save(name: str, **changes: object) -> torch.nn.Module:
    """A file of that name, with small random weights; returns their network."""
    from dataclasses import asdict

    family = recipes.make(SHIPPED[name].family, "shipped", **changes)
    card = {"family": SHIPPED[name].family, "settings": asdict(family.config)}
    save_weights(shipped.path(name), family.generator, card=card)
    return family.generator


def test_every_family_is_shipped_on_drawn_and_on_real_pictures():
    pairs = {(made.family, made.drawn) for made in SHIPPED.values()}
    every = {(name, drawn) for name in recipes.RECIPES for drawn in (True, False)}
    assert pairs == every
    for name, made in SHIPPED.items():
        assert name.startswith(f"{made.family}-")
        for stage in made.stages:
            config = recipes.preset(made.family, stage.preset).config
            late = getattr(config, "adversarial_start", 0)
            assert late < stage.steps, "the discriminator would never enter the game"
        assert made.stages[-1].preset == "shipped"


def test_load_gives_back_what_was_saved_ready_to_fill(folder):
    network = save("context-encoder-drawn", widths=(8, 16), discriminator_widths=(8,))
    family = inpaintlib.load("context-encoder-drawn")
    assert shipped.available() == ["context-encoder-drawn"]
    assert not any(module.training for module in family.modules())
    assert not any(parameter.requires_grad for parameter in family.parameters())
    assert family.config.widths == (8, 16)
    for name, value in family.generator.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, network.state_dict()[name].half().float())
    image, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    filled = family.generate(hide(image, mask))
    assert torch.equal(filled[..., :8, :], image[..., :8, :])


def test_every_name_loads_once_its_file_is_there(folder):
    for name in SHIPPED:
        with pytest.raises(ValueError, match=f"{name}.safetensors: no trained weights here"):
            load(name)
    save("gan-mnist")
    assert load("gan-mnist").generate(Batch(torch.zeros(3, 1, 28, 28))).shape == (3, 1, 28, 28)


def test_a_name_may_come_as_a_path(folder):
    save("unet-drawn", base=8)
    name = Path("unet-drawn")
    assert shipped.family_of(name) == shipped.card(name)["family"] == "unet"
    assert load(name).config.base == 8
    shipped.path(name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="download weights unet-drawn"):
        load(name)


def test_unknown_names_and_damaged_files_are_named(folder):
    with pytest.raises(ValueError, match="no weights 'magic': expected one of gan-drawn, "):
        load("magic")
    shipped.path("gan-drawn").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"gan-drawn\.safetensors: no trained weights here"):
        load("gan-drawn")


def test_weights_for_the_pictures_at_hand():
    def pictures(kind: str) -> ImageSet:
        blanks = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
        return ImageSet(blanks, "drawn-by-my-kids", "free: zeros", kind)

    assert weights_for("glcic", pictures("drawn")) == "glcic-drawn"
    assert weights_for("glcic", pictures("celeba")) == "glcic-celeba"
    assert weights_for("glcic", pictures("own")) == "glcic-celeba"
    with pytest.raises(ValueError, match="no weights of a family 'vae'"):
        weights_for("vae", pictures("celeba"))


@pytest.mark.parametrize("name", shipped.available())
def test_the_shipped_files_are_small_and_load(name):
    file = shipped.path(name)
    assert file.stat().st_size < 8e6
    card = shipped.card(name)
    assert {"family", "settings", "data", "licence", "steps", "seconds", "seed", "machine"} <= set(
        card
    )
    real = "drawn" not in name
    assert ("research only" in card["licence"] or "MNIST" in card["data"]) is real
    assert all(value.isfinite().all() for value in load(name).generator.state_dict().values())


@pytest.mark.parametrize("name", ["gan-drawn", "gan-mnist"])
def test_the_digit_gans_cover_the_classes(name, request, monkeypatch):
    """A classifier that reads unseen digits finds at least nine of ten among 1,000 samples."""
    drawn = SHIPPED[name].drawn
    monkeypatch.setenv(DATA, "drawn" if drawn else str(request.getfixturevalue("real_data")))
    learned, unseen = data.load_digits("train"), data.load_digits("validation")
    judge = digit_judge(learned)
    with torch.no_grad():
        assert (judge(unseen.floats()).argmax(1) == unseen.labels).float().mean() > 0.95
        blanks = Batch(torch.zeros(1000, 1, 28, 28))
        samples = load(name).generate(blanks, generator=torch.Generator().manual_seed(0))
        counts = judge(samples).argmax(1).bincount(minlength=10)
    assert (counts >= 10).sum() >= 9, f"a tenth of a fair share is 10 samples: {counts.tolist()}"


def digit_judge(digits: ImageSet) -> torch.nn.Module:
    """A small classifier, trained for about three seconds."""
    torch.manual_seed(0)
    judge = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 7 * 7, 10),
    )
    optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3)
    for rows in torch.cat([torch.randperm(len(digits)) for _ in range(3)]).split(100):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(judge(digits.floats(rows)), digits.labels[rows])
        loss.backward()
        optimizer.step()
    return judge


def test_all_weights_together_stay_within_the_repositorys_budget():
    files = (data.default_folder() / "weights").glob("*.safetensors")
    assert sum(file.stat().st_size for file in files) <= 70e6


def test_the_package_imports_without_torch():
    import subprocess
    import sys

    code = "import inpaintlib, sys; assert 'torch' not in sys.modules; inpaintlib.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "AttributeError: module 'inpaintlib' has no attribute 'nothing'" in done.stderr


def test_further_runs_begin_where_the_one_before_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path))
    calls = []
    monkeypatch.setattr(
        make_weights,
        "train",
        lambda recipe, folder, options, steps: calls.append((folder.name, options)) or folder / "w",
    )
    recipe = shipped.Shipped(
        "unet", True, (*shipped.both_sizes(30, 20), shipped.Stage("shipped", 10, large=False))
    )
    assert make_weights.make("x", recipe) == tmp_path / "weights" / "x-3" / "w"
    assert [name for name, _ in calls] == ["x-1", "x-2", "x-3"]
    words = [" ".join(options) for _, options in calls]
    small, full = tmp_path / "weights" / "x-1" / "w", tmp_path / "weights" / "x-2" / "state.pt"
    assert words[0] == "--preset shipped-64 --steps 30 --seed 0 --large"
    told = "at another size with a new discriminator"
    assert words[1] == f"--preset shipped --steps 20 --seed 0 --large --start-from {small}", told
    assert words[2] == f"--preset shipped --steps 10 --seed 1 --start-from {full}"


def a_run(folder: Path, steps: int, made: int | None, seed: int = 0) -> None:
    """A run of so many steps whose state, if it has one, is after `made`; its log is complete."""
    run = RunFolder(folder)
    settings = {"size": 28}
    run.begin({"family": "gan", "seed": seed, "steps": steps, "settings": settings})
    run.add({"step": steps, "seconds": 120.0})
    if made is not None:
        torch.save({"step": made}, run.state)


def test_a_run_is_done_when_its_last_state_is_saved(tmp_path):
    """The log's last line is written before the last look and the last state."""
    for name, steps, made, done in (
        ("new", 9, None, False),
        ("logged", 9, 8, False),
        ("saved", 9, 9, True),
        ("an earlier table's", 5, 5, False),
        ("a longer run's middle", 20, 9, False),
    ):
        a_run(tmp_path / name, steps, made)
        assert make_weights.done(tmp_path / name, 9) is done, name
    assert not make_weights.done(tmp_path / "nowhere", 9)


def test_a_run_of_an_earlier_table_is_refused(monkeypatch, tmp_path):
    """What the table says goes along with --resume, and `train` compares it."""
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path))
    recipe = shipped.Shipped("gan", True, (shipped.Stage("shipped", 9, large=False),))
    calls = []
    monkeypatch.setattr(
        make_weights.subprocess, "run", lambda words, **_: calls.append(words) or words
    )
    make_weights.make("x", recipe)
    a_run(tmp_path / "weights" / "x-1", 5, 5)
    make_weights.make("x", recipe)
    first, second = ([str(word) for word in words[3:]] for words in calls)
    assert "--resume" not in first
    assert second == [*first, "--resume"]
    with pytest.raises(ValueError, match=r"x-1 began with steps 5, not 9"):
        check_same({"seed": 0, "steps": 5}, {"seed": 0, "steps": 9}, tmp_path / "weights" / "x-1")


def test_a_card_stays_where_its_training_is_not_known(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path / "runs"))
    copy(data.default_folder() / "weights" / "gan-drawn.safetensors", folder)
    card = folder / "gan-drawn.md"
    card.write_text("16 minutes", "utf-8")
    weight_cards.main(["gan-drawn", *make_weights.FEATURES])  # the second have no card
    assert card.read_text("utf-8") == "16 minutes"
    run = tmp_path / "runs" / "weights" / "gan-drawn-1"
    run.mkdir(parents=True)
    weight_cards.main(["gan-drawn"])
    assert card.read_text("utf-8") == "16 minutes", "a folder that is empty tells nothing either"
    a_run(run, 3_999, 3_999)
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 40')  # cut short
    weight_cards.main(["gan-drawn"])
    assert "2 minutes" in card.read_text("utf-8")
    assert "| steps | 3,999 at 28×28 |" in card.read_text("utf-8"), "the run's, not the table's"


@pytest.fixture
def starts(monkeypatch, tmp_path):
    """What `make_weights.train` is told last; nothing is trained, and the runs have a folder."""
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path))
    told = []
    monkeypatch.setattr(
        make_weights,
        "train",
        lambda recipe, folder, options, steps: told.append(options[-1]) or folder / "w",
    )
    return told


def test_a_first_run_may_begin_with_the_file_of_an_earlier_commit(starts, tmp_path):
    log = ["git", "log", "-1", "--format=%h", "--", "data/weights/gan-drawn.safetensors"]
    done = subprocess.run(log, cwd=make_weights.ROOT, capture_output=True, text=True)
    if not done.stdout:
        pytest.skip("no repository here")
    recipe = shipped.Shipped("gan", True, (shipped.Stage("shipped", 4),), done.stdout.strip())
    make_weights.make("gan-drawn", recipe)
    assert starts == [str(tmp_path / "weights" / f"gan-drawn-{done.stdout.strip()}.safetensors")]
    load_weights(starts[0], recipes.make("gan").generator)


def test_a_first_run_may_begin_with_the_file_of_another_name(starts):
    make_weights.make("unet-whole-drawn", shipped.SHIPPED["unet-whole-drawn"])
    assert starts == [str(shipped.path("unet-drawn"))]


def test_making_drawn_weights_leaves_the_photographs_named(folder, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "somewhere")
    seen = []
    monkeypatch.setattr(
        make_weights, "load_faces", lambda _, large: seen.append(os.environ[DATA]) or FACES
    )
    monkeypatch.setattr(make_weights, "learn_features", lambda _: torch.nn.Linear(1, 1))
    make_weights.main(["features-drawn", "features-celeba"])
    assert seen == ["drawn", "somewhere"]
    assert os.environ[DATA] == "somewhere"
    assert len(list(folder.glob("features-*.safetensors"))) == 2


# own weights ---------------------------------------------------------------------------------


def own(path: Path, **changes: object) -> torch.nn.Module:
    """A file as `train` writes it; returns its network."""
    from dataclasses import asdict

    family = recipes.make("unet", size=32, **changes)
    save_weights(path, family.generator, card={"family": "unet", "settings": asdict(family.config)})
    return family.generator


def test_a_file_is_loaded_like_a_name(tmp_path):
    network = own(tmp_path / "weights.safetensors")
    for model in (tmp_path / "weights.safetensors", str(tmp_path / "weights.safetensors")):
        family = inpaintlib.load(model)
        assert family.config.size == 32
        assert not any(module.training for module in family.modules())
        for name, value in family.generator.state_dict().items():
            torch.testing.assert_close(value, network.state_dict()[name].half().to(value.dtype))
        inpaintlib.Inpainter(model)


def test_files_of_something_else_get_one_line(tmp_path):
    family = recipes.make("unet", size=32)
    cases = {
        "no-card": ({}, "expected weights that `train` or `convert` wrote"),
        "other": ({"family": "vae", "settings": {}}, r"other\.safetensors: .*vae"),
        "wrong": ({"family": "glcic", "settings": {}}, "wrong.*do not fit.* tensors .* such as"),
    }
    for name, (card, message) in cases.items():
        file = tmp_path / f"{name}.safetensors"
        save_weights(file, family.generator, card=card)
        with pytest.raises(ValueError, match=message) as caught:
            load(file)
        assert len(str(caught.value)) < 400
        assert "\n" not in str(caught.value)
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt: expected weights that"):
        load(tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"no weights 'nowhere': expected one of .* a file"):
        load("nowhere")
    with pytest.raises(ValueError, match=r"nowhere\.safetensors: no such file of weights"):
        load("nowhere.safetensors")
