"""Layers: gates, both attentions, spectral normalisation, up-sampling, each against its formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from inpaintlib.layers import (
    FourierBlock,
    FourierConv2d,
    FourierUnit,
    GatedConv2d,
    PartialConv2d,
    PatchDiscriminator,
    ResizeConv2d,
    SelfAttention2d,
    SpectralTransform,
    activations,
    check_multiple,
    contextual_attention,
    contextual_weights,
    initialise_normal,
    spectral_norm,
)
from inpaintlib.models.contract import count_parameters

SIZES = [(16, 16), (13, 21)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ramp(start, height=16, width=16):
    """(1, 2, H, W): smooth waves, so that no two of its patches are alike."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.sin(0.37 * x + start), torch.cos(0.23 * y - 0.11 * x)])[None]


# --- gated convolution -------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_one_split_convolution_equals_two(height, width):
    torch.manual_seed(0)
    layer = GatedConv2d(5, 6, 3, stride=2, dilation=2)
    x = noise(2, 5, height, width)
    (feature_weight, gate_weight), (feature_bias, gate_bias) = (
        parameter.chunk(2) for parameter in (layer.conv.weight, layer.conv.bias)
    )
    settings = {"stride": 2, "padding": 2, "dilation": 2}
    feature = F.conv2d(x, feature_weight, feature_bias, **settings)
    gate = F.conv2d(x, gate_weight, gate_bias, **settings).sigmoid()
    assert layer(x).shape == (2, 6, (height + 1) // 2, (width + 1) // 2)
    torch.testing.assert_close(layer(x), F.elu(feature) * gate)
    torch.testing.assert_close(layer.gate(x), gate)


def test_a_shut_gate_blocks_and_an_open_one_passes():
    layer = GatedConv2d(3, 4, 3, activation=F.relu)
    x = noise(1, 3, 8, 8)
    plain = F.relu(F.conv2d(x, layer.conv.weight[:4], layer.conv.bias[:4], padding=1))
    with torch.no_grad():
        layer.conv.weight[4:] = 0
        layer.conv.bias[4:] = -200
        assert layer(x).abs().max() == 0
        layer.conv.bias[4:] = 200
    torch.testing.assert_close(layer(x), plain)


def test_gates_start_open_and_the_signal_survives_seventeen_layers():
    torch.manual_seed(0)
    layers = nn.Sequential(*[GatedConv2d(24, 24, 3) for _ in range(17)])
    x = noise(2, 24, 16, 16)
    assert 0.7 < layers[0].gate(x).mean() < 0.9
    assert 0.05 < layers(x).std() < 5  # with torch's own initialisation: 2e-7


# --- partial convolution -----------------------------------------------------------------------


def partial_by_hand(layer, x, mask, stride, dilation):
    """Equations 1 and 2 of Liu et al. 2018, written out place by place."""
    weight, bias, k = layer.conv.weight, layer.bias, layer.conv.kernel_size[0]
    reach = dilation * (k - 1) // 2
    height, width = x.shape[2:]
    rows, columns = range(0, height, stride), range(0, width, stride)
    out = x.new_zeros(len(x), len(weight), len(rows), len(columns))
    hole = x.new_ones(len(x), 1, len(rows), len(columns))
    for b in range(len(x)):
        for i, y in enumerate(rows):
            for j, z in enumerate(columns):
                total, known = 0, 0
                for u in range(k):
                    for v in range(k):
                        r, c = y - reach + dilation * u, z - reach + dilation * v
                        inside = 0 <= r < height and 0 <= c < width
                        if inside and mask[b, 0, r, c] == 0:
                            total, known = total + weight[:, :, u, v] @ x[b, :, r, c], known + 1
                if known:
                    out[b, :, i, j] = total * k * k / known + bias
                    hole[b, 0, i, j] = 0
    return out, hole


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (5, 2, 1), (3, 1, 2)])
def test_partial_convolution_equals_its_formula(kernel, stride, dilation):
    torch.manual_seed(0)
    layer = PartialConv2d(3, 4, kernel, stride=stride, dilation=dilation)
    nn.init.normal_(layer.bias)
    x, mask = noise(3, 3, 9, 12), torch.zeros(3, 1, 9, 12)
    mask[0, :, 1:8, 2:10] = 1
    mask[1, :, :, :7] = 1
    mask[2] = noise(1, 9, 12) > -1.4  # windows with one known pixel, and with none
    with torch.no_grad():
        out, hole = layer(x, mask)
        expected = partial_by_hand(layer, x, mask, stride, dilation)
    torch.testing.assert_close((out, hole), expected, rtol=1e-4, atol=1e-5)


