# %%
import itertools
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib import masks
from inpaintlib.images import composite, hide
from inpaintlib.layers import spectral_norm
from inpaintlib.losses import feature_matching, masked_l2
from inpaintlib.losses import hinge_discriminator_loss, hinge_generator_loss
from inpaintlib.models import glcic
from inpaintlib.notebook.agreement import agrees, untouched
from inpaintlib.notebook.network_checks import builds, trains
from inpaintlib.seeding import stream


# %% tags=["hidden:04-1"]
# without: inpaintlib.models.glcic.crop_around, inpaintlib.masks.bounding_box
def hidden_crop_around(function):
    def one_by_one(image, mask, size):
        crops = []
        for picture, hole in zip(image, mask[:, 0], strict=True):
            place = []
            for axis in (1, 0):
                inside = hole.amax(axis).nonzero().flatten().tolist()
                start = (inside[0] + inside[-1] + 1 - size) // 2
                place.append(min(max(start, 0), hole.shape[1 - axis] - size))
            top, left = place
            crops.append(picture[:, top : top + size, left : left + size])
        return torch.stack(crops)

    source = torch.Generator().manual_seed(81)
    wide, tall = (
        torch.randn(5, 3, 17, 30, generator=source),
        torch.randn(3, 1, 20, 11, generator=source),
    )
    holes = {
        wide: [(0, 20, 17, 2), (9, 9, 1, 1), (10, 0, 2, 5), (3, 11, 6, 12), (16, 29, 1, 1)],
        tall: [(5, 2, 4, 4), (0, 0, 20, 11), (13, 7, 7, 3)],
        torch.randn(1, 5, 12, 12, generator=source): [(2, 3, 5, 4)],
    }
    cases = []
    for image, boxes in holes.items():
        mask = torch.zeros(len(image), 1, *image.shape[2:])
        for sample, (top, left, height, width) in enumerate(boxes):
            mask[sample, :, top : top + height, left : left + width] = 1
        cases += [(image, mask, size) for size in (9, 4, 1)]
    cases.append((tall, mask.new_ones(3, 1, 20, 11), 11))
    told = "start at (first + last + 1 - size) // 2 of the sample's own hole, shifted inwards"
    agrees(function, one_by_one, *cases, told=told, learns=[0], rtol=0, atol=1e-6)


# %% [markdown] tags=["task:04-2"]
# ### Exercise 2 · The discriminator
#
# ●●● · 25 minutes · 5 points
#
# Write `Discriminator(size, width, features)`, sizes being powers of 2 from 16 on. It is shown picture and mask,
# four channels. Three parts:
#
# | part | layers | from → to |
# |---|---|---|
# | `whole` | `nn.Sequential`: 5 × 5 convolutions (stride 2, padding 2), each with `nn.ReLU()`, until the map is 4 × 4; `nn.Flatten()`, dense layer, `nn.ReLU()` | 4 × size × size → features |
# | `local` | the same, for the crop of half the size around the hole | 4 × size/2 × size/2 → features |
# | `head` | dense layer on both summaries, the whole's first | 2 · features → 1 |
#
# The first convolution gives `width` channels, each further one twice as many, up to 8 · `width`. All of
# these layers but the head are wrapped in `spectral_norm(layer)`. For the crop
# take `glcic.crop_around(picture, mask, size)`, whatever you have written in exercise 1.


# %% [markdown] tags=["hint:04-2"]
# <details><summary>Hint</summary>
#
# Both branches are the same recipe at two sizes: write a method that makes one, with a loop that halves `size`
# until it is 4, and call it twice. Keep count of the channels as you go; the dense layer needs channels × 4 × 4
# inputs. In `forward`, put picture and mask together *before* you crop, so that the local branch gets the piece of
# the mask that belongs to its crop. `size` is `image.shape[-1]`.
#
# </details>


