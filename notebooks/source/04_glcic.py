# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 4 · GLCIC: one discriminator for the whole picture, one for the part
#
# ![Rows of faces: a box cut out, filled after period 1, without and with a discriminator, blended, by the shipped network, truth.](pictures/04_glcic.jpg)
#
# A fill can be wrong in two ways. It may be too soft in itself, or it may look fine in itself and yet not belong to
# this face. Iizuka, Simo-Serra and Ishikawa (2017) train a discriminator with two branches: a **local** one sees the
# hole from close by, a **global** one the whole picture. You write it, and the schedule by which the networks take
# turns. Then we measure what it is worth, and find out why a published gallery of flawless results proves nothing.

# %% [markdown]
# **Time** two to two and a half hours with the exercises; the cells compute for about six minutes on two quiet CPU
# cores. **Before this lesson** lessons 1 and 3. **Data** faces of 64 × 64 pixels, drawn by the course; with CelebA in
# `data/` (research use only) the photographs.
#
# ## What you will be able to do
#
# - **measure** how far a network looks, and widen its view without a single new weight;
# - **implement** a discriminator with two branches, and a training in three periods;
# - **measure** what a discriminator wins and what it costs;
# - **expose** an evaluation that leaks the truth, with a test of ten lines.
#
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
import copy
from dataclasses import replace
from functools import partial
from itertools import islice

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from skimage import data as photographs
from torch import nn
from tqdm.auto import tqdm

from inpaintlib import masks, metrics, training
from inpaintlib.data import batches, fixed_batch, load_faces
from inpaintlib.images import apply_mask, composite, from_bytes, hide, paint_holes, to_bytes
from inpaintlib.layers import ResizeConv2d, spectral_norm
from inpaintlib.losses import bce_discriminator_loss, feature_matching, masked_l2
from inpaintlib.losses import hinge_discriminator_loss, hinge_generator_loss
from inpaintlib.measure import classical
from inpaintlib.measure.features import features_for, frechet_distance
from inpaintlib.models import glcic
from inpaintlib.models.contract import count_parameters
from inpaintlib.notebook import session
from inpaintlib.notebook.diagrams import Box, show_diagram
from inpaintlib.notebook.exercises import check, guess_first
from inpaintlib.notebook.network_checks import builds
from inpaintlib.notebook.sliders import explore
from inpaintlib.notebook.viz import show_curves, show_dots, show_images, show_planes, show_rows
from inpaintlib.notebook.viz import use_style
from inpaintlib.photos.blending import poisson_blend
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.seeding import stream

# %%
use_style()
run = session.start(seed=4)
faces = load_faces("train", size=64)
validation = load_faces("validation", size=64)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{faces}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The course ships a GLCIC that was trained on pictures of up to 128 × 128 pixels. Below are five faces that it has
# never seen: a fill that could pass, three with a flaw (a smear, a torn ear, two colours of eyes), one that fails.
# Does each fill belong to its face? Do you see the box? The lesson then answers: how does a pixel in the middle of a
# large hole learn what stands around it? Who tells the network that its fill is too soft, or belongs to someone else?
# And what may one do to a fill afterwards?
#
# You write the discriminator and the order of training.

# %%
shipped = load(weights_for("glcic", faces))
large = load_faces("validation", size=128)
box_large = partial(masks.rectangle, low=48, high=64)
look = fixed_batch(large, [14, 15, 20, 27, 17], mask=box_large, seed=3)
with torch.no_grad():
    pasted = shipped.generate(look)
rows = {"given": paint_holes(look.image, look.mask), "filled": pasted, "truth": look.image}
told = "One fill that could pass, three with a flaw, and one that fails"
show_rows(rows, width=7, heading=told)

# %% jupyter={"source_hidden": true}
boxes = {
    "seen": Box("observed + mask", "4 × 64 × 64", row=1, column=0),
    "G": Box("generator", row=2, column=0, kind="network"),
    "fill": Box("completed", "3 × 64 × 64", row=2, column=1),
    "R": Box("squared error", row=1, column=1, kind="loss"),
    "truth": Box("truth", "3 × 64 × 64", row=0, column=1),
    "shown": Box("either one + mask", "4 × 64 × 64", row=1, column=2),
    "whole": Box("global branch", "64 × 64 → 128", row=0, column=3, kind="network"),
    "local": Box("local branch", "crop 32 × 32 → 128", row=2, column=3, kind="network"),
    "head": Box("head", "1 logit", row=1, column=4, kind="network"),
    "A": Box("generator's loss", "adversarial, features", row=2, column=4, kind="loss"),
    "own": Box("discriminator's loss", row=0, column=4, kind="loss"),
}
forward = ["seen > G > fill > shown > whole > head > A", "truth > shown > local > head > own"]
forward += ["seen > fill", "fill > R", "truth > R"]
back = {"R": ["R > fill > G"], "A": ["A > head > whole > shown > fill > G", "head > local > shown"]}
back["own"] = ["own > head > whole", "head > local"]
words = """Observed picture and mask go into the generator, whose fill is pasted into the known
pixels. The completed picture, or the true one, goes with the mask into the discriminator: whole
into the global branch, as a crop around the hole into the local one. A head joins both branches to
one logit, which two losses read. The gradient of the generator's loss (adversarial and feature
matching) flows back through head, branches and completed picture into the generator; that of the
squared error between both pictures goes there directly. That of the discriminator's loss stops in
the branches."""
show_diagram(boxes, forward, back, alt=words.replace("\n", " "), gap=(0.5, 0.35))

# %% [markdown]
# ## 3 · Holes, and what to put into them
#
# What does the network see where nothing is known? GLCIC's holes are boxes, in the paper 96 to 128 pixels wide in
# pictures of 256 × 256; ours are 28 wide in 64 × 64, not far from the middle, where the face is. Until it is filled, a
# hole shows the **mean pixel value** (MPV) of the training pictures. Any constant would do, because the network also
# sees the mask; the mean is near most pixels, so the first layer's sums keep their usual size. *Predict:* how many
# different numbers stand in all the holes of a batch together?

# %% tags=["nbval-check-output"]
box = partial(masks.square, side=28, margin=12)
mpv = tuple(round(value, 2) for value in faces.floats(slice(400)).mean(dim=(0, 2, 3)).tolist())
batch = next(batches(faces, batch_size=8, mask=box, fill=torch.tensor(mpv), flip=True, seed=4))
print("image   ", tuple(batch.image.shape), "  mask", tuple(batch.mask.shape))
print("hidden  ", [f"{share:.0%}" for share in masks.hole_fraction(batch.mask).tolist()])
print("MPV     ", mpv, "in red, green, blue")
hidden = batch.mask.bool().expand_as(batch.image)
print("different numbers in the holes:", len(batch.observed[hidden].unique()), "(one per colour)")

# %% [markdown]
# ## 4 · How far must a pixel look?
#
# The middle of a 128-pixel hole lies 64 pixels from anything known. The inputs on which an output pixel depends are
# its **receptive field**. If it does not reach 64 pixels far, the middle is filled without having seen anything known.
#
# A **dilated** convolution leaves out $d-1$ pixels between the pixels that it reads. It looks $d$ times as far with the
# same weights and at the same cost. Send a single 1 through four layers of three weights: which places does it reach?


