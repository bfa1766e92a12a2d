"""Layers that the lessons build: gated, partial and Fourier convolutions, attentions, patches.

Shapes are (B, C, H, W). `spectral_norm` is torch's own, which keeps the raw weight beside its
normalised value: evaluating twice gives the same result twice.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as spectral_norm  # offered here too

Activation = Callable[[Tensor], Tensor]


class GatedConv2d(nn.Module):
    """φ(feature) ⊙ σ(gate): a convolution that decides, pixel by pixel, what to let through.

    A plain convolution treats known and missing pixels alike. Here every feature has a learned gate
    in (0, 1). Feature and gate are one convolution with twice the outputs, split: the same numbers
    as two convolutions, in one call.

    Args:
        inputs, outputs: channels before, and after the gate.
        kernel: side of the kernel; zero padding keeps the size at stride 1, if it is odd.
        activation: φ of the features.

    Source:
        Yu et al. 2019 (DeepFillV2), section 3.1. The initialisation is ours: a gate that starts at
        σ(0) = ½ halves the signal at every layer, 2^-16 after the 16 of one stage. Gates therefore
        start four fifths open (bias 1.5) and nearly equal (weights halved), and features keep
        their variance (He et al. 2015). On faces it was worth 1.3 dB after 200 steps.
    """

    GATE_BIAS = 1.5  # σ(1.5) = 0.82

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        activation: Activation = F.elu,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(
            inputs, 2 * outputs, kernel, stride=stride, padding=padding, dilation=dilation
        )
        self.activation = activation
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
        feature_bias, gate_bias = torch.zeros(outputs), torch.full((outputs,), self.GATE_BIAS)
        self.conv.bias = nn.Parameter(torch.cat([feature_bias, gate_bias]))

    def forward(self, x: Tensor) -> Tensor:
        # Copies, because elementwise functions are up to four times as fast on whole tensors.
        feature, gate = (half.clone() for half in self.conv(x).chunk(2, dim=1))
        return self.activation(feature) * torch.sigmoid(gate)

    def gate(self, x: Tensor) -> Tensor:
        """The gates that `forward` applies to the features of `x`, each in (0, 1), for viewing."""
        return torch.sigmoid(self.conv(x).chunk(2, dim=1)[1])


class PartialConv2d(nn.Module):
    """A convolution over known pixels alone, which also says what is known afterwards.

    With W the weights, b the bias, k² the places of a window and n how many of them are known:
    W · (x ⊙ known) · k² / n + b where n > 0, else 0. A place whose window held a known pixel counts
    as known from then on. Zero padding counts as unknown, so at the picture's border n is smaller.

    Args:
        inputs, outputs: channels.
        kernel: side of the kernel; zero padding keeps the size at stride 1, if it is odd.

    Source:
        Liu et al. 2018, equations 1 and 2.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
        self.conv = nn.Conv2d(inputs, outputs, kernel, bias=False, **self.window)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features and mask (B, 1, H, W), {0, 1}, 1 = hole, to features and the next mask."""
        known, weight = 1 - mask, self.conv.weight
        ones = weight.new_ones(1, 1, *weight.shape[2:])
        count = F.conv2d(known, ones, **self.window)
        seen = (count > 0).to(x)
        mean = self.conv(x * known) * (ones.numel() / count.clamp(min=1))
        return (mean + self.bias[:, None, None]) * seen, 1 - seen


class SelfAttention2d(nn.Module):
    """x + γ · attention(x): every position may look at every other, however far away.

    Query and key have an eighth of the `channels`, of which there are at least 8; the dot product
    is not scaled (both as in the source). γ starts at 0, so the layer begins as the identity.

    Source:
        Zhang et al. 2018 (SAGAN), section 3, without the bottleneck of its public code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 8:
            raise ValueError(f"self-attention needs at least 8 channels, got {channels}")
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (_tokens(layer(x)) for layer in (self.query, self.key, self.value))
        # torch's fused kernel, whose memory grows with the tokens and not with their square, wants
        # equal widths on a CPU (zero channels change no dot product) and each token in one piece.
        missing = value.shape[-1] - query.shape[-1]
        query, key = (F.pad(tokens, (0, missing)) for tokens in (query, key))
        mixed = F.scaled_dot_product_attention(query, key, value.contiguous(), scale=1.0)
        return x + self.gamma * mixed.squeeze(1).transpose(1, 2).view_as(x)

    def attention_map(self, x: Tensor) -> Tensor:
        """Who looks where: (B, H·W, H·W), for viewing; needs the memory that `forward` avoids.

        Row i holds the weights with which position i (row-major) gathers from all positions; each
        row sums to 1.
        """
        query, key = _tokens(self.query(x)).squeeze(1), _tokens(self.key(x)).squeeze(1)
        return (query @ key.transpose(1, 2)).softmax(dim=-1)


