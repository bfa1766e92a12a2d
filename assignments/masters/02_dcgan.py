# %%
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown] tags=["task:02-1"]
# ### Exercise 1 · Stamp
#
# ●●○ · 15 minutes · 4 points
#
# A **transposed convolution** presses a stamp: each input value lays `value × kernel` on the output, each
# stamp `stride` further than the one before; overlapping stamps add. `padding` then cuts that many values
# off both ends. Write it for any stride and padding. Of PyTorch use only `zeros`, indexing and addition.


# %% tags=["hidden:02-1"]
# without: torch.nn.functional.conv_transpose1d, torch.nn.functional.conv1d, torch.nn.functional.fold
def hidden_stamp(function):
    source = torch.Generator().manual_seed(31)
    cases = [(1, 1, 1, 0), (3, 2, 4, 0), (8, 7, 2, 3), (2, 6, 1, 2), (9, 3, 3, 1), (4, 3, 1, 1)]
    for length, size, stride, padding in cases:
        x, kernel = torch.randn(length, generator=source), torch.randn(size, generator=source)
        before = x.clone(), kernel.clone()
        y = function(x, kernel, stride, padding)
        wanted = F.conv_transpose1d(
            x[None, None], kernel[None, None], stride=stride, padding=padding
        )
        told = f"{length} values, kernel {size}, stride {stride}, padding {padding}: other values"
        assert y.shape == wanted[0, 0].shape, told.replace("other values", "another length")
        torch.testing.assert_close(y, wanted[0, 0], rtol=1e-4, atol=1e-5, msg=told)
        assert torch.equal(x, before[0]) and torch.equal(kernel, before[1]), "inputs were changed"


# %% tags=["hidden:02-2"]
def hidden_repair(function):
    network = nn.Sequential(
        nn.BatchNorm1d(3, 0.9),
        nn.ModuleList([nn.BatchNorm2d(2, 0.02), nn.LayerNorm(4, 0.5)]),
        nn.BatchNorm2d(2, eps=1e-3, momentum=0.3),
    )
    first, second, other, sound = network[0], network[1][0], network[1][1], network[2]
    first.running_mean.fill_(5.0)
    first.bias.data.fill_(3.0)
    assert function(network) == 2, "two layers have an ε above 0.01; 1e-3 is a choice, not a slip"
    assert abs(first.momentum - 0.1) < 1e-6, "0.9 of the old average is 0.1 of the new batch"
    assert abs(second.momentum - 0.98) < 1e-6, "0.02 of the old average is 0.98 of the new batch"
    assert first.eps == second.eps == 1e-5, "ε is 1e-5 after the repair"
    assert (sound.eps, sound.momentum) == (1e-3, 0.3), "a sound layer must stay as it was"
    assert other.eps == 0.5, "a LayerNorm is no BatchNorm"
    assert (first.running_mean == 5).all(), "what was learned must stay: the running mean"
    assert (first.bias == 3).all(), "what was learned must stay: the bias"
    assert function(nn.Linear(2, 2)) == 0, "a network without BatchNorm needs no repair"


# %% tags=["hidden:02-3"]
def hidden_leaks(function):
    source = torch.Generator().manual_seed(41)
    real, z = torch.rand(8, 5, generator=source), torch.randn(8, 3, generator=source)

    def last_bias(generator, discriminator, real, z):  # reaches one weight, and one only
        generator[1].bias.grad = torch.full_like(generator[1].bias, 1e-3)

    def nudge(generator, discriminator, real, z):  # moves one weight by very little, no gradient
        with torch.no_grad():
            generator[0].weight[0, 0] += 1e-4

    def nothing(generator, discriminator, real, z):
        discriminator(generator(z).detach()).sum().backward()

    cases = {"reaches the last bias only": (last_bias, True), "nudges a weight": (nudge, True)}
    cases["is honest"] = (nothing, False)
    for name, (case, right) in cases.items():
        generator = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
        discriminator = nn.Linear(5, 1)
        generator(z).sum().backward()
        answer = function(case, generator, discriminator, real, z)
        assert answer is right, f"a turn that {name}: expected {right}, got {answer}"
    ran = []
    function(lambda *given: ran.append(given), generator, discriminator, real, z)
    assert ran == [(generator, discriminator, real, z)], "the turn is run once, with what was given"
