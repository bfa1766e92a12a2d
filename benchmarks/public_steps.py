"""Claim: our training steps of DeepFillV2 and GLCIC are faster than those of public code.

Both networks are written here once more, literally, as the papers' public PyTorch versions are:
contextual attention as a convolution of each picture with its own patches, spectral norm by torch's
hook, channels first, both discriminators' crops cut one by one, no freezing. The widths, the
batch, the losses and the optimizers are those of the `paper` presets, and a test says that the
generators give the same numbers. One discriminator and one generator update are timed.

    python benchmarks/public_steps.py [--repeats 3] [--threads 1]
"""

import functools
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from measure import arguments, devices, medians, report
from step_time import one_step, pictures
from torch import Tensor, nn

from inpaintlib.training.recipes import preset

SIZES = {
    "deepfill": {"batch_size": 1},
    "glcic": {"size": 160, "local_size": 96, "global_levels": 5, "batch_size": 2},
}
"""What is timed: DeepFillV2 at 256×256; GLCIC at the sizes that its public code learns at."""


# DeepFillV2 ----------------------------------------------------------------------------------


class Gated(nn.Module):
    """One convolution for features and gates."""

    def __init__(self, inputs: int, outputs: int, kernel=3, stride=1, dilation=1, bend=F.elu):
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, stride, padding, dilation)
        self.bend = bend

    def forward(self, x: Tensor) -> Tensor:
        features, gates = self.conv(x).chunk(2, dim=1)
        return self.bend(features) * torch.sigmoid(gates)


def down(inputs: int, widths: list[int], last=F.elu) -> list[nn.Module]:
    pairs, bends = pairwise([inputs, *widths]), [F.elu] * 5 + [last]
    shapes = zip(pairs, (5, 3, 3, 3, 3, 3), (1, 2, 1, 2, 1, 1), bends, strict=True)
    return [Gated(a, b, kernel, stride, bend=bend) for (a, b), kernel, stride, bend in shapes]


