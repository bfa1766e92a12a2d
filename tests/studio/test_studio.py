"""The studio without a browser: methods, scores, cancelling, errors, and how it is served."""

import io
import os
import threading
import time
from dataclasses import asdict

import cv2
import nbformat
import numpy as np
import pytest
import skimage.data
import skimage.metrics
import torch
from nbconvert import HTMLExporter
from PIL import Image
from torch import nn

from inpaintlib import cli
from inpaintlib.images import hide, to_bytes, to_unit
from inpaintlib.measure.cards import best_network
from inpaintlib.measure.classical import CLASSICAL, telea
from inpaintlib.photos import shipped
from inpaintlib.photos.inpainter import Inpainter
from inpaintlib.studio import logic, serve, studio
from inpaintlib.studio.holes import draw_hole
from inpaintlib.studio.logic import Newest, StaleError, best_method, fill, fill_of, methods
from inpaintlib.studio.pictures import load_picture
from inpaintlib.studio.studio import Studio
from inpaintlib.training import recipes
from inpaintlib.training.checkpoints import save_weights

NETWORKS = {
    "unet-drawn": "unet",
    "glcic-drawn": "glcic",
    "blind-drawn": "blind",
    "gan-drawn": "gan",
}
BLANK = torch.zeros(1, 3, 8, 8)


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch):
    """As outside a notebook, though the browser tests of this process may keep a loop running."""
    monkeypatch.setattr(studio, "_running_loop", lambda: None)


@pytest.fixture
def picture():
    return load_picture("drawn faces", 0)


@pytest.fixture
def mask():
    return draw_hole("brush", 0.5, 1, 128, 128)


@pytest.fixture
def untrained(monkeypatch):
    """Shipped names whose networks are small and untrained, so that no weights are needed."""
    logic._loaded.cache_clear()
    monkeypatch.setattr(shipped, "available", lambda: list(NETWORKS))
    monkeypatch.setattr(shipped, "load", lambda name: recipes.make(NETWORKS[name]).eval())
    yield
    logic._loaded.cache_clear()


def wait(studio):
    studio._newest._last.result(timeout=60)


def test_methods_are_the_classical_fills_and_the_networks_that_fill_holes(untrained):
    assert methods() == [*CLASSICAL, "unet-drawn", "glcic-drawn", "blind-drawn"]
    assert best_method(drawn=True) == best_network("drawn")
    assert best_method(drawn=True) in NETWORKS, "the best of those that are here"
    assert best_method(drawn=False) == "biharmonic"
    with pytest.raises(ValueError, match="no method 'gan-drawn': expected one of image mean"):
        fill_of("gan-drawn")


def test_without_networks_the_studio_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(shipped, "available", list)
    alone = studio.Studio()
    assert alone.comparison.right == "biharmonic"
    assert "inpaintlib download weights" in alone.comparison.message
    alone._show(*alone._request()())
    assert alone.comparison.message, "it stays after the next fill"


@pytest.mark.parametrize("kind", ["brush", "square", "half"])
def test_the_studio_shows_what_fill_writes(kind, picture, untrained, monkeypatch):
    family = recipes.make("unet").eval()
    monkeypatch.setattr(shipped, "load", lambda name: family)
    mask = draw_hole(kind, 0.5, 1, 128, 128)
    photo = to_bytes(picture)[0].permute(1, 2, 0).numpy()
    written = Inpainter("unet-drawn").fill(photo, mask[0, 0].bool().numpy())
    shown = to_bytes(fill("unet-drawn", picture, mask).picture)[0].permute(1, 2, 0).numpy()
    hard = Inpainter("unet-drawn").fill(photo, mask[0, 0].bool().numpy(), seam="hard")
    assert np.array_equal(shown, written)
    assert not np.array_equal(written, hard), "this hole would not tell the two apart"


@pytest.mark.parametrize("method", [*CLASSICAL, "unet-drawn", "glcic-drawn", "blind-drawn"])
def test_every_method_keeps_the_known_pixels_and_never_sees_the_hidden(
    method, picture, mask, untrained
):
    answer = fill(method, picture, mask)
    known = (mask == 0).expand_as(picture)
    assert torch.equal(answer.picture[known], picture[known])
    other = torch.where(mask.bool(), -picture, picture)  # another truth under the same hole
    torch.testing.assert_close(
        fill(method, other, mask).picture, torch.where(mask.bool(), answer.picture, other)
    )


def test_the_blind_network_is_told_the_painted_hole(picture, mask, untrained, monkeypatch):
    family = recipes.make("blind").eval()
    family.generator.locator.head.bias.data.fill_(-1e3)  # on its own it would find nothing
    monkeypatch.setattr(shipped, "load", lambda name: family)
    filled = fill("blind-drawn", picture, mask).picture
    grey = hide(picture, mask).seen()
    assert ((filled - grey) * mask).abs().amax(dim=1)[0][mask[0, 0] == 1].min() > 0


