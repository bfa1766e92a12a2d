from pathlib import Path

import numpy as np
import pytest
import torch

from inpaintlib.data import draw_digits, load_digits


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))


def write_idx(path: Path, values: np.ndarray) -> None:
    shape = b"".join(length.to_bytes(4, "big") for length in values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + shape + values.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path) -> Path:
    """Six training and four test digits; digit i is all of value i, test digits from 100 on."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, first, count in (("train", 0, 6), ("t10k", 100, 4)):
        values = np.arange(first, first + count)
        write_idx(
            raw / f"{part}-images-idx3-ubyte", values[:, None, None].repeat(28, 1).repeat(28, 2)
        )
        write_idx(raw / f"{part}-labels-idx1-ubyte", values % 10)
    return tmp_path


def test_splits_of_mnist(mnist):
    train, validation, test = (
        load_digits(split, root=mnist) for split in ("train", "validation", "test")
    )
    assert train.images.shape == (6, 1, 28, 28)
    assert train.images[:, 0, 9, 9].tolist() == train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert validation.images[:, 0, 0, 0].tolist() == [100, 102]
    assert test.images[:, 0, 0, 0].tolist() == [101, 103]
    assert test.labels.tolist() == [1, 3]
    assert test.labels.dtype == torch.int64
    assert str(train) == "MNIST · 6 images · 28×28 · CC BY-SA 3.0"
    assert load_digits(root=mnist, limit=2).labels.tolist() == [0, 1]


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0\0\x08\x01\0\0\0\x06\1\2"])
def test_a_damaged_file_is_named(mnist, content):
    (mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte is not a complete MNIST file"):
        load_digits(root=mnist)


def test_images_and_labels_must_agree(mnist):
    write_idx(mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.arange(5))
    with pytest.raises(ValueError, match=r"train has images \(6, 28, 28\) and 5 labels"):
        load_digits(root=mnist)


def test_drawn_digits_are_the_series_and_are_kept(monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    digits = load_digits(limit=30)
    images, labels = draw_digits(30)
    assert torch.equal(digits.images, images)
    assert torch.equal(digits.labels, labels)
    again = load_digits(limit=30)
    assert torch.equal(digits.images, again.images)
    assert torch.equal(digits.labels, again.labels)
    assert not torch.equal(load_digits("test", limit=30).images, images)
    assert not torch.equal(load_digits("validation", limit=30).images, images)
    assert str(digits) == "drawn digits · 30 images · 28×28 · free to use"


def test_drawn_sets_are_not_drawn_twice(monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    first = load_digits("test")
    assert len(first) == 1000
    monkeypatch.setattr("inpaintlib.data.digits.draw_digits", None)
    assert torch.equal(load_digits("test").images, first.images)


def test_real_mnist_is_what_torchvision_reads(real_data):
    from torchvision.datasets import MNIST

    for split, train, rows in (
        ("train", True, slice(None)),
        ("validation", False, slice(0, None, 2)),
        ("test", False, slice(1, None, 2)),
    ):
        digits, reference = load_digits(split, root=real_data), MNIST(str(real_data), train=train)
        assert torch.equal(digits.images[:, 0], reference.data[rows])
        assert torch.equal(digits.labels, reference.targets[rows])
