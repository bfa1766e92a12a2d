"""The comparison: fixed holes, honest controls, intervals, and the files it writes."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from inpaintlib import cli, metrics
from inpaintlib.data import ImageSet, load_faces
from inpaintlib.images import Batch, hide
from inpaintlib.masks import BANDS, hole_fraction
from inpaintlib.measure import cards as cards_module
from inpaintlib.measure import comparison
from inpaintlib.measure.cards import (
    best_classical,
    best_network,
    decibels,
    distance,
    markdown,
    plus_minus,
    read_cards,
    write_card,
)
from inpaintlib.measure.classical import image_mean
from inpaintlib.measure.comparison import (
    BAND_HOLES,
    HOLES,
    System,
    fixed_masks,
    interval,
    paired,
    systems,
)
from inpaintlib.measure.cost import STATUS, peak_memory
from inpaintlib.measure.systems import network
from inpaintlib.models.blind import corrupt
from inpaintlib.photos import fetch, shipped
from inpaintlib.photos.blending import blended as blended_fill
from inpaintlib.training import recipes
from inpaintlib.training.checkpoints import save_weights


@pytest.fixture(scope="module")
def pictures() -> ImageSet:
    """Smooth random pictures of 32×32; half of them carry an attribute."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(24, 3, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic").clamp(0, 1)
    half = torch.arange(24) % 2 == 0
    return ImageSet(
        (255 * smooth).byte(), "waves", "free: made", "drawn", attributes={"Even": half}
    )


@pytest.fixture(scope="module")
def cards(pictures: ImageSet) -> dict[str, dict]:
    """Cards of a few systems that need no weights."""
    names = ["truth", "grey", "image mean", "biharmonic", "mean face"]
    made = systems(pictures, names)
    kinds = ["square", "centre", "10-20 %"]
    return {s.name: comparison.evaluate(s, pictures, kinds=kinds, seeds=(0, 1)) for s in made}


def test_holes_are_the_same_at_every_call_and_differ_by_seed():
    for kind in ("square", "free-form"):
        first = fixed_masks(kind, 0, 9, 64)
        assert torch.equal(first, fixed_masks(kind, 0, 9, 64))
        assert not torch.equal(first, fixed_masks(kind, 1, 9, 64))
    assert fixed_masks("square", 0, 5, 128).sum(dim=(1, 2, 3)).tolist() == [32.0**2] * 5
    assert fixed_masks("centre", 0, 1, 128).nonzero()[:, 2:].unique().tolist() == [*range(32, 96)]


@pytest.mark.parametrize("name", BANDS)
def test_band_holes_lie_in_their_band(name):
    low, high = BANDS[name]
    fraction = hole_fraction(fixed_masks(name, 0, 20, 64))
    assert (fraction > low - 1e-6).all()
    assert (fraction < high + 1e-6).all()


def test_the_truth_is_perfect_and_grey_is_known(cards, pictures):
    truth = cards["truth"]["holes"]["centre"]
    assert (truth["l1"]["mean"], truth["ssim"]["mean"]) == (0, 1)
    assert truth["psnr"]["mean"] is None  # infinite
    mask, image = fixed_masks("centre", 0, 24, 32), pictures.floats()
    known = metrics.l1(torch.zeros_like(image), image, mask).mean()
    assert cards["grey"]["holes"]["centre"]["l1"]["mean"] == pytest.approx(float(known), abs=1e-4)


def test_bands_take_half_of_the_pictures(cards):
    counts = {kind: len(values["psnr"]) for kind, values in cards["grey"]["values"].items()}
    assert counts == {"square": 24, "centre": 24, "10-20 %": 12}