def test_scores_are_those_of_the_hole(picture, mask):
    answer = fill("Telea", picture, mask)
    truth, filled = (to_unit(image)[0].numpy() for image in (picture, telea(picture, mask)))
    hole = np.broadcast_to(mask[0].numpy() == 1, truth.shape)
    expected = skimage.metrics.peak_signal_noise_ratio(truth[hole], filled[hole], data_range=1)
    assert answer.scores["PSNR"] == pytest.approx(expected, abs=1e-3)
    assert answer.scores["L1"] == pytest.approx(np.abs(truth - filled)[hole].mean(), abs=1e-6)
    assert 0 < answer.scores["SSIM"] < 1
    assert answer.seconds > 0
    errors = to_unit(answer.errors).sum(dim=1, keepdim=True)
    assert errors[mask == 0].max() < 0.1  # nearly black where nothing was filled
    assert errors[mask == 1].max() > 0.5


def test_without_a_hole_or_a_truth_there_are_no_scores(picture, mask):
    empty = fill("Telea", picture, torch.zeros_like(mask))
    assert torch.equal(empty.picture, picture)
    assert empty.scores == {}
    unknown = fill("Telea", picture, mask, truth_known=False)
    assert (unknown.errors, unknown.scores) == (None, {})


def test_a_newer_job_drops_the_waiting_and_stops_the_running():
    newest, started, ended = Newest(), threading.Event(), []

    def slow(stale):
        started.set()
        while not stale():
            time.sleep(0.001)
        ended.append("stopped")
        raise StaleError

    newest.submit(slow)
    started.wait(timeout=10)
    waiting = [newest.submit(lambda stale: ended.append("old")) for _ in range(5)]
    newest.submit(lambda stale: ended.append(f"newest, stale: {stale()}")).result(timeout=10)
    assert ended == ["stopped", "newest, stale: False"]
    assert [job.cancelled() for job in waiting] == [True] * 5


def test_a_network_stops_at_its_next_layer(monkeypatch, picture, mask):
    layers, started, go_on = [], threading.Event(), threading.Event()

    class Layer(nn.Module):
        def forward(self, image):
            layers.append(len(layers))
            started.set()
            go_on.wait(timeout=10)
            return image

    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Layer(), Layer(), Layer())

        def forward(self, observed, mask):
            return self.layers(observed)

    family = recipes.make("unet").eval()
    family.generator = Slow()

    logic._loaded.cache_clear()
    monkeypatch.setattr(shipped, "available", lambda: ["unet-drawn"])
    monkeypatch.setattr(shipped, "load", lambda name: family)
    newest = Newest()
    first = newest.submit(lambda stale: fill("unet-drawn", picture, mask))
    started.wait(timeout=10)
    second = newest.submit(lambda stale: None)
    go_on.set()
    first.result(timeout=10)
    second.result(timeout=10)
    logic._loaded.cache_clear()
    assert layers == [0]


def test_a_stroke_a_method_and_a_picture_each_give_a_new_answer(untrained):
    studio = Studio()
    assert studio.comparison.right == best_network("drawn")
    assert studio.answers[-1].picture.shape == (1, 3, 128, 128)
    hole = np.zeros((128, 128))
    hole[40:80, 30:90] = 1
    studio.painter.mask = hole
    wait(studio)
    changed = (studio.answers[-1].picture != studio.painter.image).any(dim=1)[0].numpy()
    assert changed.any()
    assert not changed[hole == 0].any()
    assert studio.comparison.working == ""
    studio.comparison.right = "Telea"
    wait(studio)
    expected = telea(studio.painter.image, studio.painter.mask)
    torch.testing.assert_close(studio.answers[-1].picture, expected)
    assert [row["method"] for row in studio.comparison.rows] == ["original", "Telea"]
    studio.comparison.left = "image mean"
    wait(studio)
    assert [answer.method for answer in studio.answers] == ["image mean", "Telea"]
    studio.painter._handle_custom_msg({"request": "picture", "source": "cat", "number": 0}, [])
    wait(studio)
    known = (studio.painter.mask == 0).expand(1, 3, 128, 128)
    assert torch.equal(studio.answers[-1].picture[known], load_picture("cat")[known])


