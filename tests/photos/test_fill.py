"""The command `fill`: its words, its files, its errors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from plane import Plane, box, gradient

from inpaintlib import cli
from inpaintlib.models.flow import Flow, FlowConfig
from inpaintlib.photos import shipped
from inpaintlib.photos.inpainter import Inpainter

NEON = np.array([255, 0, 255], np.uint8)
HEIGHT, WIDTH = 40, 50
MASK = box(HEIGHT, WIDTH, (15, 20, 25, 30))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo and its mask, where every model is a plane."""
    monkeypatch.setattr(shipped, "load", lambda name: Plane())
    photo = Image.fromarray(np.where(MASK[..., None], NEON, gradient(HEIGHT, WIDTH)))
    photo.save(tmp_path / "photo.png")
    Image.fromarray(MASK).save(tmp_path / "mask.png")
    return tmp_path


def run(folder: Path, photo: str = "photo.png", *words: str) -> int:
    return cli.main(["fill", str(folder / photo), "--mask", str(folder / "mask.png"), *words])


def test_fill_writes_beside_the_photo(folder: Path, capsys: pytest.CaptureFixture):
    assert run(folder) == 0
    assert capsys.readouterr().out == f"filled: {folder / 'photo-filled.png'}\n"
    with Image.open(folder / "photo-filled.png") as file:
        filled = np.asarray(file)
    assert np.abs(filled.astype(int) - gradient(HEIGHT, WIDTH)).max() <= 4
    assert sorted(path.name for path in folder.iterdir()) == [
        "mask.png",
        "photo-filled.png",
        "photo.png",
    ]


def test_a_mask_painted_on_a_photo_that_was_not_turned_is_explained(
    folder: Path, capsys: pytest.CaptureFixture
):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient(WIDTH, HEIGHT)).save(folder / "photo.jpg", exif=exif)
    Image.fromarray(MASK.T).save(folder / "mask.png")
    assert run(folder, "photo.jpg") == 2
    said = f"{HEIGHT}×{WIDTH} pixels and the photo {WIDTH}×{HEIGHT}, turned as its EXIF orientation"
    assert said in capsys.readouterr().err


def test_a_slash_at_the_end_is_a_new_folder(folder: Path):
    for name in ("new/", "new.folder/"):
        assert run(folder, "photo.png", "-o", f"{folder}/{name}") == 0
        assert (folder / name / "photo.png").is_file()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp", ".jpg", ".JPEG"])
def test_the_suffix_decides_the_format(folder: Path, suffix: str):
    out = folder / "new" / f"out{suffix}"
    assert run(folder, "photo.png", "-o", str(out)) == 0
    error = np.abs(np.asarray(Image.open(out)).astype(int) - gradient(HEIGHT, WIDTH))
    assert error[~MASK].max() <= (8 if suffix.lower().startswith(".j") else 0)


def test_options_reach_the_inpainter(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipped, "load", lambda name: Plane(offset=0.3))  # wrong if merely pasted
    Image.fromarray(~MASK).save(folder / "mask.png")
    assert run(folder, "photo.png", "--hole", "black", "--seam", "poisson") == 0
    filled = np.asarray(Image.open(folder / "photo-filled.png"))
    assert np.abs(filled.astype(int) - gradient(HEIGHT, WIDTH)).max() <= 4


