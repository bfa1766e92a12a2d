import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintlib.data import folders, load_folder
from inpaintlib.data.folders import SPLITS, split_range


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def album(tmp_path) -> Path:
    """20 pictures, picture number i of grey value i."""
    return fill(tmp_path / "album", 20)


def fill(folder: Path, count: int) -> Path:
    folder.mkdir()
    for value in range(count):
        Image.new("RGB", (12, 10), (value,) * 3).save(folder / f"{value:04}.png")
    return folder


def values(image_set) -> list[int]:
    return image_set.images[:, 0, 0, 0].tolist()


def test_loads_in_the_order_of_the_names(album):
    image_set = load_folder(album, size=8)
    assert values(image_set) == list(range(20))
    assert image_set.images.shape == (20, 3, 8, 8)
    assert image_set.names[3] == "0003.png"
    assert str(image_set) == "album · 20 images · 8×8 · your own pictures"


def test_splits_are_disjoint_and_complete(album):
    parts = [values(load_folder(album, size=8, split=split)) for split in folders.SPLITS]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert sorted(value for part in parts for value in part) == list(range(20))
    assert values(load_folder(album, size=8, split="train", limit=3)) == parts[0][:3]


def test_every_split_has_pictures_of_every_sub_folder(tmp_path):
    for value, day in enumerate(("monday", "tuesday", "wednesday")):
        (tmp_path / day).mkdir()
        for number in range(100):
            Image.new("RGB", (8, 8), (value,) * 3).save(tmp_path / day / f"{number:03}.png")
    for split in folders.SPLITS:
        found = values(load_folder(tmp_path, size=8, split=split))
        assert min(found.count(day) for day in range(3)) >= len(found) / 6, split
    some = values(load_folder(tmp_path, size=8, split="validation", limit=15))
    assert set(some) == {0, 1, 2}, "a limit cuts off no folder"


def test_a_broken_file_is_skipped_named_and_moves_no_split(tmp_path):
    folder = fill(tmp_path / "many", 120)
    (folder / "0005.png").write_bytes((folder / "0005.png").read_bytes()[:40])
    for _ in ("decoded", "cached"):
        with pytest.warns(UserWarning, match=r"left out 1 of the 120 pictures .*0005\.png"):
            image_set = load_folder(folder, size=8)
        assert image_set.skipped == ["0005.png"]
        assert values(image_set) == [value for value in range(120) if value != 5]
        assert len(image_set.names) == 119
    assert str(image_set).endswith("1 unreadable")
    parts = [values(load_folder(folder, size=8, split=split)) for split in ("validation", "test")]
    assert [len(part) for part in parts] == [12, 12]


def broken_jpeg(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (broken_jpeg, "truncated"),
        (lambda path: path.write_text("not a photograph"), "not a picture"),
        (lambda path: path.touch(), "not a picture"),
        (lambda path: path.symlink_to("nowhere.jpg"), "No such file"),
    ],
    ids=["corrupt JPEG", "text file", "empty file", "dangling link"],
)
def test_too_many_broken_files_stop(album, make, reason):
    make(album / "bad.jpg")
    with pytest.warns(UserWarning, match=r"left out 1 of the 21 pictures in .*bad\.jpg"):
        assert load_folder(album, size=8).skipped == ["bad.jpg"], "one is no reason to stop"
    (album / "0007.png").write_bytes(b"")
    found = rf"2 of the 21 pictures in .*: 0007\.png \(.*, bad\.jpg \(.*{reason}"
    with pytest.raises(ValueError, match=found):
        load_folder(album, size=8)


def test_broken_files_are_counted_among_those_that_were_looked_at(tmp_path):
    folder = fill(tmp_path / "few", 10)
    first, last = (load_folder(folder, size=8, split=one).names[0] for one in ("train", "test"))
    (folder / first).write_bytes(b"")
    (folder / last).write_bytes(b"")
    with pytest.warns(UserWarning, match=rf"left out 1 of the 8 training pictures .*: {first}"):
        assert len(load_folder(folder, size=8, split="train")) == 7
    assert len(load_folder(folder, size=8, split="validation")) == 1
    with pytest.raises(ValueError, match=rf"1 of the 1 test pictures in .* cannot be read: {last}"):
        load_folder(folder, size=8, split="test")


