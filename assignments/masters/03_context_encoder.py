# %%
import torch

from inpaintlib.images import composite
from inpaintlib.layers import PatchDiscriminator, activations
from inpaintlib.models import context_encoder
from inpaintlib.notebook.agreement import untouched
from inpaintlib.notebook.network_checks import builds


# %% tags=["hidden:03-1"]
# without: inpaintlib.models.context_encoder.Generator
def hidden_generator(kind):
    def right(widths, channels=3):
        config = context_encoder.ContextEncoderConfig(widths=widths, channels=channels)
        return context_encoder.Generator(config)

    def inputs(widths, channels=3):
        source = torch.Generator().manual_seed(71)
        found = []
        for batch, height, width in [(3, 32, 16), (1, 16, 48)]:
            image = torch.rand(batch, channels, height, width, generator=source) * 2 - 1
            mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
            found.append((image, mask))
        return found

    told = "an encoder-decoder by the table, for these widths and channels"
    cases = [((6, 10, 14),), ((5,), 3), ((4, 4), 2), ((3, 5, 7, 9), 1)]
    builds(kind, right, *cases, inputs=inputs, told=told)


# %% tags=["hidden:03-2"]
# without: inpaintlib.layers.PatchDiscriminator, inpaintlib.layers.activations
class HiddenDiscriminator(PatchDiscriminator):
    """A second way to the same network, beside the student's."""

    def forward(self, image, mask):
        return activations(self.layers, torch.cat([image, mask], dim=1))


def hidden_discriminator(kind):
    def right(widths, channels=3):
        return HiddenDiscriminator(channels + 1, widths)

    def inputs(widths, channels=3):
        source = torch.Generator().manual_seed(72)
        found = []
        for batch, height, width in [(3, 32, 16), (1, 16, 48)]:
            image = torch.rand(batch, channels, height, width, generator=source) * 2 - 1
            mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
            found.append((image, mask))
        return found

    told = "convolutions under spectral_norm; a list of activations, the scores last"
    cases = [((6, 10, 14),), ((5,), 3), ((4, 4), 2), ((3, 5, 7, 9), 1)]
    builds(kind, right, *cases, inputs=inputs, told=told)
    for widths in ((4, 6), (3, 5, 7)):
        picture, hole = inputs(widths)[0]
        seen = kind(widths)(picture.requires_grad_(), hole)
        told = "the generator learns through every entry of the list"
        assert all(value.requires_grad for value in seen), told
        normal = sum(name.endswith("_u") for name in kind(widths).state_dict())
        told = f"{normal} of {len(widths) + 1} convolutions are under spectral_norm"
        assert normal == len(widths) + 1, told


# %% tags=["hidden:03-3"]
# without: inpaintlib.losses.hinge_discriminator_loss, inpaintlib.losses.hinge_generator_loss
# without: inpaintlib.losses.feature_matching, inpaintlib.losses.fooling_terms
class Seeing(torch.nn.Module):
    """Two layers of features of different size, and a map of scores."""

    def __init__(self, channels, weight, shift):
        super().__init__()
        self.weight, self.shift = torch.nn.Parameter(weight), shift

    def forward(self, image, mask):
        seen = torch.conv2d(torch.cat([image, mask], dim=1), self.weight)
        small = torch.nn.functional.avg_pool2d(seen.tanh(), 2)
        return [seen, small, self.shift + seen[:, :1]]


def same_losses(found, wanted, judge, prediction):
    """Compare three losses and what each teaches."""
    assert len(found) == 3, "three losses"
    told = [
        "the discriminator's loss is ½[max(0, 1 − real) + max(0, 1 + fake)]",
        "the generator's adversarial loss is minus the mean score of the completed pictures",
        "feature matching is the mean over the layers of the mean absolute difference",
    ]
    for place, (value, owed, words) in enumerate(zip(found, wanted, told, strict=True)):
        assert torch.as_tensor(value).shape == (), "three scalars"
        torch.testing.assert_close(value, owed, rtol=1e-4, atol=1e-4, msg=words)
        for leaf in (judge.weight, prediction):
            if leaf is judge.weight and place > 0:
                continue  # the generator's optimizer does not hold it
            slopes = [
                torch.autograd.grad(v, leaf, retain_graph=True, allow_unused=True)[0]
                for v in (value, owed)
            ]
            mine, right = (torch.zeros_like(leaf) if s is None else s for s in slopes)
            close = {"rtol": 1e-3, "atol": 1e-5 * max(1.0, right.abs().max().item())}
            torch.testing.assert_close(mine, right, msg=f"{words}; its gradient is wrong", **close)