def test_a_photo_held_sideways_lies_in_the_file_as_before(folder: Path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # Orientation, Make
    sideways = Image.open(folder / "photo.png").transpose(Image.Transpose.ROTATE_90)
    sideways.save(
        folder / "photo.jpg", exif=exif, icc_profile=b"profile", quality=98, subsampling=0
    )
    assert run(folder, "photo.jpg") == 0
    with Image.open(folder / "photo-filled.jpg") as filled:
        assert filled.getexif()[0x0112] == 6
        assert filled.getexif()[0x010F] == "a camera"
        assert filled.info["icc_profile"] == b"profile"
        upright = np.asarray(ImageOps.exif_transpose(filled)).astype(int)
    assert np.abs(upright - gradient(HEIGHT, WIDTH)).mean() < 3
    assert run(folder, "photo.jpg", "-o", str(folder / "out.png")) == 0
    with Image.open(folder / "out.png") as filled:  # which programs do not turn
        assert filled.size == (WIDTH, HEIGHT)
        assert filled.getexif().get(0x0112) is None
        assert filled.getexif()[0x010F] == "a camera"


def test_the_old_thumbnail_is_not_kept(folder: Path):
    def directory(entries: list[tuple[int, int, int]], following: int) -> bytes:
        parts = [len(entries).to_bytes(2, "little")]
        for tag, kind, value in entries:
            parts += [tag.to_bytes(2, "little"), kind.to_bytes(2, "little")]
            parts += [(1).to_bytes(4, "little"), value.to_bytes(4, "little")]
        return b"".join([*parts, following.to_bytes(4, "little")])

    first = directory([(0x0112, 3, 1)], 26)  # at byte 8: upright, then comes the thumbnail's
    second = directory([(0x0103, 3, 6), (0x0201, 4, 68), (0x0202, 4, 9)], 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + first + second + b"THUMBNAIL"
    Image.open(folder / "photo.png").save(folder / "photo.jpg", exif=exif)
    assert b"THUMBNAIL" in (folder / "photo.jpg").read_bytes()
    assert run(folder, "photo.jpg") == 0
    assert b"THUMBNAIL" not in (folder / "photo-filled.jpg").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.png", "-o", "{}/photo.png"], "would be overwritten"),
        (["photo.png", "-o", "{}/new/../mask.png"], "would be overwritten"),
        (["photo.png", "-o", "{}/out.doc"], "expected a picture's suffix"),
        (["photo.png", "-o", "{}/mask.png/out.png"], "mask.png"),
        (["missing.png"], "missing.png: cannot be read"),
    ],
)
def test_errors_are_one_line_and_leave_no_file(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture
):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(folder, *(word.format(folder) for word in words)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_wrong_suffix_is_noticed_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipped, "load", lambda name: pytest.fail("loaded"))
    assert run(folder, "photo.png", "-o", str(folder / "out.doc")) == 2


def test_a_formula_has_a_name_like_a_network(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipped, "load", lambda name: pytest.fail("loaded"))
    assert run(folder, "photo.png", "--model", "image mean") == 0
    filled = np.asarray(Image.open(folder / "photo-filled.png"))
    known = gradient(HEIGHT, WIDTH)[~MASK].mean(axis=0)
    assert np.abs(filled[MASK] - known).max() <= 1
    assert np.array_equal(filled[~MASK], gradient(HEIGHT, WIDTH)[~MASK])


def test_unknown_model_is_one_line(folder: Path, monkeypatch, capsys: pytest.CaptureFixture):
    monkeypatch.undo()
    assert run(folder, "photo.png", "--model", "unet-cats") == 2
    assert "no weights 'unet-cats': expected one of" in capsys.readouterr().err


def test_a_disk_that_fills_up_leaves_the_old_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def half(self: Path, data: bytes) -> None:
        self.open("wb").write(b"half a pic")
        raise OSError("no space left on device")

    (folder / "photo-filled.png").write_bytes(b"older")
    monkeypatch.setattr(Path, "write_bytes", half)
    assert run(folder, "photo.png", "--overwrite") == 2
    assert capsys.readouterr().err == "inpaintlib: no space left on device\n"
    assert (folder / "photo-filled.png").read_bytes() == b"older"
    assert len(list(folder.iterdir())) == 3


def test_alpha_that_jpeg_cannot_hold_is_an_error_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 99)).save(folder / "photo.png")
    monkeypatch.setattr(Inpainter, "_fill", lambda *_: pytest.fail("filled"))
    assert run(folder, "photo.png", "-o", str(folder / "out.jpg")) == 2
    assert "JPEG cannot hold this photo (mode RGBA" in capsys.readouterr().err
    assert not (folder / "out.jpg").exists()


