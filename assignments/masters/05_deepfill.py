# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.notebook.agreement import agrees


# %% [markdown] tags=["task:05-2"]
# ### Exercise 1 · Gated convolution
#
# ●○○ · 10 minutes · 3 points
#
# Feature and gate are one convolution with twice the outputs, split: the first half are features. Write
# `gated_convolution`; the activation $\varphi$ is ELU. Zero padding keeps the size at stride 1, dilation
# included. It is a layer: gradients flow to `x`, `weight` and `bias`.


# %% tags=["hidden:05-2"]
# without: inpaintlib.layers.GatedConv2d
def hidden_gated_convolution(function):
    def two_convolutions(x, weight, bias, stride=1, dilation=1):
        half, padding = len(weight) // 2, dilation * (weight.shape[-1] // 2)
        where = {"stride": stride, "dilation": dilation, "padding": padding}
        feature = F.conv2d(x, weight[:half], bias[:half], **where)
        gate = F.conv2d(x, weight[half:], bias[half:], **where)
        return F.elu(feature) * torch.sigmoid(gate)

    source = torch.Generator().manual_seed(101)
    cases = []
    for kernel, stride, dilation, batch, inputs, outputs in [
        *((1, 1, 1, 2, 2, 3), (7, 3, 1, 1, 3, 1), (5, 1, 3, 3, 1, 2), (3, 2, 2, 2, 5, 4)),
        *((5, 2, 2, 1, 1, 5), (3, 1, 5, 2, 2, 2)),
    ]:
        x = 3 * torch.randn(batch, inputs, 17, 14, generator=source)
        weight = torch.randn(2 * outputs, inputs, kernel, kernel, generator=source)
        cases.append((x, weight, torch.randn(2 * outputs, generator=source), stride, dilation))
    cases.append(cases[0][:3])  # stride and dilation are 1 when they are not named
    told = "ELU(feature) · σ(gate), each argument handed to the convolution"
    agrees(function, two_convolutions, *cases, told=told, learns=[0, 1, 2], rtol=1e-3, atol=1e-4)


# %% [markdown] tags=["task:05-3"]
# ### Exercise 2 · Self-attention
#
# ●●○ · 15 minutes · 4 points
#
# Write it with tokens, a vector a place: $(B, C, H, W)$ becomes $(B, HW, C)$ for the dot products, and back. As in
# SAGAN, the dot product is not divided by a square root, so scores may be large: 200 is no accident. The number
# of channels of query and key is whatever their modules give. It is a layer: gradients flow to `x`, to the
# modules and to `gamma`, which is a float or a tensor that learns.


# %% tags=["hidden:05-3"]
# without: inpaintlib.layers.SelfAttention2d
# without: torch.nn.functional.scaled_dot_product_attention
# without: torch.nn.functional.multi_head_attention_forward
def hidden_self_attention(function):
    def place_by_place(x, query, key, value, gamma):
        q, k, v = (layer(x).flatten(2) for layer in (query, key, value))
        gathered = []
        for place in range(q.shape[2]):
            weights = (q[:, :, place, None] * k).sum(1).softmax(1)
            gathered.append((v * weights[:, None]).sum(2))
        return x + gamma * torch.stack(gathered, dim=2).view(x.shape)

    torch.manual_seed(7)
    told = "place by place: softmax of query · keys, the sum of values, times γ, added to x"
    for channels, inner, size, loud in [
        (6, 2, (3, 6, 2, 7), 2.0),
        (4, 3, (1, 4, 5, 3), 40.0),
        (16, 1, (2, 16, 3, 3), 1.0),
        (1, 1, (2, 1, 4, 6), 1.0),
    ]:
        parts = [nn.Conv2d(channels, out, 1) for out in (inner, inner, channels)]
        x = loud * torch.randn(size)
        for gamma in (0.7, torch.tensor(-1.3)):
            learns = [0, 4] if isinstance(gamma, torch.Tensor) else [0]
            case = (x, *parts, gamma)
            agrees(function, place_by_place, case, told=told, learns=learns, rtol=1e-3, atol=1e-4)
        weights = [weight for part in parts for weight in part.parameters()]
        found, right = (
            torch.autograd.grad(f(x, *parts, 0.5).square().mean(), weights, allow_unused=True)
            for f in (function, place_by_place)
        )
        scale = max(slope.abs().max().item() for slope in right)
        for slope, expected, name in zip(found, right, "qqkkvv", strict=True):
            layer = {"q": "query", "k": "key", "v": "value"}[name]
            assert slope is not None, f"no gradient reaches {layer}"
            close = torch.allclose(slope, expected, rtol=1e-2, atol=1e-3 * scale)
            assert close, f"the gradient of {layer} is wrong"


# %% [markdown] tags=["task:05-4"]
# ### Exercise 3 · Spectral norm by power iteration
#
# ●●○ · 15 minutes · 4 points
#
# Spectral norm divides a weight by its largest singular value $\sigma$, the most by which it lengthens a vector (Miyato
# et al. 2018); a k × k convolution of stride 1, laid out as a matrix, can still stretch by k. A full decomposition at
# every step is too dear. **Power iteration**: from a vector $u$, take turns $v = W^\top u$, $u = W v$, each scaled to
# length 1. Then $\sigma \approx u^\top W v$. Return it, after exactly `steps` turns, with the new $u$. Leave the weight
# and the given $u$ as they are. The network learns through the division: $\sigma$ must have a gradient to the weight
# (whether it also flows through $u$ and $v$ is up to you).


