"""Masks that were painted by hand or saved by another program."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintlib.data.mask_files import FolderMasks, from_picture
from inpaintlib.masks import brush


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

    @pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64, bool])
    def test_an_array_without_transparency_has_no_transparent_hole(self, kind):
        with pytest.raises(ValueError, match="expected a transparent hole, but nothing in it is"):
            from_picture((self.picture > 0).astype(kind), hole="transparent")

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


class TestLayers:
    """What paint programs save: paint on a transparent layer, or an object erased."""

    hole = np.zeros((20, 30), bool)
    hole[5:15, 10:20] = True

    def layer(self, colour, alpha):
        image = Image.new("RGB", (30, 20), colour)
        image.putalpha(Image.fromarray(alpha.astype(np.uint8) * 255))
        return image

    @pytest.mark.parametrize("colour", ["white", "black", "red", (10, 200, 90)])
    @pytest.mark.parametrize("hole", ["white", "black"])
    def test_paint_of_any_colour_on_a_transparent_layer_is_the_hole(self, colour, hole):
        mask = from_picture(self.layer(colour, self.hole), hole=hole)
        np.testing.assert_array_equal(mask[0, 0].numpy() > 0, self.hole)

    def test_an_erased_object_is_a_transparent_hole(self):
        mask = from_picture(self.layer("white", ~self.hole), hole="transparent")
        np.testing.assert_array_equal(mask[0, 0].numpy() > 0, self.hole)
        for opaque in (Image.new("RGB", (4, 4)), np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint8)):
            with pytest.raises(ValueError, match="expected a transparent hole, but nothing in it"):
                from_picture(opaque, hole="transparent")

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64, np.float32, bool])
    @pytest.mark.parametrize("label", [1, 2, 200])
    def test_any_two_values_are_black_and_white(self, kind, label, tmp_path):
        array = (self.hole * label).astype(kind)
        shapes = [array, array[..., None], torch.from_numpy(array.copy())[None, None]]
        if kind in (np.uint8, np.uint16):
            Image.fromarray(array).save(tmp_path / "labels.png")
            shapes += [tmp_path / "labels.png", io.BytesIO((tmp_path / "labels.png").read_bytes())]
        for mask in shapes:
            np.testing.assert_array_equal(from_picture(mask)[0, 0].numpy() > 0, self.hole)

    def test_a_palette_of_labels(self):
        image = Image.fromarray(self.hole.astype(np.uint8))
        image.putpalette([0, 0, 0, 128, 0, 0])
        np.testing.assert_array_equal(from_picture(image)[0, 0].numpy() > 0, self.hole)


class TestFolderMasks:
    def test_only_the_folders_masks_and_their_mirror_images_are_drawn(self, tmp_path):
        made = [canvas((0, 0, 4, 4), size=(8, 8)), canvas((5, 1, 8, 2), size=(8, 8))]
        for number, mask in enumerate(made):
            save((255 * mask[0, 0]).byte().numpy(), tmp_path / f"{number}.png")
        known = [one for mask in made for one in (mask, mask.flip(-1))]
        drawn = FolderMasks(tmp_path, size=8)(50, 8, 8, generator=seeded(0))
        assert drawn.shape == (50, 1, 8, 8)
        seen = {next(i for i, one in enumerate(known) if torch.equal(one[0], x)) for x in drawn}
        assert seen == {0, 1, 2, 3}
        again = FolderMasks(tmp_path, size=8)(50, 8, 8, generator=seeded(0))
        assert torch.equal(drawn, again)

    def test_useless_masks_are_named(self, tmp_path):
        with pytest.raises(ValueError, match="no masks in"):
            FolderMasks(tmp_path, size=8)
        for value, what in ((0, "nothing"), (255, "everything")):
            save(np.full((8, 8), value, np.uint8), tmp_path / "bad.png")
            with pytest.raises(ValueError, match=rf"bad\.png: .* this hides {what}"):
                FolderMasks(tmp_path, size=8)