# %% tags=["solution:04-2"]
class Discriminator_reference(nn.Module):
    def __init__(self, size, width, features):
        super().__init__()

        def branch(size):
            layers, inputs, outputs = [], 4, width
            while size > 4:
                convolution = nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)
                layers.extend([spectral_norm(convolution), nn.ReLU()])
                inputs, outputs, size = outputs, min(2 * outputs, 8 * width), size // 2
            dense = spectral_norm(nn.Linear(16 * inputs, features))
            return nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU())

        self.whole, self.local = branch(size), branch(size // 2)
        self.head = nn.Linear(2 * features, 1)

    def forward(self, image, mask):
        shown = torch.cat([image, mask], dim=1)
        crop = glcic.crop_around(shown, mask, image.shape[-1] // 2)
        return self.head(torch.cat([self.whole(shown), self.local(crop)], dim=1)).float()


# %% tags=["hidden:04-2"]
# without: inpaintlib.models.glcic.Discriminator
def hidden_discriminator(build):
    class TwoBranches(nn.Module):
        def __init__(self, size, width, features):
            super().__init__()
            levels = size.bit_length() - 3  # 3 for 32
            self.whole = self.chain(levels, width, features)
            self.local = self.chain(levels - 1, width, features)
            self.head = nn.Linear(2 * features, 1)

        def chain(self, levels, width, features):
            widths = [4, *(width * min(2**level, 8) for level in range(levels))]
            layers = []
            for narrow, wide in itertools.pairwise(widths):
                layers += [spectral_norm(nn.Conv2d(narrow, wide, 5, 2, 2)), nn.ReLU()]
            dense = spectral_norm(nn.Linear(16 * widths[-1], features))
            return nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU())

        def forward(self, image, mask):
            shown = torch.cat([image, mask], dim=1)
            crop = glcic.crop_around(shown, mask, image.shape[-1] // 2)
            return self.head(torch.cat([self.whole(shown), self.local(crop)], dim=1))

    def pictures(size, *_):
        image = torch.rand(3, 3, size, size, generator=stream(size)) * 2 - 1
        mask = torch.zeros(3, 1, size, size)
        places = [(0, 0, 5, 7), (size // 2, 3, 6, 4), (size - 6, size - 9, 6, 9)]
        for sample, (top, left, height, width) in enumerate(places):
            mask[sample, :, top : top + height, left : left + width] = 1
        return [(image, mask)]

    told = "two branches of strided 5 × 5 convolutions under spectral norm, and a head without"
    builds(build, TwoBranches, (32, 4, 6), (16, 2, 5), (128, 1, 3), inputs=pictures, told=told)


# %% tags=["given:04-3"]
def complete(generator, batch):
    """The generator's prediction, and the picture of which only the hole is taken from it."""
    prediction = generator(*batch.holes())
    return prediction, composite(prediction, batch.observed, batch.mask)


def discriminator_loss(discriminator, completed, batch):
    real, fake = discriminator(batch.image, batch.mask), discriminator(completed, batch.mask)
    return hinge_discriminator_loss(real_logits=real, fake_logits=fake)


def generator_losses(prediction, completed, discriminator, batch):
    """The terms of the generator's loss; without a discriminator (None) the first one alone."""
    terms = {"reconstruction": masked_l2(prediction, batch.image, batch.mask)}
    if discriminator is not None:
        *fake, logits = discriminator.features(completed, batch.mask)
        with torch.no_grad():
            *real, _ = discriminator.features(batch.image, batch.mask)
        terms["adversarial"] = 0.1 * hinge_generator_loss(fake_logits=logits)
        terms["features"] = feature_matching(real=real, fake=fake)
    return terms


# %% tags=["hidden:04-3"]
def hidden_training_step(function):
    def step(generator, discriminator, optimizers, batch, period):
        terms = {}
        if period != 1:
            generator.train(period == 3)
            with torch.no_grad():
                fakes = complete(generator, batch)[1]
            loss = discriminator_loss(discriminator, fakes, batch)
            optimizers["discriminator"].zero_grad()
            loss.backward()
            optimizers["discriminator"].step()
            terms["discriminator"] = loss.item()
        generator.train()
        if period != 2:
            found = complete(generator, batch)
            losses = generator_losses(*found, discriminator if period == 3 else None, batch)
            optimizers["generator"].zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimizers["generator"].step()
            terms |= {name: loss.item() for name, loss in losses.items()}
        return [terms[name] for name in sorted(terms)]

    small = replace(glcic.LESSON, width=2, discriminator_width=2, features=4, spectral=False)

    def called(generator, discriminator, optimizers, batch, period):
        terms = function(generator, discriminator, optimizers, batch, period)
        return [terms[name] for name in sorted(terms)]

    def make(period):
        def arguments(count):
            networks = glcic.CompletionNetwork(small), glcic.Discriminator(small)
            g, d = (torch.optim.SGD(n.parameters(), lr=0.02, momentum=0.5) for n in networks)
            image = torch.rand(count, 3, 64, 64) * 2 - 1
            mask = masks.rectangle(count, 64, 64, generator=stream(count), low=20, high=30)
            optimizers = {"generator": g, "discriminator": d}
            return *networks, optimizers, hide(image, mask, fill=0.1), period

        return arguments

    networks = ["generator", "discriminator"]
    for period, learns in ((1, networks[:1]), (2, networks[1:]), (3, networks)):
        told = f"one step of period {period}"
        trains(
            called, step, make(period), learns=learns, told=told, modes=False, any_gradient=networks
        )


# %% tags=["hidden:04-4"]
def hidden_leak(function):
    def blurred(p, x, m):  # reads known pixels all over the picture: honest
        return composite(F.avg_pool2d(composite(p, x, m), 3, stride=1, padding=1), x, m)

    def own_prediction(p, x, m):  # a copy of what is known anyway
        return torch.cat([p * m, x * (1 - m)], dim=1)

    sly = {
        "the last sample only": lambda p, x, m: torch.cat([composite(p, x, m)[:-1], x[-1:]]),
        "all samples but the first": lambda p, x, m: torch.cat([composite(p, x, m)[:1], x[1:]]),
        "the last channel only": lambda p, x, m: torch.cat(
            [composite(p, x, m)[:, :-1], x[:, -1:]], 1
        ),
        "the largest hidden value": lambda p, x, m: composite(p, x, m) + (m * x).amax() / 4,
        "the smallest hidden value": lambda p, x, m: composite(p, x, m) + (m * x).amin() / 4,
        "the rim of the hole": lambda p, x, m: composite(
            p, x, 1 - torch.max_pool2d(1 - m, 3, stride=1, padding=1)
        ),
        "the sign of every pixel": lambda p, x, m: composite(p + 0.2 * x.sign(), x, m),
        "how much hidden pixels vary": lambda p, x, m: p + 0.5 * x[m.bool().expand_as(x)].std(),
        "a change downwards": lambda p, x, m: p - 0.3 * (m * x).square().amax(),
        "a number for each sample": lambda p, x, m: (m * x).mean(dim=(1, 2, 3)),
    }
    for batch, channels, height, width in [(3, 1, 10, 14), (1, 3, 9, 8), (2, 5, 8, 8)]:
        source = torch.Generator().manual_seed(91)
        size = (batch, channels, height, width)
        image, prediction = torch.rand(2, *size, generator=source) * 1.8 - 0.9
        mask = (torch.rand(batch, 1, height, width, generator=source) < 0.4).float()
        names = ["prediction", "image", "mask"]
        for honest in (blurred, own_prediction):
            with untouched(prediction, image, mask, names=names, streams=False):
                found = function(honest, prediction, image, mask)
            assert found == 0, "an honest process was called a leak"
        for what, process in sly.items():
            if batch == 1 and what.startswith("all samples but"):
                continue
            found = function(process, prediction, image, mask)
            assert found > 0.01, f"missed a leak through {what}"
            triple = function(lambda p, x, m, f=process: 3 * f(p, x, m), prediction, image, mask)
            assert triple > 2 * found, (
                "three times the change is three times the leak: return its size"
            )
    thief = function(lambda p, x, m: 2 * x, prediction, image, torch.ones_like(mask))
    assert thief > 2, (
        f"2 · x with everything hidden: a change of at least 2, not {float(thief):.2f}"
    )
