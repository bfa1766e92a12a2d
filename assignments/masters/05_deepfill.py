# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.notebook.agreement import agrees
from inpaintlib.notebook.network_checks import builds


# %% [markdown] tags=["task:05-2"]
# ### Exercise 1 · A gated layer
#
# ●●○ · 20 minutes · 5 points
#
# A gated convolution computes $y = \varphi(W_f * x + b_f) \odot \sigma(W_g * x + b_g)$: features, multiplied by gates. Write
# it as a layer. **One** `nn.Conv2d`, its attribute `conv`, has twice the outputs: the first half are features, the
# second half gates. The activation $\varphi$ is ELU, $\sigma$ the sigmoid. Zero padding keeps the size at stride 1,
# dilation included.
#
# A gate that starts at $\sigma(0) = ½$ halves the signal: 16 such layers leave $2^{-16}$ of it. So let gates start open, with
# bias 1.5, and nearly equal, with half of torch's own start for their weights. The features' weights start as
# He et al. say, `nn.init.kaiming_normal_(…, nonlinearity="relu")`, with bias 0.


# %% tags=["hidden:05-2"]
# without: inpaintlib.layers.GatedConv2d
class HiddenGate(nn.Module):
    """Two convolutions with the halves of one's weights."""

    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        self.where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel // 2)}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel)

    def forward(self, x):
        halves = zip(self.conv.weight.chunk(2), self.conv.bias.chunk(2), strict=True)
        feature, gate = (F.conv2d(x, weight, bias, **self.where) for weight, bias in halves)
        return F.elu(feature) * torch.sigmoid(gate)


def hidden_gated_conv(layer):
    def inputs(channels, *_):
        source = torch.Generator().manual_seed(101)
        sizes = [(2, channels, 17, 14), (1, channels, 9, 22)]
        return [(3 * torch.randn(size, generator=source),) for size in sizes]

    told = "a gated convolution with inputs, outputs, kernel, stride, dilation = {}"
    for case in [(2, 3, 1), (3, 1, 7, 3), (1, 2, 5, 1, 3), (5, 4, 3, 2, 2), (1, 5, 5, 2, 2)]:
        builds(layer, HiddenGate, case, inputs=inputs, told=told.format(case))
    for outputs, kernel in [(48, 5), (80, 3)]:
        start = layer(24, outputs, kernel).state_dict()
        (features, gates), bias = start["conv.weight"].chunk(2), start["conv.bias"]
        assert (bias[:outputs] == 0).all(), "the features' biases start at 0"
        assert (bias[outputs:] == 1.5).all(), "the gates' biases start at 1.5"
        seen = 24 * kernel**2
        he, own = features.std() / (2 / seen) ** 0.5, gates.std() / (0.25 / (3 * seen)) ** 0.5
        assert abs(he - 1) < 0.05, f"the features start {he:.2f} times as large as He et al. say"
        assert features.abs().max() > 3 * features.std(), (
            "He et al. draw from a normal distribution"
        )
        assert abs(own - 1) < 0.05, f"the gates start {own:.2f} times as large as they should"


# %% [markdown] tags=["task:05-3"]
# ### Exercise 2 · Self-attention
#
# ●●○ · 15 minutes · 4 points
#
# Write the lesson's formula. For the dot products the rows and columns become one axis of $N = HW$ places; at the end
# the shape is $(B, C, H, W)$ again. As in SAGAN, the dot product is not divided by a square root, so scores may be large: 200 is no accident. The number
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
# et al. 2018). The weight is taken as a matrix $W$ with a row for each output channel. A full decomposition at every
# step takes too long. **Power iteration**: from a vector $u$, take turns $v = W^\top u$, $u = W v$, each scaled to
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
