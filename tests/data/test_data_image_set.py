import pytest
import torch

from inpaintlib.data import ImageSet


def three() -> ImageSet:
    images = torch.tensor([0, 100, 255], dtype=torch.uint8).view(3, 1, 1, 1).repeat(1, 3, 8, 10)
    return ImageSet(
        images,
        "greys",
        "free: made here",
        labels=torch.tensor([7, 8, 9]),
        attributes={"Smiling": torch.tensor([True, False, True])},
        names=["a", "b", "c"],
    )


def test_floats_are_in_range_and_of_the_chosen_pictures():
    assert three().floats().shape == (3, 3, 8, 10)
    torch.testing.assert_close(three().floats([2, 0])[:, 0, 0, 0], torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(three().floats(slice(1, 2))[0, 0, 0, 0].item(), 100 / 127.5 - 1)


@pytest.mark.parametrize(
    "indices", [[0, 2], torch.tensor([0, 2]), slice(0, 3, 2), torch.tensor([True, False, True])]
)
def test_take_keeps_everything_together(indices):
    part = three().take(indices)
    assert part.images[:, 0, 0, 0].tolist() == [0, 255]
    assert part.labels.tolist() == [7, 9]
    assert part.attributes["Smiling"].tolist() == [True, True]
    assert part.names == ["a", "c"]


def test_summary_is_one_line():
    assert str(three()) == "greys · 3 images · 8×10 · free"
    images = torch.zeros(1200, 1, 8, 8, dtype=torch.uint8)
    assert (
        str(ImageSet(images, "n", "l", skipped=["x"]))
        == "n · 1,200 images · 8×8 · l · 1 unreadable"
    )


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8).byte(), torch.zeros(3, 8, 8).byte()]
)
def test_wrong_images_are_refused(images):
    with pytest.raises(ValueError, match="bad set: expected uint8 images"):
        ImageSet(images, "bad set", "free")


def test_lengths_must_agree():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="2 images, but 3 of labels"):
        ImageSet(images, "n", "l", labels=torch.arange(3))
    with pytest.raises(ValueError, match="2 images, but 1 of names"):
        ImageSet(images, "n", "l", names=["a"])