def test_partial_convolution_never_looks_into_the_hole():
    torch.manual_seed(0)
    layer, mask = PartialConv2d(2, 3, 3), torch.zeros(1, 1, 9, 9)
    mask[..., 2:7, 2:7] = 1
    x = noise(1, 2, 9, 9)
    other = torch.where(mask.bool(), 100 * noise(1, 2, 9, 9, seed=1), x)
    torch.testing.assert_close(layer(x, mask), layer(other, mask), rtol=0, atol=0)
    whole = layer(x, torch.zeros_like(mask))[0][..., 1:-1, 1:-1]
    torch.testing.assert_close(whole, layer.conv(x)[..., 1:-1, 1:-1])  # all known: a convolution
    for left in (9, 1, 0):  # the hole loses a ring of one pixel at every layer
        _, mask = layer(x, mask)
        assert mask.sum() == left


# --- self-attention ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "count"), [(64, 5_201), (96, 11_641), (128, 20_641), (256, 82_241)]
)
def test_self_attention_counts(channels, count):
    assert count_parameters(SelfAttention2d(channels)) == count


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 10)])
def test_self_attention_is_the_identity_first_and_then_the_formula(height, width):
    torch.manual_seed(0)
    layer = SelfAttention2d(16)
    x = noise(2, 16, height, width)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gamma.fill_(1)
    query, key, value = (conv(x).flatten(2) for conv in (layer.query, layer.key, layer.value))
    weights = torch.softmax(torch.einsum("bci,bcj->bij", query, key), dim=2)
    expected = x + torch.einsum("bij,bcj->bci", weights, value).view_as(x)
    torch.testing.assert_close(layer(x), expected)
    assert not torch.allclose(layer(x), x, atol=0.1)
    torch.testing.assert_close(layer.attention_map(x), weights)


def test_attention_rows_sum_to_one_and_are_not_uniform():
    torch.manual_seed(0)
    weights = SelfAttention2d(16).attention_map(3 * noise(2, 16, 4, 6))
    assert weights.shape == (2, 24, 24)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 24))
    assert weights.max() > 2 / 24


def test_self_attention_learns_through_gamma_first():
    layer = SelfAttention2d(8)
    layer(noise(1, 8, 4, 4)).square().sum().backward()
    assert layer.gamma.grad.abs() > 0
    assert layer.value.weight.grad.abs().max() == 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_self_attention_never_holds_all_pairs_of_positions(layout):
    layer = SelfAttention2d(16)
    x = noise(1, 16, 8, 8).contiguous(memory_format=layout).requires_grad_()
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # raises if this kernel cannot be used
        layer(x).sum().backward()


def test_self_attention_needs_eight_channels():
    with pytest.raises(ValueError, match="at least 8 channels, got 4"):
        SelfAttention2d(4)


# --- contextual attention ----------------------------------------------------------------------