def test_a_value_is_the_pictures_mean_over_the_seeds(cards, pictures):
    image = pictures.floats()
    runs = []
    for seed in (0, 1):
        mask = fixed_masks("square", seed, 24, 32)
        filled = image_mean(hide(image, mask).seen(), mask)
        runs.append(metrics.psnr(filled, image, mask))
    expected = torch.stack(runs).mean(dim=0)
    card = cards["image mean"]
    torch.testing.assert_close(
        torch.tensor(card["values"]["square"]["psnr"]), expected, atol=1e-4, rtol=0
    )
    summary = card["holes"]["square"]["psnr"]
    assert summary["mean"] == pytest.approx(float(expected.mean()), abs=1e-4)
    error = 1.96 * float(expected.std()) / math.sqrt(24)
    assert summary["high"] - summary["mean"] == pytest.approx(error, abs=1e-3)
    even = expected[::2].mean()
    assert card["attributes"]["square"]["Even"]["with"]["mean"] == pytest.approx(float(even), 1e-4)


def test_a_system_that_finds_its_holes_is_shown_damage_and_never_the_truth():
    seen: list[Batch] = []

    def fill(batch: Batch) -> torch.Tensor:
        seen.append(batch)
        return batch.seen()

    finder = System("finder", "network", fill, damage=corrupt)
    image = torch.full((3, 3, 32, 32), 0.25)
    mask = fixed_masks("centre", 0, 3, 32)
    comparison.complete(finder, image, mask, "test")
    hidden = mask.bool().expand_as(image)
    assert (seen[0].seen()[hidden] != 0.25).all()
    assert torch.equal(seen[0].seen()[~hidden], image[~hidden])
    grey = System("plain", "network", fill).batch(image, mask, "test")
    assert (grey.seen()[hidden] == 0).all()


def test_a_blended_system_is_the_network_without_its_seam(pictures):
    name = "unet-drawn"
    if name not in shipped.available():
        pytest.skip("its weights are not here")
    image = pictures.floats(slice(4)).repeat(1, 1, 2, 2)
    mask = fixed_masks("free-form", 0, 4, 64)
    plain, blended = systems(pictures, [name, f"{name} blended"])
    assert (blended.name, blended.kind) == ("unet-drawn blended", "blended")
    family = shipped.load(name)
    with torch.no_grad():
        expected = blended_fill(family, hide(image, mask))
    filled = [comparison.complete(system, image, mask, "test") for system in (plain, blended)]
    assert torch.equal(filled[1], expected)
    assert not torch.equal(*filled)
    with pytest.raises(ValueError, match="no system 'blind-drawn blended'"):  # finds its own hole
        next(systems(pictures, ["blind-drawn blended"]))


def test_intervals_and_pairs_by_hand():
    assert interval(torch.tensor([1.0, 3.0])) == {"mean": 2.0, "low": 0.04, "high": 3.96}
    assert interval(torch.tensor([1.0, 3.0, math.inf]))["mean"] == 2.0
    assert interval(torch.tensor([math.inf, 1.0]))["mean"] is None
    assert paired([3.0, 5.0, None], [1.0, 2.0, 7.0])["mean"] == 2.5


def test_by_default_nobody_is_compared_who_gives_many_fills(pictures, monkeypatch):
    """One number per picture would be about one of them."""
    monkeypatch.setattr("inpaintlib.measure.systems.FILLS", ("truth",))  # the others have to learn
    monkeypatch.setattr(shipped, "available", lambda: ["flow-drawn"])
    assert [system.name for system in systems(pictures)] == ["truth"]


def test_unknown_names_and_holes_are_refused(pictures):
    with pytest.raises(ValueError, match=r"no system 'magic'.*truth, grey"):
        next(systems(pictures, ["grey", "magic"]))  # before the first is measured
    with pytest.raises(ValueError, match="no system 'dcgan-drawn'"):  # it fills no holes
        next(systems(pictures, ["dcgan-drawn"]))
    grey = next(systems(pictures, ["grey"]))
    for kinds in (["oval"], ["10-20 %"]):
        with pytest.raises(ValueError, match="expected holes among square"):
            comparison.evaluate(grey, pictures, kinds=kinds)


