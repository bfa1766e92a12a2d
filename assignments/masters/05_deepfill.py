# %%
import torch
import torch.nn.functional as F
from torch import nn


# %% tags=["hidden:05-2"]
# without: inpaintlib.layers.GatedConv2d
def hidden_gated_convolution(function):
    source = torch.Generator().manual_seed(101)
    cases = [(1, 1, 1), (7, 3, 1), (5, 1, 3), (3, 2, 2)]
    for kernel, stride, dilation in cases:
        x = 3 * torch.randn(2, 2, 17, 14, generator=source)
        weight = torch.randn(6, 2, kernel, kernel, generator=source)
        bias = torch.randn(6, generator=source)
        result = function(x, weight, bias, stride, dilation)
        where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel // 2)}
        feature = F.conv2d(x, weight[:3], bias[:3], **where)
        gate = F.conv2d(x, weight[3:], bias[3:], **where)
        told = f"kernel {kernel}, stride {stride}, dilation {dilation}: ELU(feature) · σ(gate)"
        assert result.shape == feature.shape, told
        right = F.elu(feature) * torch.sigmoid(gate)
        torch.testing.assert_close(result, right, rtol=1e-4, atol=1e-4, msg=told)
    plain = function(x, weight, bias)
    assert plain.shape == (2, 3, 17, 14), "stride and dilation are 1 when they are not named"


# %% tags=["hidden:05-3"]
# without: inpaintlib.layers.SelfAttention2d
# without: torch.nn.functional.scaled_dot_product_attention
def hidden_self_attention(function):
    torch.manual_seed(7)
    query, key, value = nn.Conv2d(6, 2, 1), nn.Conv2d(6, 2, 1), nn.Conv2d(6, 6, 1)
    x = 2 * torch.randn(3, 6, 2, 7)
    with torch.no_grad():
        result = function(x, query, key, value, 0.7)
        right = x.clone()
        for sample in range(3):
            q, k, v = (layer(x)[sample].flatten(1) for layer in (query, key, value))
            for place in range(14):
                weights = (q[:, place] @ k).softmax(0)
                right[sample, :, place // 7, place % 7] += 0.7 * (v @ weights)
    told = "place by place: softmax of query · keys, the sum of values, times γ, added to x"
    torch.testing.assert_close(result, right, rtol=1e-4, atol=1e-4, msg=told)


# %% tags=["hidden:05-4"]
# without: torch.linalg.svd, torch.linalg.svdvals, torch.linalg.matrix_norm, torch.linalg.norm
# without: torch.svd
def hidden_spectral_estimate(function):
    source = torch.Generator().manual_seed(111)
    weight, u = torch.randn(5, 2, 3, 3, generator=source), torch.randn(5, generator=source)
    kept = weight.clone(), u.clone()
    matrix = weight.reshape(5, 18)
    for steps in (1, 2, 3):
        vector = u
        for _ in range(steps):
            other = matrix.T @ vector / (matrix.T @ vector).norm()
            vector = matrix @ other / (matrix @ other).norm()
        sigma, improved = function(weight, u, steps)
        told = f"after {steps} turn(s) the estimate is uᵀWv with the v and u of the last turn"
        torch.testing.assert_close(sigma, vector @ matrix @ other, rtol=1e-4, atol=1e-4, msg=told)
        torch.testing.assert_close(improved, vector, rtol=1e-4, atol=1e-4, msg=told)
    assert torch.equal(weight, kept[0]), "the weight was changed"
    assert torch.equal(u, kept[1]), "the u that was given was changed"
    sigma, _ = function(1e3 * weight, u, 40)
    small, _ = function(weight, u, 40)
    torch.testing.assert_close(sigma, 1e3 * small, rtol=1e-3, atol=0, msg="σ grows with the weight")


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
    judge, generator = function(torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0]))
    assert judge.shape == generator.shape == (), "two scalars"
    assert abs(judge.item() - 1.25) < 1e-6, (
        f"reals pay (0 + 0.5) / 2, fakes (0 + 2) / 2, together 1.25, not {judge.item():.3f}"
    )
    assert abs(generator.item() - 1) < 1e-6, "minus the mean logit: -(-3 + 1) / 2 = 1"
    sure, _ = function(torch.full((4, 1), 9.0), torch.full((4, 1), -9.0))
    assert sure == 0, "a discriminator that is sure and right pays nothing"


# %% tags=["hidden:05-6"]
# without: inpaintlib.losses.hinge_discriminator_loss, inpaintlib.losses.hinge_generator_loss
def hidden_hinge_losses(function):
    source = torch.Generator().manual_seed(121)
    real = (2 * torch.randn(3, 1, 4, 5, generator=source)).requires_grad_()
    fake = (2 * torch.randn(2, 1, 3, 3, generator=source)).requires_grad_()
    judge, generator = function(real, fake)
    right = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    told = "each mean over its own logits, whatever their number"
    torch.testing.assert_close(judge, right, rtol=1e-5, atol=1e-6, msg=told)
    slopes = torch.autograd.grad(judge, [real, fake])
    expected = torch.autograd.grad(right, [real, fake])
    told = "no slope where the discriminator is already sure, 1 / N elsewhere"
    for slope, wanted in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, wanted, rtol=1e-5, atol=1e-6, msg=told)
    (slope,) = torch.autograd.grad(generator, fake)
    told = "the generator has no hinge: it learns at every logit"
    torch.testing.assert_close(slope, torch.full_like(fake, -1 / 18), msg=told)
