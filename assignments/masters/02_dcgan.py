# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.layers import spectral_norm
from inpaintlib.notebook.agreement import agrees
from inpaintlib.notebook.network_checks import builds

# %% [markdown] tags=["task:02-1"]
# ### Exercise 1 · Stamp
#
# ●●○ · 15 minutes · 4 points
#
# A **transposed convolution** uses its kernel as a stamp: each input value adds `value × kernel` to the
# output, and each stamp lies `stride` places after the one before; overlapping stamps add. `padding` then
# cuts that many values off both ends. Write it for any stride and padding. Of PyTorch use only `zeros`,
# indexing and addition.


# %% tags=["hidden:02-1"]
# without: torch.nn.functional.conv_transpose1d, torch.nn.functional.conv1d
# without: torch.nn.functional.conv_transpose2d, torch.nn.functional.conv2d
# without: torch.nn.functional.conv_transpose3d, torch.nn.functional.conv3d
# without: torch.nn.functional.fold, torch.convolution, torch.nn.grad.conv1d_input
def hidden_stamp(function):
    def transposed(x, kernel, stride, padding):
        one, stamp = x[None, None], kernel[None, None]
        return F.conv_transpose1d(one, stamp, stride=stride, padding=padding)[0, 0]

    source = torch.Generator().manual_seed(31)
    cases = []
    for length, size, stride, padding in [
        *((1, 1, 1, 0), (3, 2, 4, 0), (8, 7, 2, 3), (2, 6, 1, 2), (9, 3, 3, 1), (4, 3, 1, 1)),
        *((1, 5, 3, 1), (5, 1, 2, 0), (6, 4, 4, 1), (12, 2, 1, 0), (5, 3, 3, 4)),
    ]:
        x, kernel = torch.randn(length, generator=source), torch.randn(size, generator=source)
        cases.append((x, kernel, stride, padding))
    told = "value i adds x[i] · kernel from place i · stride - padding on, and stamps add up"
    agrees(function, transposed, *cases, told=told)


# %% [markdown] tags=["task:02-2"]
# ### Exercise 2 · The generator
#
# ●●○ · 25 minutes · 6 points
#
# $w$ is the `width`. No layer has a bias. The noise has shape (B, 100).
#
# | layer | kernel, stride, padding | output | then |
# |---|---|---|---|
# | transposed convolution | 4, 1, 0 | 8w × 4 × 4 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 4w × 8 × 8 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 2w × 16 × 16 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | w × 32 × 32 | BatchNorm, ReLU |
# | transposed convolution | 4, 2, 1 | 3 × 64 × 64 | Tanh |
#
# Write it as a `nn.Module`. With $w = 64$ there are 3,576,704 parameters.


# %% tags=["hidden:02-2"]
# without: inpaintlib.models.dcgan.Generator
def hidden_generator(network):
    class Right(nn.Module):
        def __init__(self, width=64):
            super().__init__()
            layers, before = [], 100
            for channels, stride in ((8, 1), (4, 2), (2, 2), (1, 2)):
                convolution = nn.ConvTranspose2d(
                    before, channels * width, 4, stride, stride - 1, bias=False
                )
                layers += [convolution, nn.BatchNorm2d(channels * width), nn.ReLU()]
                before = channels * width
            layers += [nn.ConvTranspose2d(before, 3, 4, 2, 1, bias=False), nn.Tanh()]
            self.layers = nn.Sequential(*layers)

        def forward(self, z):
            return self.layers(z[:, :, None, None])

    source = torch.Generator().manual_seed(32)
    noises = [
        (torch.randn(4, 100, generator=source),),
        (3 * torch.randn(2, 100, generator=source),),
    ]
    told = "the generator of the table"
    builds(network, Right, (3,), (8,), inputs=lambda width: noises, told=told)
    count = sum(weight.numel() for weight in network().parameters())
    assert count == 3_576_704, f"without a width it is 64: 3,576,704 parameters, not {count:,}"
    normal = next(layer for layer in network(2).modules() if hasattr(layer, "running_mean"))
    settings = normal.eps, normal.momentum
    assert settings == (1e-5, 0.1), f"BatchNorm's ε and momentum stay 1e-5 and 0.1, not {settings}"