def contextual_attention(
    foreground: Tensor,
    background: Tensor,
    mask: Tensor,
    *,
    scale: float = 10.0,
    published: bool = False,
) -> Tensor:
    """Fill every position with a blend of known patches that look alike; learns nothing itself.

    Args:
        foreground: (B, C, H, W), H and W even: what is looked up.
        background: (B, C, H, W): where the patches are taken from.
        mask: (B, 1, H·n, W·n), {0, 1}, 1 = hole, one per sample; resized here.
        scale: of the softmax: the larger, the closer to copying the single best patch.
        published: do as the source in both places that are named below, as its weights expect.

    Returns:
        (B, C, H, W); zeros for a sample that is all hole.

    Source:
        Yu et al. 2018 (DeepFill), section 3.2, as simplified in the public code of DeepFillV2. Ours
        differs: each sample has its own mask, not the batch's first; a cell that any hole pixel
        touches is hole (nearest resizing loses thin strokes); overlapping patches are averaged at
        the picture's border too (the source divides by 4 everywhere, which darkens it).
    """
    weights = contextual_weights(foreground, background, mask, scale=scale, published=published)
    size, window = background.shape[2:], {"kernel_size": 4, "stride": 2, "padding": 1}
    patches = F.unfold(background, **window)  # (B, C·16, N)
    pasted = F.fold(patches @ weights.transpose(1, 2).to(patches.dtype), size, **window)
    if published:
        return pasted / 4
    overlaps = F.fold(F.unfold(torch.ones_like(background[:1, :1]), **window), size, **window)
    return pasted / overlaps


def contextual_weights(
    foreground: Tensor,
    background: Tensor,
    mask: Tensor,
    *,
    scale: float = 10.0,
    published: bool = False,
) -> Tensor:
    """The weights of `contextual_attention` (same arguments): (B, N, N) with N = H·W / 4.

    Patches of 3×3 are compared on maps of half the size. Row i holds the weights with which
    position i gathers from the known patches. As in the source a hidden patch enters the softmax
    with score 0 and is struck out after it, so a row sums to at most 1, and to exactly 0 where
    everything is hidden.
    """
    check_multiple(foreground, 2)
    height, width = foreground.shape[2] // 2, foreground.shape[3] // 2
    with torch.autocast(foreground.device.type, enabled=False):  # softmax(10 · sum) needs digits
        query, key = (
            F.unfold(x.float()[:, :, ::2, ::2], 3, padding=1).transpose(1, 2)
            for x in (foreground, background)
        )  # (B, N, C·9)
        key = key / key.norm(dim=2, keepdim=True).clamp(min=1e-4)
        scores = _fuse(query @ key.transpose(1, 2), height, width)
        if published:  # nearest resizing: a cell's first pixel speaks for it
            cells = F.interpolate(mask.float(), (height, width))
        else:
            cells = F.adaptive_max_pool2d(mask.float(), (height, width))
        hidden = F.max_pool2d(cells, 3, 1, 1)
        valid = 1 - hidden.flatten(1)[:, None]  # (B, 1, N): patches without a hole pixel
        return (scale * scores * valid).softmax(dim=2) * valid


