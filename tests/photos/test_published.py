"""Published weights: made state dicts through `convert`, against slow, literal implementations."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import inpaintlib
from inpaintlib import cli
from inpaintlib.images import hide
from inpaintlib.layers import contextual_attention
from inpaintlib.photos import published, shipped

BOTTOM = {"conv_bn2": 2, "conv_bn3": 4, "conv_bn4": 8, "conv_bn5": 16}  # dilations
SHAPES = Path(__file__).parent / "published_deepfill.json"  # names and shapes of the public file


def deepfill_states(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the public names, large enough that attention is sharp."""
    source = torch.Generator().manual_seed(seed)
    states = {}
    for name, shape in json.loads(SHAPES.read_text()).items():
        fan = shape[1] * shape[2] * shape[3]
        states[f"{name}.weight"] = torch.randn(shape, generator=source) * (2 / fan) ** 0.5
        states[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=source)
    states["stage2.contextual_attention.fuse_weight"] = torch.eye(3).view(1, 1, 3, 3)
    return states


class Literal:
    """The public DeepFillV2 network, layer by layer, its attention written with loops."""

    def __init__(self, states: dict[str, Tensor]) -> None:
        self.states = states

    def gated(self, x: Tensor, name: str, *, stride: int = 1, dilation: int = 1, relu=False):
        weight, bias = self.states[f"{name}.conv.weight"], self.states[f"{name}.conv.bias"]
        padding = dilation * (weight.shape[-1] - 1) // 2
        x = F.conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation)
        half = len(weight) // 2
        features = F.relu(x[:, :half]) if relu else F.elu(x[:, :half])
        return features * torch.sigmoid(x[:, half:])

    def down(self, x: Tensor, prefix: str, *, relu=False) -> Tensor:
        x = self.gated(x, f"{prefix}conv1")
        for block in ("down_block1", "down_block2"):
            x = self.gated(x, f"{prefix}{block}.conv1_downsample", stride=2)
            x = self.gated(x, f"{prefix}{block}.conv2")
        return self.gated(x, f"{prefix}conv_bn1", relu=relu)

    def dilated(self, x: Tensor, prefix: str) -> Tensor:
        for name, dilation in BOTTOM.items():
            x = self.gated(x, f"{prefix}{name}", dilation=dilation)
        return x

    def up(self, x: Tensor, prefix: str) -> Tensor:
        x = self.gated(self.gated(x, f"{prefix}conv_bn6"), f"{prefix}conv_bn7")
        for block in ("up_block1", "up_block2"):
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = self.gated(x, f"{prefix}{block}.conv1_upsample.conv")
            x = self.gated(x, f"{prefix}{block}.conv2")
        weight, bias = (self.states[f"{prefix}conv_to_rgb.conv.{p}"] for p in ("weight", "bias"))
        return torch.tanh(F.conv2d(x, weight, bias, padding=1))

    def __call__(self, observed: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        ones = torch.ones_like(mask)
        x = torch.cat([observed, ones, ones * mask], 1)
        coarse = self.up(self.dilated(self.down(x, "stage1."), "stage1."), "stage1.")
        x = coarse * mask + observed * (1 - mask)
        near = self.dilated(self.down(x, "stage2.conv_"), "stage2.conv_")
        far = attention(self.down(x, "stage2.ca_", relu=True), mask)
        far = self.gated(self.gated(far, "stage2.ca_conv_bn4"), "stage2.ca_conv_bn5")
        return coarse, self.up(torch.cat([near, far], 1), "stage2.")


def attention(features: Tensor, mask: Tensor) -> Tensor:
    """Every cell pastes every known patch, by its likeness: one picture, one pair at a time."""
    x, hole = features[0].double().numpy(), mask[0, 0].numpy()
    channels, height, width = x.shape
    rows, columns = height // 2, width // 2
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    framed = np.pad(x[:, ::2, ::2], ((0, 0), (1, 1), (1, 1)))
    patches = [framed[:, row : row + 3, column : column + 3] for row, column in cells]
    score = {
        (place, other): (patches[i] * patches[j]).sum() / max(1e-4, (patches[j] ** 2).sum() ** 0.5)
        for i, place in enumerate(cells)
        for j, other in enumerate(cells)
    }
    for order in (cells, sorted(cells, key=lambda cell: cell[::-1])):  # by rows, then by columns
        index = {cell: number for number, cell in enumerate(order)}
        fused = {}
        for place, other in score:
            i, j = index[place], index[other]
            steps = [d for d in (-1, 0, 1) if min(i, j) + d >= 0 and max(i, j) + d < len(order)]
            fused[place, other] = sum(score[order[i + d], order[j + d]] for d in steps)
        score = fused
    known = {}
    for row, column in cells:
        around = [(row + a, column + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        inside = [(a, b) for a, b in around if 0 <= a < rows and 0 <= b < columns]
        known[row, column] = not any(hole[8 * a, 8 * b] for a, b in inside)
    canvas = np.zeros((channels, height + 2, width + 2))
    source = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    for row, column in cells:
        logits = np.array([10 * score[(row, column), other] * known[other] for other in cells])
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        for (a, b), weight in zip(cells, weights, strict=True):
            if known[a, b]:
                patch = source[:, 2 * a : 2 * a + 4, 2 * b : 2 * b + 4]
                canvas[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += weight * patch / 4
    return torch.from_numpy(canvas[None, :, 1:-1, 1:-1]).float()


def picture(height: int, width: int) -> tuple[Tensor, Tensor]:
    """A noisy picture with a box and a thin stroke that nearest resizing half misses."""
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(1, 1, height, width)
    mask[..., 14:25, 9:20] = 1
    mask[..., 5, 30:40] = 1
    return image, mask


def saved(tmp_path: Path, states: object, name: str = "states_pt_places2.pth") -> Path:
    torch.save(states, tmp_path / name)
    return tmp_path / name


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A converted DeepFillV2 file, and its made weights."""
    folder = tmp_path_factory.mktemp("published")
    states = deepfill_states()
    checkpoint = saved(folder, {"G": states, "D": {}})
    assert cli.main(["convert", str(checkpoint), "-o", str(folder / "places2.safetensors")]) == 0
    return folder / "places2.safetensors", states


def test_deepfill_gives_the_literal_networks_numbers(converted):
    file, states = converted
    image, mask = picture(48, 56)
    batch = hide(image, mask)
    family = inpaintlib.load(file)
    with torch.no_grad():
        coarse, refined = family.generator(*batch.holes())
        wanted = Literal(states)(*batch.holes())
    assert_close(coarse, wanted[0], atol=1e-5, rtol=0)
    assert_close(refined, wanted[1], atol=1e-5, rtol=0)
    assert wanted[1].std() > 0.05, "a network that says nothing proves nothing"


def test_attention_alone_as_published_and_as_the_course_does_it():
    """The setting is needed at the border, and where a stroke is thinner than a cell."""
    features = torch.rand(1, 6, 12, 14, generator=torch.Generator().manual_seed(2))
    mask = picture(48, 56)[1]
    wanted = attention(features, mask)
    published, own = (
        contextual_attention(features, features, mask, published=how) for how in (True, False)
    )
    assert_close(published, wanted, atol=1e-5, rtol=0)
    assert (own - wanted).abs().max() > 0.1


def test_the_card_says_what_it_is_and_weights_are_whole(converted):
    file, states = converted
    card = shipped.card(file)
    assert card["family"] == "deepfill"
    assert card["settings"]["attention"] == "published"
    assert "github.com/nipponjo" in card["source"]
    weights = inpaintlib.load(file).generator.state_dict()
    assert torch.equal(next(iter(weights.values())), states["stage1.conv1.conv.weight"])
    assert sum(value.numel() for value in weights.values()) == 4_052_478


def test_fill_takes_it(converted):
    photo = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    mask = np.zeros((64, 80), bool)
    mask[20:30, 20:40] = True
    filled = inpaintlib.Inpainter(converted[0]).fill(photo, mask)
    np.testing.assert_array_equal(filled[~mask], photo[~mask])


# GLCIC ---------------------------------------------------------------------------------------

WIDTHS = (4, 64, 128, 128, *[256] * 9, 128, 128, 64, 32, 3)
STRIDES, DILATIONS = {2: 2, 4: 2}, {7: 2, 8: 4, 9: 8, 10: 16}


def glcic_states() -> dict[str, Tensor]:
    source, states = torch.Generator().manual_seed(0), {}
    for layer in range(1, 18):
        narrow, wide = WIDTHS[layer - 1], WIDTHS[layer]
        turned = layer in (13, 15)
        kernel = 5 if layer == 1 else 4 if turned else 3
        shape = (narrow, wide) if turned else (wide, narrow)
        name = f"{'deconv' if turned else 'conv'}{layer}"
        scale = (2 / (narrow * kernel**2)) ** 0.5
        states[f"{name}.weight"] = scale * torch.randn(*shape, kernel, kernel, generator=source)
        states[f"{name}.bias"] = 0.1 * torch.randn(wide, generator=source)
        if layer < 17:
            states[f"bn{layer}.weight"] = 1 + 0.1 * torch.randn(wide, generator=source)
            states[f"bn{layer}.bias"] = 0.1 * torch.randn(wide, generator=source)
            states[f"bn{layer}.running_mean"] = 0.5 * torch.rand(wide, generator=source)
            states[f"bn{layer}.running_var"] = 0.5 + torch.rand(wide, generator=source)
            states[f"bn{layer}.num_batches_tracked"] = torch.tensor(400_000)
    return states


def literal_glcic(states: dict[str, Tensor], image: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
    """The public completion network: pictures in [0, 1], holes shown as the mean pixel."""
    x = torch.cat([image * (1 - mask) + mean.view(1, 3, 1, 1) * mask, mask], 1)
    for layer in range(1, 18):
        name = f"{'deconv' if layer in (13, 15) else 'conv'}{layer}"
        weight, bias = states[f"{name}.weight"], states[f"{name}.bias"]
        dilation = DILATIONS.get(layer, 1)
        if layer in (13, 15):
            x = F.conv_transpose2d(x, weight, bias, stride=2, padding=1)
        else:
            padding = dilation * (weight.shape[-1] // 2)
            stride = STRIDES.get(layer, 1)
            x = F.conv2d(x, weight, bias, stride, padding=padding, dilation=dilation)
        if layer < 17:
            norm = [states[f"bn{layer}.{part}"] for part in ("running_mean", "running_var")]
            x = F.batch_norm(
                x.relu(), *norm, states[f"bn{layer}.weight"], states[f"bn{layer}.bias"]
            )
    return torch.sigmoid(x)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_glcic_gives_the_literal_networks_numbers(prefix: str, tmp_path: Path):
    states, mean = glcic_states(), [0.5062, 0.4254, 0.3828]
    named = {f"{prefix}{name}": value for name, value in states.items()}
    checkpoint = saved(tmp_path, named, "model_cn_step400000")
    (tmp_path / "config.json").write_text(json.dumps({"mpv": mean, "data_parallel": True}))
    out = tmp_path / "glcic.safetensors"
    assert cli.main(["convert", str(checkpoint), "-o", str(out)]) == 0
    image, mask = picture(48, 56)
    with torch.no_grad():
        filled = inpaintlib.load(out).generate(hide(image, mask))
        wanted = 2 * literal_glcic(states, (image + 1) / 2, mask, torch.tensor(mean)) - 1
    wanted = wanted * mask + image * (1 - mask)
    assert_close(filled, wanted, atol=1e-5, rtol=0)


# errors --------------------------------------------------------------------------------------


def test_wrong_files_get_one_line(tmp_path: Path, capsys: pytest.CaptureFixture):
    states = deepfill_states()
    short = {name: value for name, value in states.items() if "conv_bn7" not in name}
    wide = states | {"stage1.conv1.conv.weight": torch.zeros(64, 5, 5, 5)}
    tensorflow = {"stage1.conv1.weight": torch.zeros(1)}
    (tmp_path / "text.pth").write_text("text")
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.jpg")
    cases = {
        "short": (short, "does not fit: 4 tensors .* stage1.conv_bn7.conv.bias"),
        "wide": (wide, "does not fit: 1 tensors .* stage1.conv1.conv.weight"),
        "tf": (tensorflow, "TensorFlow's padding"),
        "other": ({"a.weight": torch.zeros(1)}, "expected DeepFillV2 .* or GLCIC .* a.weight"),
        "list": ([1, 2], "expected tensors by name, got list"),
        "run": ({"family": {}, "optimizers": {}}, "a run's state: .* in its weights.safetensors"),
        "glcic": (glcic_states(), "config.json: expected GLCIC's settings"),
    }
    for name, (content, _) in cases.items():
        saved(tmp_path, content, f"{name}.pth")
    for name, message in {name: m for name, (_, m) in cases.items()}.items():
        with pytest.raises(ValueError, match=message):
            published.convert(tmp_path / f"{name}.pth", tmp_path / "o.safetensors")
    out = str(tmp_path / "o.safetensors")
    for name in ("text.pth", "photo.jpg"):
        assert cli.main(["convert", str(tmp_path / name), "-o", out]) == 2
        error = capsys.readouterr().err
        assert f"{name}: expected a PyTorch checkpoint or safetensors file: got another" in error
        assert error.count("\n") == 1
    assert cli.main(["convert", str(tmp_path / "short.pth"), "-o", str(tmp_path / "o.pth")]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err
    assert not (tmp_path / "o.safetensors").exists()
    (tmp_path / "o.safetensors").write_text("precious")
    assert cli.main(["convert", str(tmp_path / "short.pth"), "-o", out]) == 2
    assert "is there already: choose another name, or delete it first" in capsys.readouterr().err
    assert (tmp_path / "o.safetensors").read_text() == "precious"


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    saved(tmp_path, {"G": Trap()}, "trap.pth")
    with pytest.raises(ValueError, match=r"trap\.pth: expected .* that holds more than tensors$"):
        published.convert(tmp_path / "trap.pth", tmp_path / "o.safetensors")
    assert not (tmp_path / "executed").exists()
