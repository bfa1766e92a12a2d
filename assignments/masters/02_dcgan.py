# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.notebook.agreement import agrees, untouched

# %% [markdown] tags=["task:02-1"]
# ### Exercise 1 · Stamp
#
# ●●○ · 15 minutes · 4 points
#
# A **transposed convolution** presses a stamp: each input value lays `value × kernel` on the output, each
# stamp `stride` further than the one before; overlapping stamps add. `padding` then cuts that many values
# off both ends. Write it for any stride and padding. Of PyTorch use only `zeros`, indexing and addition.


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
    told = "value i presses x[i] · kernel from place i · stride - padding on, and stamps add up"
    agrees(function, transposed, *cases, told=told)


# %% tags=["hidden:02-2"]
def hidden_repair(function):
    network = nn.Sequential(
        nn.BatchNorm1d(3, 0.9),
        nn.ModuleList([nn.BatchNorm2d(2, 0.02), nn.LayerNorm(4, 0.5)]),
        nn.BatchNorm2d(2, eps=1e-3, momentum=0.3),
        nn.GroupNorm(1, 2, eps=0.2),
        nn.BatchNorm1d(2, 0.9, affine=False),
        nn.InstanceNorm1d(2, eps=0.3, track_running_stats=True),
        nn.BatchNorm1d(2, eps=0.007),
    ).eval()
    network[1][0].train()  # modes may be mixed
    first, second, other, sound = network[0], network[1][0], network[1][1], network[2]
    first.running_mean.fill_(5.0)
    first.bias.data.fill_(3.0)
    first.num_batches_tracked.fill_(7)
    second.weight.requires_grad_(False)
    with untouched(network, names=["something else of the network"]):
        assert function(network) == 3, (
            "three layers have an ε above 0.01, one of them without weights; 1e-3 and 0.007 are "
            "choices, not slips: return 3"
        )
    assert abs(first.momentum - 0.1) < 1e-6, "0.9 of the old average is 0.1 of the new batch"
    assert abs(second.momentum - 0.98) < 1e-6, "0.02 of the old average is 0.98 of the new batch"
    for layer in (first, second):
        assert abs(layer.eps - 1e-5) < 1e-9, "ε is 1e-5 after the repair"
    assert (sound.eps, sound.momentum) == (1e-3, 0.3), "a sound layer must stay as it was"
    others = other.eps, network[3].eps, network[5].eps
    assert others == (0.5, 0.2, 0.3), "LayerNorm, GroupNorm and InstanceNorm are no BatchNorm"
    assert (network[6].eps, network[6].momentum) == (0.007, 0.1), "0.007 is not above 0.01"
    assert function(network) == 0, "after the repair nothing is left to repair"
    assert function(nn.Linear(2, 2)) == 0, "a network without BatchNorm needs no repair"
    single = nn.BatchNorm2d(5, 0.7)
    assert function(single) == 1, "the network may be one BatchNorm"
    assert abs(single.momentum - 0.3) < 1e-6, "0.7 of the old average is 0.3 of the new batch"


# %% [markdown] tags=["task:02-3"]
# ### Exercise 3 · Write the test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# `leaks` runs one discriminator's turn, once, and says whether the generator noticed: through a gradient
# left in *any* of its weights, or through a changed weight. What a weight's gradient was *before* the turn
# must not matter. Return `True` or `False`, not a tensor.


# %% tags=["hidden:02-3"]
def last_bias(generator, discriminator, real, z):  # reaches one weight, and one only
    generator[1].bias.grad = torch.full_like(generator[1].bias, 1e-3)


def first_weight(generator, discriminator, real, z):
    generator[0].weight.grad = -torch.eye(4)[:, :3] * 1e-6


def nudge(generator, discriminator, real, z):  # moves one weight by very little, no gradient
    with torch.no_grad():
        generator[0].weight[0, 1] += 1e-6


def swap(generator, discriminator, real, z):  # two weights change places: the sum stays
    with torch.no_grad():
        generator[1].bias.copy_(generator[1].bias.flip(0))


def nothing(generator, discriminator, real, z):
    discriminator(generator(z).detach()).sum().backward()


def balanced(generator, discriminator, real, z):  # a gradient whose sum is zero
    generator[1].bias.grad = torch.tensor([1.0, -1.0, 0.0, 2.0, -2.0])


def counted(generator, discriminator, real, z):  # writes down that it has run, with these
    with torch.no_grad():
        discriminator.weight[0, 0] += 1.0 + 0 * generator(z).sum() + 0 * real.sum()


def hidden_leaks(function):
    source = torch.Generator().manual_seed(41)
    real, z = torch.rand(8, 5, generator=source), torch.randn(8, 3, generator=source)

    cases = {
        "reaches the last bias only": (last_bias, True),
        "reaches the first weight, by a little": (first_weight, True),
        "nudges a weight": (nudge, True),
        "swaps two weights": (swap, True),
        "is honest": (nothing, False),
        "leaves a gradient that sums to zero": (balanced, True),
    }
    for name, (case, right) in cases.items():
        for earlier in (True, False):
            generator = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
            discriminator = nn.Linear(5, 1)
            if earlier:  # a gradient is there already
                generator(z).sum().backward()
            answer = function(case, generator, discriminator, real, z)
            assert answer is right, f"a turn that {name}: expected {right}, got {answer}"
    discriminator.weight.data.zero_()
    function(counted, generator, discriminator, real, z)
    turns = round(discriminator.weight[0, 0].item())
    assert turns == 1, f"the turn is run once, with the networks that were given, not {turns} times"
