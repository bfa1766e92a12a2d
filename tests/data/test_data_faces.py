from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintlib.data import draw_faces, load_faces
from inpaintlib.data.faces import DRAWN, celeba_part
from inpaintlib.data.folders import SPLITS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))


def files(*numbers: int) -> list[str]:
    return [f"{number:06}.jpg" for number in numbers]


@pytest.fixture
def celeba(tmp_path) -> Path:
    """Ten pictures: picture number i has grey value 10 i, odd ones smile, even ones wear a hat."""
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for number, name in enumerate(files(*range(1, 11)), 1):
        Image.new("RGB", (178, 218), (10 * number,) * 3).save(folder / name)
    return tmp_path


ODD = [
    (name, "1 -1" if number % 2 else "-1  1") for number, name in enumerate(files(*range(1, 11)), 1)
]
PARTS = list(zip(files(*range(1, 11)), "0001102222", strict=True))


def kaggle(folder: Path) -> None:
    rows = [f"{name},{','.join(values.split())}" for name, values in ODD]
    (folder / "list_attr_celeba.csv").write_text("image_id,Smiling,Wearing_Hat\n" + "\n".join(rows))
    rows = [f"{name},{part}" for name, part in PARTS]
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n" + "\n".join(rows))


def original(folder: Path) -> None:
    rows = [f"{name} {values}" for name, values in ODD]
    (folder / "list_attr_celeba.txt").write_text(
        "10\nSmiling Wearing_Hat \n" + "\n".join(rows) + "\n"
    )
    rows = [f"{name} {part}" for name, part in PARTS]
    (folder / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("write", [kaggle, original])
def test_attributes_and_the_official_partition(celeba, write):
    write(celeba / "celeba")
    assert [load_faces(split, root=celeba).names for split in SPLITS] == [
        files(1, 2, 3, 6),
        files(4, 5),
        files(7, 8, 9, 10),
    ]
    faces = load_faces(root=celeba, size=32)
    assert faces.images.shape == (4, 3, 32, 32)
    assert [round(value / 10) for value in faces.images[:, 0, 5, 5].tolist()] == [1, 2, 3, 6]
    assert faces.attributes.keys() == {"Smiling", "Wearing_Hat"}
    assert faces.attributes["Smiling"].tolist() == [True, False, True, False]
    assert faces.attributes["Wearing_Hat"].tolist() == [False, True, False, True]
    assert str(faces) == "CelebA · 4 images · 32×32 · research only"
    assert load_faces(root=celeba, limit=2).attributes["Smiling"].tolist() == [True, False]


def test_without_tables_80_10_10_and_no_attributes(celeba):
    assert [load_faces(split, root=celeba).names for split in SPLITS] == [
        files(*range(1, 9)),
        files(9),
        files(10),
    ]
    assert load_faces(root=celeba).attributes == {}


def test_a_large_training_set_has_the_half_size_pictures_behind_the_others(celeba):
    kaggle(celeba / "celeba")
    assert load_faces(root=celeba, large=True).names == files(1, 2, 3, 6), "there are none yet"
    (celeba / "celeba_half").mkdir()
    for number in (11, 12):
        picture = Image.new("RGB", (89, 109), (20 * number,) * 3)
        picture.save(celeba / "celeba_half" / f"0000{number}.jpg")
    plain = load_faces(root=celeba)
    assert plain.names == files(1, 2, 3, 6)
    assert plain.attributes
    large = load_faces(root=celeba, size=32, large=True)
    assert large.names == files(1, 2, 3, 6, 11, 12)
    assert [round(value / 10) for value in large.images[:, 0, 5, 5].tolist()] == [
        1,
        2,
        3,
        6,
        22,
        24,
    ]
    assert large.attributes == {}
    for split in SPLITS[1:]:
        assert (
            load_faces(split, root=celeba, large=True).names == load_faces(split, root=celeba).names
        )
    for limit, last in ((2, 2), (4, 6), (5, 11)):
        assert load_faces(root=celeba, large=True, limit=limit).names[-1] == f"{last:06}.jpg"


def test_an_own_folder_has_no_large_training_set(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=rf"--large is for .*, not for .*{tmp_path.name}"):
        load_faces(root=tmp_path, large=True)
    assert len(load_faces("validation", root=tmp_path, large=True)) == 1, "as it is"


def test_a_table_that_lacks_a_picture_is_named(celeba):
    kaggle(celeba / "celeba")
    table = celeba / "celeba" / "list_attr_celeba.csv"
    table.write_text(table.read_text()[:-6])
    with pytest.raises(ValueError, match=r"list_attr_celeba\.csv lacks 1 of 4 pictures, as 000010"):
        load_faces("test", root=celeba)


def sizes(count: int, partition=None) -> list[int]:
    names = files(*range(1, count + 1))
    return [len(celeba_part(names, partition or {}, split)) for split in SPLITS]


def test_the_split_of_the_first_1024_pictures():
    assert sizes(1024) == [819, 102, 103]
    assert celeba_part(files(*range(1, 1025)), {}, "validation")[0] == "000820.jpg"
    assert sizes(1000) == [819, 102, 79], "a shorter copy keeps the borders"
    assert sizes(2000) == [819 + 976, 102, 103], "a longer copy trains on what is further on"
    assert celeba_part(files(*range(1, 2001)), {}, "train")[818:820] == files(819, 1025)
    assert sizes(500) == [400, 50, 50]
    partition = {name: ["0"] for name in files(*range(1, 1025))}
    assert sizes(1024, partition) == [819, 102, 103], "all of one split: no use"


def test_validation_stands_in_for_a_missing_test_part():
    names = files(*range(1, 922))
    assert len(celeba_part(names, {}, "train")) == 819
    with pytest.warns(UserWarning, match="the validation pictures stand in"):
        stand_in = celeba_part(names, {}, "test")
    assert stand_in == celeba_part(names, {}, "validation") == files(*range(820, 922))


def test_other_names_are_split_by_order():
    assert celeba_part(["000921b.jpg"] * 10, {}, "train") == ["000921b.jpg"] * 8
    assert celeba_part(files(1, 2, 3), {}, "train") == files(1, 2)
    assert celeba_part(files(1, 2, 3), {}, "validation") == files(3)


def test_any_folder_of_pictures_serves(tmp_path):
    folder = tmp_path / "friends"
    folder.mkdir()
    for number in range(10):
        Image.new("L", (20, 30), number).save(folder / f"{number}.png")
    faces = load_faces("test", root=folder, size=16)
    assert str(faces) == "friends · 1 images · 16×16 · your own pictures"
    assert [f"{value}.png" for value in faces.images.unique()] == faces.names


def test_drawn_faces_are_the_series(monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    faces = load_faces(size=32, limit=4)
    images, attributes = draw_faces(4, size=32)
    for drawn in (faces, load_faces(size=32, limit=4)):
        assert torch.equal(drawn.images, images)
        assert drawn.attributes.keys() == attributes.keys()
        assert all(torch.equal(drawn.attributes[key], attributes[key]) for key in attributes)
    assert torch.equal(load_faces(size=32, limit=4, large=True).images, images)
    assert len(DRAWN["large"]) > len(DRAWN["train"])
    assert DRAWN["large"].stop <= DRAWN["validation"].start
    others = [load_faces(split, size=32, limit=4).images for split in SPLITS[1:]]
    assert not torch.equal(others[0], images)
    assert not torch.equal(others[0], others[1])
    assert str(faces) == "drawn faces · 4 images · 32×32 · free to use"


def test_real_celeba(real_data):
    train, validation = (load_faces(split, root=real_data) for split in SPLITS[:2])
    if len(train) + len(validation) != 921:
        pytest.skip("another copy of CelebA than the one with 921 pictures")
    assert (len(train), len(validation)) == (819, 102)
    assert (train.names[0], train.names[-1]) == ("000001.jpg", "000819.jpg")
    assert (validation.names[0], validation.names[-1]) == ("000820.jpg", "000921.jpg")
    assert len(train.attributes) == 40
    assert train.skipped == []
    assert 0.3 < train.attributes["Smiling"].float().mean() < 0.7
    assert 0.3 < train.floats().std() < 0.8
    with Image.open(next(real_data.rglob("000007.jpg"))) as photo:
        square = photo.crop((0, 20, 178, 198)).resize((64, 64), Image.Resampling.BOX)
    expected = torch.from_numpy(np.array(square)).permute(2, 0, 1).float()
    assert (train.images[6].float() - expected).abs().mean() < 4
