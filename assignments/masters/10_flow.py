# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.notebook.agreement import agrees, draws, same_values, untouched, values
from inpaintlib.notebook.network_checks import Watched, builds


# %% [markdown] tags=["task:10-1"]
# ### Exercise 1 · The loss of flow matching
#
# ●●○ · 15 minutes · 4 points
#
# A training sample $x_1$ (`clean`) and noise $x_0$ are joined by a straight line, $x_t = (1 - t) x_0 + t x_1$. A network
# learns the velocity along it, $x_1 - x_0$. Write `flow_loss`, for points (B, 2) and pictures (B, C, H, W) alike:
#
# 1. draw noise like `clean`, standard normal, and one time per sample, uniform in [0, 1], both from `generator`;
# 2. mix them to $x_t$;
# 3. call `network(mixture, time)` once, with `time` of shape (B,);
# 4. return the mean of `weight` times the squared error of the velocity, over all numbers of `clean`. `weight` is a
#    number, or a tensor that broadcasts to `clean`. It is not normalised. The gradient reaches the network.


# %% tags=["hidden:10-1"]
# without: inpaintlib.models.flow.Flow
def hidden_flow_loss(function):
    class Velocity(nn.Module):
        """It depends on the state, on the time, and on two weights."""

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.tensor(0.7)), nn.Parameter(torch.tensor(-0.4))

        def forward(self, mixture, time):
            return self.a * mixture + self.b * time.view(-1, *[1] * (mixture.ndim - 1))

    source = torch.Generator().manual_seed(41)
    cases = []
    for shape, weight in [
        ((4096, 2), 1.0),
        ((64, 3, 9, 12), 0.25),
        ((64, 1, 6, 4), "one channel"),
        ((50, 5, 4, 7), "all"),
        ((300, 2), "per sample"),
        ((1, 3, 40, 30), 2.0),
    ]:
        clean = 2 * torch.rand(shape, generator=source) - 1
        shapes = {
            "one channel": (shape[0], 1, *shape[2:]),
            "all": shape,
            "per sample": (len(clean), 1),
        }
        if isinstance(weight, str):
            weight = 3 * torch.rand(shapes[weight], generator=source)
        cases.append((clean, weight))
    for number, (clean, weight) in enumerate(cases):
        network, generator = Velocity(), torch.Generator().manual_seed(500 + number)
        watched = Watched(network)
        with untouched(clean, names=["clean"]):
            loss = function(watched, clean, generator=generator, weight=weight)
        assert len(watched.times) == 1, f"call the network once, not {len(watched.times)} times"
        mixture, time = watched.states[0].double(), watched.times[0].double()
        assert time.shape == (len(clean),), (
            f"one time per sample: expected ({len(clean)},), got {tuple(time.shape)}"
        )
        assert mixture.shape == clean.shape, "the network sees a mixture of the shape of clean"
        assert (time >= 0).all() and (time <= 1).all(), "times lie in [0, 1]"
        part = time.view(-1, *[1] * (clean.ndim - 1))
        early = (time < 0.9).view(-1)
        noise = ((mixture - part * clean) / (1 - part))[early].flatten()
        count = len(noise)
        if count > 2000:  # each bound is passed by chance less often than once in a million
            assert abs(noise.mean()) < 5.2 / count**0.5, f"noise of mean 0, got {noise.mean():.3f}"
            far = (noise.square().mean() - 1).abs()
            assert far < 8 / count**0.5, f"noise of variance 1, got {noise.square().mean():.3f}"
            apart = noise[1:] - noise[:-1]
            assert abs(apart.square().mean() - 2) < 20 / count**0.5, "each number its own noise"
        if len(clean) == 4096:
            quarters = (4 * time).long().clamp(max=3).bincount(minlength=4)
            assert (quarters - 1024).abs().max() < 150, "times are uniform in [0, 1]"
        velocity = network.a.double() * mixture + network.b.double() * part
        right_noise = (mixture - part * clean) / (1 - part).clamp(min=1e-9)
        right = (torch.as_tensor(weight).double() * (velocity - (clean - right_noise)) ** 2).mean()
        assert torch.as_tensor(loss).ndim == 0, "one number, the mean over everything"
        told = "the mean of weight · (velocity - (clean - noise))²"
        same_values(values(loss), [right.detach()], told, rtol=2e-3, atol=1e-4)
        found = torch.autograd.grad(loss, [network.a, network.b], allow_unused=True)
        expected = torch.autograd.grad(right, [network.a, network.b])
        assert None not in found, "the loss has no gradient to the network"
        told = "the gradient of the loss"
        same_values(values(list(found)), values(list(expected)), told, rtol=5e-3, atol=1e-3)
    draws(
        lambda generator: function(Velocity(), cases[1][0], generator=generator).detach(),
        told="noise and times",
    )


