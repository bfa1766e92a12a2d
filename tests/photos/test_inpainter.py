"""`Inpainter`: pixels, holes and tiles; see `plane` for the family that fills here."""

import io
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image, ImageDraw
from plane import SIZE, Plane, box, gradient

from inpaintlib.measure.classical import CLASSICAL, Formula
from inpaintlib.models.blind import Blind
from inpaintlib.photos import shipped
from inpaintlib.photos.inpainter import Inpainter
from inpaintlib.photos.tiles import Tile, cut, find_holes
from inpaintlib.training import recipes

NEON = np.array([255, 0, 255], np.uint8)


def slanted(height: int, width: int, thick: int) -> np.ndarray:
    """A scratch from corner to corner."""
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).line([(0, 0), (width, height)], fill=1, width=thick)
    return np.array(image)


HOLES = {
    "one in the middle": (120, 160, box(120, 160, (50, 60, 62, 75))),
    "one pixel": (120, 160, box(120, 160, (50, 60, 51, 61))),
    "at the border": (120, 160, box(120, 160, (50, 150, 60, 160))),
    "in the corner": (120, 160, box(120, 160, (108, 0, 120, 12))),
    "several, some near": (
        120,
        160,
        box(120, 160, (5, 5, 9, 9), (5, 11, 9, 15), (80, 100, 95, 120)),
    ),
    "larger than the network": (240, 200, box(240, 200, (70, 60, 150, 130))),
    "odd sizes": (241, 203, box(241, 203, (71, 60, 142, 121))),
    "half of the picture": (120, 160, box(120, 160, (0, 80, 120, 160))),
    "wider than the picture is high": (50, 300, box(50, 300, (10, 40, 40, 260))),
    "a scratch": (200, 300, slanted(200, 300, 4)),
    "picture smaller than the network": (20, 24, box(20, 24, (7, 8, 12, 14))),
    "picture far smaller": (9, 40, box(9, 40, (4, 20, 6, 22))),
}


@pytest.mark.parametrize("name", HOLES)
def test_a_plane_comes_back_and_known_pixels_are_exact(name: str):
    height, width, mask = HOLES[name]
    truth = gradient(height, width)
    damaged = np.where(mask[..., None], NEON, truth)
    before = damaged.copy()
    filled = Inpainter(Plane()).fill(damaged, mask)
    np.testing.assert_array_equal(damaged, before)
    np.testing.assert_array_equal(filled[~mask], truth[~mask])
    assert np.abs(filled.astype(int) - truth)[mask].max() <= 4


@pytest.mark.parametrize("seam", ["hard", "poisson"])
def test_known_pixels_are_exact_where_nothing_is_smooth(seam: str):
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    disc = np.hypot(*np.mgrid[-70:80, -70:80]) < 50
    filled = Inpainter(Plane()).fill(noise, disc, seam=seam)
    np.testing.assert_array_equal(filled[~disc], noise[~disc])
    assert (filled[disc] != noise[disc]).any(axis=-1).mean() > 0.99


def test_what_is_hidden_does_not_matter():
    truth, mask = gradient(200, 200), box(200, 200, (40, 60, 131, 140))
    fills = [
        Inpainter(Plane()).fill(np.where(mask[..., None], colour, truth), mask)
        for colour in (np.uint8(0), NEON)
    ]
    np.testing.assert_array_equal(*fills)


def test_a_hole_of_the_networks_size_is_seen_at_full_resolution():
    texture = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    mask, plane, seen = box(60, 60, (20, 22, 34, 36)), Plane(), []
    original = plane.generate
    plane.generate = lambda batch, **_: seen.append(batch) or original(batch)
    Inpainter(plane).fill(texture, mask, seam="hard")  # which shows it this very mask
    (batch,) = seen
    window = texture[11:43, 13:45]  # 32 around the hole's middle, (27, 29)
    shown = ((batch.observed[0].permute(1, 2, 0) + 1) * 127.5).round().numpy()
    np.testing.assert_array_equal(batch.mask[0, 0].numpy(), mask[11:43, 13:45])
    np.testing.assert_array_equal(shown[~mask[11:43, 13:45]], window[~mask[11:43, 13:45]])


