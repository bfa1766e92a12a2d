# %%
import torch

from inpaintlib.images import composite
from inpaintlib.notebook.agreement import agrees, untouched


# %% tags=["hidden:03-1"]
def hidden_network_input(function):
    def selected(image, mask, fill):
        seen = image.clone()
        for channel in range(image.shape[1]):
            seen[:, channel][mask[:, 0] > 0.5] = fill[channel]
        return torch.cat([seen, mask], dim=1)

    source = torch.Generator().manual_seed(51)
    cases = []
    for batch, channels, height, width in [(3, 2, 5, 8), (1, 1, 7, 4), (2, 5, 6, 6), (3, 3, 4, 9)]:
        image = torch.randn(batch, channels, height, width, generator=source)
        mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
        fill = torch.randn(channels, generator=source)
        cases.append((image, mask, fill))
        cases.append((torch.where(mask.bool(), torch.nan, image), mask, fill))
        cases.append((torch.where(mask.bool(), -torch.inf, image), mask, fill))
    cases += [(image, torch.zeros_like(mask), fill), (image, torch.ones_like(mask), fill)]
    for odd in (torch.nan, torch.inf):  # a known pixel may be broken, and that is not ours to hide
        broken = torch.where(mask.bool(), image, odd)
        cases.append((broken, mask, fill))
    told = "known pixels as they are, each hole pixel its channel's fill, then the mask"
    agrees(function, selected, *cases, told=told, rtol=0, atol=0)


# %% [markdown] tags=["task:03-2"]
# ### Exercise 2 · Repair the game
#
# ●●○ · 15 minutes · 4 points
#
# Below is the game as public code plays it. It has three defects: a Sigmoid before a squared error, flat where
# the fake is worst; the discriminator judges the raw output instead of what a user would get; and nothing keeps
# its loss from teaching the generator to be caught. Write `game` without them, with the ½ of LSGAN. The
# discriminator returns logits of any shape. Change nothing that you are given: the picture is needed again.


# %% tags=["hidden:03-2"]
# without: inpaintlib.losses.lsgan_discriminator_loss, inpaintlib.losses.lsgan_generator_loss
def hidden_game(function):
    class Judge(torch.nn.Module):  # a map of logits, as PatchGAN gives
        def __init__(self, channels, weight, shift):
            super().__init__()
            self.weight, self.shift = torch.nn.Parameter(weight), shift

        def forward(self, x):
            return self.shift + torch.conv2d(x, self.weight)

    source = torch.Generator().manual_seed(61)
    for batch, channels, height, width in [(3, 1, 6, 6), (1, 3, 5, 8), (2, 5, 7, 4)]:
        for strength, shift in [(1.0, 0.0), (30.0, 0.0), (0.1, 9.0), (0.1, -9.0)]:
            size = (batch, channels, height, width)
            image, prediction = torch.randn(2, *size, generator=source)
            mask = (torch.rand(batch, 1, height, width, generator=source) < 0.5).float()
            prediction.requires_grad_()
            weight = strength * torch.randn(4, channels, 3, 3, generator=source)
            judge = Judge(channels, weight, shift)
            with untouched(image, mask, prediction, names=["image", "mask", "prediction"]):
                judge_loss, loss = function(judge, prediction, image, mask)
            assert judge_loss.shape == loss.shape == (), "two scalars"
            filled = composite(prediction, image, mask)
            owed = (judge(image) - 1).square().mean() / 2
            owed = owed + judge(filled.detach()).square().mean() / 2
            told = "½[(real − 1)² + fake²], each square averaged over all logits"
            torch.testing.assert_close(judge_loss, owed, rtol=1e-4, atol=1e-5, msg=told)
            wanted = (judge(filled) - 1).square().mean() / 2
            told = "½(fake − 1)², averaged over all logits of the composite"
            torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=1e-5, msg=told)

            def slope(value, leaf):
                (found,) = torch.autograd.grad(value, leaf, retain_graph=True, allow_unused=True)
                return torch.zeros_like(leaf) if found is None else found

            close = dict(rtol=1e-3, atol=1e-5 * max(1.0, wanted.item(), owed.item()))
            taught, expected = slope(judge_loss, judge.weight), slope(owed, judge.weight)
            told = "the discriminator's gradient is not that of ½[(real − 1)² + fake²]"
            torch.testing.assert_close(taught, expected, msg=told, **close)
            told = "the discriminator's loss must not reach the generator: detach the fake"
            assert not slope(judge_loss, prediction).any(), told
            told = "the generator's gradient is not that of ½(fake − 1)²"
            found, right = slope(loss, prediction), slope(wanted, prediction)
            torch.testing.assert_close(found, right, msg=told, **close)