def _fuse(scores: Tensor, height: int, width: int) -> Tensor:
    """Reward neighbours that match neighbours: sum along the diagonal, in rows, then in columns."""
    scores = _diagonal_sum(scores)
    grid = scores.unflatten(2, (height, width)).unflatten(1, (height, width))
    scores = _diagonal_sum(grid.transpose(1, 2).transpose(3, 4).flatten(3).flatten(1, 2))
    grid = scores.unflatten(2, (width, height)).unflatten(1, (width, height))
    return grid.transpose(1, 2).transpose(3, 4).flatten(3).flatten(1, 2)


def _diagonal_sum(scores: Tensor) -> Tensor:
    """(B, N, N): s[i - 1, j - 1] + s[i, j] + s[i + 1, j + 1], zeros outside."""
    padded = F.pad(scores, (1, 1, 1, 1))
    return padded[:, :-2, :-2] + scores + padded[:, 2:, 2:]


class ResizeConv2d(nn.Sequential):
    """Twice the size by repeating pixels, then a 3×3 convolution: no checkerboard.

    A transposed convolution whose kernel its stride does not divide gives some pixels more terms
    than their neighbours, and even where it does they come from different weights.

    Source:
        Odena et al. 2016, "Deconvolution and checkerboard artifacts".
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        super().__init__(nn.Upsample(scale_factor=2), convolution)


class FourierUnit(nn.Module):
    """A 1×1 convolution of the spectrum: every output pixel depends on every input pixel.

    (B, inputs, H, W) -> spectrum (B, inputs, H, W // 2 + 1), complex -> its real and imaginary
    parts in turn as (B, 2·inputs, …) -> convolution without bias, BatchNorm, ReLU -> (B, 2·outputs,
    …), read as a complex spectrum -> (B, outputs, H, W). Any H and W; weights are the same for all
    frequencies, so the size may change after training. Transforms are orthonormal and computed in
    float32, as those of other sizes than powers of 2 do not exist in half precision on a GPU.

    Source:
        Chi et al. 2020, "Fast Fourier convolution", section 3.2; the order of the channels and the
        scale of the transform as in LaMa's public code.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x.float(), norm="ortho")
        parts = torch.view_as_real(spectrum).movedim(-1, 2).flatten(1, 2)
        parts = F.relu(self.norm(self.conv(parts))).float()
        spectrum = torch.view_as_complex(parts.unflatten(1, (-1, 2)).movedim(2, -1).contiguous())
        return torch.fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho")  # s: an odd W stays odd


class SpectralTransform(nn.Module):
    """A Fourier unit beside a skip, on half of the channels: (B, C, H, W) -> (B, C, H, W).

    1×1 convolution to C / 2 channels, BatchNorm, ReLU; plus its own Fourier unit; 1×1 convolution
    back to C. The convolutions have no bias.

    Args:
        channels: even.

    Source:
        Chi et al. 2020, figure 2, without its second, "local" Fourier unit, which LaMa leaves out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.narrow = nn.Conv2d(channels, half, 1, bias=False)
        self.norm = nn.BatchNorm2d(half)
        self.unit = FourierUnit(half, half)
        self.widen = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.narrow(x)))
        return self.widen(x + self.unit(x))


class FourierConv2d(nn.Module):
    """Fast Fourier convolution (FFC): near and far in one layer, (B, C, H, W) -> (B, C, H, W).

    The first channels are local, the others global. 3×3 convolutions (reflected at the border, no
    bias) lead from local to local, from local to global and from global to local; a spectral
    transform from global to global. Sums, BatchNorm, ReLU. H and W from 2 on.

    Args:
        channels: local and global ones together.
        share: of them that are global; their number must be even and positive, as must what is
            left for the local ones be positive.

    Raises:
        ValueError: the channels cannot be shared so.

    Source:
        Chi et al. 2020, section 3.1; with BatchNorm and ReLU as in LaMa (Suvorov et al. 2022).
    """

    def __init__(self, channels: int, share: float = 0.75) -> None:
        super().__init__()
        wide = int(channels * share)
        near = channels - wide
        if wide % 2 or wide <= 0 or near <= 0:
            raise ValueError(
                f"expected an even number of global channels and some local ones, got {wide} global"
                f" of {channels}"
            )
        self.split = [near, wide]
        around = partial(nn.Conv2d, kernel_size=3, padding=1, padding_mode="reflect", bias=False)
        self.local_to_local = around(near, near)
        self.local_to_global = around(near, wide)
        self.global_to_local = around(wide, near)
        self.global_to_global = SpectralTransform(wide)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        near, wide = x.split(self.split, dim=1)
        new_near = self.local_to_local(near) + self.global_to_local(wide)
        new_wide = self.local_to_global(near) + self.global_to_global(wide)
        return F.relu(self.norm(torch.cat([new_near, new_wide], dim=1)))


class FourierBlock(nn.Sequential):
    """Two fast Fourier convolutions beside a skip: (B, C, H, W) -> (B, C, H, W).

    Args:
        channels, share: as for `FourierConv2d`.

    Source:
        Suvorov et al. 2022, section 2.1.
    """

    def __init__(self, channels: int, share: float = 0.75) -> None:
        super().__init__(FourierConv2d(channels, share), FourierConv2d(channels, share))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class PatchDiscriminator(nn.Module):
    """Picture to a map of logits, one for each patch.

    Convolutions of stride 2, each halving the map, then a 3×3 convolution to one logit per place:
    (B, inputs, H, W) -> (B, widths[0], H/2, W/2) -> … -> (B, 1, H/2^k, W/2^k).

    Args:
        inputs: channels of all that it is shown, such as picture and mask.
        widths: channels after each halving.
        spectral: whether its weights are under spectral normalisation.

    Source:
        Isola et al. 2017 (pix2pix), section 3.2.2, for the patches; Miyato et al. 2018 for the
        normalisation, in place of BatchNorm.
    """

    layers: nn.Sequential

    def __init__(self, inputs: int, widths: tuple[int, ...], *, spectral: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((inputs, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(widths[-1], 1, 3, padding=1))
        for layer in layers:
            if spectral and isinstance(layer, nn.Conv2d):
                spectral_norm(layer)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).float()


def activations(layers: nn.Sequential, x: Tensor) -> list[Tensor]:
    """What each (leaky) ReLU of a chain puts out, in order, and last the chain's output, float32.

    For feature matching; a chain that ends with an activation has it once.
    """
    found = []
    for layer in layers[:-1]:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU | nn.ReLU):
            found.append(x)
    return [*found, layers[-1](x).float()]


def initialise_normal(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0, BatchNorm's gains from N(1, 0.02), in place.

    Call it before `spectral_norm`, which hides the raw weight.

    Source:
        Radford et al. 2015 (DCGAN), section 4; the gains as in its public code.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def check_multiple(image: Tensor, multiple: int) -> None:
    """Raise ValueError unless both sides divide by `multiple`: 2^k for a network of k halvings."""
    height, width = image.shape[2:]
    if height % multiple or width % multiple or not height or not width:
        raise ValueError(f"expected height and width divisible by {multiple}, got {height}×{width}")


def check_shape(image: Tensor, shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless (B, C, H, W) holds pictures of (C, H, W), what dense layers need."""
    if image.shape[1:] != shape:
        raise ValueError(
            f"this discriminator takes pictures of {shape}, got {tuple(image.shape[1:])}:"
            " set the configuration's size"
        )


def _tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) to one head of tokens, (B, 1, H·W, C)."""
    return x.flatten(2).transpose(1, 2).unsqueeze(1)
