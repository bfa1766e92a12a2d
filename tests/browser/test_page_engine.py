"""What the page computes, in a real browser, against what it was ported from."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from inpaintlib import masks, metrics
from inpaintlib.images import composite, from_bytes, hide, to_bytes
from inpaintlib.masks import SIZED
from inpaintlib.models.contract import Inpainting
from inpaintlib.notebook.viz import error_map
from inpaintlib.photos import tiles
from inpaintlib.photos.blending import poisson_blend
from inpaintlib.photos.inpainter import Inpainter
from inpaintlib.studio.holes import draw_hole, view_size

build = pytest.importorskip("web.build", reason="needs the extra `web`")

KINDS = {
    "Float32Array": np.float32,
    "Float64Array": np.float64,
    "Uint8Array": np.uint8,
    "Uint8ClampedArray": np.uint8,
    "Int32Array": np.int32,
}


@pytest.fixture(scope="module")
def engine(browser):
    """Calls an expression of the worker's script: `engine("dilate(mask, 8, 8, 1)", mask=…)`."""
    page = browser.new_page()
    script = build.worker_script().replace("onmessage =", "const heard =")
    page.add_script_tag(content=script)
    page.add_script_tag(path=Path(__file__).parent / "transfer.js")

    def call(expression: str, **values):
        packed = {name: pack(value) for name, value in values.items()}
        names = ", ".join(values)
        code = f"""async (packed) => {{
          const {{ {names} }} = Object.fromEntries(
            Object.entries(packed).map(([name, value]) => [name, fromPython(value)]));
          return toPython(await ({expression}));
        }}"""
        return unpack(page.evaluate(code, packed))

    yield call
    page.close()


def pack(value):
    if isinstance(value, Tensor):
        value = value.numpy()
    if not isinstance(value, np.ndarray):
        return value
    content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {"dtype": str(value.dtype), "content": content}


def unpack(value):
    if isinstance(value, dict) and set(value) == {"dtype", "content"}:
        return np.frombuffer(base64.b64decode(value["content"]), KINDS[value["dtype"]])
    return value


