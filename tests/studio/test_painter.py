"""The painter without a browser: what its buttons ask, what arrives, what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintlib import masks
from inpaintlib.data import load_faces
from inpaintlib.images import from_bytes, to_bytes
from inpaintlib.studio.holes import draw_hole, mask_from_bytes, mask_to_bytes, png
from inpaintlib.studio.painter import Painter
from inpaintlib.studio.pictures import PHOTOGRAPHS, load_picture, read_upload, sources


def picture_file(width, height, kind="PNG", colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


@pytest.fixture
def painter():
    return Painter(torch.zeros(1, 3, 16, 24))


def ask(painter, content, *buffers):
    """What the browser's `model.send` leads to."""
    painter._handle_custom_msg(content, [memoryview(buffer) for buffer in buffers])


def stroke(painter, mask):
    """What the browser's `save_changes` leads to at the end of a stroke."""
    content = memoryview(mask.astype(np.uint8).tobytes())
    number, size = painter.stroke + 1, list(mask.shape)
    painter.set_state({"mask_bytes": content, "stroke": number, "painted": size})


def test_a_stroke_arrives_as_a_mask_and_is_acknowledged(painter):
    drawn = np.zeros((16, 24))
    drawn[3:5, 7:20] = 1
    heard = []
    painter.observe(lambda change: heard.append(change.name), ["mask_bytes"])
    stroke(painter, drawn)
    torch.testing.assert_close(painter.mask, torch.from_numpy(drawn)[None, None].float())
    assert (painter.received, heard) == (1, ["mask_bytes"])
    stroke(painter, drawn)  # nothing new, yet the browser waits for the answer
    assert (painter.received, heard) == (2, ["mask_bytes"])


@pytest.mark.parametrize("size", [(20, 24), (24, 16)])
def test_a_stroke_for_a_picture_of_another_size_is_acknowledged_and_ignored(painter, size):
    painter.image = torch.zeros(1, 3, *size)
    stroke(painter, np.ones((16, 24)))  # was on its way when the picture changed, or was turned
    assert painter.mask.shape == (1, 1, *size)
    assert painter.mask.sum() == 0
    assert painter.received == 1
    stroke(painter, np.ones(size))
    assert painter.mask.mean() == 1


@pytest.mark.parametrize("kind", [np.float32, np.uint8, bool])
def test_a_mask_goes_in_as_array_or_tensor_and_comes_out(painter, kind):
    array = (np.arange(16 * 24).reshape(16, 24) % 5 == 0).astype(kind)
    painter.mask = array
    assert painter.mask.shape == (1, 1, 16, 24)
    assert (painter.mask[0, 0].numpy() == array).all()
    kept = painter.mask
    painter.mask = 1 - kept
    assert (painter.mask + kept == 1).all()
    assert painter.mask_bytes == (1 - kept).numpy().astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        (np.zeros((16, 16)), "16×24, the picture's size, got 16×16"),
        (np.full((16, 24), 255), "zeros and ones"),
        (np.zeros(5), r"\(H, W\) or \(1, 1, H, W\), got \(5,\)"),
    ],
)
def test_what_is_no_mask_for_this_picture_is_refused(painter, mask, complaint):
    with pytest.raises(ValueError, match=complaint):
        painter.mask = mask


def test_bytes_of_another_length_are_refused():
    mask = draw_hole("pixels", 0.5, 0, 5, 7)
    torch.testing.assert_close(mask_from_bytes(mask_to_bytes(mask), 5, 7), mask)
    with pytest.raises(ValueError, match="expected 36 bytes of a mask, got 35"):
        mask_from_bytes(mask_to_bytes(mask), 6, 6)


def test_every_kind_of_mask_has_a_button_and_its_defaults_are_at_the_middle(painter):
    assert painter.kinds == list(masks.KINDS)
    for name in set(masks.KINDS) - {"box and brush"}:
        expected = getattr(masks, name)(1, 128, 128, generator=torch.Generator().manual_seed(3))
        torch.testing.assert_close(draw_hole(name, 0.5, 3, 128, 128), expected, msg=name)