# %% [markdown] tags=["task:02-3"]
# ### Exercise 3 · The discriminator
#
# ●●○ · 20 minutes · 5 points
#
# $w$ is the `width`. No layer has a bias.
#
# | layer | kernel, stride, padding | output | then |
# |---|---|---|---|
# | convolution | 4, 2, 1 | w × 32 × 32 | LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 2w × 16 × 16 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 4w × 8 × 8 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 2, 1 | 8w × 4 × 4 | BatchNorm, LeakyReLU 0.2 |
# | convolution | 4, 1, 0 | 1 × 1 × 1 | |
#
# With $w = 64$ there are 2,765,568 parameters. The output is a logit of shape (B, 1). The second form,
# `spectral=True`, has no BatchNorm; there every convolution has a bias, and is wrapped as
# `spectral_norm(convolution)`. Write both in one class.


# %% tags=["hidden:02-3"]
# without: inpaintlib.models.dcgan.Discriminator
def hidden_discriminator(network):
    class Right(nn.Module):
        def __init__(self, width=64, spectral=False):
            super().__init__()
            layers, before = [], 3
            for channels in (width, 2 * width, 4 * width, 8 * width):
                convolution = nn.Conv2d(before, channels, 4, 2, 1, bias=spectral)
                layers.append(spectral_norm(convolution) if spectral else convolution)
                if before != 3 and not spectral:
                    layers.append(nn.BatchNorm2d(channels))
                layers.append(nn.LeakyReLU(0.2))
                before = channels
            last = nn.Conv2d(before, 1, 4, bias=spectral)
            layers += [spectral_norm(last) if spectral else last, nn.Flatten()]
            self.layers = nn.Sequential(*layers)

        def forward(self, image):
            return self.layers(image)

    source = torch.Generator().manual_seed(33)
    pictures = [
        (torch.rand(5, 3, 64, 64, generator=source) * 2 - 1,),
        (torch.rand(2, 3, 64, 64, generator=source) - 1,),
    ]
    told = "the discriminator of the table"
    cases = ((4, False), (6, False), (4, True))
    builds(network, Right, *cases, inputs=lambda *_: pictures, told=told)
    wrapped = sum(name.endswith("_u") for name in network(2, True).state_dict())
    assert wrapped == 5, f"with spectral=True all 5 convolutions are wrapped, not {wrapped}"
    count = sum(weight.numel() for weight in network().parameters())
    assert count == 2_765_568, (
        f"by default the width is 64 and spectral is False: 2,765,568 parameters, not {count:,}"
    )


# %% [markdown] tags=["task:02-4"]
# ### Exercise 4 · Too near
#
# ●●○ · 15 minutes · 4 points
#
# Did a generator memorise its training faces? Each face is a row of features. The gap of a row is its
# Euclidean distance to the nearest training row. A generated row is *too near* if its gap is smaller than
# the quantile `rate` (`torch.quantile`, as it is by default) of the *unseen* rows' gaps: real faces that
# were never used in training. Return (N,) booleans. `torch.cdist(a, b)` gives all distances from the rows
# of `a` to the rows of `b`.


# %% tags=["hidden:02-4"]
def hidden_too_near(function):
    def right(generated, training, unseen, rate):
        gaps = [
            (rows[:, None] - training[None]).square().sum(dim=-1).sqrt().amin(dim=1)
            for rows in (generated, unseen)
        ]
        return gaps[0] < gaps[1].quantile(rate)

    source = torch.Generator().manual_seed(34)
    cases = []
    for sizes, rate in (
        ((40, 15, 31), 0.05),
        ((7, 3, 60), 0.5),
        ((25, 30, 5), 0.3),
        ((1, 9, 8), 0.9),
    ):
        sets = [torch.randn(count, 5, generator=source) for count in sizes]
        sets[0][0] = sets[1][0] + 0.01  # a copy
        cases.append((*sets, rate))
    far = torch.randn(30, 5, generator=source)
    cases.append((far + 3, far, torch.randn(20, 5, generator=source), 0.2))  # few are near
    # gaps of 1 and 3, so a limit of 2: not reached, reached, and passed
    line = [torch.tensor(row)[:, None] for row in ([1.9, 2.0, 2.1], [0.0], [1.0, 3.0])]
    cases.append((*line, 0.5))
    told = "compare each generated gap with the quantile of the unseen gaps"
    agrees(function, right, *cases, told=told)
    sets = [torch.randn(count, 5, generator=source) for count in (60, 20, 80)]
    wanted = right(*sets, 0.05)
    assert function(*sets).tolist() == wanted.tolist(), "without a rate it is 0.05"
    assert function(*sets).dtype == torch.bool, "the answers are booleans"