def test_pictures_of_another_kind_bring_the_network_that_learned_from_such(monkeypatch):
    pairs = ["unet-drawn", "unet-celeba", "glcic-drawn", "glcic-celeba", "blind-drawn"]
    monkeypatch.setattr(shipped, "available", lambda: pairs)
    answers = [fill("original", BLANK, BLANK)] * 2
    monkeypatch.setattr(Studio, "_request", lambda _: lambda: (answers, ("", b""), BLANK))
    studio = Studio()
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "PNG")

    def after(source):
        asked = {"request": "picture", "source": source, "number": 0}
        if source == "upload":
            asked = {"request": "upload", "name": "a.png"}
        studio.painter._asked(studio.painter, asked, [file.getvalue()])
        assert studio.painter.source == source
        return studio.comparison.right

    studio.comparison.right = "unet-drawn"
    assert [after(source) for source in ("astronaut", "drawn faces")] == [
        "unet-celeba",
        "unet-drawn",
    ]
    assert after("upload") == "unet-celeba"
    studio.comparison.right = "glcic-drawn"  # the reader's own choice
    assert [after("cat"), after("drawn faces")] == ["glcic-drawn", "glcic-drawn"]
    studio.comparison.right = "blind-drawn"  # there is no other
    assert after("cat") == "blind-drawn"


def test_many_strokes_in_a_row_end_with_the_answer_to_the_last():
    studio = Studio()
    studio.comparison.right = "Telea"
    for step in range(1, 101):
        mask = np.zeros((128, 128))
        mask[10 : 10 + step, 20:40] = 1
        studio.painter.set_state({"mask_bytes": memoryview(mask.astype(np.uint8).tobytes())})
    wait(studio)
    changed = (studio.answers[-1].picture != studio.painter.image).any(dim=1)[0]
    assert changed.any(dim=1).nonzero().max() == 109
    assert studio.comparison.working == ""


def test_an_upload_has_no_truth_and_is_saved_under_its_own_name():
    studio, file = Studio(), io.BytesIO()
    assert studio.comparison.rows[-1]["file"] == studio.comparison.right
    Image.fromarray(skimage.data.cat()[:100, :100]).save(file, "PNG")
    asked = {"request": "upload", "name": "my cat.v2.png"}
    studio.painter._asked(studio.painter, asked, [file.getvalue()])
    wait(studio)
    assert studio.comparison.errors == b""
    assert studio.comparison.rows[-1]["PSNR"] == "–"
    assert studio.comparison.rows[-1]["file"] == "my cat.v2-filled"


def test_an_impossible_hole_is_explained_and_the_next_one_works():
    studio = Studio()
    studio.comparison.right = "Telea"
    studio.painter.mask = np.ones((128, 128))
    wait(studio)
    assert "all hole" in studio.comparison.message
    assert studio.comparison.working == ""
    assert (studio.comparison.right_picture, studio.comparison.rows) == (b"", [])
    studio.painter.mask = np.eye(128)
    wait(studio)
    assert studio.comparison.message == ""
    assert studio.comparison.rows[-1]["method"] == "Telea"


def test_a_method_that_breaks_shows_its_traceback(monkeypatch):
    studio = Studio()

    def broken(*_arguments):
        raise ZeroDivisionError("nothing left")

    monkeypatch.setitem(logic.CLASSICAL, "Telea", broken)
    studio.comparison.right = "Telea"
    wait(studio)
    assert "ZeroDivisionError: nothing left" in studio.comparison.message


def test_a_picture_stands_in_where_no_browser_is():
    data, metadata = Studio()._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("Studio()", outputs=[output])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert f"data:image/png;base64,{data['image/png'][:100]}" in page
    assert "application/vnd.jupyter.widget-view+json" in data  # what JupyterLab takes instead


def test_the_studio_is_served_on_this_computer_only(tmp_path, monkeypatch):
    notebook = serve.write_notebook(tmp_path)
    assert "Studio(models=[])" in notebook.read_text(encoding="utf-8")
    words = serve.arguments(notebook, port=9000, browser=False, theme="dark")
    assert {"--Voila.ip=127.0.0.1", "--port=9000", "--theme=dark", "--no-browser"} <= set(words)
    assert "--Voila.auto_token=True" in words  # for its user only, on a computer with several
    asked = []
    monkeypatch.setattr(serve, "serve", lambda **options: asked.append(options))
    assert cli.main(["studio", "--no-browser", "--theme", "dark"]) == 0
    assert asked == [{"port": 8866, "browser": False, "theme": "dark", "models": []}]