def tiles_of(mask: np.ndarray) -> list[Tile]:
    holes, boxes = find_holes(mask.astype(np.uint8), reach=SIZE // 8)
    return [tile for number, box in enumerate(boxes, 1) for tile in cut(holes, number, box, SIZE)]


def test_compact_holes_have_one_tile_and_a_scratch_has_many():
    disc = np.hypot(*np.mgrid[-120:120, -120:120]) < 60
    for mask in (box(240, 240, (20, 20, 120, 120)), box(240, 240, (20, 20, 120, 70)), disc):
        (tile,) = tiles_of(mask)
        longest = max(np.ptp(axis) + 1 for axis in mask.nonzero())
        assert {side.stop - side.start for side in tile.window} == {2 * longest}
    scratch = tiles_of(slanted(200, 300, 4))
    assert len(scratch) > 10
    assert {rows.stop - rows.start for tile in scratch for rows in tile.window} == {SIZE}


def test_near_holes_are_one_and_distant_ones_are_not():
    def count(gap: int) -> int:
        holes, boxes = find_holes(
            box(90, 90, (10, 10, 20, 20), (10, 20 + gap, 20, 40 + gap)).astype(np.uint8), reach=4
        )
        assert len(boxes) == len(np.unique(holes)) - 1
        return len(boxes)

    assert [count(1), count(8), count(9)] == [1, 1, 2]


def test_holes_that_together_reach_everywhere_are_found():
    holes, boxes = find_holes(box(9, 9, (4, 4, 5, 5)).astype(np.uint8), reach=9)
    assert boxes == [(slice(4, 5), slice(4, 5))]
    assert holes.sum() == 1


def test_distant_holes_go_through_the_network_together():
    boxes = [(y, x, y + 3, x + 3) for y in range(5, 200, 40) for x in range(5, 200, 40)]
    plane = Plane()
    Inpainter(plane).fill(gradient(200, 200), box(200, 200, *boxes))
    assert [len(mask) for mask in plane.masks] == [8, 8, 8, 1]


def test_the_next_tile_of_a_hole_sees_what_was_filled_before():
    plane = Plane()
    Inpainter(plane).fill(gradient(60, 100), box(60, 100, (30, 20, 32, 52)), seam="hard")
    first, second = plane.masks  # two cells of 2×16: pixels 20 to 35 and 36 to 51
    assert first.sum() == 2 * 24  # window 12 to 43: the first cell and half of the second
    assert second.sum() == 2 * 16


def test_poisson_takes_the_seam_away():
    truth, mask = gradient(120, 160), box(120, 160, (40, 50, 80, 100))
    hard, poisson = (
        Inpainter(Plane(offset=0.3)).fill(truth, mask, seam=seam) for seam in ("hard", "poisson")
    )
    np.testing.assert_array_equal(poisson[~mask], truth[~mask])
    error = [np.abs(filled.astype(int) - truth)[mask] for filled in (hard, poisson)]
    assert error[0].min() > 30
    assert error[1].max() <= 4


# kinds and modes -----------------------------------------------------------------------------


HEIGHT, WIDTH = 40, 50
MASK = box(HEIGHT, WIDTH, (15, 20, 25, 30))
ALPHA = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)


def picture(mode: str) -> Image.Image:
    """The plane, with black where the hole will be."""
    image = Image.fromarray(np.where(MASK[..., None], np.uint8(0), gradient(HEIGHT, WIDTH)))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(ALPHA))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pillow_modes_are_kept(mode: str):
    photo = picture(mode)
    filled = Inpainter(Plane()).fill(photo, MASK)
    assert (filled.mode, filled.size) == (mode, photo.size)
    before, after = np.asarray(photo), np.asarray(filled)
    np.testing.assert_array_equal(after[~MASK], before[~MASK])
    truth = np.asarray(Image.fromarray(gradient(HEIGHT, WIDTH)).convert(mode.removesuffix("A")))
    colours = after[..., :-1].reshape(truth.shape) if mode.endswith("A") else after
    assert np.abs(colours.astype(int) - truth).max() <= 4


