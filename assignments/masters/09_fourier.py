# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib import layers
from inpaintlib.notebook.agreement import agrees
from inpaintlib.notebook.network_checks import builds
from inpaintlib.seeding import stream


# %% tags=["hidden:09-1"]
# without: inpaintlib.layers.FourierUnit
def hidden_fourier_unit(build):
    class Unit(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.conv = nn.Conv2d(2 * inputs, 2 * outputs, 1, bias=False)
            self.norm = nn.BatchNorm2d(2 * outputs)

        def forward(self, x):
            width = x.shape[-1]
            half = torch.fft.fft2(x, norm="ortho")[..., : width // 2 + 1]
            both = torch.stack([half.real, half.imag], dim=2)  # (B, inputs, 2, H, W // 2 + 1)
            both = self.norm(self.conv(both.reshape(len(x), -1, *half.shape[2:]))).clamp(min=0)
            waves = torch.complex(both[:, ::2], both[:, 1::2])
            columns = torch.fft.ifft(waves, dim=-2, norm="ortho")
            return torch.fft.irfft(columns, n=width, dim=-1, norm="ortho")

    def pictures(inputs, _):
        return [
            (torch.randn(count, inputs, *size, generator=stream(*size)),)
            for count, size in ((3, (8, 8)), (2, (5, 12)), (2, (6, 9)), (1, (7, 11)), (2, (1, 3)))
        ]

    told = "rfft2, parts as channels, conv, norm, ReLU, irfft2, at any size"
    builds(build, Unit, (3, 2), (1, 4), (5, 5), inputs=pictures, told=told)


# %% [markdown] tags=["task:09-2"]
# ### Exercise 2 · The fast Fourier convolution
#
# ●●○ · 20 minutes · 4 points
#
# Write the class `FourierConv(channels)`, for `channels` divisible by 8. The first quarter of the channels is local, the
# rest global. Parts, under these names:
#
# | name | what | channels |
# |---|---|---|
# | `local_to_local` | 3 × 3 convolution | a quarter → a quarter |
# | `local_to_global` | 3 × 3 convolution | a quarter → three quarters |
# | `global_to_local` | 3 × 3 convolution | three quarters → a quarter |
# | `global_to_global` | `layers.SpectralTransform(its channels)` | three quarters → three quarters |
# | `norm` | BatchNorm | all |
#
# The convolutions keep the size, continue the picture at its border by reflection (`padding_mode="reflect"`), and have no
# bias. The two results for the local channels are added, and so are the two for the global channels. Then join both, local
# channels first; last come `norm` and ReLU.


# %% tags=["solution:09-2"]
class FourierConv_reference(nn.Module):
    def __init__(self, channels):
        super().__init__()
        near, wide = channels // 4, channels - channels // 4
        around = {"kernel_size": 3, "padding": 1, "padding_mode": "reflect", "bias": False}
        self.split = [near, wide]
        self.local_to_local = nn.Conv2d(near, near, **around)
        self.local_to_global = nn.Conv2d(near, wide, **around)
        self.global_to_local = nn.Conv2d(wide, near, **around)
        self.global_to_global = layers.SpectralTransform(wide)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        near, wide = x.split(self.split, dim=1)
        new_near = self.local_to_local(near) + self.global_to_local(wide)
        new_wide = self.local_to_global(near) + self.global_to_global(wide)
        return F.relu(self.norm(torch.cat([new_near, new_wide], dim=1)))


# %% tags=["hidden:09-2"]
# without: inpaintlib.layers.FourierConv2d
def hidden_fourier_conv(build):
    class Paths(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.near = near = channels // 4
            wide = 3 * near
            paths = {
                "local_to_local": (near, near),
                "local_to_global": (near, wide),
                "global_to_local": (wide, near),
            }
            for name, (inputs, outputs) in paths.items():
                self.add_module(name, nn.Conv2d(inputs, outputs, 3, bias=False))
            self.global_to_global = layers.SpectralTransform(wide)
            self.norm = nn.BatchNorm2d(channels)

        def forward(self, x):
            framed = F.pad(x, (1, 1, 1, 1), mode="reflect")
            near, wide = framed[:, : self.near], framed[:, self.near :]
            far = self.global_to_global(x[:, self.near :])
            sums = [
                self.global_to_local(wide) + self.local_to_local(near),
                far + self.local_to_global(near),
            ]
            return self.norm(torch.cat(sums, dim=1)).clamp(min=0)

    def pictures(channels):
        return [
            (torch.randn(count, channels, *size, generator=stream(*size)),)
            for count, size in ((3, (6, 8)), (2, (9, 5)), (1, (12, 7)))
        ]

    told = "three 3 × 3 convolutions and a spectral transform; sums, norm, ReLU"
    builds(build, Paths, (8,), (16,), (40,), inputs=pictures, told=told)


# %% tags=["hidden:09-3"]
def hidden_perceptual_loss(function):
    def loss(see, fill, truth):
        real = [goal.detach() for goal in see(truth)]
        found = see(fill)
        total = 0.0
        for place, goal in enumerate(real):
            total = total + F.mse_loss(found[place], goal) / (goal**2).mean()
        return total / len(real)

    weight = torch.randn(5, 3, 3, 3, generator=stream(31))

    def four(x):
        small = F.conv2d(x, weight, stride=2)
        return [1.5 * x, small, 30 * F.leaky_relu(small), F.avg_pool2d(x, 4).flatten(1)]

    def one(x):
        return [F.conv2d(x, weight).tanh()]

    def two(x):
        return [0.01 * x[:, :1], x.square() + 2]

    cases = []
    for number, (see, size) in enumerate(
        [(four, (2, 3, 9, 12)), (one, (1, 3, 8, 5)), (two, (4, 3, 6, 6))]
    ):
        fill, truth = torch.randn(2, *size, generator=stream(40 + number))
        cases.append((see, fill, truth))
    told = "mean over maps of mean squared difference over the truth's mean square"
    agrees(function, loss, *cases, told=told, learns=[1, 2])