def test_without_voila_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["studio"]) == 2
    assert "pip install 'inpaintlib[app]'" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_no_page_can_have_is_refused(port, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # whatever is installed
    assert cli.main(["studio", "--port", port]) == 2
    assert f"expected a port from 1 to 65535, got {port}" in capsys.readouterr().err


def test_a_large_photo_is_filled_and_saved_at_its_own_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = Image.Exif()
    facts[0x010F] = "a camera"
    source = np.kron(skimage.data.coffee(), np.ones((3, 3, 1), np.uint8))
    file = io.BytesIO()
    Image.fromarray(source).save(file, "JPEG", exif=facts, quality=90)
    (tmp_path / "phone.jpg").write_bytes(file.getvalue())
    studio = Studio()
    studio.comparison.right = "Telea"
    asked = {"request": "upload", "name": "phone.jpg"}
    studio.painter._asked(studio.painter, asked, [file.getvalue()])
    mask = np.zeros(source.shape[:2], bool)
    mask[300:400, 500:700] = True
    studio.painter.mask = mask
    studio._show(*studio._request()())
    assert studio.comparison.scaled
    for name in ("phone-filled.jpg", "phone-filled-2.jpg"):
        studio._asked(studio.comparison, {"request": "save"}, [])
        assert studio.comparison.message == f"Saved: {tmp_path / name}"
    with Image.open(tmp_path / "phone-filled.jpg") as saved, Image.open(file) as before:
        assert saved.size == before.size == (1800, 1200)
        assert saved.getexif()[0x010F] == "a camera"
        changed = (np.asarray(saved) != np.asarray(before)).any(axis=2)
    hidden = studio.painter.mask[0, 0].numpy() > 0
    near = cv2.dilate(hidden.astype(np.uint8), np.ones((35, 35), np.uint8)) > 0
    assert changed[hidden].mean() > 0.5
    assert not changed[~near].any()


def test_what_is_saved_is_the_answer_with_its_own_name_and_mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    studio = Studio()
    studio.comparison.right = "Telea"
    wait(studio)

    def upload(name, colour):
        file = io.BytesIO()
        Image.new("RGB", (40, 30), colour).save(file, "PNG")
        asked = {"request": "upload", "name": name}
        studio.painter._asked(studio.painter, asked, [file.getvalue()])

    upload("A.png", "red")
    studio.painter.mask = np.eye(30, 40)
    wait(studio)
    monkeypatch.setattr(studio._newest, "submit", lambda job: None)  # no answer comes any more
    upload("B.png", "blue")
    assert studio.save() == tmp_path / "A-filled.png"
    assert np.asarray(Image.open(tmp_path / "A-filled.png"))[0, -1].tolist() == [255, 0, 0]


def test_weights_that_were_trained_on_are_loaded_anew(tmp_path, picture, mask):
    file = tmp_path / "mine.safetensors"
    for seed in range(2):
        torch.manual_seed(seed)
        unet = recipes.make("unet", size=32, base=8)
        card = {"family": "unet", "settings": asdict(unet.config)}
        save_weights(file, unet.generator, card=card)
        os.utime(file, ns=(seed, seed))
        filled = fill(str(file), picture, mask).picture
        other = Inpainter(file).fill(to_bytes(picture)[0].permute(1, 2, 0).numpy(), mask)
        assert np.array_equal(to_bytes(filled)[0].permute(1, 2, 0).numpy(), other)


def test_own_weights_are_offered(tmp_path):
    family = recipes.make("unet", size=32)
    file = str(tmp_path / "mine.safetensors")
    save_weights(file, family.generator, card={"family": "unet", "settings": asdict(family.config)})
    studio = Studio(models=[file])
    assert studio.comparison.choices[1] == studio.comparison.right == file
    assert studio.answers[-1].method == file
    notebook = serve.write_notebook(tmp_path, [file])
    assert f"Studio(models=['{file}'])" in nbformat.read(notebook, 4).cells[0].source
    with pytest.raises(ValueError, match="no such file of weights"):
        serve.serve(models=["nowhere.safetensors"])


def test_a_network_that_draws_is_asked_for_another_fill(tmp_path):
    settings = {"size": 16, "widths": (8, 16), "samples": 2}
    file = str(tmp_path / "mine.safetensors")
    family = recipes.make("flow", **settings)
    nn.init.normal_(family.generator.end.weight)  # else every velocity is 0
    save_weights(file, family.generator, card={"family": "flow", "settings": asdict(family.config)})
    studio = Studio(models=[file])
    assert studio.comparison.draws
    first = studio.answers[-1].picture
    studio.comparison.seed += 1
    wait(studio)
    hole = studio.painter.mask.bool().expand_as(first)
    assert (studio.answers[-1].picture[hole] != first[hole]).float().mean() > 0.5
    studio.comparison.seed -= 1
    wait(studio)
    assert torch.equal(studio.answers[-1].picture, first), "the same seed, the same fill"
    studio.comparison.right = "Telea"
    wait(studio)
    assert not studio.comparison.draws