@pytest.mark.parametrize(("mode", "wanted"), [("1", "L"), ("P", "RGB")])
def test_modes_that_lack_the_colours_are_widened(mode: str, wanted: str):
    photo = picture(mode)
    filled = Inpainter(Plane()).fill(photo, MASK)
    assert filled.mode == wanted
    known = np.asarray(photo.convert(wanted))[~MASK]
    np.testing.assert_array_equal(np.asarray(filled)[~MASK], known)


def test_a_transparent_colour_becomes_alpha():
    photo = picture("P")
    photo.info["transparency"] = photo.getpixel((0, 0))
    filled = Inpainter(Plane()).fill(photo, MASK)
    assert filled.mode == "RGBA"
    assert filled.getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_arrays_give_arrays(channels: int | None):
    rgba = np.dstack([gradient(HEIGHT, WIDTH), ALPHA])
    photo = rgba[..., 0] if channels is None else rgba[..., :channels]
    photo.setflags(write=False)
    filled = Inpainter(Plane()).fill(photo, MASK)
    assert (type(filled), filled.dtype, filled.shape) == (np.ndarray, np.uint8, photo.shape)
    np.testing.assert_array_equal(filled[~MASK], photo[~MASK])
    colours = slice(None, 3)
    assert np.abs(filled.astype(int) - photo)[..., colours].max() <= 4


def test_every_way_to_give_the_mask(tmp_path: Path):
    inpainter, photo = Inpainter(Plane(0.5)), gradient(HEIGHT, WIDTH)
    wanted = inpainter.fill(photo, MASK)
    assert (wanted != photo).any()
    white = Image.fromarray(255 * MASK.astype(np.uint8))
    white.save(tmp_path / "mask.png")
    for mask in (MASK.astype(float), np.asarray(white), white, tmp_path / "mask.png"):
        np.testing.assert_array_equal(inpainter.fill(photo, mask), wanted)
    np.testing.assert_array_equal(inpainter.fill(photo, ~MASK, hole="black"), wanted)


def test_blind_fills_the_hole_it_is_told():
    torch.manual_seed(0)
    family = Blind(tiny.CONFIGS["blind"])
    family.generator.locator.head.bias.data.fill_(-1e3)  # on its own it would find nothing
    photo = gradient(HEIGHT, WIDTH)
    filled = Inpainter(family).fill(photo, MASK)
    np.testing.assert_array_equal(filled[~MASK], photo[~MASK])
    assert (filled[MASK] != 128).any(axis=-1).all()  # the grey that holes are shown with


def test_the_family_keeps_its_mode():
    family = recipes.make("unet", size=SIZE).train()
    Inpainter(family).fill(gradient(HEIGHT, WIDTH), MASK)
    assert family.training


@pytest.mark.parametrize("seam", ["poisson", "hard"])
def test_a_formula_copies_from_the_same_photo(seam: str):
    rows, columns = np.mgrid[:300, :400]
    photo = np.stack([rows % 7 * 30, columns % 5 * 50, (rows + columns) % 3 * 90], axis=2)
    photo = photo.astype(np.uint8)
    hole = box(300, 400, (100, 130, 200, 224))
    damaged = np.where(hole[..., None], 255, photo).astype(np.uint8)
    filled = Inpainter(Formula(CLASSICAL["exemplar"])).fill(damaged, hole, seam=seam)
    assert np.array_equal(filled, photo)