def naive_weights(foreground, background, mask):
    """One sample, with explicit loops over patches and offsets: the published algorithm."""
    small = F.pad(foreground[:, ::2, ::2], (1, 1, 1, 1)), F.pad(background[:, ::2, ::2], (1,) * 4)
    height, width = foreground.shape[1] // 2, foreground.shape[2] // 2
    cells = [(y, x) for y in range(height) for x in range(width)]
    patch = [[image[:, y : y + 3, x : x + 3].flatten() for y, x in cells] for image in small]
    known = [p / p.norm().clamp(min=1e-4) for p in patch[1]]
    scores = torch.stack([torch.stack([p @ k for k in known]) for p in patch[0]])

    def fuse(scores, order):
        line = {cell: i for i, cell in enumerate(order)}
        at = {i: cells.index(cell) for cell, i in line.items()}
        fused = torch.zeros_like(scores)
        for i in range(len(cells)):
            for j in range(len(cells)):
                for offset in (-1, 0, 1):
                    if i + offset in at and j + offset in at:
                        fused[at[i], at[j]] += scores[at[i + offset], at[j + offset]]
        return fused

    scores = fuse(scores, cells)
    scores = fuse(scores, [(y, x) for x in range(width) for y in range(height)])
    step = mask.shape[-1] // width
    hidden = F.pad(F.max_pool2d(mask[None], step)[0, 0], (1, 1, 1, 1))
    valid = torch.tensor([float(hidden[y : y + 3, x : x + 3].max() == 0) for y, x in cells])
    return torch.softmax(10 * scores * valid, dim=1) * valid


def test_contextual_weights_equal_the_published_algorithm_written_with_loops():
    foreground, background = 0.2 * noise(2, 3, 8, 12, seed=1), noise(2, 3, 8, 12, seed=2)
    mask = torch.zeros(2, 1, 32, 48)
    mask[0, :, 3:7, 5:9] = 1
    mask[1, :, 20:21, 40:41] = 1  # one pixel: nearest resizing would lose it
    weights = contextual_weights(foreground, background, mask)
    for sample in range(2):
        expected = naive_weights(foreground[sample], background[sample], mask[sample])
        torch.testing.assert_close(weights[sample], expected)
    assert (weights.sum(dim=2) < 1 + 1e-5).all()


def test_permuting_the_batch_permutes_the_result():
    x = noise(3, 4, 8, 8)
    mask = (torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1)) > 0.99).float()
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        contextual_attention(x[order], x[order], mask[order]),
        contextual_attention(x, x, mask)[order],
    )


def test_a_known_picture_is_copied_from_itself():
    x = ramp(0.3)
    copied = contextual_attention(x, x, torch.zeros(1, 1, 64, 64), scale=1000.0)
    torch.testing.assert_close(copied, x)


def test_a_hole_is_filled_from_the_place_that_looks_like_it():
    # The right half repeats the left; a hole in the right half can only be copied from the left.
    tile = ramp(0.3, 16, 12)
    truth = torch.cat([tile, tile], dim=3)
    mask = torch.zeros(1, 1, 16, 24)
    mask[..., 6:10, 16:20] = 1
    filled = contextual_attention(truth, torch.where(mask.bool(), 9.0, truth), mask, scale=1000.0)
    torch.testing.assert_close(filled[..., 6:10, 16:20], truth[..., 6:10, 16:20])


def test_nothing_known_gives_exactly_zero():
    x = noise(2, 4, 8, 8)
    mask = torch.zeros(2, 1, 32, 32)
    mask[0] = 1
    filled = contextual_attention(x, x, mask)
    assert filled[0].abs().max() == 0
    assert filled[1].abs().max() > 0


def test_hidden_features_are_never_copied():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:32, 16:32] = 1
    known = noise(1, 4, 16, 16)
    x = torch.where(F.max_pool2d(mask, 4).bool(), 100.0, known)
    assert contextual_attention(x, x, mask).abs().max() <= known.abs().max()


# --- spectral normalisation, up-sampling, initialisation ---------------------------------------


def test_spectral_norm_is_stable_in_evaluation_and_normalises():
    torch.manual_seed(0)
    layer = spectral_norm(nn.Conv2d(3, 16, 5, bias=False))
    x = noise(1, 3, 9, 9)
    for _ in range(50):
        layer(x)
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    top = torch.linalg.svdvals(layer.weight.flatten(1))[0]
    torch.testing.assert_close(top, torch.tensor(1.0), rtol=1e-3, atol=0)


def test_a_saved_spectral_norm_comes_back_as_it_was():
    torch.manual_seed(0)
    saved, loaded = (spectral_norm(nn.Conv2d(3, 4, 3)) for _ in range(2))
    saved(noise(1, 3, 8, 8))
    loaded.load_state_dict(saved.state_dict())
    x = noise(1, 3, 8, 8, seed=3)
    assert torch.equal(saved.eval()(x), loaded.eval()(x))


