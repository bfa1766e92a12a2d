import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from inpaintlib.data import download, download_celeba, load_faces

TABLES = {
    "list_attr_celeba.csv": "image_id,Smiling\n",
    "list_eval_partition.csv": "image_id,partition\n",
}


class Kaggle:
    """Stands in for the module kagglehub, with a data set of six pictures."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.broken: str | None = None
        self.mounted: Path | None = None

    def dataset_download(self, handle: str, path: str | None = None) -> str:
        assert handle == "jessicali9530/celeba-dataset/versions/2"
        logging.getLogger("kagglehub").info("Downloading ...")
        sys.stderr.write("100%")
        self.asked.append(path)
        folder = self.mounted or Path(os.environ["KAGGLEHUB_CACHE"], "datasets", "versions", "2")
        pictures = [f"img_align_celeba/img_align_celeba/{n:06}.jpg" for n in range(1, 7)]
        for name in [*TABLES, *pictures] if path is None else [path]:
            if name == self.broken:
                raise RuntimeError("no connection")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in TABLES:
                rows = [f"{n:06}.jpg,{n % 3 if 'eval' in name else 1}\n" for n in range(1, 7)]
                target.write_text(TABLES[name] + "".join(rows))
            else:
                Image.new("RGB", (178, 218), (int(name[-6:-4]),) * 3).save(target)
        return str(folder if path is None else folder / path)


@pytest.fixture
def kaggle(tmp_path, monkeypatch) -> Kaggle:
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "COUNT", 6)
    fake = Kaggle()
    module = SimpleNamespace(dataset_download=fake.dataset_download)
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return fake


def names(root: Path) -> list[str]:
    return [path.stem[-1] for path in sorted((root / "celeba").rglob("*.jpg"))]


def test_everything(kaggle, tmp_path):
    assert download_celeba(tmp_path) == tmp_path / "celeba"
    assert names(tmp_path) == list("123456")
    faces = load_faces(root=tmp_path)
    assert faces.names == ["000003.jpg", "000006.jpg"], "the partition came too"
    assert faces.attributes["Smiling"].all()
    download_celeba(tmp_path)
    assert kaggle.asked == [None], "the second time nothing is fetched"
    assert not (tmp_path / ".kagglehub").exists()
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_the_first_pictures(kaggle, tmp_path, capfd):
    download_celeba(tmp_path, limit=2)
    assert names(tmp_path) == ["1", "2"]
    assert len(kaggle.asked) == 4
    assert "100%" not in capfd.readouterr().err.replace("CelebA: 100%", ""), "one bar only"
    download_celeba(tmp_path, limit=4)
    assert names(tmp_path) == list("1234")
    assert sorted(kaggle.asked[4:]) == [
        "img_align_celeba/img_align_celeba/000003.jpg",
        "img_align_celeba/img_align_celeba/000004.jpg",
    ]
    download_celeba(tmp_path)
    assert names(tmp_path) == list("123456")


def test_interrupted_it_goes_on(kaggle, tmp_path):
    kaggle.broken = "img_align_celeba/img_align_celeba/000003.jpg"
    with pytest.raises(
        OSError, match="could not fetch CelebA from Kaggle: no connection"
    ) as caught:
        download_celeba(tmp_path, limit=3)
    assert "celeba/img_align_celeba/img_align_celeba/000001.jpg" in str(caught.value)
    assert "KAGGLEHUB_CACHE" not in os.environ
    assert logging.root.manager.disable == logging.NOTSET
    kaggle.broken = None
    download_celeba(tmp_path, limit=3)
    assert names(tmp_path) == ["1", "2", "3"]
    assert kaggle.asked.count("img_align_celeba/img_align_celeba/000001.jpg") == 1


def test_a_damaged_picture_stays_out_and_is_fetched_again(kaggle, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Image.Image, "save", lambda image, path: path.write_bytes(b"<html>"))
        with pytest.raises(OSError, match="cannot identify image file"):
            download_celeba(tmp_path, limit=1)
    assert names(tmp_path) == []
    assert not list((tmp_path / ".kagglehub").rglob("*.jpg"))
    download_celeba(tmp_path, limit=1)
    assert names(tmp_path) == ["1"]


def test_too_few_pictures_are_reported(kaggle, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "COUNT", 7)
    with pytest.raises(OSError, match="6 pictures came, expected 7"):
        download_celeba(tmp_path)


def test_a_mounted_copy_is_copied(kaggle, tmp_path):
    kaggle.mounted = tmp_path / "mounted"
    download_celeba(tmp_path / "data")
    assert names(tmp_path / "data") == list("123456")
    assert (tmp_path / "mounted" / "list_attr_celeba.csv").is_file()


def test_without_kagglehub(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(ImportError, match="pip install kagglehub"):
        download_celeba(tmp_path)


def test_a_limit_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="at least 1 picture, got 0"):
        download_celeba(tmp_path, limit=0)