# %% tags=["nbval-check-output"]
def spread(dilations):
    signal = torch.eye(45)[22][None, None]  # a single 1 in the middle of 45 places
    for d in dilations:
        signal = F.conv1d(signal, torch.ones(1, 1, 3), padding=d, dilation=d)
    return "".join("█" if value > 0 else "·" for value in signal.flatten())


for dilations in [(1, 1, 1, 1), (1, 2, 4, 8), (4, 4, 4, 8)]:
    row = spread(dilations)
    print(f"{dilations!s:13}{row}  reaches {row.count('█')}, from end to end {len(row.strip('·'))}")

# %% [markdown]
# Four plain layers reach 9 places, doubled dilations 31 without a gap. The last line looks farther but leaves gaps:
# most places inside its reach never count (*gridding*, Yu et al. 2017). With kernel $k_l$, dilation $d_l$ and
# stride $s_l$ of layer $l$, the field is $1 + \sum_l (k_l - 1)\, d_l \prod_{i<l} s_i$: a stride widens every layer after it.
#
# ## 5 · Build the generator
#
# The paper calls it the *completion network*: seventeen convolutions that halve the picture twice, look around with
# dilations 2, 4, 8 and 16, and double it twice. The layers are those of GLCIC-PyTorch, the public code from which
# source 002 took its generator. Two switches are ours: `dilations`, and `resize`, which doubles by repeating pixels,
# because transposed convolutions draw checkerboards in short trainings (lesson 2).


