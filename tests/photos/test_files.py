"""What a filled file keeps: formats × modes × pixels and facts.

`TABLE` says what each format gives back. Everything is read with Pillow, OpenCV or tifffile, not
with the package.
"""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, JpegImagePlugin, PngImagePlugin
from plane import Plane, box

from inpaintlib.photos.inpainter import Inpainter

HEIGHT, WIDTH = 45, 61
MASK = box(HEIGHT, WIDTH, (15, 20, 25, 30))
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16")
SAME = {mode: mode for mode in MODES}
WIDER = {"1": "L", "P": "RGB"}  # which lack the fill's colours

# Format: suffix, and each mode that it can hold with the mode that comes back.
TABLE = {
    "PNG": (".png", ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    "TIFF": (".tif", ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")),
    "WEBP": (".webp", ("RGB", "RGBA")),
    "HEIF": (".heic", ("RGB", "RGBA")),
    "JPEG2000": (".jp2", ("L", "LA", "RGB", "RGBA", "CMYK", "I;16")),
    "BMP": (".bmp", ("1", "L", "P", "RGB")),
    "PPM": (".ppm", ("1", "L", "RGB")),
    "TGA": (".tga", ("L", "LA", "P", "RGB", "RGBA")),
    "SGI": (".sgi", ("L", "RGB", "RGBA")),
    "PCX": (".pcx", ("L", "P", "RGB")),
    "QOI": (".qoi", ("RGB", "RGBA")),
    "DDS": (".dds", ("L", "LA", "RGB", "RGBA")),
}
LOSSLESS = {"WEBP": {"lossless": True, "exact": True}}
LOSSLESS["HEIF"] = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
CASES = [(name, mode) for name, (_, modes) in TABLE.items() for mode in modes]
FACTS = {  # what each format has a place for
    "PNG": {"exif", "icc", "xmp", "dpi", "text"},
    "TIFF": {"exif", "icc", "xmp", "dpi"},
    "WEBP": {"exif", "icc", "xmp"},
    "JPEG": {"exif", "icc", "xmp", "dpi", "comment"},
    "AVIF": {"exif", "icc", "xmp"},
    "HEIF": {"exif", "icc", "xmp"},
}


def noise(mode: str) -> Image.Image:
    """A picture in which nothing is smooth and every value differs."""
    source = np.random.default_rng(0)
    if mode == "I;16":
        return Image.fromarray(source.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16))
    channels = source.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
    if mode == "CMYK":
        return Image.frombytes("CMYK", (WIDTH, HEIGHT), channels.tobytes())
    return Image.fromarray(channels).convert(mode if mode.endswith("A") else "RGB").convert(mode)


def need_heic(name: str) -> None:
    if name == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()


def fill(photo: Path, out: Path, mask: object = MASK) -> None:
    Inpainter(Plane()).fill_file(photo, mask, out)


@pytest.mark.parametrize(("name", "mode"), CASES)
@pytest.mark.filterwarnings("error")
def test_lossless_formats_give_back_every_known_pixel(name: str, mode: str, tmp_path: Path):
    need_heic(name)
    suffix, _ = TABLE[name]
    photo, out = tmp_path / f"photo{suffix}", tmp_path / f"out{suffix}"
    noise(mode).save(photo, name, **LOSSLESS.get(name, {}))
    fill(photo, out)
    with Image.open(photo) as before, Image.open(out) as after:
        assert after.format == before.format
        assert after.mode == WIDER.get(before.mode, before.mode)
        pair = [np.asarray(picture.convert(after.mode)) for picture in (before, after)]
    np.testing.assert_array_equal(pair[1][~MASK], pair[0][~MASK])
    assert (pair[1][MASK] != pair[0][MASK]).any()


@pytest.mark.parametrize("name", [*TABLE, "JPEG", "AVIF"])
def test_an_opened_picture_of_every_format_is_filled(name: str):
    """It keeps its format without the file's bytes, which a deep photo is read from."""
    need_heic(name)
    file = io.BytesIO()
    noise("RGB").save(file, name)
    with Image.open(file) as photo:
        filled = Inpainter(Plane()).fill(photo, MASK)
        assert photo.format == name
        before, after = np.asarray(photo), np.asarray(filled)
    known = np.asarray(MASK) == 0
    np.testing.assert_array_equal(after[known], before[known])
    assert (after[~known] != before[~known]).any()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.filterwarnings("error")
def test_sixteen_bits_stay_sixteen(suffix: str, channels: int, tmp_path: Path):
    if suffix == ".ppm" and channels == 4:
        pytest.skip("PPM has no alpha")
    suffix = ".pgm" if (suffix, channels) == (".ppm", 1) else suffix
    photo, out = tmp_path / f"photo{suffix}", tmp_path / f"out{suffix}"
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    planes = [20000 + 30000 * x + 7 * y, 45000 - 20000 * y, 30000 + 9000 * y, 60000 + 0 * x]
    pixels = np.stack(planes[:channels], axis=2).round().astype(np.uint16)
    cv2.imwrite(str(photo), np.where(MASK[..., None], np.uint16(0), pixels))
    fill(photo, out)
    after = cv2.imread(str(out), cv2.IMREAD_UNCHANGED).reshape(pixels.shape)
    assert after.dtype == np.uint16
    np.testing.assert_array_equal(after[~MASK], pixels[~MASK])
    colours = slice(0, 3)
    error = np.abs(after[..., colours].astype(int) - pixels[..., colours])
    assert error.max() < 100, "less than half a level of 8 bits"


@pytest.mark.parametrize(("most", "channels"), [(1023, 1), (1023, 3), (65535, 3)])
def test_the_white_of_a_deep_ppm_is_what_its_header_says(most: int, channels: int, tmp_path: Path):
    """10 bits are many a camera's; the filled file's white is 65535."""
    levels = np.random.default_rng(0).integers(0, most + 1, (HEIGHT, WIDTH, channels))
    levels[0, 0], levels[0, 1] = 0, most
    head = f"P{5 if channels == 1 else 6}\n# 255 by hand\n{WIDTH} {HEIGHT}\n{most}\n"
    photo, out = tmp_path / "photo.ppm", tmp_path / "out.png"
    photo.write_bytes(head.encode() + levels.astype(">u2").tobytes())
    fill(photo, out)
    after = cv2.imread(str(out), cv2.IMREAD_UNCHANGED).reshape(levels.shape)[..., ::-1]
    assert after.dtype == np.uint16
    wanted = np.round(levels * (65535 / most))
    np.testing.assert_array_equal(after[~MASK], wanted[~MASK])


def test_sixteen_bits_of_colour_are_refused_where_they_have_no_place(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "photo.png"), pixels)
    with pytest.raises(ValueError, match=r"out\.jpg: JPEG cannot hold this photo \(16 bits.*\.png"):
        fill(tmp_path / "photo.png", tmp_path / "out.jpg")
    with pytest.raises(ValueError, match=r"photo\.png: a PIL image cannot hold 16 bits of colour"):
        Inpainter(Plane()).fill(tmp_path / "photo.png", MASK)
    filled = Inpainter(Plane()).fill(pixels, MASK)
    assert filled.dtype == np.uint16
    np.testing.assert_array_equal(filled[~MASK], pixels[~MASK])