@pytest.mark.parametrize("kind", sorted(set(masks.SIZED) - {"half"}))
def test_a_larger_size_hides_more(kind):
    small, large = (
        sum(draw_hole(kind, size, seed, 64, 96).mean() for seed in range(8))
        for size in (0.05, 0.95)
    )
    assert large > 1.5 * small


def test_the_button_of_a_kind_draws_by_seed_and_bad_requests_are_shown(painter):
    ask(painter, {"request": "hole", "kind": "brush", "size": 0.4, "seed": 7})
    torch.testing.assert_close(painter.mask, draw_hole("brush", 0.4, 7, 16, 24))
    ask(painter, {"request": "hole", "kind": "star", "size": 0.4, "seed": 7})
    assert painter.message.startswith("no kind of mask 'star': expected one of square")
    ask(painter, {"request": "hole", "kind": "brush", "size": 1.5, "seed": 7})
    assert painter.message == "expected a size of 0.05 to 0.95, got 1.5"
    ask(painter, {"request": "dance"})
    assert "expected a picture, an upload or a hole" in painter.message
    ask(painter, {"request": "hole", "kind": "brush", "size": 0.4, "seed": 8})
    assert painter.message == ""


def test_an_error_that_is_not_the_users_is_shown_with_its_place(painter, monkeypatch):
    def broken(*_arguments, **_options):
        raise KeyError("nose")

    monkeypatch.setattr("inpaintlib.studio.painter.draw_hole", broken)
    ask(painter, {"request": "hole", "kind": "brush", "size": 0.4, "seed": 7})
    assert "Traceback" in painter.message
    assert "KeyError: 'nose'" in painter.message


def test_every_source_gives_a_picture(monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    assert sources() == ["drawn faces", *PHOTOGRAPHS]
    for source in sources():
        picture = load_picture(source, size=32)
        assert picture.shape == (1, 3, 32, 32)
        assert picture.std() > 0.02, source
    assert not torch.equal(load_picture("drawn faces", 1), load_picture("drawn faces", 2))
    with pytest.raises(ValueError, match="no pictures 'moon'"):
        load_picture("moon")
    with pytest.raises(ValueError, match="0 or more, got -1"):
        load_picture("cat", -1)


def test_the_data_folder_is_a_source_where_there_is_one(tmp_path, monkeypatch):
    for number in range(10):
        content = picture_file(40, 40, colour=(10 * number, 0, 0))
        Path(tmp_path, f"{number}.png").write_bytes(content)
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path))
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))
    assert sources()[:2] == ["drawn faces", "data folder"]
    picture = to_bytes(load_picture("data folder", 5, size=16))
    (tested,) = load_faces("test", size=16).images  # of ten, counted round
    assert torch.equal(picture[0], tested)