# %% tags=["hidden:05-4"]
# without: torch.linalg.svd, torch.linalg.svdvals, torch.linalg.matrix_norm, torch.svd
# without: torch.Tensor.svd, torch.linalg.eigh, torch.linalg.eigvalsh, torch.linalg.eig, torch.lobpcg
def hidden_spectral_estimate(function):
    def turns(weight, u, steps):
        matrix = weight.reshape(len(weight), -1)
        for _ in range(steps):
            v = matrix.T @ u / (matrix.T @ u).norm()
            u = matrix @ v / (matrix @ v).norm()
        return u @ matrix @ v, u

    source = torch.Generator().manual_seed(111)
    cases = []
    for shape in [(5, 2, 3, 3), (1, 3, 1, 1), (6, 1, 5, 5), (3, 7, 1, 1)]:
        weight, u = torch.randn(shape, generator=source), torch.randn(shape[0], generator=source)
        cases += [(scale * weight, u, steps) for steps in (1, 2, 3) for scale in (1.0, 300.0)]
    told = "after `steps` turns the estimate is uᵀWv with the v and u of the last turn"
    agrees(function, turns, *cases, told=told, rtol=1e-3, atol=1e-4)
    weight = weight.requires_grad_()
    sigma, _ = function(weight, u, 2)
    told = "sigma has no gradient to the weight"
    assert isinstance(sigma, torch.Tensor) and sigma.requires_grad, told
    (slope,) = torch.autograd.grad(sigma.sum(), weight, allow_unused=True)
    assert slope is not None, told
    # twice the weight has twice the σ, so by Euler's theorem slope · weight = σ, either way
    moved, size = (slope * weight).sum().item(), sigma.sum().item()
    assert abs(moved - size) < 1e-3 * abs(size), "the gradient of sigma is not that of uᵀWv"


# %% [markdown] tags=["task:05-6"]
# ### Exercise 5 · The hinge game
#
# ●○○ · 10 minutes · 3 points
#
# The hinge loss stops teaching the discriminator where it is already sure. It pays, on average over
# real pictures, how much their logit falls short of 1, and over fakes, how much their logit exceeds -1;
# the two means are added (Miyato et al. 2018; DeepFill's code and our package halve the sum). The
# generator pays minus the mean logit of its fakes, with no hinge. Write both for logits of any shape.


# %% tags=["exercise:05-6"]
def hinge_losses(real_logits, fake_logits):
    """The discriminator's and the generator's hinge loss, two scalars; logits of any shape."""
    raise NotImplementedError


# %% [markdown] tags=["hint:05-6"]
# <details><summary>Hint</summary>
#
# "How much it falls short of 1" is `(1 - logit).clamp(min=0)`. Take each mean over all logits *after*
# clamping: a real picture far above 1 must not pay for another one below.
#
# </details>


# %% tags=["solution:05-6"]
def hinge_losses_reference(real_logits, fake_logits):
    short = (1 - real_logits).clamp(min=0).mean()
    above = (1 + fake_logits).clamp(min=0).mean()
    return short + above, -fake_logits.mean()


# %% tags=["check:05-6:3"]
def test_hinge_losses(function):
    discriminator, generator = function(torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0]))
    assert discriminator.shape == generator.shape == (), "two scalars"
    assert abs(discriminator.item() - 1.25) < 1e-6, (
        f"reals pay (0 + 0.5) / 2, fakes (0 + 2) / 2, together 1.25, not {discriminator.item():.3f}"
    )
    assert abs(generator.item() - 1) < 1e-6, "minus the mean logit: -(-3 + 1) / 2 = 1"
    sure, _ = function(torch.full((4, 1), 9.0), torch.full((4, 1), -9.0))
    assert sure == 0, "a discriminator that is sure and right pays nothing"


# %% tags=["hidden:05-6"]
# without: inpaintlib.losses.hinge_discriminator_loss, inpaintlib.losses.hinge_generator_loss
def hidden_hinge_losses(function):
    def by_relu(real_logits, fake_logits):
        discriminator = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
        return discriminator, -fake_logits.mean()

    source = torch.Generator().manual_seed(121)
    cases = []
    for real, fake, loud in [
        ((3, 1, 4, 5), (2, 1, 3, 3), 2.0),
        ((1,), (7,), 1.0),
        ((2, 6), (5, 1), 30.0),
        ((1, 1, 8, 8), (1, 1, 2, 3), 0.3),
        ((), (), 1.0),
    ]:
        logits = (loud * torch.randn(shape, generator=source) for shape in (real, fake))
        cases.append(tuple(logits))
    told = "each mean over its own logits after the hinge; no hinge for the generator"
    agrees(function, by_relu, *cases, told=told, learns=[0, 1])
