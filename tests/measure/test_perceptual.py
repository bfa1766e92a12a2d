"""LPIPS and FID: wired rightly to torchmetrics, whose networks are stand-ins here."""

from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from inpaintlib.data import ImageSet
from inpaintlib.measure import cards, comparison, perceptual
from inpaintlib.measure.features import frechet_distance
from inpaintlib.seeding import stream

pytest.importorskip("torchmetrics")


@pytest.fixture
def alexnet(monkeypatch):
    """AlexNet of random weights instead of a download."""
    import torchvision

    plain = torchvision.models.alexnet
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = plain(weights=None)
    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights: network)


class Inception(torch.nn.Module):
    """Stands in for Inception: 2,048 numbers of a picture (B, 3, H, W), 0..255."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(image.float() / 255, (32, 32))[:, :2].flatten(1)


def pictures(count: int, key: str) -> torch.Tensor:
    return 2 * torch.rand(count, 3, 64, 64, generator=stream(0, key)) - 1


def test_lpips_is_zero_for_equals_and_grows_with_noise(alexnet):
    image = pictures(3, "image")
    noise = torch.randn(image.shape, generator=stream(0, "noise"))
    assert_close(perceptual.lpips(image, image), torch.zeros(3))
    little, much = (perceptual.lpips(image + level * noise, image) for level in (0.1, 0.5))
    assert little.shape == (3,)
    assert (little > 0).all()
    assert (little < much).all()
    assert_close(perceptual.lpips(image[:1] + 0.1 * noise[:1], image[:1]), little[:1])


@pytest.mark.slow  # the square root of a 2,048×2,048 matrix
def test_fid_agrees_with_our_distance(monkeypatch):
    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", Inception)
    one, other = pictures(40, "one"), pictures(40, "other") / 2
    seen = [Inception()(((crowd + 1) / 2 * 255).byte()) for crowd in (one, other)]
    assert perceptual.fid(one, other) == pytest.approx(frechet_distance(*seen), rel=1e-3)


def test_a_card_and_its_table_have_them(alexnet, monkeypatch):
    monkeypatch.setattr(perceptual, "fid", lambda completed, image: float(len(completed)))
    faces = ImageSet((127 * (pictures(4, "faces") + 1)).byte(), "drawn noise", "free: made")
    card = {}
    for system in comparison.systems(faces, ["grey", "biharmonic"]):
        card[system.name] = comparison.evaluate(system, faces, kinds=["centre"], downloaded=True)
    assert card["grey"]["fid"] == {"centre": 4.0}
    assert card["grey"]["lpips"]["centre"]["mean"] > 0
    head, *_, last = cards.markdown(list(card.values())).splitlines()[4:]
    assert head.endswith("| LPIPS, centre | FID, centre |")
    assert last.endswith("| 4.0 |")
    plain = comparison.evaluate(next(comparison.systems(faces, ["Telea"])), faces, kinds=["centre"])
    lines = cards.markdown([*card.values(), plain]).splitlines()[4:]
    assert len({line.count("|") for line in lines}) == 1, "as many cells in every row"
    assert lines[-1].endswith("|  |  |")


@pytest.mark.parametrize("measure", [perceptual.lpips, perceptual.fid])
def test_a_network_that_cannot_be_fetched_is_named(measure, tmp_path, monkeypatch):
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    image = pictures(2, "image")
    with pytest.raises(ValueError, match=r"its network is not in .*hub: .*no route"):
        measure(image, image)