# many photos ---------------------------------------------------------------------------------


@pytest.fixture
def album(folder: Path) -> Path:
    """Three photos, one of them broken, and a folder of masks by name for two."""
    for name in ("a", "b"):
        (folder / "album").mkdir(exist_ok=True)
        (folder / "masks").mkdir(exist_ok=True)
        Image.open(folder / "photo.png").save(folder / "album" / f"{name}.png")
        Image.fromarray(MASK).save(folder / "masks" / f"{name}.png")
    (folder / "album" / "broken.png").write_bytes(b"no picture")
    return folder


def test_one_mask_for_all_goes_on_after_an_error(album: Path, capsys: pytest.CaptureFixture):
    loaded = []
    words = [str(album / "album"), "--mask", str(album / "mask.png"), "-o", str(album / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "load", lambda name: loaded.append(name) or Plane())
        assert cli.main(["fill", *words]) == 1
    assert len(loaded) == 1
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()] == [
        "1/3 filled",
        "2/3 filled",
        "3/3 not filled",
    ]
    assert said.err.splitlines()[0] == "inpaintlib: 1 of 3 not filled:"
    assert "broken.png: cannot be read" in said.err
    assert sorted(path.name for path in (album / "out").iterdir()) == ["a.png", "b.png"]


def test_a_mask_for_each_by_name(album: Path, capsys: pytest.CaptureFixture):
    words = ["fill", str(album / "album"), "--mask", str(album / "masks")]
    (album / "album" / "broken.png").unlink()
    (album / "masks" / "b.png").unlink()
    assert cli.main(words) == 1
    assert "b.png: cannot be read as a picture ([Errno 2]" in capsys.readouterr().err
    filled = np.asarray(Image.open(album / "album" / "a-filled.png"))
    assert np.abs(filled.astype(int) - gradient(HEIGHT, WIDTH)).max() <= 4
    Image.fromarray(MASK).save(album / "masks" / "b.png")
    assert cli.main([*words, "--overwrite"]) == 0  # what was filled is no photo of the folder
    assert not (album / "album" / "a-filled-filled.png").exists()


def test_folders_in_the_folder_are_filled_into_the_same_folders(album: Path):
    (album / "album" / "broken.png").unlink()
    (album / "album" / "deep" / "er").mkdir(parents=True)
    (album / "album" / "b.png").rename(album / "album" / "deep" / "er" / "b.jpg.png")
    inside = album / "album" / "masks"
    (inside / "deep" / "er").mkdir(parents=True)
    (album / "masks" / "a.png").rename(inside / "a.png")
    (album / "masks" / "b.png").rename(inside / "deep" / "er" / "b.jpg.png")
    words = ["fill", str(album / "album"), "--mask", str(inside), "-o"]
    out = album / "album" / "out"
    for more in ([], ["--overwrite"]):  # the second time, masks and fills lie among the photos
        assert cli.main([*words, f"{out}/", *more]) == 0
        found = [path.relative_to(out).as_posix() for path in out.rglob("*.png")]
        assert sorted(found) == ["a.png", "deep/er/b.jpg.png"]


