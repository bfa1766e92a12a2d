from pathlib import Path

import pytest
from PIL import Image

from inpaintlib.data import found, load_digits, load_faces, locations
from inpaintlib.data.locations import CelebA, find_digits, find_faces


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty data/ folder, and no environment variable."""
    monkeypatch.delenv("INPAINTLIB_DATA", raising=False)
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(locations, "default_folder", lambda: tmp_path / "data")
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def add_mnist(folder: Path) -> Path:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in locations.MNIST_FILES:
        (raw / name).touch()
    return raw


def add_picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 10)).save(path)
    return path.parent


def test_nothing_there_means_drawn(home):
    assert find_digits() is None
    assert find_faces() is None
    assert found()["digits"] == "drawn digits"
    assert found()["faces"] == "drawn faces"
    assert found()["cache"] == str(home.parent / "cache")


def test_the_order_is_root_then_environment_then_data(home, tmp_path, monkeypatch):
    here = add_mnist(home)
    assert find_digits() == here
    named = add_mnist(tmp_path / "named")
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "named"))
    assert find_digits() == named
    asked = add_mnist(tmp_path / "asked")
    assert find_digits(tmp_path / "asked") == asked
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    assert find_digits() is None


def test_the_environment_may_name_faces_only(home, tmp_path, monkeypatch):
    here = add_mnist(home)
    add_picture(tmp_path / "photos" / "deep" / "a.jpg")
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "photos"))
    assert find_faces() == tmp_path / "photos"
    assert find_digits() == here
    assert found()["faces"] == f"pictures in {tmp_path / 'photos'}"


def test_pictures_lying_in_data_are_no_faces_unless_asked_for(home):
    add_picture(home / "samples" / "a.png")
    assert find_faces() is None
    assert find_faces(home) == home


def test_a_picture_beside_mnist_is_no_face(tmp_path, monkeypatch):
    add_mnist(tmp_path / "named")
    add_picture(tmp_path / "named" / "digits.png")
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "named"))
    assert find_faces() is None


@pytest.mark.parametrize("inside", ["", "celeba"])
@pytest.mark.parametrize("nested", ["img_align_celeba", "img_align_celeba/img_align_celeba"])
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_celeba_in_every_layout(home, inside, nested, suffix):
    pictures = add_picture(home / inside / nested / "000001.jpg")
    assert find_faces() == CelebA(pictures, None, None)
    base = home / inside
    tables = base / f"list_attr_celeba{suffix}", base / f"list_eval_partition{suffix}"
    for table in tables:
        table.touch()
    assert find_faces() == CelebA(pictures, *tables)
    assert found()["faces"] == f"CelebA, 1 pictures in {pictures}"


def test_a_relative_path_counts_from_here_or_from_the_repository(tmp_path, monkeypatch):
    add_mnist(tmp_path / "shared")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("INPAINTLIB_DATA", "shared")
    monkeypatch.setattr(locations, "project_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert find_digits() == tmp_path / "shared" / "MNIST" / "raw"


def test_wrong_folders_are_named(home, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for load in (load_digits, load_faces):
        with pytest.raises(ValueError, match=r"no such folder: .*missing"):
            load(root=tmp_path / "missing")
        monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "missing"))
        with pytest.raises(ValueError, match=r"INPAINTLIB_DATA .* does not exist: .*missing"):
            load()
        monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "empty"))
        with pytest.raises(ValueError, match=r"without data: .*empty; looked for MNIST/raw"):
            load()
    with pytest.raises(ValueError, match=r"no MNIST in .*empty: looked for MNIST/raw/train-images"):
        load_digits(root=tmp_path / "empty")
    with pytest.raises(ValueError, match=r"no faces in .*empty: looked for CelebA"):
        load_faces(root=tmp_path / "empty")


def test_an_incomplete_mnist_is_no_reason_to_draw(home):
    (add_mnist(home) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match=r"incomplete, it lacks t10k-labels-idx1-ubyte; run"):
        find_digits()