# facts ---------------------------------------------------------------------------------------


def exif() -> Image.Exif:
    facts = Image.Exif()
    facts[0x010E], facts[0x8298], facts[0x010F] = "a description", "a copyright", "a maker"
    facts.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    facts.get_ifd(0x8825)[1] = "N"
    return facts


def with_facts(path: Path, name: str, image: Image.Image | None = None) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a title")
    text.add_itxt("Author", "Ö")
    text.add(b"gAMA", (45455).to_bytes(4, "big"))
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a/></x:xmpmeta>"
    text.add_itxt("XML:com.adobe.xmp", xmp.decode()) if name == "PNG" else None
    facts = exif()
    if name == "TIFF":
        facts[700] = xmp
    options = {"exif": facts.tobytes(), "icc_profile": b"a profile", "xmp": xmp, "pnginfo": text}
    options |= {"dpi": (300, 300), "comment": b"a comment"}
    (image or noise("RGB")).save(path, name, **options)


def facts(path: Path) -> dict[str, object]:
    """What Pillow finds in a file."""
    with Image.open(path) as file:
        tags, info = file.getexif(), file.info
        found = {
            "exif": (
                *(tags.get(tag) for tag in (0x010E, 0x8298, 0x010F)),
                tags.get_ifd(0x8769).get(0x9003),
                tags.get_ifd(0x8825).get(1),
            ),
            "icc": info.get("icc_profile"),
            "xmp": tags.get(700) if file.format == "TIFF" else info.get("xmp"),
            "dpi": tuple(round(float(part)) for part in info["dpi"]) if "dpi" in info else None,
            "comment": info.get("comment"),
            "text": (info.get("Title"), info.get("Author"), info.get("gamma")),
        }
    return found