def test_resize_convolution_makes_no_checkerboard_and_a_transposed_one_does():
    torch.manual_seed(0)
    flat = torch.ones(1, 4, 8, 8)
    smooth = ResizeConv2d(4, 4)(flat)
    rough = nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1)(flat)
    assert smooth.shape == rough.shape == (1, 4, 16, 16)
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    assert smooth[inside].std(dim=(2, 3)).max() < 1e-6
    assert rough[inside].std(dim=(2, 3)).min() > 1e-3


def test_initialisation_is_the_papers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(64, 64, 5), nn.BatchNorm2d(5000), nn.ConvTranspose2d(9, 9, 3))
    initialise_normal(network)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[1].weight.mean().item() == pytest.approx(1, abs=0.002)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert all(layer.bias.abs().max() == 0 for layer in network)


@pytest.mark.parametrize(("height", "width"), [(16, 20), (20, 16), (0, 8)])
def test_sizes_that_do_not_divide_are_refused(height, width):
    with pytest.raises(ValueError, match=f"divisible by 8, got {height}×{width}"):
        check_multiple(torch.zeros(1, 3, height, width), 8)
    check_multiple(torch.zeros(1, 3, 16, 24), 8)


# --- patch discriminator -----------------------------------------------------------------------


def test_a_patch_discriminator_halves_and_ends_with_a_logit_a_place():
    judge = PatchDiscriminator(5, (4, 6, 8)).eval()
    x = noise(2, 5, 16, 24)
    features = activations(judge.layers, x)
    assert [tuple(f.shape[1:]) for f in features] == [(4, 8, 12), (6, 4, 6), (8, 2, 3), (1, 2, 3)]
    assert torch.equal(features[-1], judge(x))
    assert features[-1].min() < 0 < -features[0].min()
    with torch.autocast("cpu", torch.bfloat16):
        assert judge(x).dtype == torch.float32


def test_every_convolution_of_a_patch_discriminator_is_normalised():
    judge = PatchDiscriminator(4, (8, 16))
    for _ in range(50):
        judge(noise(1, 4, 8, 8))
    layers = [layer for layer in judge.modules() if isinstance(layer, nn.Conv2d)]
    assert len(layers) == 3
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert norm.item() == pytest.approx(1, abs=0.02)


def test_activations_are_what_each_relu_puts_out_and_the_end():
    chain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.LeakyReLU(), nn.Tanh())
    x = noise(5, 3)
    first, second, end = activations(chain.eval(), x)
    assert torch.equal(first, chain[:2](x))
    assert torch.equal(second, chain[:4](x))
    assert torch.equal(end, chain(x))
    assert len(activations(chain[:2], x)) == 1


# --- Fourier convolutions ----------------------------------------------------------------------


def waves_of(height, width):
    """(H·W, H·W): every wave of the picture, a row each, in the order of a whole spectrum."""
    rows, columns = torch.arange(height).double(), torch.arange(width).double()
    found = []
    for down in range(height):
        for across in range(width):
            turns = (down * rows / height)[:, None] + (across * columns / width)[None]
            found.append(torch.exp(-2j * torch.pi * turns).flatten() / (height * width) ** 0.5)
    return torch.stack(found)