# %%
class Generator(nn.Module):
    """Observed (B, 3, H, W) and mask (B, 1, H, W) to a picture (B, 3, H, W) in [-1, 1]."""

    def __init__(self, width=64, dilations=(2, 4, 8, 16), resize=True, fill=(0.0, 0.0, 0.0)):
        super().__init__()
        self.fill, w = fill, width
        transposed = partial(nn.ConvTranspose2d, kernel_size=4, stride=2, padding=1)
        double = ResizeConv2d if resize else transposed
        layers = [nn.Conv2d(4, w, 5, padding=2), nn.ReLU(), nn.BatchNorm2d(w)]

        def add(layer, channels):
            layers.extend([layer, nn.ReLU(), nn.BatchNorm2d(channels)])

        add(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), 2 * w)
        add(nn.Conv2d(2 * w, 2 * w, 3, padding=1), 2 * w)
        add(nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1), 4 * w)
        for d in (1, 1, *dilations, 1, 1):
            add(nn.Conv2d(4 * w, 4 * w, 3, padding=d, dilation=d), 4 * w)
        add(double(4 * w, 2 * w), 2 * w)
        add(nn.Conv2d(2 * w, 2 * w, 3, padding=1), 2 * w)
        add(double(2 * w, w), w)
        add(nn.Conv2d(w, w // 2, 3, padding=1), w // 2)
        layers += [nn.Conv2d(w // 2, 3, 3, padding=1), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, observed, mask):
        filled = apply_mask(observed, mask, fill=self.fill)
        return 2 * self.layers(torch.cat([filled, mask], dim=1)).float() - 1


# %% tags=["nbval-check-output"]
full, signal = Generator(resize=False).eval(), torch.cat(batch.holes(), dim=1)[:1]
for layer in full.layers:
    signal = layer(signal)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        shape, dilation = tuple(signal.shape[1:]), layer.dilation[0]
        print(f"dilation {dilation:2} → {shape!s:13} {count_parameters(layer):>8,}")
package = glcic.CompletionNetwork(glcic.PAPER).eval()
package.load_state_dict(full.state_dict())
torch.testing.assert_close(full(*batch.holes()), package(*batch.holes()))
print(f"{count_parameters(full):,} parameters, and the same picture as the package's network")

# %% [markdown]
# ### Measure the view
#
# The formula holds for the network that we *meant* to write. We measure the one that we wrote: an input pixel
# matters to an output pixel if the gradient there is not zero. With random weights a gradient can be zero by
# accident, where a ReLU gives 0. So for this measurement every weight is made positive: nothing cancels, no ReLU
# gives 0, and only the connections count. First the width of the view, then the view itself, from the white pixel in
# the middle of a hole:


# %% tags=["nbval-check-output"]
def influence(network, size, row, column):
    """(size, size) bool: the input pixels on which output pixel (row, column) depends."""
    observed = torch.ones(1, 3, size, size, requires_grad=True)
    output = network(observed, torch.zeros(1, 1, size, size))
    output[0, :, row, column].sum().backward()
    return (observed.grad[0].abs() > 0).any(dim=0)


def wiring(dilations):
    """A small generator whose every weight is positive, so that no path is blocked."""
    network = Generator(width=2, dilations=dilations, resize=False).eval()
    for weight in network.parameters():
        if weight.ndim == 4:
            nn.init.constant_(weight, 1 / weight[0].numel())
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.zeros_(layer.bias)
    return network


for dilations in [(2, 4, 8, 16), (1, 1, 1, 1)]:
    fields = [influence(wiring(dilations), 512, p, p) for p in range(256, 260)]
    sides = [field.any(dim=0).sum().item() for field in fields]
    print(f"dilations {dilations!s:14} field of four neighbouring pixels: {sides} pixels wide")


# %%
pixels = torch.from_numpy(photographs.astronaut()[:256, 96:352])
photograph = from_bytes(pixels).permute(2, 0, 1)[None]


def view(dilations="2, 4, 8, 16", hole=128, right=0):
    """What the pixel at the middle of a hole (or `right` of it) sees of a 256-pixel picture."""
    mask = torch.zeros(1, 1, 256, 256)
    top = 128 - hole // 2
    mask[..., top : top + hole, top : top + hole] = 1
    network = wiring([int(d) for d in dilations.split(",")])
    field = influence(network, 512, 256, 256 + right)[128:384, 128:384]
    painted = paint_holes(photograph, mask)
    seen = torch.where(field, painted, 0.25 * (painted + 1) - 1)  # dark out of sight
    known = (field & (mask[0, 0] == 0)).sum().item()
    seen[..., 123:134, 123 + right : 134 + right] = -1  # a black edge around it
    seen[..., 125:132, 125 + right : 132 + right] = 1
    return seen, f"dilations {dilations}\nsees {known:,} known pixels"


choices = ["1, 1, 1, 1", "1, 1, 2, 4", "2, 4, 8, 16", "32, 32, 32, 32"]
views, titles = zip(*[view(dilations) for dilations in choices], strict=True)
told = "With dilations 2, 4, 8, 16 the white pixel sees past the hole (dark: out of its sight)"
show_images(torch.cat(views), titles=titles, columns=4, width=9, heading=told)

# %% [markdown]
# **What to see.** The paper states 307 pixels with dilation and 99 without. We measure 299 or 303, and 91 or 95: the
# layers are those of GLCIC-PyTorch, and because of the two strides of 2, neighbouring pixels see slightly different
# fields. Dilation widens the view three times, and costs nothing.
#
# The hole is 128 pixels wide. Without dilation the white pixel sees a piece of the hole and nothing else; with
# 2, 4, 8, 16 it sees the whole picture. Four times 32 reach farther still, but with gaps, as in the example above.
# Move the pixel and change the hole yourself:


# %% tags=["widget"]
def show_view(**choices):
    picture, title = view(**choices)
    show_images(picture, titles=[title], width=4)


more = [*choices, "1, 2, 4, 8"]
explore(show_view, dilations=more, hole=range(64, 225, 16), right=range(0, 97, 4))

# %% [markdown]
# ### What is the wider view worth?
#
# Our training pictures of 64 pixels cannot show it: even the field without dilation covers them. So we construct a
# task that needs the far view: strips of 8 × 160 pixels, each in one random grey, of which only 16 pixels at either
# end are known. The middle is 64 pixels away from them, and without dilation a pixel sees about 46 pixels far.
# *Predict:* two networks with equally many weights learn this, with dilations 2, 4, 8, 16 and with 1, 1, 1, 1. How
# will their errors depend on the distance to the known ends?


# %%
def strips(count, source):
    """Pictures of 8 × 160 pixels, each in one random grey; known are 16 pixels at either end."""
    grey = torch.rand(count, 1, 1, 1, generator=source) * 1.6 - 0.8
    mask = torch.zeros(count, 1, 8, 160)
    mask[..., 16:-16] = 1
    return hide(grey.expand(-1, 3, 8, 160).contiguous(), mask)


unseen = strips(16, stream(99))
SEEDS = run.pick(ci=(1,), laptop=(1, 2, 3), gpu=(1, 2, 3))
STRIP_STEPS = run.pick(ci=40, laptop=120, gpu=600)


def learn_strips(dilations, seed):
    """Train a small generator on strips; its fills of the unseen ones."""
    torch.manual_seed(seed)
    network = Generator(width=8, dilations=dilations)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, betas=(0.5, 0.99))
    for step in range(STRIP_STEPS):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, 2 - 2 * step / STRIP_STEPS)
        b = strips(8, stream(seed, "strips", step))
        optimizer.zero_grad()
        masked_l2(network(*b.holes()), b.image, b.mask).backward()
        optimizer.step()
    with training.eval_mode(network):
        return network(*unseen.holes())


# %% tags=["train", "predict"]
guess_first()
both = [(1, 1, 1, 1), (2, 4, 8, 16)]
filled = {d: torch.stack([learn_strips(d, seed) for seed in SEEDS]) for d in tqdm(both)}
rms = {d: (f - unseen.image).square().mean(dim=(1, 2, 3)).sqrt() for d, f in filled.items()}
GUESS = unseen.image.square().mean().sqrt()  # the error of whoever always answers mid-grey
plain, dilated = (rms[d][:, 68:92].mean(dim=1) / GUESS for d in both)  # in the middle
assert plain.min() > 0.8, "without dilation nobody can know the middle"
assert dilated.max() < run.pick(ci=0.9, laptop=1 / 3, gpu=1 / 3), "nothing was learned"
title = {d: "dilations " + ", ".join(map(str, d)) for d in both}
show_curves(
    {title[d]: errors.mean(dim=0)[16:80].tolist() for d, errors in rms.items()},
    x=range(1, 65),
    xlabel="distance to the nearest known pixel",
    ylabel="root mean squared error",
    heading="Out of sight, the network without dilation is as wrong as always grey",
    levels={"always grey": GUESS.item()},
    shaded=(46, 64, "out of sight without dilation"),
)

# %% [markdown]
# **What to see.** Near the ends both networks know the grey. In the middle the one without dilation is no better than
# one that always answers mid-grey (dashed): what it cannot see it cannot know, however long it learns. With dilation
# the error there is less than a third of that, in every seed (asserted; a line is the mean of the seeds).
#
# ## 6 · A discriminator with two branches
#
# The **global** branch sees the whole completed picture, the **local** one a square around the hole, half as wide.
# Each ends in a vector, its *summary*; a last layer, the head, makes one logit of both summaries.

# %% [markdown]
# ### Exercise 1 · Each sample's own crop
#
# ●●○ · 15 minutes · 3 points
#
# Every sample of a batch has its hole somewhere else. (Source 002 takes one place for the whole batch.) Write
# `crop_around`: the square of `size` pixels whose middle is the middle of the sample's own hole, shifted inwards where
# it would leave the picture. Where the middle falls between two pixels, take the upper and left one of the two possible
# places. The generator will learn through this crop: gradients must flow from it to `image`.
#
# <details><summary>Hint</summary>
#
# `mask[i, 0].nonzero()` lists the (row, column) pairs of the hole. Their smallest and largest values per column
# of that list are the first and last row, and the first and last column. If a hole runs from pixel $a$ up to, not
# including, pixel $b$, at which pixel does a crop of $s$ pixels with the same middle start? That start may be
# negative, or too large for the picture: what are the smallest and the largest start that fit?
#
# </details>


# %% tags=["exercise:04-1"]
def crop_around(image, mask, size):
    """(B, C, H, W) and (B, 1, H, W) to (B, C, size, size); in each mask 1 = hole, one box."""
    raise NotImplementedError


# %% tags=["solution:04-1"] jupyter={"source_hidden": true}
def crop_around_reference(image, mask, size):
    crops, limit = [], torch.tensor(image.shape[2:]) - size
    for picture, hole in zip(image, mask[:, 0].cpu(), strict=True):
        places = hole.nonzero()
        start = (places.amin(0) + places.amax(0) + 1 - size) // 2
        top, left = start.clamp(min=0).minimum(limit).tolist()
        crops.append(picture[:, top : top + size, left : left + size])
    return torch.stack(crops)


# %% tags=["check:04-1:3"]
def test_crop_around(function):
    rows = torch.arange(20.0).view(1, 1, 20, 1).expand(4, 1, 20, 24)
    columns = torch.arange(24.0).view(1, 1, 1, 24).expand(4, 1, 20, 24)
    image, mask = torch.cat([rows, columns], dim=1), torch.zeros(4, 1, 20, 24)
    for sample, (top, left, height, width) in enumerate(
        [(6, 8, 4, 6), (0, 0, 3, 3), (15, 19, 5, 5), (7, 3, 8, 2)]
    ):
        mask[sample, :, top : top + height, left : left + width] = 1
    crop = function(image, mask, 8)
    assert crop.shape == (4, 2, 8, 8), "the shape is (B, C, size, size)"
    corners = [tuple(int(v) for v in corner) for corner in crop[:, :, 0, 0]]
    assert corners[0] == (4, 7), f"hole at rows 6-9, columns 8-13: start (4, 7), not {corners[0]}"
    assert corners[1:3] == [(0, 0), (12, 16)], "at the border, shift the crop inwards"
    assert corners[3] == (7, 0), "each sample has a hole, and so a crop, of its own"
    ends = [tuple(int(v) for v in corner) for corner in crop[:, :, -1, -1]]
    assert ends[0] == (11, 14), "the crop must be one piece, rows and columns in order"
    learns = image.clone().requires_grad_(True)
    function(learns, mask, 8).sum().backward()
    assert learns.grad.sum() == 4 * 2 * 64, "gradients must flow through the crop to the image"


crop_around = check(crop_around, crop_around_reference, test_crop_around)

# %% [markdown]
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
# The first convolution gives `width` channels, each further one twice as many, up to 8 · `width`. All of these layers
# except the head are wrapped in `spectral_norm(layer)`.
#
# <details><summary>Hint</summary>
#
# Both branches are the same recipe at two sizes: write a method that makes one, with a loop that halves `size`
# until it is 4, and call it twice. Keep count of the channels as you go; the dense layer needs channels × 4 × 4
# inputs. In `forward`, put picture and mask together *before* you crop, so that the local branch gets the piece of
# the mask that belongs to its crop. `size` is `image.shape[-1]`.
#
# </details>


# %% tags=["exercise:04-2"]
class Discriminator(nn.Module):
    """Picture (B, 3, size, size), mask (B, 1, size, size) to logits (B, 1): large means real."""

    def __init__(self, size, width, features):
        super().__init__()
        raise NotImplementedError

    def forward(self, image, mask):
        raise NotImplementedError


# %% tags=["solution:04-2"] jupyter={"source_hidden": true}
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
        crop = crop_around(shown, mask, image.shape[-1] // 2)
        return self.head(torch.cat([self.whole(shown), self.local(crop)], dim=1)).float()


# %% tags=["check:04-2:5"]
def test_discriminator(build):
    def package(size, width, features):
        levels = size.bit_length() - 3  # 3 for 32
        config = replace(glcic.LESSON, size=size, local_size=size // 2)
        config = replace(config, discriminator_width=width, features=features)
        return glcic.Discriminator(replace(config, global_levels=levels, local_levels=levels - 1))

    def pictures(size, *_):
        mask = torch.zeros(2, 1, size, size)
        mask[0, :, 4:12, size - 12 : size - 4] = mask[1, :, size - 6 :, 3:9] = 1
        return [(torch.rand(2, 3, size, size, generator=stream(5)) * 2 - 1, mask)]

    network = build(32, 4, 6)
    parts = dict(network.named_children())
    assert {"whole", "local", "head"} <= set(parts), "three parts: whole, local and head"
    counts = {name: count_parameters(part) for name, part in parts.items()}
    wanted = {"whole": 5970, "local": 1986, "head": 13}
    assert counts == wanted, f"size 32, width 4, features 6: {wanted} parameters, yours {counts}"
    wrapped = {name: sum(key.endswith("_u") for key in parts[name].state_dict()) for name in wanted}
    assert wrapped == {"whole": 4, "local": 3, "head": 0}, (
        f"spectral_norm around all convolutions and dense layers of whole and local: {wrapped}"
    )
    logits = network(*pictures(32)[0])
    assert logits.shape == (2, 1), f"one logit per sample, not {tuple(logits.shape)}"
    told = "whole sees picture and mask, local their crop around the hole, head both summaries"
    builds(build, package, (32, 4, 6), (16, 2, 5), inputs=pictures, told=told)


Discriminator = check(Discriminator, Discriminator_reference, test_discriminator)

# %% [markdown]
# **Spectral norm** limits how steeply the score can change (lesson 2). It and the mask are our changes; the paper has
# BatchNorm, and does not show the mask.
#
# ## 7 · Which branch catches what?
#
# We make two mistakes on purpose and train discriminators to find them: with both branches, and with one branch
# *blinded*, which means that its summary is all zeros.
#
# - **blur**: the truth, averaged over 5 × 5 pixels in the hole: what a squared error likes best;
# - **stranger**: the whole square that the local branch sees, cut from another face.
#
# *Predict:* which branch finds which mistake? For one of the four pairs of branch and mistake you can be certain.


# %%
def blur(image, mask):
    return composite(F.avg_pool2d(image, 5, 1, 2, count_include_pad=False), image, mask)


def stranger(image, mask):
    square = torch.zeros_like(image, requires_grad=True)
    crop_around(square, mask, 32).sum().backward()  # a gradient of 1 where the crop looks, else 0
    return composite(image.roll(1, dims=0), image, square.grad[:, :1])


mistakes = {"blur": blur, "stranger": stranger}
sample = fixed_batch(validation, 6, mask=box, seed=2)
made = {name: make(sample.image, sample.mask) for name, make in mistakes.items()}
show_rows({"truth": sample.image} | made, heading="Two mistakes, made on purpose")


# %%
class Blind(nn.Module):
    """Takes a branch's place and says nothing: its summary is all zeros."""

    def forward(self, shown):
        return shown.new_zeros(len(shown), 64)


EXAM_STEPS = run.pick(ci=60, laptop=160, gpu=300)
exam = fixed_batch(validation, run.pick(ci=40, laptop=250, gpu=500), mask=box, seed=5)


def educate(mistake, blinded, seed):
    """Train a discriminator on one mistake; its share of right answers on unseen faces."""
    torch.manual_seed(seed)
    network = Discriminator(64, 16, 64)
    for branch in blinded:
        setattr(network, branch, Blind())
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.99))
    for b in islice(batches(faces, batch_size=16, mask=box, seed=seed), EXAM_STEPS):
        loss = bce_discriminator_loss(
            real_logits=network(b.image, b.mask),
            fake_logits=network(mistake(b.image, b.mask), b.mask),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wrong = mistake(exam.image, exam.mask)
    with training.eval_mode(network):  # else spectral norm moves on with every answer
        right = torch.cat([network(exam.image, exam.mask) > 0, network(wrong, exam.mask) < 0])
    return right.float().mean().item()


# %% tags=["train", "predict"]
guess_first()
blinded = {"global only": ["local"], "local only": ["whole"], "both": []}
answers = {}
for who, out in tqdm(blinded.items()):
    answers[who] = {n: [educate(m, out, seed) for seed in SEEDS] for n, m in mistakes.items()}
best, borders = (max(np.mean(a[m]) for a in answers.values()) for m in ("blur", "stranger"))
assert best > run.pick(ci=0.6, laptop=0.9, gpu=0.9), "no discriminator has learned anything"
assert abs(np.mean(answers["local only"]["stranger"]) - 0.5) < 0.1, "a true square has no flaw"
assert run.profile == "ci" or borders > 0.65, "nobody has seen a border"
told = "The local branch alone cannot find the stranger"
show_dots(answers, ylabel="share of right answers", level=("guessing: 0.5", 0.5), heading=told)

# %% [markdown]
# **What to see.** A dot is a seed, a line the mean of the seeds. The *blur* can be found by every discriminator,
# because each of them sees the hole; a seed may still fail to learn it in so few steps. The *stranger* separates
# them. The local branch's whole view is a true piece of a true face, so alone it is no better than guessing
# (asserted), however long it learns: that was the certain pair. Only a branch that sees both sides of the border can
# notice, and the best such discriminator is right in more than 65 % of the cases (asserted). Alone, the global branch
# finds both mistakes.

# %% [markdown]
# ## 8 · Train in three periods
#
# With $x$ the true picture, $\tilde x$ the observed one, $m$ the mask, $G$ the generator and $\hat x$ the completed picture,
# the generator's loss is
#
# $$\underbrace{\frac{\lVert m \odot (G(\tilde x, m) - x)\rVert^2}{\text{hole's area}}}_{\text{reconstruction}} \;-\;
# \alpha \, \underbrace{D(\hat x, m)}_{\text{adversarial (hinge)}} \;+\; \underbrace{\text{feature matching}}_{\text{lesson 3}} .$$
#
# The squared error alone is smallest for the *average* of all faces that fit, which is a blur. The other two terms ask
# for a picture that the discriminator cannot tell from a real one. The paper has the first two only, with $\alpha =
# 0.0004$, a logarithmic loss and 500,000 steps: two months on four GPUs. In a few hundred steps that should change
# nearly nothing (lesson 3: even 0.01 changed little), so we take $\alpha = 0.05$, the hinge loss, and feature matching.
#
# Feature matching needs the discriminator's activations. `seen` collects them with hooks, so it works with yours.

# %%
ALPHA, FEATURES, RATE = 0.05, 1.0, 1e-3


def seen(discriminator, image, mask):
    """The discriminator's activations, ReLU by ReLU, and its logits at the end."""
    found, relus = [], [part for part in discriminator.modules() if isinstance(part, nn.ReLU)]
    hooks = [relu.register_forward_hook(lambda _, __, out: found.append(out)) for relu in relus]
    logits = discriminator(image, mask)
    for hook in hooks:
        hook.remove()
    return [*found, logits]


def complete(generator, batch):
    prediction = generator(*batch.holes())
    return prediction, composite(prediction, batch.observed, batch.mask)  # only the hole of it


def discriminator_loss(discriminator, completed, batch):
    real, fake = discriminator(batch.image, batch.mask), discriminator(completed, batch.mask)
    return hinge_discriminator_loss(real_logits=real, fake_logits=fake)


def generator_losses(prediction, completed, discriminator, batch):
    """The terms of the generator's loss; without a discriminator (None) the first one alone."""
    terms = {"reconstruction": masked_l2(prediction, batch.image, batch.mask)}
    if discriminator is not None:
        *fake, logits = seen(discriminator, completed, batch.mask)
        with torch.no_grad():
            *real, _ = seen(discriminator, batch.image, batch.mask)
        terms["adversarial"] = ALPHA * hinge_generator_loss(fake_logits=logits)
        terms["features"] = FEATURES * feature_matching(real=real, fake=fake)
    return terms


# %% [markdown]
# ### Exercise 3 · Who learns when
#
# ●●● · 30 minutes · 5 points
#
# Beside an untrained generator, a discriminator might learn only to tell noise from faces. So the paper has three
# **periods**:
#
# | period | discriminator | generator |
# |---|---|---|
# | 1 | does nothing | learns from the reconstruction alone |
# | 2 | learns | stands still, *its BatchNorm's averages too* |
# | 3 | learns first | then learns, from all terms, with the discriminator as it is now |
#
# Write one step of training, with `complete`, `discriminator_loss` and `generator_losses` from above. BatchNorm's
# averages move at every forward pass in training mode, with or without gradient. Each update may come only from the
# network's own loss: older gradients must not count. Leave both networks as they came: the generator in training mode,
# every weight with `requires_grad`.
#
# <details><summary>Hint</summary>
#
# Two blocks: one for the periods in which the discriminator learns, and below it one for the periods in which the
# generator learns. Each block completes the batch anew, computes its loss, clears its own optimizer's gradients,
# calls `backward` and makes a step. In the first block nothing of the generator needs a gradient. In the second
# one the discriminator's weights collect gradients on the way; when must they be gone at the latest?
#
# </details>


# %% tags=["exercise:04-3"]
def training_step(generator, discriminator, optimizers, batch, period):
    """One step of training in period 1, 2 or 3.

    `optimizers` has the keys "generator" and "discriminator". Returns the terms of the losses as
    floats: "discriminator", and those of `generator_losses`, as far as the period has them.
    """
    raise NotImplementedError


# %% tags=["solution:04-3"] jupyter={"source_hidden": true}
def training_step_reference(generator, discriminator, optimizers, batch, period):
    terms = {}
    if period >= 2:
        generator.train(period == 3)
        with torch.no_grad():
            _, completed = complete(generator, batch)
        loss = discriminator_loss(discriminator, completed, batch)
        optimizers["discriminator"].zero_grad()
        loss.backward()
        optimizers["discriminator"].step()
        terms["discriminator"] = loss.item()
    generator.train()
    if period != 2:
        adversary = discriminator if period == 3 else None
        found = generator_losses(*complete(generator, batch), adversary, batch)
        optimizers["generator"].zero_grad()
        sum(found.values()).backward()
        optimizers["generator"].step()
        terms |= {name: term.item() for name, term in found.items()}
    return terms


# %% jupyter={"source_hidden": true}
def after_step(function, period, gradient=None):
    """Generator and discriminator after a step, what it told, and both before; for the check."""
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    mask = masks.square(2, 64, 64, generator=stream(3), side=24)
    tiny = replace(glcic.LESSON, width=2, discriminator_width=2, features=4, spectral=False)
    networks = [glcic.CompletionNetwork(tiny), glcic.Discriminator(tiny)]
    before = copy.deepcopy(networks)
    for weight in [*networks[0].parameters(), *networks[1].parameters()]:
        weight.grad = gradient and torch.full_like(weight, gradient)
    g, d = (torch.optim.SGD(network.parameters(), lr=0.1) for network in networks)
    optimizers = {"generator": g, "discriminator": d}
    batch = hide(pictures, mask)
    return *networks, function(*networks, optimizers, batch, period), [*before, batch]


# %% tags=["check:04-3:5"]
def test_training_step(function):
    def moved(new, old, part):
        pairs = zip(new.state_dict().items(), old.state_dict().values(), strict=True)
        return any(part in name and not torch.equal(a, b) for (name, a), b in pairs)

    every = {"discriminator", "reconstruction", "adversarial", "features"}
    for period, terms in ((1, {"reconstruction"}), (2, {"discriminator"}), (3, every)):
        g, d, told, before = after_step(function, period)
        assert set(told) == terms, f"period {period}: the terms are {terms}, got {set(told)}"
        assert all(isinstance(value, float) for value in told.values()), "return floats: .item()"
        for name, new, old, part, learns in (
            ("the generator", g, before[0], "weight", period != 2),
            ("the discriminator", d, before[1], "weight", period >= 2),
            ("the generator's BatchNorm average", g, before[0], "running_mean", period != 2),
        ):
            verb = "must move" if learns else "must stand still"
            assert moved(new, old, part) == learns, f"period {period}: {name} {verb}"
        assert g.training, f"period {period}: leave the generator in training mode"
        for new, other in zip((g, d), after_step(function, period, 3.0), strict=False):
            for a, b in zip(new.parameters(), other.parameters(), strict=True):
                assert torch.allclose(a, b, atol=1e-5), (
                    f"period {period}: a gradient left over counts"
                )
                assert b.requires_grad, f"period {period}: give requires_grad back"
    with torch.no_grad():
        now = generator_losses(*complete(before[0], before[2]), d, before[2])["adversarial"].item()
    assert abs(now - told["adversarial"]) < 1e-3, "period 3: the discriminator learns first"


training_step = check(training_step, training_step_reference, test_training_step)


# %% tags=["nbval-check-output"]
def adam(network):
    return torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.5, 0.99))


def new_networks(seed):
    """A generator and a discriminator, not trained."""
    torch.manual_seed(seed)
    generator = Generator(width=16, fill=mpv).to(run.device)
    return generator, Discriminator(64, 16, 128).to(run.device)


config = replace(glcic.LESSON, width=16, fill=mpv, learning_rate=RATE, warm_up=0, decay=False)
config = replace(config, adversarial_weight=ALPHA, feature_weight=FEATURES)
reference = glcic.GLCIC(config).to(run.device)
ours, theirs = new_networks(seed=0), (reference.generator, reference.discriminator)
for network, twin in zip(ours, theirs, strict=True):
    twin.load_state_dict(network.state_dict())
optimizers = {"generator": adam(ours[0]), "discriminator": adam(ours[1])}
training_step(*ours, optimizers, batch.to(run.device), period=3)
list(training.train(reference, iter([batch]), steps=1))
for network, twin in zip(ours, theirs, strict=True):
    a, b = (nn.utils.parameters_to_vector(n.parameters()) for n in (network, twin))
    assert ((a - b).abs() > RATE / 10).float().mean() < 1e-3  # rounding turns a step here and there
print("after one step of period 3: the same weights as by the package's own loop")

# %% [markdown]
# Why must leftover gradients be cleared? In the public loop, the gradient that the generator's turn leaves in the
# discriminator is added to the discriminator's own. Its own says "give fakes a lower score", the leftover says "give
# them a higher one". They cancel, and the discriminator no longer learns what a fake looks like. No error is raised.
#
# ## 9 · What does the discriminator win?
#
# Period 1 is trained once. From its end, each seed trains on in two ways, on the same pictures and for equally many steps:
# **with** the discriminator, in periods 2 and 3, and **without** it, by going on with period 1 (so $\alpha = 0$).
# *Predict:* which will have the higher PSNR, and which will you like better?

# %% tags=["train"]
T_G, T_D, T = run.pick(ci=(16, 4, 12), laptop=(400, 20, 500), gpu=(3000, 200, 6000))
test = fixed_batch(validation, run.pick(ci=100, laptop=200, gpu=200), mask=box, seed=6)
eyes = features_for(faces)


def fill(generator, batch):
    """The generator's raw output, in evaluation mode, on the CPU."""
    with training.eval_mode(generator):
        return generator(*batch.to(run.device).holes()).cpu()


def measure(prediction):
    """PSNR and sharpness in the hole, and the Fréchet distance to the true faces."""
    done = composite(prediction, test.image, test.mask)
    psnr, sharpness = (f(done, test.image, test.mask) for f in (metrics.psnr, metrics.sharpness))
    return {
        "PSNR (dB)": psnr.mean().item(),
        "sharpness (1 = as the truth)": sharpness.median().item(),
        "Fréchet distance (0 = as true faces)": frechet_distance(eyes(done), eyes(test.image)),
    }


generator, discriminator = new_networks(run.seed)
optimizers = {"generator": adam(generator), "discriminator": adam(discriminator)}
source, curve = batches(faces, batch_size=8, mask=box, flip=True, seed=run.seed), []
for b in tqdm(islice(source, T_G), total=T_G):
    terms = training_step(generator, discriminator, optimizers, b.to(run.device), period=1)
    curve.append(terms["reconstruction"])
after_period_1 = copy.deepcopy((generator, optimizers["generator"]))
assert np.mean(curve[-8:]) < run.pick(ci=0.9, laptop=0.6, gpu=0.5) * np.mean(curve[:4])


# %% tags=["train"]
def go_on(seed, with_discriminator):
    """Train on from period 1's end; the generator, and what each step reported."""
    generator, g_optimizer = copy.deepcopy(after_period_1)
    networks, reports = (generator, new_networks(seed)[1]), []
    optimizers = {"generator": g_optimizer, "discriminator": adam(networks[1])}
    source = batches(faces, batch_size=8, mask=box, flip=True, seed=seed)
    for step, b in enumerate(islice(source, T_D + T), start=-T_D):  # period 2 ends at step 0
        if step < 0 and not with_discriminator:
            continue
        period = 1 if not with_discriminator else 2 if step < 0 else 3
        fall = min(1, 2 * (1 - step / T))  # the rates fall to 0 over the last half
        for name, rate in (("generator", RATE), ("discriminator", RATE / 2)):
            optimizers[name].param_groups[0]["lr"] = rate * fall
        reports.append(training_step(*networks, optimizers, b.to(run.device), period))
    return generator, reports


trained = {n: [go_on(seed, n == "with") for seed in SEEDS] for n in tqdm(["without", "with"])}
start = nn.utils.parameters_to_vector(after_period_1[0].parameters())
ends = [nn.utils.parameters_to_vector(found[0][0].parameters()) for found in trained.values()]
assert min(torch.dist(start, end) for end in ends) > 0.1, "nothing was learned"
scores = {n: [measure(fill(g, test)) for g, _ in found] for n, found in trained.items()}
for pair in zip(scores["without"], scores["with"], strict=True):
    psnr, sharpness, distance = ([measured[name] for measured in pair] for name in pair[0])
    assert run.profile == "ci" or sharpness[1] > 1.5 * sharpness[0], "not sharper"
    assert run.profile == "ci" or distance[1] < distance[0], "not closer to true faces"
    assert run.profile == "ci" or psnr[1] < psnr[0], "and at no cost"

# %% tags=["predict"]
guess_first()
pca = classical.PCA(faces.floats(slice(run.pick(ci=300, laptop=2000, gpu=4000))), components=60)
scores["after period 1"] = [measure(fill(after_period_1[0], test))]
scores["PCA"] = [measure(pca(*test.holes()))]
scores["biharmonic"] = [measure(classical.biharmonic(*test.holes()))]
names = list(scores["PCA"][0])
label = {n: f"{n} discriminator" if n in trained else n for n in scores}
groups = {label[n]: {m: [one[m] for one in found] for m in names} for n, found in scores.items()}
told = "With a discriminator: sharper, closer to true faces, and a lower PSNR"
show_planes(groups, [(names[1], names[0]), (names[2], names[0])], heading=told)

# %% tags=["picture"]
VIEWED = [3, 11, 14, 20, 31, 47]
view_batch = fixed_batch(validation, VIEWED, mask=box, seed=3)
networks = {"after period 1": after_period_1[0]}
networks |= {f"{n}\ndiscriminator": trained[n][0][0] for n in trained}
raws = {name: fill(network, view_batch) for name, network in networks.items()}
rows = {"given": paint_holes(view_batch.image, view_batch.mask)}
rows |= {name: composite(raw, view_batch.image, view_batch.mask) for name, raw in raws.items()}
rows["the same,\nblended"] = poisson_blend(raws["with\ndiscriminator"], *view_batch.holes())
twice = view_batch.mask.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
with torch.no_grad():
    rows["shipped,\nat 128 × 128"] = shipped.generate(hide(large.floats(VIEWED), twice))
rows["truth"] = view_batch.image
told = "Without a discriminator a blur; with it contrast and coloured noise; after hours, faces"
show_rows(rows, heading=told)

# %% [markdown]
# **What to see.** In the two diagrams each sign is a network; circles and squares are one per seed. The measurements
# agree in every seed (asserted): at equally many steps, fills over 1.5 times as sharp (in our run about four times),
# faces closer to true ones in the Fréchet distance, and a lower PSNR. PSNR rewards the average of all faces that fit, a
# blur, which the discriminator rejects (lesson 3). PCA, lesson 0's bar, has the best PSNR of all, and is nearer to true
# faces than two of our three networks with a discriminator: so few steps bring sharpness, not yet a better face.

# %% [markdown]
# In the pictures, the row *with discriminator* has lines, dark spots where eyes belong, and coloured noise: this
# early, red, green and blue do not yet change together (lesson 6 writes a loss against that). Blending keeps the noise.
#
# Longer training turns this into features. The network of the row *shipped* has twice the width, two and a half hours
# of training, 20,000 faces, and in its last 2,000 steps also lesson 6's loss. It had no periods: with spectral norm in
# the discriminator, both may learn from the first step. It paints eyes, noses and mouths with hardly any noise, and
# completes a pair of glasses.

# %%
history = [{"reconstruction": value} for value in curve] + trained["with"][0][1]
names = ("reconstruction", "discriminator")
show_curves(
    {name: [terms.get(name, np.nan) for terms in history] for name in names},
    smooth=run.pick(ci=2, laptop=15, gpu=200),
    heading="In period 2 only the discriminator learns, in period 3 both do",
    levels={"discriminator: knows nothing": 1.0},
    shaded=(T_G, T_G + T_D, "period 2"),
)

# %% [markdown]
# The squared error pauses in period 2, because the generator stands still; in period 3 it is no longer the only goal.
# The discriminator begins near 1, the hinge loss of a network that knows nothing; below 1 it tells fills from truths.

# %% [markdown]
# ## 10 · Post-processing, and the great bug hunt
#
# The paper hides the outline of a fill by **Poisson blending** (Pérez et al. 2003; the row *blended* above): keep the
# *differences* between neighbouring pixels of the prediction $\hat y$, and meet the known pixels $x$ at the border:
#
# $$\min_f \sum_{\text{neighbours } p, q \text{ in or beside the hole}} \big((f_p - f_q) - (\hat y_p - \hat y_q)\big)^2, \qquad f = x \text{ outside.}$$
#
# It adjusts colours; features stay where the network put them.
#
# ### A gallery too good to be true
#
# **Source 002**, a course project, shows a section "denoising": faces with a large share of their *pixels* missing,
# restored without a flaw by a GLCIC that was trained on boxes. Here is its post-processing, with OpenCV's
# `seamlessClone`, and our generator on such faces.


# %%
def published_blend(prediction, image, mask):
    """Source 002's blending: pictures (B, 3, H, W) in [-1, 1], pasted by OpenCV."""
    done = []
    for sample in zip(prediction, image, mask, strict=True):
        source, target, hole = (np.ascontiguousarray(to_bytes(t).movedim(0, 2)) for t in sample)
        hole = (hole == 255).astype(np.uint8) * 255
        rows, columns = np.nonzero(hole[..., 0])
        middle = (int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2)
        done.append(cv2.seamlessClone(source, target, hole, middle, cv2.NORMAL_CLONE))
    return from_bytes(torch.from_numpy(np.stack(done)).movedim(3, 1))


# %%
shares = [0.3, 0.5, 0.8]
missing = [masks.pixels(1, 64, 64, generator=stream(1), probability=share) for share in shares]
noisy = hide(validation.floats([3, 20, 42]), torch.cat(missing), fill=torch.tensor(mpv))
answer = fill(trained["with"][0][0], noisy)


def show_scored(rows, heading, above=None):
    """Each answer in a row with its PSNR in the hole, below what stands `above`."""
    notes = {
        name: [f"{v:.1f} dB" for v in metrics.psnr(answers, noisy.image, noisy.mask).tolist()]
        for name, answers in rows.items()
    }
    titles = [f"{share:.0%} missing" for share in shares]
    show_rows((above or {}) | rows, notes=notes, titles=titles, heading=heading, width=5)


given = {"given": paint_holes(noisy.image, noisy.mask)}
pasted = composite(answer, noisy.image, noisy.mask)
restored = published_blend(answer, noisy.image, noisy.mask)
show_scored({"pasted": pasted, "published": restored}, "Blending makes it perfect", above=given)
assert metrics.psnr(restored, noisy.image, noisy.mask).min() > 50

# %% [markdown]
# A network that never saw such holes pastes wrong colours, and blending turns it into the perfect picture, with more than
# 50 dB (asserted). A score that is too good points to a bug (lesson 0). Which experiment would you do first?
#
# The cheapest control there is: **throw the network away.** Put a grey picture in its place, and the negative of the
# truth, which is as wrong as can be. *Predict* their scores.

# %% tags=["predict"]
guess_first()
impostors = {"grey": torch.zeros_like(answer), "negative": -noisy.image}
blended = {n: published_blend(p, noisy.image, noisy.mask) for n, p in impostors.items()}
given = {f"in: {name}": picture for name, picture in impostors.items()}
outcome = {f"out,\nfrom {name}": picture for name, picture in blended.items()}
show_scored(outcome, "Grey or a negative goes in, the perfect picture comes out", above=given)
assert all(torch.equal(restored, picture) for picture in blended.values())
cores = [1 - masks.dilate(1 - mask, 3) for mask in missing]  # whose 7 × 7 surroundings are all hole
assert not torch.cat(cores).any(), "eroded by 3 pixels, such a hole has no pixel left"

# %% [markdown]
# Grey does as well, and the negative, to the last pixel (asserted). So the truth came in another way. Look at the call
# `seamlessClone(source, target, …)`: `target` is the **true picture**. (Its figures for boxes were made by the same
# call. GLCIC-PyTorch, from which it was copied, now fills the target's hole by Telea's method first.)
#
# But a clone *replaces* the masked pixels. Why does the truth survive there? OpenCV first *erodes* the mask: it takes
# three pixels off every edge of the hole. Of a cloud of single pixels nothing is left to clone (asserted), and the
# "result" is the target, untouched. For boxes some of the network survives, but the truth's differences come along at
# the border.

# %% [markdown]
# ### Exercise 4 · A leak detector
#
# ●●● · 20 minutes · 5 points
#
# Whatever happens between a network and a figure must not depend on hidden pixels. Write the test that would have
# stopped the gallery: run a post-processing several times, with the *same* prediction and *different* hidden pixels,
# and return the largest change of any output value, upwards or downwards. Some leaks show only where hidden pixels
# are all black or all white, others only with noise. Change nothing that you are given.
#
# <details><summary>Hint</summary>
#
# `composite(other, image, mask)` replaces the hidden pixels and nothing else. Which `other`? A process may round
# to bytes, look at a mean only, or at a sign: one replacement is not enough, and it must be very different from the
# truth. Compare every output with that of the unchanged picture. And think about which summary of the differences
# finds a single leaking pixel.
#
# </details>


# %% tags=["exercise:04-4"]
def leak(postprocess, prediction, image, mask):
    """The largest change of postprocess(prediction, image, mask) when hidden pixels change.

    `prediction` and `image` are (B, C, H, W) in [-1, 1]; `mask` is (B, 1, H, W), 1 = hole.
    0.0 means that no truth gets through.
    """
    raise NotImplementedError


# %% tags=["solution:04-4"] jupyter={"source_hidden": true}
def leak_reference(postprocess, prediction, image, mask):
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    honest = postprocess(prediction, image, mask)
    changes = [
        (postprocess(prediction, composite(other, image, mask), mask) - honest).abs().max().item()
        for other in (noise, torch.ones_like(image), -torch.ones_like(image), -image)
    ]
    return max(changes)


# %% tags=["check:04-4:5"]
def test_leak(function):
    source = torch.Generator().manual_seed(1)
    image, prediction = torch.rand(2, 2, 3, 16, 16, generator=source) * 1.6 - 0.8
    mask = masks.square(2, 16, 16, generator=source, side=6)

    def tinted(prediction, image, mask):  # reads known pixels only: honest
        tone = classical.image_mean(apply_mask(image, mask), mask)
        return composite((prediction + tone) / 2, image, mask)

    for honest in (composite, tinted):
        assert function(honest, prediction, image, mask) == 0, (
            f"{honest.__name__} reads no hidden pixel, yet a leak was reported: change the hidden "
            "pixels only, and leave prediction and known pixels alone"
        )
    thief = function(lambda p, x, m: x, prediction, image, mask)
    assert thief > 0.5, f"returning the truth leaks as much as can be, not {thief:.2f}"
    sly = {
        "the mean of the hidden pixels": lambda p, x, m: p + 0.1 * (m * x).sum() / m.sum(),
        "one pixel per sample": lambda p, x, m: composite(p, x, m * (m.cumsum(2).cumsum(3) != 1)),
        "whether hidden pixels are bright": lambda p, x, m: p + 0.1 * ((m * x).sum() > 60),
        "steps of a quarter": lambda p, x, m: composite((4 * x).round() / 4, p, m),
    }
    for what, process in sly.items():
        assert function(process, prediction, image, mask) > 0.05, f"missed a leak through {what}"


leak = check(leak, leak_reference, test_leak)


# %% tags=["nbval-check-output"]
def repaired_blend(prediction, image, mask):
    """The same clone, into a picture from which the truth was removed first."""
    return published_blend(prediction, classical.telea(apply_mask(image, mask), mask), mask)


def our_blend(prediction, image, mask):
    return poisson_blend(prediction, apply_mask(image, mask), mask)


small = fixed_batch(validation, 4, mask=box)
guess = torch.zeros_like(small.image)
for process in (composite, our_blend, repaired_blend, published_blend):
    change = leak(process, guess, small.image, small.mask)
    print(f"{process.__name__:16} {'LEAKS the truth' if change > 0 else 'reads no hidden pixel'}")

# %% [markdown]
# What repairs it is not a better blend but `apply_mask(image, mask)`: a function that never receives the truth cannot
# leak it. That is why every function of this course takes `observed`.
#
# The gallery itself cannot be saved: on its holes the repaired clone shows Telea's fill and still nothing of the
# network, because the erosion leaves no pixel to clone. So there is a second rule beside the leak test: **a control that
# must fail** goes through the same pipeline as the network. If grey does as well, you have measured the pipeline.

# %% [markdown]
# ## 11 · Break it: a discriminator that stands still
#
# The paper multiplies the adversarial term of the *generator's* loss by $\alpha = 0.0004$. Source 002 multiplies the
# **discriminator's own loss** by it as well. Does that matter? The paper's optimizer, AdaDelta (Zeiler 2012), divides
# every step by the gradient's own size. With $E[\cdot]$ a running mean and $\epsilon = 10^{-6}$,
#
# $$\Delta = -\frac{\sqrt{E[\Delta^2] + \epsilon}}{\sqrt{E[g^2] + \epsilon}}\; g .$$
#
# Put numbers in. A gradient of $g = 0.01$ has $g^2 = 10^{-4}$, a hundred times $\epsilon$: the denominator is about
# $|g|$, and the step does not depend on the gradient's size. Times $\alpha$ it is $4 \cdot 10^{-6}$, and its square vanishes
# beside $\epsilon$: the denominator stays $10^{-3}$, and the step shrinks with $g$. Adam divides by
# $\sqrt{E[g^2]} + 10^{-8}$ and hardly notices. *Predict:* with its loss multiplied by 1, 0.1, …, how far
# does the discriminator move in five steps?


# %% tags=["predict"]
guess_first()
OPTIMIZERS = {
    "SGD": partial(torch.optim.SGD, lr=0.1),
    "AdaDelta": partial(torch.optim.Adadelta, lr=1.0, rho=0.9, eps=1e-6),
    "Adam": partial(torch.optim.Adam, lr=1e-3),
}


def distance(make_optimizer, weight, steps=5):
    """How far the discriminator moves in a few steps on `weight` times its loss."""
    torch.manual_seed(run.seed)
    network = Discriminator(64, 8, 32)
    optimizer = make_optimizer(network.parameters())
    before = nn.utils.parameters_to_vector(network.parameters()).detach()
    for _ in range(steps):
        optimizer.zero_grad()
        (weight * discriminator_loss(network, batch.observed, batch)).backward()
        optimizer.step()
    return (nn.utils.parameters_to_vector(network.parameters()) - before).norm().item()


powers = [-6, -5, -4, -3.4, -3, -2, -1, 0]
moved = {n: [distance(make, 10.0**p) for p in powers] for n, make in OPTIMIZERS.items()}
moved = {n: [far / found[-1] for far in found] for n, found in moved.items()}
assert moved["AdaDelta"][3] < 0.1, "AdaDelta does not mind the weight"
assert moved["Adam"][3] > 0.8, "Adam minds the weight"
axes = {"x": powers, "xlabel": "log₁₀ of the weight", "ylabel": "distance\n(1 = without weight)"}
told = "With α = 0.0004 Adam still moves the discriminator, AdaDelta hardly does"
show_curves(moved, shaded=(-3.45, -3.35, "α = 0.0004"), heading=told, **axes)

# %% [markdown]
# With $\alpha$ on its loss (the grey strip), AdaDelta moves the discriminator less than a tenth as far, Adam more than
# 80 % as far (asserted). In our run AdaDelta falls almost like SGD, even near weight 1: our gradients are already so
# small that $\epsilon$ decides. In source 002 the discriminator therefore hardly learns in the whole third period, and
# no loss curve says so. In short: a weight on a network's *only* loss can do nothing but shorten its steps, and how
# much it does so depends on the optimizer.
#
# *Try it:* add a second AdaDelta with `eps=1e-16` to `OPTIMIZERS`, predict its curve, and run the cell again.

# %% [markdown] tags=["reflect:04-5:4"]
# ### Question · Read a log
#
# ○ · 10 minutes · 4 points, marked by hand
#
# Source 002's log says: at the end of period 2, discriminator's loss 0.00069; at the end of period 3, 0.00027. The code
# reports the mean of the two terms ($D$ is a probability there, after a Sigmoid), $-\log D$ on real and $-\log(1-D)$ on
# fake, and in period 3 multiplies it by $\alpha = 0.0004$. The report says: "the discriminator converged". What do
# these two numbers say? Name two mechanisms of this lesson that explain the second, and one measurement that would tell
# them apart.
#
# <details><summary>What a good answer contains</summary>
#
# Undo the weight: 0.00027 / 0.0004 = 0.675 per term, close to ln 2 = 0.693: the discriminator *knows nothing* (lesson
# 1: 2 ln 2 for both terms). Before, at 0.00069 per term, it was nearly always right. It did not converge; it lost
# what it knew, or stood still while the fakes improved. Mechanisms: the leftover gradient that cancels its own
# gradient on fakes, and the loss weight that freezes it under AdaDelta. To tell them apart: switch one off and watch
# the unweighted loss; or record how far the discriminator's weights move in a step. One point for the division, one
# for chance, one for the mechanisms, one for the measurement.
#
# </details>

# %% [markdown]
# ## 12 · What we have
#
# - A generator that sees the whole picture: dilation widens its view three times at no cost.
# - A discriminator of two branches: the global one finds what the local one cannot.
# - Three periods, so that no side meets too strong an opponent; with spectral norm it works without them, too.
# - What it wins: sharper fills, closer to true faces, at a lower PSNR.
# - Two tests of evaluation: the leak detector, the control that must fail.

# %% [markdown]
# **Three pitfalls**: a target that holds the truth; a weight on a network's only loss; a "frozen" network whose
# BatchNorm moves.
#
# **Read on.** Iizuka et al. 2017, section 3. Yu and Koltun 2016 on dilated convolutions. Blau and Michaeli 2018, *The
# perception-distortion tradeoff*. Next, lesson 5: holes of any shape.

# %%
facts = {"data": faces.name, "steps": [T_G, T_D, T], "images": len(test.image)}
run.save_card("04_glcic", {**facts, "in the hole": scores, "right answers": answers})