def test_what_was_interrupted_goes_on(album: Path, capsys: pytest.CaptureFixture):
    (album / "album" / "broken.png").unlink()
    words = ["fill", str(album / "album"), "--mask", str(album / "mask.png")]
    (album / "album" / "a-filled.png").write_bytes(b"filled before")
    assert cli.main(words) == 2
    assert "--skip-filled" in capsys.readouterr().err
    assert cli.main([*words, "--skip-filled"]) == 0
    assert capsys.readouterr().out == f"filled: {album / 'album' / 'b-filled.png'}\n"
    assert (album / "album" / "a-filled.png").read_bytes() == b"filled before"
    assert cli.main([*words, "--skip-filled"]) == 0
    assert capsys.readouterr().out == "nothing to do: all are filled already\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{}/photo.png"], "fill needs --mask: a picture as large as the photo"),
        (["{}/photo.png", "--mask", "{}/mask.png", "-o", "{}/there.png"], "--overwrite"),
        (
            ["{}/album", "--mask", "{}/mask.png", "-o", "{}/one.png"],
            "expected a folder for several",
        ),
        (["{}/photo.png", "{}/sub/photo.png", "--mask", "{}/mask.png", "-o", "{}/x"], "two photos"),
        (["{}/empty", "--mask", "{}/mask.png"], "found no picture"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_the_work(
    album: Path, words: list[str], message: str, capsys: pytest.CaptureFixture
):
    (album / "there.png").write_bytes(b"precious")
    (album / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "load", lambda name: pytest.fail("loaded"))
        assert cli.main(["fill", *(word.format(album) for word in words)]) == 2
    assert message in capsys.readouterr().err
    assert (album / "there.png").read_bytes() == b"precious"


def test_a_mask_the_wrong_way_round_is_told(folder: Path, capsys: pytest.CaptureFixture):
    Image.fromarray(~MASK).save(folder / "mask.png")
    assert run(folder) == 0
    error = capsys.readouterr().err
    assert error.startswith(f"inpaintlib: note: {folder / 'mask.png'}: 95% of the photo is hidden.")
    assert "--hole black or --hole transparent" in error
    assert error.count("\n") == 1


def test_the_photos_own_alpha_is_the_mask(folder: Path):
    photo = Image.open(folder / "photo.png").convert("RGB")
    photo.putalpha(Image.fromarray(np.where(MASK, 0, 255).astype(np.uint8)))
    photo.save(folder / "erased.png")
    assert cli.main(["fill", str(folder / "erased.png"), "--mask", "alpha"]) == 0
    filled = np.asarray(Image.open(folder / "erased-filled.png"))
    assert (filled[..., 3] == 255).all()
    assert np.abs(filled[..., :3].astype(int) - gradient(HEIGHT, WIDTH)).max() <= 4


@pytest.fixture
def drawing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, where every model draws its fills."""
    tiny = FlowConfig(size=16, widths=(4, 8), groups=2, heads=2, samples=2)
    monkeypatch.setattr(shipped, "load", lambda name: Flow(tiny))
    torch.manual_seed(0)
    return folder


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_variants_are_different_fills_addressed_by_their_seed(drawing: Path):
    torch.manual_seed(0)
    assert run(drawing, "photo.png", "--variants", "3") == 0
    names = [drawing / f"photo-filled-{number}.png" for number in (1, 2, 3)]
    first, second, third = (pixels(name) for name in names)
    assert np.array_equal(first[~MASK], pixels(drawing / "photo.png")[~MASK])
    assert (first[MASK] != second[MASK]).mean() > 0.5
    assert (second[MASK] != third[MASK]).mean() > 0.5
    torch.manual_seed(0)
    assert run(drawing, "photo.png", "--seed", "1", "-o", str(drawing / "again.png")) == 0
    assert np.array_equal(pixels(drawing / "again.png"), second), "seed 1 is the second variant"


def test_variants_are_not_filled_again(drawing: Path):
    (drawing / "mask.png").rename(drawing.parent / "mask.png")
    command = ["fill", str(drawing), "--mask", str(drawing.parent / "mask.png"), "--variants", "2"]
    for words in ([], ["--overwrite"]):
        assert cli.main([*command, *words]) == 0
    assert len(list(drawing.iterdir())) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--variants", "2"], "gives one fill"), (["--variants", "0"], "at least one variant")],
)
def test_a_network_with_one_answer_says_so(folder: Path, capsys, words: list[str], message: str):
    assert run(folder, "photo.png", *words) == 2
    assert message in capsys.readouterr().err
    assert not list(folder.glob("*filled*"))