def unit_by_hand(layer, x):
    """A Fourier unit, frequency by frequency, by sums over all pixels and all waves."""
    (batch, inputs, height, width), outputs = x.shape, layer.norm.num_features // 2
    waves = waves_of(height, width)
    spectrum = (x.double().flatten(2).to(torch.complex128) @ waves.T).view(x.shape)
    gain = layer.norm.weight / (layer.norm.running_var + layer.norm.eps).sqrt()
    shift = layer.norm.bias - layer.norm.running_mean * gain
    weight = layer.conv.weight[:, :, 0, 0].double()
    whole = torch.zeros(batch, outputs, height, width, dtype=torch.complex128)
    for down in range(height):
        for across in range(width // 2 + 1):
            seen = torch.stack(
                [spectrum[:, :, down, across].real, spectrum[..., down, across].imag]
            )
            parts = seen.permute(1, 2, 0)
            parts = parts.reshape(batch, 2 * inputs)  # real, imaginary, real, …
            parts = F.relu(parts @ weight.T * gain + shift).view(batch, outputs, 2)
            whole[:, :, down, across] = torch.complex(parts[..., 0], parts[..., 1])
    # What a real picture's right half must be, and what the edges of the left half count for.
    for down in range(height):
        for across in range(width // 2 + 1, width):
            mirrored = whole[:, :, -down % height, width - across]
            whole[:, :, down, across] = mirrored.conj()
    for across in {0, width // 2} if width % 2 == 0 else {0}:
        column = whole[:, :, :, across].clone()
        flipped = column[:, :, [-down % height for down in range(height)]]
        whole[:, :, :, across] = (column + flipped.conj()) / 2
    return (whole.flatten(2) @ waves.conj()).real.view(batch, outputs, height, width)


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 4), (4, 5), (7, 3), (1, 2)])
def test_a_fourier_unit_equals_the_sums_over_all_waves(height, width):
    torch.manual_seed(0)
    layer = FourierUnit(3, 2).eval()
    with torch.no_grad():
        layer.norm.running_mean.uniform_(-0.2, 0.2)
        layer.norm.running_var.uniform_(0.5, 2)
        layer.norm.bias.uniform_(-0.5, 0.5)
    x = noise(2, 3, height, width)
    found = layer(x)
    assert found.shape == (2, 2, height, width)
    torch.testing.assert_close(found, unit_by_hand(layer, x).float(), rtol=1e-4, atol=1e-5)


def test_gradients_of_a_fourier_unit():
    torch.manual_seed(0)
    layer = FourierUnit(2, 2).eval()
    x = noise(1, 2, 5, 3).requires_grad_()
    for place in [(0, 0, 2, 1), (0, 1, 4, 2)]:
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x)
        step = torch.zeros_like(x)
        step[place] = 1e-2
        with torch.no_grad():
            high, low = (layer(x + sign * step).square().sum() for sign in (1, -1))
        torch.testing.assert_close(slope[place], (high - low) / 2e-2, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_pixel_sees_every_other(height, width):
    torch.manual_seed(0)
    layer = SpectralTransform(6).eval()
    torch.nn.init.constant_(layer.narrow.weight, 0.2)  # on positive input no ReLU there is closed
    x = noise(1, 6, height, width).abs().requires_grad_()
    result = layer(x)
    assert result.shape == x.shape
    (slope,) = torch.autograd.grad(result[0, :, 0, 0].sum(), x)
    assert (slope.abs().amax(dim=(0, 1)) > 0).all()


def test_the_parts_of_a_fourier_convolution():
    torch.manual_seed(0)
    layer, x = FourierConv2d(8).eval(), noise(2, 8, 9, 10)
    near, wide = x[:, :2], x[:, 2:]

    def around(convolution, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), convolution.weight)

    inner = layer.global_to_global
    narrow = F.relu(inner.norm(inner.narrow(wide)))
    far = inner.widen(narrow + inner.unit(narrow))
    local = around(layer.local_to_local, near) + around(layer.global_to_local, wide)
    distant = around(layer.local_to_global, near) + far
    torch.testing.assert_close(layer(x), F.relu(layer.norm(torch.cat([local, distant], dim=1))))
    block = FourierBlock(8).eval()
    torch.testing.assert_close(block(x), x + block[1](block[0](x)))


@pytest.mark.parametrize(("channels", "share"), [(8, 1.0), (8, 0.0), (12, 0.6), (2, 0.5)])
def test_channels_that_cannot_be_shared(channels, share):
    with pytest.raises(ValueError, match="even number of global channels"):
        FourierConv2d(channels, share)


def test_a_fourier_unit_in_half_precision():
    layer, x = FourierUnit(2, 2), noise(2, 2, 6, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, layer(x), rtol=0.1, atol=0.1)