# %% [markdown] tags=["task:03-3"]
# ### Exercise 3 · The test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# `published`, from a public project, pastes the wrong way round, and nobody noticed. Write
# `completes_correctly`, a unit test: it gets a function `complete(prediction, image, mask)`, tries it on
# pictures of your making, with values from -1 to 1, and returns True if it does what `composite` should, else
# False. It will be given right functions and several wrong ones, some wrong for one sample, one channel, one
# pixel or negative values only. Black and white pictures with one square mask will not expose them all:
# how do samples, channels and values have to differ?

# %% [markdown] tags=["hint:03-3"]
# <details><summary>Hint</summary>
#
# Random pictures in [-1, 1], `torch.rand(...) * 2 - 1`, with random, *different* masks a sample
# (`(torch.rand(...) < 0.5).float()`), at least three samples and three channels, height and width unequal.
# The hole must equal the prediction, the rest the image, exactly: `torch.equal`. Indexing states
# it without repeating anyone's formula: `result[hole] == prediction[hole]`.
#
# </details>


# %% tags=["hidden:03-3"]
def mixed_at(prediction, image, mask, row, column):
    """A composite with the mean of both at one pixel."""
    result = composite(prediction, image, mask).clone()
    result[..., row, column] = (prediction + image)[..., row, column] / 2
    return result


def hidden_completes_correctly(function):
    right = {
        "torch.where": lambda p, x, m: torch.where(m.bool(), p, x),
        "composite": lambda p, x, m: composite(p, x, m),
    }
    for name, complete in right.items():
        assert function(complete) is True, f"your test rejects a right one: {name}"
    wrong = {
        "the mean of both": lambda p, x, m: (p + x) / 2,
        "the mask inverted": lambda p, x, m: composite(x, p, m),
        "height and width swapped": lambda p, x, m: composite(
            p, x, m.flatten(2).view(*m.shape[:2], m.shape[3], m.shape[2]).transpose(2, 3)
        ),
        "the last sample not filled": lambda p, x, m: torch.cat([composite(p, x, m)[:-1], x[-1:]]),
        "the last channel not filled": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :-1], x[:, -1:]], dim=1
        ),
        "one sample's mask for all": lambda p, x, m: composite(
            p, x, m[len(m) // 2][None].expand_as(m)
        ),
        "the middle sample not filled": lambda p, x, m: torch.cat(
            [x[[i]] if i == len(x) // 2 else composite(p, x, m)[[i]] for i in range(len(x))]
        ),
        "the middle channel not filled": lambda p, x, m: torch.cat(
            [
                x[:, [c]] if c == x.shape[1] // 2 else composite(p, x, m)[:, [c]]
                for c in range(x.shape[1])
            ],
            dim=1,
        ),
        "predictions of other samples": lambda p, x, m: composite(p.flip(0), x, m),
        "large values cut": lambda p, x, m: composite(p, x, m).clamp(-0.5, 0.5),
        "the first pixel mixed": lambda p, x, m: mixed_at(p, x, m, 0, 0),
        "the last pixel mixed": lambda p, x, m: mixed_at(p, x, m, -1, -1),
        "a pixel inside mixed": lambda p, x, m: mixed_at(p, x, m, p.shape[2] // 2, p.shape[3] // 2),
        "the absolute value": lambda p, x, m: composite(p, x, m).abs(),
        "only values above 0 kept": lambda p, x, m: composite(p.clamp(min=0), x, m),
        "the picture's values below 0 lost": lambda p, x, m: composite(p, x.clamp(min=0), m),
        "the hole one pixel too wide": lambda p, x, m: composite(
            p, x, torch.max_pool2d(m, 3, stride=1, padding=1)
        ),
        "rounded to bytes": lambda p, x, m: ((composite(p, x, m) + 1) * 127.5).round() / 127.5 - 1,
        "known pixels rounded to bytes": lambda p, x, m: composite(
            p, ((x + 1) * 127.5).round() / 127.5 - 1, m
        ),
        "samples in another order": lambda p, x, m: composite(p, x, m).flip(0),
        "channels in another order": lambda p, x, m: composite(p, x, m).flip(1),
        "known pixels of 0": lambda p, x, m: p * m,
    }
    for name, complete in wrong.items():
        assert function(complete) is False, f"your test lets this pass: {name}"