@pytest.mark.parametrize("name", FACTS)
def test_facts_are_kept(name: str, tmp_path: Path, recwarn: pytest.WarningsRecorder):
    need_heic(name)
    photo, out = (tmp_path / f"{stem}.{name.lower()}" for stem in ("photo", "out"))
    if name == "JPEG":
        photo, out = photo.with_suffix(".jpg"), out.with_suffix(".jpg")
    if name == "HEIF":
        photo, out = photo.with_suffix(".heic"), out.with_suffix(".heic")
    with_facts(photo, name)
    before = facts(photo)
    fill(photo, out)
    after = facts(out)
    for fact in FACTS[name]:
        assert before[fact], fact
        assert after[fact] == before[fact], fact
    assert [str(w.message) for w in recwarn if "written without" in str(w.message)] == []


def test_deep_colour_keeps_its_facts(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "photo.tif",
        pixels,
        photometric="rgb",
        description="a description",
        iccprofile=b"a profile",
        resolution=(300, 300),
        resolutionunit=2,
        extratags=[
            (0x8298, "s", 0, "a copyright"),
            (0x010F, "s", 0, "a maker"),
            (700, 1, 4, b"<a/>"),
        ],
        metadata=None,
    )
    fill(tmp_path / "photo.tif", tmp_path / "out.tif")
    fill(tmp_path / "photo.tif", tmp_path / "out.png")
    for out in ("out.tif", "out.png"):
        found = facts(tmp_path / out)
        assert found["exif"][:3] == ("a description", "a copyright", "a maker"), out
        assert (found["icc"], found["dpi"]) == (b"a profile", (300, 300)), out
        assert found["xmp"] == b"<a/>", out


def test_what_a_format_has_no_place_for_is_named(tmp_path: Path):
    with_facts(tmp_path / "photo.png", "PNG")
    with pytest.warns(
        UserWarning,
        match=r"out\.bmp: BMP was written without: EXIF Copyright, .*"
        r"colour profile, XMP.*text Author, text Title",
    ):
        fill(tmp_path / "photo.png", tmp_path / "out.bmp")


# refusals ------------------------------------------------------------------------------------


def animation(path: Path, name: str) -> None:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (shade, 0, 0)) for shade in (0, 90, 180)]
    frames[0].save(path, name, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.gif", "GIF"), ("a.png", "PNG"), ("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.avif", "AVIF")],
)
def test_animations_and_pages_are_refused(file: str, name: str, tmp_path: Path):
    animation(tmp_path / file, name)
    with pytest.raises(ValueError, match=f"{file}: expected one .* 3 frames or pages.*PNG"):
        fill(tmp_path / file, tmp_path / "out.png")


@pytest.mark.parametrize(
    ("mode", "file"),
    [("RGBA", "o.jpg"), ("RGBA", "o.bmp"), ("RGB", "o.gif"), ("CMYK", "o.png"), ("RGB", "o.ico")],
)
def test_what_a_format_cannot_hold_is_refused(mode: str, file: str, tmp_path: Path):
    noise(mode).save(tmp_path / "photo.tif")
    name = {"o.png": r"\.tif"}.get(file, r"\.png or \.tif")
    with pytest.raises(ValueError, match=rf"{file}: \w+ cannot hold this photo \(mode.*{name} can"):
        fill(tmp_path / "photo.tif", tmp_path / file)
    assert not (tmp_path / file).exists()