def test_a_picture_too_large_for_memory_is_named(album, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    for name in ("banner.png", "poster.png"):
        Image.new("RGB", (20, 18)).save(album / name)
    with pytest.raises(ValueError, match=r"poster\.png \(Image size \(360 pixels\) exceeds limit"):
        load_folder(album, size=8)


def test_folder_errors(tmp_path, album):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no pictures in .*empty"):
        load_folder(tmp_path / "empty", size=8)
    with pytest.raises(ValueError, match=r"no such folder: .*missing"):
        load_folder(tmp_path / "missing", size=8)
    with pytest.raises(ValueError, match=r"not a folder: .*0000\.png"):
        load_folder(album / "0000.png", size=8)
    with pytest.raises(ValueError, match="train, validation, test, got 'val'"):
        load_folder(album, size=8, split="val")
    with pytest.raises(ValueError, match="at least 8 pixels, got 0"):
        load_folder(album, size=0)
    with pytest.raises(ValueError, match="at least 1 picture, got -1"):
        load_folder(album, size=8, limit=-1)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of the files that were really decoded."""
    names, read = [], folders.read_picture
    monkeypatch.setattr(
        folders, "read_picture", lambda path, size: names.append(path.name) or read(path, size)
    )
    return names


def test_an_empty_array_in_the_cache_is_made_again(album, own_cache):
    """As a computer that lost its power leaves it."""
    first = load_folder(album, size=8)
    (kept,) = own_cache.glob("*.npy")
    kept.write_bytes(b"")
    assert load_folder(album, size=8).images.equal(first.images)


def test_the_second_time_nothing_is_decoded(album, decoded, own_cache):
    first = load_folder(album, size=8)
    assert len(decoded) == 20
    second = load_folder(album, size=8)
    assert len(decoded) == 20
    assert values(second) == values(first)
    assert second.names == first.names
    second.images.zero_()  # a copy on write: the cached file stays as it was
    assert values(load_folder(album, size=8)) == values(first)
    load_folder(album, size=16)
    assert len(decoded) == 40
    assert len(list(own_cache.glob("*.npy"))) == 2


def test_the_cache_notices_a_changed_folder(album, own_cache):
    assert values(load_folder(album, size=8))[:2] == [0, 1]
    Image.new("RGB", (9, 9), (99,) * 3).save(album / "0000a.png")
    assert values(load_folder(album, size=8))[:3] == [0, 99, 1]
    (album / "0001.png").unlink()
    assert values(load_folder(album, size=8))[:3] == [0, 99, 2]
    pixels = Image.new("RGB", (12, 10), (77,) * 3)
    pixels.save(album / "0002.png")
    later = (album / "0002.png").stat().st_mtime_ns + 10**9
    os.utime(album / "0002.png", ns=(later, later))
    assert values(load_folder(album, size=8))[:3] == [0, 99, 77]
    assert len(list(own_cache.iterdir())) == 2, "older entries are removed"


def test_a_damaged_cache_is_made_again(album, own_cache):
    load_folder(album, size=8)
    entry = next(own_cache.glob("*.npy"))
    entry.write_bytes(entry.read_bytes()[:500])
    assert values(load_folder(album, size=8)) == list(range(20))
    next(own_cache.glob("*.json")).write_text("{")
    assert values(load_folder(album, size=8)) == list(range(20))
    next(own_cache.glob("*.json")).unlink()
    assert values(load_folder(album, size=8)) == list(range(20))


def test_a_cache_that_cannot_be_written_is_no_error(album, own_cache):
    own_cache.write_text("a file where the folder should be")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert values(load_folder(album, size=8)) == list(range(20))


def test_linked_folders_are_followed_once(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "set").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "real" / "a.png")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    assert load_folder(tmp_path / "set", size=8).names == ["linked/a.png"]


@pytest.mark.parametrize(("count", "train", "last"), [(1, [0], 0), (2, [0], 1), (9, range(8), 8)])
def test_few_pictures_are_split_all_the_same(count, train, last):
    splits = [list(range(count))[split_range(count, split)] for split in SPLITS]
    assert splits == [list(train), [last], [last]]