def random(*shape: int, seed: int = 0) -> Tensor:
    """Smooth random planes, [-1, 1]."""
    coarse = torch.rand(1, shape[0], 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return functional.interpolate(coarse, shape[1:], mode="bicubic").clamp(-1, 1)[0]


def stroke(height: int, width: int, seed: int) -> Tensor:
    """(H, W), float32."""
    return masks.brush(1, height, width, generator=torch.Generator().manual_seed(seed))[0, 0]


@pytest.mark.parametrize("kind", SIZED)
def test_every_kind_of_hole_is_the_notebooks(engine, kind):
    differing, hidden = 0, 0
    for height, width in [(128, 128), (96, 150)]:
        for size in (0.3, 0.5, 0.9):
            for seed in range(3):
                expected = draw_hole(kind, size, seed, height, width)[0, 0].numpy().ravel()
                values = {"kind": kind, "size": size, "seed": seed, "h": height, "w": width}
                found = engine("drawHole(kind, size, seed, h, w)", **values)
                differing += (found != expected).sum()
                hidden += expected.sum()
    drawn_by_opencv = kind in ("brush", "box and brush", "shapes")
    assert differing <= (0.05 * hidden if drawn_by_opencv else 0)  # their edges differ


def test_random_numbers_are_torchs(engine):
    generator = torch.Generator().manual_seed(338)
    expected = [*torch.rand(3, generator=generator), *torch.randn(5, generator=generator)]
    expected += [*torch.rand(700, generator=generator)]
    code = "Float32Array.from({ length: 708 }, (_, i) => (i > 2 && i < 8 ? r.randn() : r.rand()))"
    found = engine(f"((r) => {code})(new Random(338))")
    assert (found == torch.stack(expected).numpy()).all()


@pytest.mark.parametrize("seed", range(3))
def test_blending_is_pythons(engine, seed):
    height, width = (128, 128) if seed < 2 else (37, 61)
    prediction, observed = random(3, height, width, seed=seed), random(3, height, width, seed=9)
    hole = stroke(height, width, seed)
    expected = poisson_blend(prediction[None], observed[None], hole[None, None])[0]
    found = engine(
        f"blend(prediction, observed, hole, {width}, {height})",
        prediction=prediction,
        observed=observed,
        hole=hole.byte(),
    )
    assert np.abs(found.reshape(expected.shape) - expected.numpy()).max() < 1e-5


def test_blending_of_a_hole_at_the_edge_and_of_all_hole(engine):
    prediction, observed = random(3, 16, 16, seed=1), random(3, 16, 16, seed=2)
    for hole in (masks.half(1, 16, 16, generator=torch.Generator()), torch.ones(1, 1, 16, 16)):
        expected = poisson_blend(prediction[None], observed[None], hole)[0].numpy()
        values = {"prediction": prediction, "observed": observed, "hole": hole.byte()}
        found = engine("blend(prediction, observed, hole, 16, 16)", **values)
        assert np.abs(found.reshape(expected.shape) - expected).max() < 1e-5


def test_scores_and_error_map_are_pythons(engine):
    truth, other = random(3, 90, 128, seed=3), random(3, 90, 128, seed=4)
    hole = stroke(90, 128, 5)
    filled = composite(other[None], truth[None], hole[None, None])
    found = engine(
        "scores(filled, truth, hole, 128, 90)", filled=filled[0], truth=truth, hole=hole.byte()
    )
    measured = {
        "L1": metrics.l1,
        "PSNR": metrics.psnr,
        "SSIM": metrics.ssim,
        "sharpness": metrics.sharpness,
    }
    for name, metric in measured.items():
        expected = metric(filled, truth[None], hole[None, None]).item()
        assert found[name] == pytest.approx(expected, abs=2e-5), name
    expected = to_bytes(error_map(filled, truth[None]))[0].permute(1, 2, 0).numpy()
    colours = np.array(build.colours(), np.uint8)
    code = "errorMap(filled, truth, 128, 90, colours).data"
    shown = engine(code, filled=filled[0], truth=truth, colours=colours)
    difference = shown.reshape(90, 128, 4)[..., :3].astype(int) - expected
    assert (np.abs(difference).max(axis=-1) > 0).mean() < 0.001  # rounding between two colours
    assert np.abs(difference).max() < 8


SIZES = [(128, 128), (200, 160), (131, 128), (384, 257), (100, 90), (90, 200), (1000, 129)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_scaling_is_torchs(engine, height, width):
    picture = random(3, height, width, seed=height)
    hole = (torch.rand(1, height, width, generator=torch.Generator().manual_seed(1)) < 0.01).float()
    both = torch.cat([picture, hole])
    expected = functional.interpolate(both[None], (128, 128), mode="bilinear", antialias=True)[0]
    code = f'resize(both, 4, {height}, {width}, 128, 128, "bilinear")'
    found = engine(code, both=both).reshape(4, 128, 128)
    assert np.abs(found - expected.numpy()).max() < 1e-5
    assert ((found[3] > 0) == (expected[3].numpy() > 0)).all()  # what is hidden: to the pixel
    small = random(3, 128, 128, seed=7)
    expected = functional.interpolate(small[None], (height, width), mode="bicubic", antialias=True)
    found = engine(f'resize(small, 3, 128, 128, {height}, {width}, "bicubic")', small=small)
    assert np.abs(found.reshape(3, height, width) - expected[0].numpy()).max() < 1e-5


def hidden_photo(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo, (H, W, 3), and a mask with compact, thin, neighbouring and far holes, (H, W)."""
    height, width = (300, 420) if seed else (90, 150)
    photo = to_bytes(random(3, height, width, seed=seed)).permute(1, 2, 0).numpy()
    mask = np.zeros((height, width), np.uint8)
    mask[20:45, 30:80] = 1
    if seed:
        mask[200:290, 300:415] = 1  # wide: its window is scaled down
        mask[100:103, 10:400] = 1  # a scratch: several cells
        mask[:, 0] = 1  # along the edge
        mask |= (
            masks.pixels(
                1, height, width, generator=torch.Generator().manual_seed(2), probability=0.0005
            )[0, 0]
            .numpy()
            .astype(np.uint8)
        )
    return photo, mask


@pytest.mark.parametrize("seed", [0, 1])
def test_holes_are_cut_into_pythons_tiles(engine, seed):
    _, mask = hidden_photo(seed)
    height, width = mask.shape
    numbers, boxes = tiles.find_holes(mask, reach=16)
    expected = [tile for each in enumerate(boxes, 1) for tile in tiles.cut(numbers, *each, 128)]
    code = f"""(() => {{
      const {{ map, boxes }} = findHoles(mask, {height}, {width}, 16);
      return rounds(boxes.flatMap((box, i) => cut(map, {height}, {width}, i + 1,
        tighten(map, {width}, i + 1, box), 128))).flat();
    }})()"""
    found = engine(code, mask=mask)
    expected = [tile for together in tiles.rounds(expected) for tile in together]
    sides = [("top", "bottom"), ("left", "right")]
    assert len(found) == len(expected) > seed
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours["number"], ours["turn"]) == (theirs.hole, theirs.turn)
        for name in ("cell", "window"):
            box = getattr(theirs, name)
            edges = [slice(ours[name][a], ours[name][b]) for a, b in sides]
            assert edges == list(box)


class Shift(Inpainting):
    """Stands in for a network: a blur of what is seen, shifted, and nothing learned."""

    class config:
        size, channels = 128, 3

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Identity()
        self.register_parameter("where", nn.Parameter(torch.zeros(())))

    def extended(self, batch, *, generator=None):
        red = torch.tensor([0.1, 0, 0]).view(1, 3, 1, 1)  # a grey photo must not keep it
        return batch.holes()[0].roll((5, -7), dims=(2, 3)) * 0.8 + red


def test_a_photo_of_any_size_is_filled_as_python_fills_it(engine):
    """Cut, scaled, filled, blended, scaled, pasted; the network is a shift in both."""
    for seed, grey in [(0, False), (1, False), (1, True)]:
        photo, mask = hidden_photo(seed)
        height, width = mask.shape
        if grey:
            photo = photo[..., 0]
        expected = np.dstack([Inpainter(Shift()).fill(photo, mask)] * (3 if grey else 1))
        rgba = np.dstack([photo] * (3 if grey else 1) + [np.full(mask.shape, 255, np.uint8)])
        code = f"""(async () => {{
          const predict = async (image, hidden) => image.map((_, i) => {{
            const x = i % 128, y = Math.floor(i / 128) % 128, plane = i - y * 128 - x;
            const from = ((y + 123) % 128) * 128 + (x + 7) % 128;
            return (hidden[from] ? 0 : image[plane + from]) * 0.8 + 0.1 * (i < 128 * 128);
          }});
          const photo = {{ width: {width}, height: {height}, data: new Uint8ClampedArray(rgba) }};
          return (await inpaint(photo, mask, {{ size: 128, predict }})).data;
        }})()"""
        found = engine(code, rgba=rgba, mask=mask).reshape(height, width, 4)[..., :3]
        difference = np.abs(found.astype(int) - expected)
        assert difference[mask == 0].max() == 0
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01


def test_a_large_photos_mask_is_painted_small_and_used_large(engine):
    for height, width in [(1500, 1100), (700, 2048)]:
        shown = view_size(height, width)
        small = stroke(*shown, 3)
        full = functional.interpolate(small[None, None], (height, width), mode="nearest-exact")
        expected = full[0, 0].numpy()
        code = f"""maskOf(small, {{ height: {shown[0]}, width: {shown[1]} }},
          {{ height: {height}, width: {width} }})"""
        found = engine(code, small=small.byte())
        assert (found.reshape(height, width) == expected).all()
        assert engine(f"viewSize({{ height: {height}, width: {width} }})") == {
            "height": shown[0],
            "width": shown[1],
        }


def test_the_mean_fill_is_pythons(engine):
    from inpaintlib.measure.classical import image_mean

    picture, hole = from_bytes(to_bytes(random(3, 64, 64))), stroke(64, 64, 1)
    expected = image_mean(hide(picture[None], hole[None, None]).seen(), hole[None, None])[0]
    found = engine('SIMPLE["image mean"](picture, hole)', picture=picture, hole=hole.byte())
    assert np.abs(found.reshape(expected.shape) - expected.numpy()).max() < 1e-6