# %% [markdown] tags=["task:10-2"]
# ### Exercise 2 · The sampler
#
# ●○○ · 10 minutes · 3 points
#
# To draw a new sample, start from noise at $t = 0$ and follow the velocity in `steps` equal steps (Euler's method): step
# number $k$ of $n$, counted from 0, begins at time $k / n$. Write `sample(network, noise, steps)`, for points and pictures
# alike. It returns all states on the way, a list of `steps + 1` tensors: first the noise, last the result. The network is
# called as `network(state, time)`, with `time` of shape (B,), once per step. No gradient is kept.


# %% tags=["hidden:10-2"]
# without: inpaintlib.models.flow.Flow
def hidden_sample(function):
    class Field(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.mix = nn.Parameter(
                torch.linspace(-0.8, 0.6, channels * channels).view(channels, -1)
            )

        def forward(self, state, time):
            part = time.view(-1, *[1] * (state.ndim - 1))
            turned = torch.einsum("ij,bj...->bi...", self.mix.to(state.dtype), state)
            return turned * (1 + part) + part.square()

    def euler(network, noise, steps):
        states, rate = [noise], 1 / steps
        for k in range(steps):
            states.append(
                states[-1] + rate * network(states[-1], torch.full((len(noise),), k * rate))
            )
        return [state.detach() for state in states]

    source = torch.Generator().manual_seed(43)
    for shape, counts in [
        ((7, 2), (1, 3, 50)),
        ((2, 3, 5, 8), (1, 10)),
        ((1, 1, 4, 4), (6,)),
        ((3, 5, 6, 2), (2,)),
    ]:
        network, noise = Field(shape[1]), torch.randn(shape, generator=source)
        for steps in counts:
            told = f"Euler's method with {steps} steps from noise of {shape}"
            agrees(function, euler, (network, noise, steps), told=told)
            watched = Watched(network)
            states = function(watched, noise, steps)
            assert isinstance(states, list | tuple), "return a list of states"
            called = tuple(watched.times.shape)
            told = f"one call per step, one time per sample: {(steps, shape[0])}, not {called}"
            assert called == (steps, shape[0]), told
            assert not states[-1].requires_grad, "no gradient is to be kept"
            assert len({state.data_ptr() for state in states[1:]}) == steps, (
                "every state is a tensor of its own"
            )


# %% [markdown] tags=["task:10-3"]
# ### Exercise 3 · A block that knows the time
#
# ●●● · 25 minutes · 5 points
#
# The network that predicts the velocity is a U-Net whose blocks are told the time. Write the class
# `Residual(inputs, outputs, time_width)`. Its parts, under these names, in this order:
#
# | name | what |
# |---|---|
# | `norm1` | group normalisation of `inputs` channels, 8 groups |
# | `conv1` | 3 × 3, `inputs` → `outputs`, the size stays |
# | `time` | linear, `time_width` → 2 · `outputs`: first the scales, then the shifts |
# | `norm2` | group normalisation of `outputs` channels, 8 groups |
# | `conv2` | 3 × 3, `outputs` → `outputs`, the size stays; its weights **0** at first |
# | `skip` | 1 × 1, `inputs` → `outputs`; `nn.Identity()` where both are equal |
#
# `forward(x, time)`, with x (B, inputs, H, W) and time (B, time_width): norm1, SiLU, conv1, norm2, **times (1 + scale) plus
# shift** (one scale and one shift per sample and channel), SiLU, conv2, plus the skip of x. All convolutions and the linear
# layer have biases.


# %% tags=["hidden:10-3"]
# without: inpaintlib.models.flow.Residual
def hidden_residual(block):
    class Right(nn.Module):
        def __init__(self, inputs, outputs, time_width):
            super().__init__()
            self.norm1, self.norm2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
            self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
            self.time = nn.Linear(time_width, 2 * outputs)
            self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

        def forward(self, x, time):
            inner = self.norm2(self.conv1(F.silu(self.norm1(x))))
            wide = self.time(time).unsqueeze(-1).unsqueeze(-1)
            scale, shift = wide[:, : inner.shape[1]], wide[:, inner.shape[1] :]
            return self.skip(x) + self.conv2(F.silu(inner + inner * scale + shift))

    def inputs(channels, _, width):
        source = torch.Generator().manual_seed(47)
        sizes = [(3, 6, 4), (1, 5, 9)]
        return [
            (
                torch.randn(b, channels, h, w, generator=source),
                torch.randn(b, width, generator=source),
            )
            for b, h, w in sizes
        ]

    told = "norm, SiLU, conv, norm, times (1 + scale) plus shift, SiLU, conv, plus the skip"
    for case in [(8, 16, 12), (16, 16, 4), (24, 8, 32)]:
        fresh = block(*case)
        names = {name for name, _ in fresh.named_children()}
        expected = {"norm1", "conv1", "time", "norm2", "conv2", "skip"}
        assert names == expected, f"its parts are {sorted(expected)}, got {sorted(names)}"
        assert not fresh.conv2.weight.any(), "conv2's weights are 0 at first"
        assert fresh.conv1.weight.std() > 0.01, "only conv2's weights are 0 at first"
        assert ("skip.weight" in fresh.state_dict()) == (case[0] != case[1]), (
            "the skip is nn.Identity() where inputs and outputs are equal, else 1 × 1"
        )

        def stirred(*case):  # 0 would hide what comes before
            network = block(*case)
            nn.init.normal_(network.conv2.weight, std=0.1)
            return network

        builds(stirred, Right, case, inputs=inputs, told=told)


# %% [markdown] tags=["task:10-4"]
# ### Exercise 4 · RePaint
#
# ●●● · 30 minutes · 5 points
#
# RePaint (Lugmayr et al. 2022) fills holes with a model that only draws whole pictures. The state starts as `noise`,
# everywhere. Then, for each of `steps` steps, from time $t = k/n$ to $t' = (k+1)/n$:
#
# 1. move the whole state by `network(state, time)` divided by the number of steps; `time` has shape (B,) and holds $t$;
# 2. replace its known pixels (mask 0) by $(1 - t')\,\text{new noise} + t'\,\text{observed}$: as noisy as the state is at the
#    time that was **reached**. The noise is standard normal, drawn anew at every step from `generator`.
#
# At the end the known pixels are exactly the observed ones. A widely used library mixed them at the *old* time $t$
# (diffusers, issue 1581); another left the last step out (denoising-diffusion-pytorch, pull request 322).


# %% tags=["hidden:10-4"]
# without: inpaintlib.models.flow.Flow
def hidden_repaint(function):
    source = torch.Generator().manual_seed(53)
    for shape, steps in [
        ((6, 3, 20, 28), 5),
        ((3, 1, 40, 24), 2),
        ((2, 5, 24, 24), 9),
        ((8, 3, 16, 16), 1),
    ]:
        observed = 2 * torch.rand(shape, generator=source) - 1
        mask = (torch.rand(shape[0], 1, *shape[2:], generator=source) < 0.4).float()
        noise = torch.randn(shape, generator=source)
        push = Watched(lambda state, time: 0.8 * state + time.view(-1, 1, 1, 1) - 0.5)
        generator = torch.Generator().manual_seed(59)
        with untouched(observed, mask, noise, names=["observed", "mask", "noise"]):
            filled = function(push, observed, mask, noise, steps, generator=generator)
        assert filled.shape == noise.shape, f"expected {tuple(noise.shape)}"
        called = tuple(push.times.shape)
        told = f"one call per step, one time per sample: {(steps, shape[0])}, not {called}"
        assert called == (steps, shape[0]), told
        assert torch.equal(push.states[0], noise), (
            "before the first step the state is the given noise"
        )
        hole = mask.bool().expand_as(noise)
        assert torch.equal(filled[~hole], observed[~hole]), (
            "at the end known pixels are the observed"
        )
        ends = [*push.states[1:], filled.detach()]
        seen = zip(push.times, push.states, ends, strict=True)
        before = None
        for k, (time, state, end) in enumerate(seen):
            assert torch.allclose(time, torch.full_like(time, k / steps), atol=1e-5), (
                f"step {k} of {steps} begins at time {k / steps:.2f}, not {float(time[0]):.2f}"
            )
            moved = state + (0.8 * state + k / steps - 0.5) / steps
            told = "in the hole the state moves by velocity / steps, and nothing else"
            same_values(values(end[hole]), values(moved[hole]), told, rtol=1e-4, atol=1e-4)
            reached = (k + 1) / steps
            if k + 1 == steps:
                continue
            fresh = (end - reached * observed)[~hole] / (1 - reached)
            count = len(fresh)  # each bound is passed by chance less often than once in a million
            told = f"known pixels at time {reached:.2f} are (1 - t') · noise + t' · observed"
            assert abs(fresh.mean()) < 5.5 / count**0.5, (
                f"{told}: their noise has mean {fresh.mean():.2f}"
            )
            spread = fresh.square().mean()
            assert abs(spread - 1) < 8.5 / count**0.5, (
                f"{told}: their noise has variance {spread:.2f}"
            )
            if before is not None:
                alike = (fresh * before).mean()
                assert abs(alike) < 6 / count**0.5, "draw new noise at every step"
            before = fresh
    kernel = torch.randn(3, 3, 3, 3, generator=source) / 5

    def blur(state, time):
        return F.conv2d(state, kernel, padding=1)

    observed, mask = torch.zeros(2, 3, 12, 12), torch.zeros(2, 1, 12, 12)
    mask[..., 4:9, 3:8] = 1
    draws(
        lambda g: function(blur, observed, mask, torch.ones(2, 3, 12, 12), 4, generator=g).detach(),
        told="the known pixels' noise",
    )
