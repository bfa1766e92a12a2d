"""Masks that were painted by hand or saved by another program."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintlib.masks import brush
from inpaintlib.photos.masks import from_picture


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def canvas(*boxes, size):
    """One mask with a hole at each (top, left, bottom, right)."""
    mask = torch.zeros(1, 1, *size)
    for top, left, bottom, right in boxes:
        mask[..., top:bottom, left:right] = 1
    return mask


def save(array, path, **options):
    Image.fromarray(array).save(path, **options)
    return path


class TestFromPicture:
    picture = np.array([[255, 0, 0], [255, 255, 0]], np.uint8)
    white = torch.tensor([[[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]]])

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "CMYK"])
    def test_both_polarities_from_every_mode(self, mode, tmp_path):
        if mode == "I;16":
            image = Image.fromarray(self.picture.astype(np.uint16) * 257)
        else:
            image = Image.fromarray(self.picture).convert("RGB").convert(mode)
        path = tmp_path / ("mask.tif" if mode == "CMYK" else "mask.png")
        image.save(path)
        for source in (path, str(path), image):
            torch.testing.assert_close(from_picture(source), self.white)
            torch.testing.assert_close(from_picture(source, hole="black"), 1 - self.white)

    @pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64, np.int64])
    def test_arrays_of_0_and_255_or_0_and_1(self, kind):
        for array in (self.picture.astype(kind), (self.picture > 0).astype(kind)):
            torch.testing.assert_close(from_picture(array), self.white)
        torch.testing.assert_close(from_picture(self.picture > 0), self.white)

    @pytest.mark.parametrize("hole", ["white", "black"])
    def test_what_is_transparent_is_known(self, hole, tmp_path):
        ink = 255 if hole == "white" else 0
        array = np.zeros((2, 3, 4), np.uint8)
        array[0, 1] = (ink, ink, ink, 255)
        mask = from_picture(save(array, tmp_path / "layer.png"), hole=hole)
        assert torch.equal(mask, canvas((0, 1, 1, 2), size=(2, 3)))

    @pytest.mark.parametrize("quality", [75, 90])
    def test_jpeg_blurs_only_the_edges(self, quality, tmp_path):
        mask = brush(1, 128, 128, generator=seeded(3))
        array = (mask[0, 0] * 255).byte().numpy()
        read = from_picture(save(array, tmp_path / "mask.jpg", quality=quality))
        torch.testing.assert_close(read, mask, rtol=0, atol=0)

    def test_resized_mask_hides_all_that_was_hidden(self):
        mask = canvas((3, 5, 4, 6), size=(8, 12))
        small = from_picture(mask[0, 0].numpy(), size=(4, 4))
        assert torch.equal(small, canvas((1, 1, 2, 2), size=(4, 4)))
        big = from_picture(mask[0, 0].numpy(), size=(16, 24))
        assert torch.equal(big, canvas((6, 10, 8, 12), size=(16, 24)))

    def test_grey_picture_is_named_and_described(self, tmp_path):
        grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
        path = save(grey, tmp_path / "soft.png")
        with pytest.raises(ValueError, match=r"soft\.png.*black and white, got 55 grey values"):
            from_picture(path)
        for soft in (np.full((4, 4), 0.5), Image.fromarray(grey.astype(np.uint16) * 257)):
            with pytest.raises(ValueError, match="grey values"):
                from_picture(soft)

    def test_unreadable_files_are_named(self, tmp_path):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 2, (64, 64), np.uint8) * 255).save(
            buffer, "PNG"
        )
        contents = {"text.jpg": b"not a picture", "empty.png": b""}
        contents["cut.png"] = buffer.getvalue()[: len(buffer.getvalue()) // 2]
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        for name in [*contents, "missing.png", ""]:
            with pytest.raises(ValueError, match=rf"{name}: cannot be read"):
                from_picture(tmp_path / name)

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"hole": "red"}, "white"), ({"size": (0, 4)}, "size"), ({"size": (4,)}, "size")],
    )
    def test_bad_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            from_picture(self.picture, **options)

    @pytest.mark.parametrize(
        "array",
        [np.zeros((2, 2, 3)), np.zeros((0, 4)), np.full((2, 2), -1), np.full((2, 2), 65536)],
    )
    def test_bad_arrays(self, array):
        with pytest.raises(ValueError, match="mask array"):
            from_picture(array)