def test_an_icon_is_refused(tmp_path: Path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.ico")
    with pytest.raises(ValueError, match="several sizes"):
        fill(tmp_path / "a.ico", tmp_path / "o.png")


# JPEG ----------------------------------------------------------------------------------------


def jpeg(**options: object) -> bytes:
    file = io.BytesIO()
    noise("CMYK" if options.pop("cmyk", False) else "RGB").save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 100, "subsampling": 0},
        {"quality": 60, "subsampling": 1},
        {"quality": 75, "subsampling": 2},
        {"quality": 75, "progressive": True},
    ],
)
@pytest.mark.filterwarnings("error")
def test_jpeg_changes_only_the_blocks_of_the_hole(options: dict, turn: int, tmp_path: Path):
    sideways = Image.Exif()
    sideways[0x0112] = turn
    (tmp_path / "photo.jpg").write_bytes(jpeg(exif=sideways, **options))
    mask = MASK.T if turn > 4 else MASK
    fill(tmp_path / "photo.jpg", tmp_path / "out.jpg", mask)
    with Image.open(tmp_path / "photo.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before)
        assert after.getexif().get(0x0112, 1) == turn
        changed = (np.asarray(before) != np.asarray(after)).any(axis=2)
    lying = {1: MASK, 2: MASK[:, ::-1], 3: MASK[::-1, ::-1], 4: MASK[::-1], 5: MASK}.get(turn)
    if turn in (6, 7, 8):
        lying = {6: np.rot90(mask), 7: mask[::-1, ::-1].T, 8: np.rot90(mask, -1)}[turn]
    near = cv2.dilate(lying.astype(np.uint8), np.ones((35, 35), np.uint8)) > 0
    assert changed[lying].mean() > 0.9
    assert not changed[~near].any()
    assert changed.sum() <= 33 * 33 + 4 * 33  # the blocks of 10×10 pixels, and a seam of colour


def test_other_lossy_files_say_how_much_they_change(tmp_path: Path):
    noise("RGB").resize((400, 100)).save(tmp_path / "photo.png")
    for out in ("out.jpg", "out.avif"):
        with pytest.warns(UserWarning, match=rf"{out}: lossy, so \d+% .* by up to \d+"):
            fill(tmp_path / "photo.png", tmp_path / out, box(100, 400, (40, 40, 50, 50)))


@pytest.mark.filterwarnings("error")
def test_grey_jpeg_stays_grey(tmp_path: Path):
    noise("L").save(tmp_path / "photo.jpg")
    fill(tmp_path / "photo.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "photo.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.mode == "L"
        changed = np.asarray(before) != np.asarray(after)
    assert changed.sum() <= 24 * 16


def test_cmyk_jpeg_stays_cmyk_nearly(tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(jpeg(cmyk=True, quality=90))
    fill(tmp_path / "photo.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "photo.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.mode == "CMYK"
        change = np.abs(np.asarray(before).astype(int) - np.asarray(after))
    assert change[:, 40:].max() <= 10


def test_the_second_picture_of_a_phones_jpeg_is_named(tmp_path: Path):
    frames = [noise("RGB"), Image.new("RGB", (WIDTH, HEIGHT))]
    frames[0].save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="without: the further pictures in the file"):
        fill(tmp_path / "photo.jpg", tmp_path / "out.jpg")


# alpha ---------------------------------------------------------------------------------------


def test_an_erased_object_comes_back_visible():
    photo = Image.new("RGBA", (WIDTH, HEIGHT), (90, 120, 150, 255))
    photo.putalpha(Image.fromarray(np.where(MASK, 0, 255).astype(np.uint8)))
    for mask in (MASK, "alpha"):
        filled = np.asarray(Inpainter(Plane()).fill(photo, mask))
        assert (filled[..., 3] == 255).all()
        assert np.abs(filled[..., :3].astype(int) - (90, 120, 150)).max() <= 1


def test_alpha_goes_on_as_it_is_around():
    alpha = np.where(np.arange(WIDTH) < 25, 255, 100).astype(np.uint8)[None].repeat(HEIGHT, 0)
    photo = noise("RGB")
    photo.putalpha(Image.fromarray(np.where(MASK, 0, alpha).astype(np.uint8)))
    filled = np.asarray(Inpainter(Plane()).fill(photo, MASK))[..., 3]
    np.testing.assert_array_equal(filled[~MASK], alpha[~MASK])
    assert filled[MASK].min() >= 90