def test_pictures_that_are_flat_behind_their_holes_have_no_sharpness(tmp_path):
    """Whatever is drawn there is infinitely sharper: a card holds no such number."""
    flat = ImageSet(torch.full((4, 3, 32, 32), 99, dtype=torch.uint8), "flat", "free: made")
    noise = System("noise", "network", lambda batch: torch.rand_like(batch.image))
    card = comparison.evaluate(noise, flat, kinds=["square"], seeds=(0,))
    assert card["sharpness"] == {"square": None}
    write_card(tmp_path, card)
    row = markdown(read_cards(tmp_path)).splitlines()[-1]
    assert row.split("|")[6].strip() == "–"
    assert row.split("|")[7].strip() == "", "the Fréchet distance was not measured"


@pytest.mark.parametrize(
    ("names", "kinds", "count", "message"),
    [
        (["grey"], ["square"], 1, "at least 2 validation pictures.*, got 1"),
        (["grey"], None, 3, "at least 4 validation pictures.*, got 3"),
        (["grey", "PCA"], ["square"], 2, "PCA learns from at least 61 pictures, got 60"),
        (None, ["square"], 2, "PCA learns from at least 61 pictures, got 60"),
    ],
)
def test_too_few_pictures_are_told_before_the_work(names, kinds, count, message, monkeypatch):
    def load(split: str, **_: object) -> ImageSet:
        blank = torch.zeros(60 if split == "train" else count, 3, 32, 32, dtype=torch.uint8)
        return ImageSet(blank, "few", "free: made")

    monkeypatch.setattr(cards_module, "load_faces", load)
    monkeypatch.setattr(cards_module, "systems", lambda *_: pytest.fail("measured"))
    with pytest.raises(ValueError, match=message):
        cards_module.compare(names, kinds, root=None, out=Path("nowhere"), say=print)


@pytest.mark.parametrize("text", ["no JSON", "{}", "[1]", '{"kind": "network", "holes": {}}'])
def test_another_json_file_among_the_cards_is_named(text, tmp_path):
    (tmp_path / "package.json").write_text(text)
    with pytest.raises(ValueError, match=r"package\.json: not a metric card"):
        read_cards(tmp_path)