def test_a_shipped_network_fills():
    name = next((n for n in shipped.available() if n.startswith("unet-")), None)
    if name is None:
        pytest.skip("needs trained weights in data/weights")
    truth, mask = gradient(300, 400), box(300, 400, (100, 150, 200, 250))
    filled = Inpainter(name).fill(np.where(mask[..., None], NEON, truth), mask)
    np.testing.assert_array_equal(filled[~mask], truth[~mask])
    assert np.abs(filled.astype(int) - truth)[mask].mean() < 30  # NEON is 100 away
    np.testing.assert_array_equal(Inpainter(shipped.load(name)).fill(truth, mask), filled)


# errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo", "mask", "options", "message"),
    [
        (gradient(40, 50), np.zeros((40, 50)), {}, "no hole if its holes are white: .* to fill$"),
        (gradient(40, 50), np.ones((40, 50)), {}, "one single hole if .* white: .* to fill from$"),
        (gradient(40, 50), box(50, 40, (1, 1, 5, 5)), {}, "40×50 pixels and the photo 50×40"),
        (gradient(40, 50), MASK, {"hole": "blue"}, '"white", "black" or "transparent"'),
        (gradient(40, 50), MASK, {"seam": "soft"}, '"hard" or "poisson"'),
        (gradient(40, 50) / 255, MASK, {}, "uint8.*got float64"),
        (gradient(40, 50).astype(np.int32), MASK, {}, "uint8.*got int32"),
        (gradient(40, 50)[..., :2], MASK, {}, r"got uint8 of shape \(40, 50, 2\)"),
        (torch.zeros(1, 3, 40, 50), MASK, {}, "photo as a file.*got Tensor"),
        (gradient(40, 50), torch.zeros(1, 3, 40, 50), {}, r"mask array.*shape \(1, 3, 40, 50\)"),
        (gradient(40, 50), {"mask": MASK}, {}, "mask as a file.*got dict"),
        (gradient(40, 50), "alpha", {}, "the photo's alpha, but the photo has none"),
        (Image.new("I", (50, 40)), MASK, {}, "8 or 16 bits, got Pillow's mode I:"),
        (Image.new("F", (50, 40)), MASK, {}, "8 or 16 bits, got Pillow's mode F:"),
        (Image.new("LAB", (50, 40)), MASK, {}, "8 or 16 bits, got Pillow's mode LAB:"),
    ],
)
def test_bad_input_is_explained(photo: object, mask: object, options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Inpainter(Plane()).fill(photo, mask, **options)


def test_unreadable_files_are_named(tmp_path: Path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    for missing in (broken, tmp_path / "missing.png"):
        with pytest.raises(ValueError, match=missing.name):
            Inpainter(Plane()).fill(missing, MASK)
        with pytest.raises(ValueError, match=missing.name):
            Inpainter(Plane()).fill(gradient(HEIGHT, WIDTH), str(missing))


@pytest.mark.parametrize(("name", "damage"), [("AVIF", b"\xff"), ("DDS", b"\0")])
def test_a_damaged_file_is_a_value_error_whatever_pillow_makes_of_it(
    name: str, damage: bytes, tmp_path: Path
):
    """Here a RuntimeError of an AVIF's pixels, and a NotImplementedError of a DDS's header."""
    broken, file = tmp_path / f"broken.{name.lower()}", io.BytesIO()
    Image.fromarray(gradient(HEIGHT, WIDTH)).save(file, name)
    start = 80 if name == "DDS" else file.getvalue().index(b"mdat") + 4
    file.getbuffer()[start : start + 50] = damage * 50
    broken.write_bytes(file.getvalue())
    for photo, mask in ((broken, MASK), (gradient(HEIGHT, WIDTH), broken)):
        with pytest.raises(ValueError, match=rf"{broken.name}: cannot be read as a picture"):
            Inpainter(Plane()).fill(photo, mask)


def test_families_that_fill_no_holes_are_refused():
    with pytest.raises(ValueError, match="no weights 'unet-cats'"):
        Inpainter("unet-cats")
    for name in ("gan", "dcgan"):
        with pytest.raises(ValueError, match="expected a model that fills holes"):
            Inpainter(recipes.make(name))