def hidden_losses(function):
    def right(discriminator, prediction, image, mask):
        filled = torch.where(mask.bool(), prediction, image)
        *known, real = discriminator(image, mask)
        *found, fake = discriminator(filled, mask)
        held = discriminator(filled.detach(), mask)[-1]
        own = (1 - real).clamp(min=0).mean() / 2 + (1 + held).clamp(min=0).mean() / 2
        gaps = [(f - k.detach()).abs().mean() for f, k in zip(found, known, strict=True)]
        return own, -fake.mean(), sum(gaps) / len(gaps)

    source = torch.Generator().manual_seed(61)
    for batch, channels, height, width in [(3, 1, 6, 6), (1, 3, 5, 8), (2, 5, 7, 4)]:
        for strength, shift in [(1.0, 0.0), (30.0, 0.0), (0.1, 9.0), (0.1, -9.0)]:
            size = (batch, channels, height, width)
            image, prediction = torch.randn(2, *size, generator=source)
            mask = (torch.rand(batch, 1, height, width, generator=source) < 0.5).float()
            prediction.requires_grad_()
            weight = strength * torch.randn(4, channels + 1, 3, 3, generator=source)
            judge = Seeing(channels, weight, shift)
            names = ["the discriminator", "image", "mask", "prediction"]
            with untouched(judge, image, mask, prediction, names=names):
                found = function(judge, prediction, image, mask)
            same_losses(found, right(judge, prediction, image, mask), judge, prediction)


# %% [markdown] tags=["task:03-4"]
# ### Exercise 4 · The test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# The first version of a public project completed its pictures with `published`, below; its mask is 1 in the hole.
# Nothing crashed, and the loss, taken over the same region, went down. Write
# `completes_correctly`, a unit test: it gets a function `complete(prediction, image, mask)`, tries it on
# pictures of your making, with values from -1 to 1, and returns True if it does what `composite` should, else
# False. It will be given right functions and several wrong ones, some wrong for one sample, one channel, one
# pixel or negative values only. Black and white pictures with one square mask will not expose them all:
# how do samples, channels and values have to differ?


# %% tags=["given:03-4"]
def published(prediction, image, mask):
    observed = image * (1 - mask)
    generated = prediction * (1 - mask)
    return observed + generated


# %% tags=["exercise:03-4"]
def completes_correctly(complete):
    """True if complete(prediction, image, mask) is right for every sample, channel and pixel."""
    raise NotImplementedError


# %% tags=["solution:03-4"]
def completes_correctly_reference(complete):
    source = torch.Generator().manual_seed(0)
    image, prediction = torch.rand(2, 4, 3, 9, 13, generator=source) * 2 - 1
    mask = (torch.rand(4, 1, 9, 13, generator=source) < 0.5).float()
    result = complete(prediction.clone(), image.clone(), mask.clone())
    hole = mask.bool().expand_as(image)
    filled = torch.equal(result[hole], prediction[hole])
    return filled and torch.equal(result[~hole], image[~hole])


# %% tags=["check:03-4:4"]
def test_completes_correctly(function):
    assert function(composite) is True, "composite is right, and your test rejects it"
    assert function(lambda p, x, m: p * m + x * (1 - m)) is True, "this form is right as well"
    wrong = {
        "the published one": published,
        "polarity swapped": lambda p, x, m: composite(x, p, m),
        "the raw prediction": lambda p, x, m: p,
        "the picture itself": lambda p, x, m: x,
        "the first sample's mask for all": lambda p, x, m: composite(p, x, m[:1].expand_as(m)),
        "only the first channel filled": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :1], x[:, 1:]], dim=1
        ),
        "known pixels a little off": lambda p, x, m: composite(p, x + 1e-3, m),
        "a soft mask": lambda p, x, m: p * 0.9 * m + x * (1 - 0.9 * m),
    }
    for name, complete in wrong.items():
        assert function(complete) is False, f"your test lets this pass: {name}"


# %% [markdown] tags=["hint:03-4"]
# <details><summary>Hint</summary>
#
# Random pictures in [-1, 1], `torch.rand(...) * 2 - 1`, with random, *different* masks per sample
# (`(torch.rand(...) < 0.5).float()`), at least three samples and three channels, height and width unequal.
# The hole must equal the prediction, the rest the image, exactly: `torch.equal`. Indexing states
# it without repeating anyone's formula: `result[hole] == prediction[hole]`.
#
# </details>


# %% tags=["hidden:03-4"]
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