def up(base: int) -> list[nn.Module]:
    wide, middle = [Gated(4 * base, 2 * base), Gated(2 * base, 2 * base)], Gated(2 * base, base)
    last = [Gated(base, base // 2), nn.Conv2d(base // 2, 3, 3, padding=1), nn.Tanh()]
    return [nn.Upsample(scale_factor=2), *wide, nn.Upsample(scale_factor=2), middle, *last]


class DeepFill(nn.Module):
    """Both stages."""

    def __init__(self, base: int = 24):
        super().__init__()
        b, w = base, 4 * base
        bottom = [Gated(w, w, dilation=d) for d in (2, 4, 8, 16)]
        same = [Gated(w, w), Gated(w, w)]
        self.coarse = nn.Sequential(*down(5, [b, 2 * b, 2 * b, w, w, w]), *bottom, *same, *up(b))
        bottom = [Gated(w, w, dilation=d) for d in (2, 4, 8, 16)]
        self.near = nn.Sequential(*down(3, [b, b, 2 * b, 2 * b, w, w]), *bottom)
        self.before = nn.Sequential(*down(3, [b, b, 2 * b, w, w, w], last=F.relu))
        self.after = nn.Sequential(Gated(w, w), Gated(w, w))
        self.merge = nn.Sequential(Gated(2 * w, w), Gated(w, w), *up(b))

    def forward(self, observed: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        coarse = self.coarse(torch.cat([observed, torch.ones_like(mask), mask], dim=1))
        x = coarse * mask + observed * (1 - mask)
        far = self.after(attention(self.before(x), mask))
        return coarse, self.merge(torch.cat([self.near(x), far], dim=1))


def attention(features: Tensor, mask: Tensor) -> Tensor:
    """Contextual attention, picture by picture: the patches are a convolution's kernels."""
    small = F.interpolate(features, scale_factor=0.5)
    height, width = small.shape[2:]
    count, channels = height * width, features.shape[1]
    raws = F.unfold(features, 4, stride=2, padding=1).transpose(1, 2)
    raws = raws.reshape(-1, count, channels, 4, 4)
    kernels = F.unfold(small, 3, padding=1).transpose(1, 2).reshape(-1, count, channels, 3, 3)
    holes = F.max_pool2d(F.interpolate(mask, (height, width)), 3, 1, 1)
    fuse = torch.eye(3, device=features.device).view(1, 1, 3, 3)
    filled = []
    for x, kernel, raw, hole in zip(small, kernels, raws, holes, strict=True):
        norm = kernel.flatten(1).norm(dim=1).clamp(min=1e-4).view(-1, 1, 1, 1)
        scores = F.conv2d(x[None], kernel / norm, padding=1)  # (1, N, H, W)
        for rows, columns in ((height, width), (width, height)):
            scores = F.conv2d(scores.reshape(1, 1, count, count), fuse, padding=1)
            scores = scores.view(rows, columns, rows, columns).permute(1, 0, 3, 2)
        valid = 1 - hole.reshape(1, count, 1, 1)
        scores = scores.reshape(1, count, height, width) * valid
        weights = F.softmax(10 * scores, dim=1) * valid
        filled.append(F.conv_transpose2d(weights, raw, stride=2, padding=1) / 4)
    return torch.cat(filled)


class Patches(nn.Sequential):
    """The discriminator: six convolutions under spectral norm."""

    def __init__(self, widths: tuple[int, ...] = (64, 128, 256, 256, 256, 256)):
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((4, *widths)):
            convolution = nn.Conv2d(narrow, wide, 5, stride=2, padding=2)
            layers += [nn.utils.spectral_norm(convolution), nn.LeakyReLU(0.2)]
        super().__init__(*layers[:-1])


# GLCIC ---------------------------------------------------------------------------------------


def layer(convolution: nn.Module, width: int) -> list[nn.Module]:
    return [convolution, nn.ReLU(), nn.BatchNorm2d(width)]


class Completion(nn.Sequential):
    """The completion network."""

    def __init__(self) -> None:
        layers = layer(nn.Conv2d(4, 64, 5, padding=2), 64)
        layers += layer(nn.Conv2d(64, 128, 3, stride=2, padding=1), 128)
        layers += layer(nn.Conv2d(128, 128, 3, padding=1), 128)
        layers += layer(nn.Conv2d(128, 256, 3, stride=2, padding=1), 256)
        for d in (1, 1, 2, 4, 8, 16, 1, 1):
            layers += layer(nn.Conv2d(256, 256, 3, padding=d, dilation=d), 256)
        layers += layer(nn.ConvTranspose2d(256, 128, 4, stride=2, padding=1), 128)
        layers += layer(nn.Conv2d(128, 128, 3, padding=1), 128)
        layers += layer(nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), 64)
        layers += layer(nn.Conv2d(64, 32, 3, padding=1), 32)
        super().__init__(*layers, nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid())


class Judges(nn.Module):
    """The global and the local discriminator."""

    def __init__(self, size: int, local_size: int, levels: int):
        super().__init__()
        self.whole = self.branch(size, levels)
        self.local = self.branch(local_size, levels)
        self.head = nn.Linear(2048, 1)

    def branch(self, size: int, levels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        widths = [3, *[64 * min(2**level, 8) for level in range(levels)]]
        for narrow, wide in pairwise(widths):
            layers += layer(nn.Conv2d(narrow, wide, 5, stride=2, padding=2), wide)
            size = (size + 1) // 2
        return nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(widths[-1] * size**2, 1024), nn.ReLU()
        )

    def forward(self, image: Tensor, crop: Tensor) -> Tensor:
        return self.head(torch.cat([self.whole(image), self.local(crop)], dim=1))


def cut(image: Tensor, mask: Tensor, size: int) -> Tensor:
    """Each picture's square around the middle of its hole."""
    crops = []
    for picture, hole in zip(image, mask, strict=True):
        rows, columns = hole[0].nonzero().unbind(1)
        corner = []
        for places, side in ((rows, image.shape[2]), (columns, image.shape[3])):
            middle = (int(places.min()) + int(places.max()) + 1 - size) // 2
            corner.append(min(max(middle, 0), side - size))
        top, left = corner
        crops.append(picture[:, top : top + size, left : left + size])
    return torch.stack(crops)


# The steps -----------------------------------------------------------------------------------


def deepfill_step(device: str) -> Callable[[], None]:
    config = preset("deepfill", "paper", **SIZES["deepfill"]).config
    batch = pictures(config).to(device)
    observed, mask = batch.holes()
    network, judge = DeepFill(config.base).to(device), Patches().to(device)
    adam = functools.partial(torch.optim.Adam, lr=config.learning_rate, betas=config.betas)
    g_optimizer, d_optimizer = adam(network.parameters()), adam(judge.parameters())

    def step() -> None:
        coarse, refined = network(observed, mask)
        filled = refined * mask + batch.image * (1 - mask)
        shown = torch.cat([batch.image, filled.detach()])
        real, fake = judge(torch.cat([shown, torch.cat([mask, mask])], dim=1)).chunk(2)
        d_optimizer.zero_grad()
        (F.relu(1 - real).mean() + F.relu(1 + fake).mean()).backward()
        d_optimizer.step()
        error = (coarse - batch.image).abs().mean() + (refined - batch.image).abs().mean()
        g_optimizer.zero_grad()
        (error - judge(torch.cat([filled, mask], dim=1)).mean()).backward()
        g_optimizer.step()

    return step


def glcic_step(device: str) -> Callable[[], None]:
    config = preset("glcic", "paper", **SIZES["glcic"]).config
    batch = pictures(config).to(device)
    observed, mask = batch.holes()
    network = Completion().to(device)
    judge = Judges(config.size, config.local_size, config.global_levels).to(device)
    g_optimizer = torch.optim.Adadelta(network.parameters())
    d_optimizer = torch.optim.Adadelta(judge.parameters())
    local = functools.partial(cut, mask=mask, size=config.local_size)
    bce = F.binary_cross_entropy_with_logits

    def step() -> None:
        filled = network(torch.cat([observed, mask], dim=1))
        fake = judge(filled.detach(), local(filled.detach()))
        real = judge(batch.image, local(batch.image))
        d_optimizer.zero_grad()
        (bce(fake, torch.zeros_like(fake)) + bce(real, torch.ones_like(real))).backward()
        d_optimizer.step()
        fooled = judge(filled, local(filled))
        error = ((filled - batch.image) * mask).square().mean()
        g_optimizer.zero_grad()
        (error + 4e-4 * bce(fooled, torch.ones_like(fooled))).backward()
        g_optimizer.step()

    return step


LITERAL = {"deepfill": deepfill_step, "glcic": glcic_step}


def main() -> None:
    options = arguments(__doc__.splitlines()[0], repeats=3).parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for device in devices():
        for name, changes in SIZES.items():
            steps = {"public": LITERAL[name](device)}
            for kind in ("float32", "bfloat16"):
                steps[kind] = one_step(name, "paper", changes, kind, device)
            seconds = medians(steps, repeats=options.repeats, warm_up=1)
            row = {"family": name, "device": device, "public ms": 1000 * seconds["public"]}
            rows.append(
                row | {f"{kind} ×": seconds["public"] / seconds[kind] for kind in list(steps)[1:]}
            )
    report(rows, options)
    print("×: how many times as fast as the public way of writing it")


if __name__ == "__main__":
    main()