def test_a_chosen_picture_is_shown_and_one_of_another_size_empties_the_mask(painter):
    painter.mask = np.ones((16, 24))
    ask(painter, {"request": "picture", "source": "cat", "number": 0})
    assert (painter.height, painter.width, painter.source) == (128, 128, "cat")
    assert painter.mask.shape == (1, 1, 128, 128)
    assert painter.mask.sum() == 0
    shown = np.asarray(Image.open(io.BytesIO(painter.picture)))
    expected = to_bytes(load_picture("cat"))[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(shown, expected)
    painter.mask = np.ones((128, 128))
    ask(painter, {"request": "picture", "source": "drawn faces", "number": 4})
    assert (painter.number, painter.mask.mean()) == (4, 1)  # same size: the mask stays


def test_a_large_upload_is_shown_smaller_and_its_mask_is_as_large(painter):
    ask(painter, {"request": "upload", "name": "a.jpg"}, picture_file(3000, 2000, "JPEG", "blue"))
    assert painter.image.shape == (1, 3, 2000, 3000)
    assert (painter.height, painter.width) == (683, 1024)
    assert (painter.full_height, painter.full_width) == (2000, 3000)
    with Image.open(io.BytesIO(painter.picture)) as shown:
        assert shown.size == (1024, 683)
    painted = np.zeros((683, 1024), np.uint8)
    painted[100:200, 300:400] = 1
    painter.set_state({"mask_bytes": painted.tobytes()})
    mask = painter.mask[0, 0].numpy()
    assert mask.shape == (2000, 3000)
    rows, columns = mask.nonzero()
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == [293, 585, 879, 1171]
    painter.mask = np.eye(2000, 3000)  # no hole is lost on the way to a smaller view
    assert painter.mask[0, 0].numpy()[np.eye(2000, 3000) > 0].all()


def test_an_upload_becomes_the_picture(painter):
    ask(painter, {"request": "upload", "name": "wide.jpg"}, picture_file(300, 200, "JPEG", "blue"))
    assert (painter.source, painter.message) == ("upload", "")
    assert painter.image.shape == (1, 3, 200, 300)
    assert painter.image[0, 2].mean() > 0.9


def test_the_upload_comes_back_when_it_is_chosen_again(painter):
    ask(painter, {"request": "upload", "name": "wide.png"}, picture_file(30, 20))
    before = painter.picture
    ask(painter, {"request": "upload", "name": "odd.png"}, b"no picture")
    ask(painter, {"request": "picture", "source": "cat", "number": 0})
    ask(painter, {"request": "picture", "source": "upload", "number": 0})
    assert (painter.source, painter.message) == ("upload", "")
    assert painter.picture == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "this is no picture"),
        (b"%PDF-1.7 and so on", "this is no picture"),
        (picture_file(1, 1), "1×1 pixels; expected at least 8 a side"),
        (picture_file(4000, 3)[:-30], "4000×3 pixels; expected at least 8 a side"),
        (picture_file(10_000, 5_000), "50 megapixels .10000×5000.; expected at most 40"),
        (picture_file(20_000, 10_000), "over 40 megapixels"),
        (picture_file(64, 64)[:60], "cannot be read"),
    ],
    ids=["empty", "a PDF", "1×1", "thin", "50 megapixels", "200 megapixels", "cut off"],
)
def test_an_upload_that_will_not_do_is_explained_and_changes_nothing(painter, content, complaint):
    before = painter.picture
    ask(painter, {"request": "upload", "name": "odd.png"}, content)
    assert painter.message.startswith("odd.png: ")
    with pytest.raises(ValueError, match=complaint):
        read_upload("odd.png", content)
    assert painter.picture == before


def test_a_grey_picture_can_be_painted_on():
    painter = Painter(torch.linspace(-1, 1, 28 * 28).view(1, 1, 28, 28))
    painter.mask = np.eye(28)
    assert painter.static_picture().shape == (1, 3, 28, 28)
    with pytest.raises(ValueError, match="expected one image"):
        painter.image = torch.zeros(2, 1, 28, 28)


def test_where_no_browser_is_a_picture_with_its_hole_stands_in(painter):
    import base64

    painter.mask = np.ones((16, 24))
    data, _ = painter._repr_mimebundle_()
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert shown.shape == (16 * 24, 24 * 24, 3)
    assert (shown == [219, 41, 140]).all()  # images.HOLE_MARKER, also the browser's
    assert data["text/plain"] == "Painter(16×24, hole 100.0%)"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_png_keeps_every_byte():
    image = from_bytes(torch.arange(3 * 16 * 16).remainder(256).view(1, 3, 16, 16).byte())
    read = np.asarray(Image.open(io.BytesIO(png(image))))
    np.testing.assert_array_equal(read, to_bytes(image)[0].permute(1, 2, 0).numpy())