def test_a_mistyped_hole_is_told_before_any_picture_is_loaded(monkeypatch):
    monkeypatch.setattr(cards_module, "load_faces", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(ValueError, match=r"expected holes among square.*got .'centr'"):
        cards_module.compare(None, ["centr"], root=None, out=None, say=print)


def test_cards_come_back_sorted_with_tables(cards, tmp_path):
    for card in cards.values():
        write_card(tmp_path, card)
    back = read_cards(tmp_path)
    assert {card["kind"]: card["system"] for card in reversed(back)}.keys() == {
        "control",
        "classical",
    }
    assert back[0]["system"] == "truth"
    assert back == sorted(back, key=lambda card: card["kind"] != "control")
    assert best_classical(back, "centre")["kind"] == "classical"
    lines = markdown(back).splitlines()
    assert len(lines) == 6 + len(cards)
    assert {line.count("|") for line in lines[4:]} == {lines[4].count("|")}
    assert "∞" in next(line for line in lines if line.startswith("| truth"))


def test_a_folder_without_cards_and_a_broken_card_are_named(tmp_path):
    with pytest.raises(ValueError, match="no metric cards in"):
        read_cards(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json: not a metric card"):
        read_cards(tmp_path)


def test_infinite_is_said_of_the_perfect_alone():
    """Spoilt fills have no PSNR either, and one picture no interval; but neither has its L1."""
    nothing = {"mean": None, "low": None, "high": None}
    assert plus_minus(nothing, 2) == "–"
    assert decibels({"psnr": nothing, "l1": {"mean": 0.0, "low": 0.0, "high": 0.0}}) == "∞"
    assert decibels({"psnr": nothing, "l1": nothing}) == "–"
    some = {"mean": 9.0, "low": 8.0, "high": 10.0}
    assert decibels({"psnr": some, "l1": some}) == "9.00 ± 1.00"
    assert plus_minus({"mean": 1.0, "low": 0.5, "high": 1.5}, 1, sign="+") == "+1.0 ± 0.5"


def test_the_command_writes_cards_and_tables(tmp_path: Path, capsys: pytest.CaptureFixture):
    words = ["evaluate", "--models", "grey", "image mean", "Telea", "--masks", "square"]
    assert cli.main([*words, "--limit", "6", "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("Telea.json", "grey.json", "image-mean.json", "table.csv", "table.md")
    ]
    assert json.loads((tmp_path / "grey.json").read_text())["pictures"] == 6
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert len(rows) == 3 * len(comparison.METRICS)
    assert "PSNR, square" in capsys.readouterr().out
    assert cli.main(["evaluate", "--models", "magic", "-o", str(tmp_path)]) == 2


@pytest.mark.parametrize("other", [["--limit", "5"], ["--limit", "6", "--masks", "centre"]])
def test_a_folder_keeps_one_comparison(other, tmp_path: Path, capsys: pytest.CaptureFixture):
    # with no classical fill to compare with
    words = ["evaluate", "--models", "grey", "-o", str(tmp_path)]
    assert cli.main([*words, "--limit", "6", "--masks", "square"]) == 0
    before = (tmp_path / "grey.json").read_bytes()
    assert cli.main([*words, *other]) == 2
    assert "the card of grey is of other pictures or holes" in capsys.readouterr().err
    assert (tmp_path / "grey.json").read_bytes() == before


def test_the_cost_is_that_of_one_picture_however_few_there_are():
    sizes = []

    def fill(batch: Batch) -> torch.Tensor:
        sizes.append(len(batch.observed))
        return batch.observed

    comparison.cost(System("spy", "control", fill), torch.zeros(2, 3, 8, 8), torch.ones(2, 1, 8, 8))
    assert set(sizes) == {1}


@pytest.mark.skipif(not STATUS.exists(), reason="the kernel keeps this account on Linux only")
def test_peak_memory_sees_what_was_taken_and_given_back():
    few = peak_memory(lambda: None)
    many = peak_memory(lambda: torch.ones(40 * 2**18).sum())
    assert few is not None
    assert many is not None
    assert few < 5
    assert 39 < many < 60


def test_kinds_of_holes_have_names_of_their_own():
    assert not set(HOLES) & set(BAND_HOLES)


def give_one_fill() -> list[str]:
    """The shipped networks that have a card here; the card of one that draws has other numbers."""
    names = [name for name in shipped.available() if shipped.is_inpainter(name)]
    return [name for name in names if not recipes.recipe(shipped.family_of(name)).draws]


@pytest.mark.parametrize("name", give_one_fill())
def test_a_shipped_networks_numbers_are_those_of_its_card(name, request, monkeypatch):
    drawn = shipped.SHIPPED[name].drawn
    folder = "drawn" if drawn else str(request.getfixturevalue("real_data"))
    monkeypatch.setenv("INPAINTLIB_DATA", folder)
    cards = {card["system"]: card for card in read_cards("drawn" if drawn else "celeba")}
    assert name in cards, "shipped without a card"
    stored = cards[name]
    pictures = load_faces("validation", size=128)
    if not drawn and len(pictures) != stored["pictures"]:
        pytest.skip("these are other photographs than the card's")
    few = pictures.take(slice(17))
    image, mask = few.floats(), fixed_masks("centre", 0, 17, 128)
    filled = comparison.complete(network(name), image, mask, "centre", 0)
    again = metrics.psnr(filled, image, mask).mean()
    before = sum(stored["values"]["centre"]["psnr"][:17]) / 17
    assert float(again) == pytest.approx(before, abs=0.05)


def test_the_best_network_is_read_from_the_cards(tmp_path, monkeypatch):
    """The Fréchet distance decides, not PSNR, which a blurred fill wins; missing weights do not."""

    def card(name: str, psnr: float, distance: float, kind: str = "network") -> None:
        mean = {"mean": psnr, "low": psnr, "high": psnr}
        facts = {"system": name, "kind": kind, "holes": {"centre": {"psnr": mean}}}
        write_card(tmp_path, facts | {"fréchet": {"centre": distance}})

    monkeypatch.setattr(cards_module, "folder_of", lambda kind: tmp_path)
    monkeypatch.setattr(shipped, "available", lambda: ["unet-drawn", "glcic-drawn"])
    far = {name: {"fréchet": 9.0} for name in ("unet-drawn", "unet-celeba")}
    monkeypatch.setattr(fetch, "published", lambda: far | {"glcic-drawn": {"fréchet": 8.0}})
    assert best_network("drawn") == "glcic-drawn", "without cards, by the published list"
    with pytest.raises(ValueError, match="inpaintlib download weights"):
        best_network("celeba")
    card("deepfill-drawn", 30.0, 0.1)  # its weights are not here
    with pytest.raises(ValueError, match="a network whose weights are here"):
        best_network("drawn")
    card("unet-drawn", 25.0, 3.0)
    card("glcic-drawn", 15.0, 2.0)
    assert best_network("drawn") == "glcic-drawn"
    card("unet-drawn blended", 24.0, 1.0, "blended")
    assert best_network("drawn") == "unet-drawn"


def test_no_kind_of_hole_drowns_the_others_in_the_distance():
    """Half as far in each of two kinds makes up for four times as far in the third."""
    plain = {"square": 0.1, "centre": 4.0, "free-form": 0.3}
    other = {"square": 0.05, "centre": 16.0, "free-form": 0.15, "half": 9.0}
    assert distance({"fréchet": plain}) == pytest.approx(0.12 ** (1 / 3))
    assert distance({"fréchet": other}) == pytest.approx(distance({"fréchet": plain}))
    assert distance({"fréchet": {"centre": 4.0}}) == pytest.approx(4)


def test_a_file_of_weights_is_compared_like_a_name(tmp_path, pictures):
    from dataclasses import asdict

    family = recipes.make("unet", size=32)
    file = tmp_path / "run" / "weights.safetensors"
    save_weights(file, family.generator, card={"family": "unet", "settings": asdict(family.config)})
    names = [str(file), f"{file} blended"]
    plain, blended = (
        comparison.evaluate(system, pictures, kinds=["centre"], seeds=(0,))
        for system in systems(pictures, names)
    )
    assert [card["system"] for card in (plain, blended)] == names
    assert [card["kind"] for card in (plain, blended)] == ["network", "blended"]
    assert plain["holes"] != blended["holes"]
    assert write_card(tmp_path, plain).parent == tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such", "no system 'no-such': expected one of truth, .* file"),
        ("no-such.safetensors", "no-such.safetensors: no such file of weights"),
        ("{}/text.safetensors", "text.safetensors: expected weights that `train` or `convert`"),
        ("{}/gan.safetensors", "gan.safetensors: its family, gan, cannot do that"),
        ("gan-drawn", "no system 'gan-drawn'"),
    ],
)
def test_a_wrong_name_is_told_before_any_picture_is_loaded(name, message, tmp_path, monkeypatch):
    monkeypatch.setattr(cards_module, "load_faces", lambda *_, **__: pytest.fail("loaded"))
    (tmp_path / "text.safetensors").write_text("text")
    card = {"family": "gan", "settings": {}}
    save_weights(tmp_path / "gan.safetensors", recipes.make("gan").generator, card=card)
    with pytest.raises(ValueError, match=message):
        cards_module.compare([name.format(tmp_path)], None, root=None, out=tmp_path, say=print)
