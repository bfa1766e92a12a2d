import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from inpaintlib.data.pictures import read_picture, walk_pictures

ORANGE = (200, 120, 40)


def scene(width: int, height: int) -> np.ndarray:
    """A smooth picture whose corners all differ."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) % 128], -1).astype(np.uint8)


def test_crops_the_middle_square_and_resizes_with_antialiasing(tmp_path):
    pixels = scene(178, 218)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    square = torch.from_numpy(pixels[20:198]).permute(2, 0, 1).float()[None]
    expected = interpolate(square, (64, 64), mode="bilinear", antialias=True)[0]
    got = torch.from_numpy(read_picture(tmp_path / "a.png", 64).copy()).float()
    torch.testing.assert_close(got, expected, atol=1.01, rtol=0)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("rgb.png", Image.new("RGB", (40, 30), ORANGE)),
        ("rgb.jpg", Image.new("RGB", (40, 30), ORANGE)),
        ("palette.gif", Image.new("RGB", (40, 30), ORANGE).quantize()),
        ("opaque.png", Image.new("RGBA", (40, 30), (*ORANGE, 255))),
        ("cmyk.jpg", Image.new("RGB", (40, 30), ORANGE).convert("CMYK")),
        ("cmyk.tif", Image.new("RGB", (40, 30), ORANGE).convert("CMYK")),
        ("ycbcr.tif", Image.new("RGB", (40, 30), ORANGE).convert("YCbCr")),
        ("lossy.webp", Image.new("RGB", (40, 30), ORANGE)),
        ("dot.png", Image.new("RGB", (1, 1), ORANGE)),
        ("line.png", Image.new("RGB", (3000, 1), ORANGE)),
        ("large.jpg", Image.new("RGB", (5000, 4000), ORANGE)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_colours_of_every_mode(tmp_path, name, image):
    image.save(tmp_path / name)
    pixels = read_picture(tmp_path / name, 16)
    assert pixels.shape == (3, 16, 16)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(ORANGE)[:, None, None]).max() <= 3


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("grey.jpg", Image.new("L", (20, 20), 77), 77),
        ("bits.png", Image.new("1", (20, 20), 1), 255),
        ("deep.png", Image.fromarray(np.full((20, 20), 30000, np.uint16)), 117),
        ("deep.tif", Image.fromarray(np.full((20, 20), 65535, np.uint16)), 255),
        ("deep.pgm", Image.fromarray(np.full((20, 20), 257, np.uint16)), 1),
        ("clear.png", Image.new("RGBA", (20, 20), (0, 0, 0, 0)), 255),
        ("half.png", Image.new("LA", (20, 20), (0, 128)), 127),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_grey_and_transparent_pictures(tmp_path, name, image, expected):
    image.save(tmp_path / name)
    assert np.unique(read_picture(tmp_path / name, 16)).tolist() == [expected]


def test_a_transparent_palette_colour_shows_white(tmp_path):
    image = Image.new("P", (20, 20), 0)
    image.putpalette([*ORANGE, 0, 0, 0])
    image.save(tmp_path / "a.gif", transparency=0)
    assert read_picture(tmp_path / "a.gif", 16).min() == 255


def test_a_rotated_photograph_stands_upright(tmp_path):
    image = Image.fromarray(scene(64, 64))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "turned.png", exif=exif)
    plain = read_picture(tmp_path / "plain.png", 64)
    turned = read_picture(tmp_path / "turned.png", 64)
    np.testing.assert_array_equal(turned, np.rot90(plain, -1, axes=(1, 2)))


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="floating-point"):
        read_picture(tmp_path / "a.tif", 16)


def test_walk_finds_pictures_at_any_depth_but_not_hidden_ones(tmp_path):
    names = ["b.JPG", "deep/er/a.png", ".hidden.png", "._b.jpg", ".checkpoints/c.png", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(walk_pictures(tmp_path)) == ["b.JPG", "deep/er/a.png"]
