# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 4 · GLCIC: one judge for the whole, one for the part
#
# ![Five rows of eight faces: each with a magenta box cut out; filled after the first period of training, a blur with a visible outline; after the third, closer in tone and with dim features; the same after Poisson blending, without the outline; and the true face.](pictures/04_glcic.jpg)
#
# A fill can be wrong in two ways: its texture is not that of a photograph, or it is a fine piece of another
# picture. Iizuka, Simo-Serra and Ishikawa (2017) gave each mistake a judge of its own. We build their
# networks, train them in three periods, and then find out why one published gallery of flawless results
# proves nothing at all.

# %% [markdown]
# **Time** about 90 minutes to read and try; the cells themselves run in about five minutes on two CPU
# cores. **Before this lesson** lesson 1 (the game), lesson 3 (masked losses, the composite). **Data** faces
# of 64 × 64 pixels. Without a download the course *draws* its own; with CelebA in `data/` (research use
# only) it takes the photographs.
#
# As in lesson 1 the training loop is written out here, so there are more cells than usual, most of them
# short.

# %% [markdown]
# ## What you will be able to do
#
# - **measure** how far a network looks, and widen its view without a single new weight;
# - **implement** a completion network, two discriminators and a training in three periods;
# - **tell** which judge catches which mistake, by an experiment;
# - **expose** an evaluation that leaks the truth, with a test of ten lines.
#
# **The map.** Lesson 3 filled holes with one small network and one judge. Here: a view of the whole
# picture, and two judges. Next, lesson 5: convolutions that know what is missing.

# %% [markdown]
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from skimage import data as photographs
from torch import nn
from tqdm.auto import tqdm

from inpaintlib.measure import classical
from inpaintlib import masks, metrics, training
from inpaintlib.notebook import session
from inpaintlib.photos.blending import poisson_blend
from inpaintlib.data import batches, fixed_batch, load_faces
from inpaintlib.notebook.exercises import check
from inpaintlib.images import apply_mask, composite, from_bytes, hide, paint_holes, to_bytes
from inpaintlib.layers import ResizeConv2d, spectral_norm
from inpaintlib.losses import bce_discriminator_loss, bce_generator_loss, masked_l2

# %%
from inpaintlib.models import glcic
from inpaintlib.models.contract import count_parameters
from inpaintlib.training.precision import quickest
from inpaintlib.seeding import stream
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.notebook.viz import show_images, show_rows, use_style
from inpaintlib.notebook.sliders import explore

# %%
use_style()
run = session.start(seed=4)
faces = load_faces("train", size=64)
validation = load_faces("validation", size=64)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{faces}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The course ships a GLCIC trained on pictures of 128 × 128 pixels. Unseen faces, boxes of random size and
# place, one forward pass.

# %%
shipped = load(weights_for("glcic", faces))
large = load_faces("validation", size=128)
box_large = partial(masks.rectangle, low=48, high=64)
look = fixed_batch(large, [2, 9, 17, 26, 33, 41], mask=box_large, seed=1)
with torch.no_grad():
    pasted = shipped.generate(look)
show_rows({"given": paint_holes(look.image, look.mask), "filled": pasted, "truth": look.image})

# %% [markdown]
# Dark spots where eyes belong, hair where hair goes on: the network has looked at the *whole* picture. Now
# look inside the boxes and at their borders. Inside, all is softer than outside, and the outline of the box
# shows. Both will concern us: the first is the judges' business, the second is repaired by a trick that has
# fooled many.

# %% [markdown]
# ## 3 · Holes, and what to put into them
#
# GLCIC's holes are boxes. The paper's are 96 to 128 pixels wide in 256 × 256; ours are 24 to 32 in 64 × 64.
# Until it is filled, a hole shows one constant: the **mean pixel value** (MPV) of the training pictures.
# The mask is an input too, so any constant would do; the mean disturbs the first layer's sums the least.

# %% tags=["nbval-check-output"]
box = partial(masks.rectangle, low=24, high=32)
mpv = tuple(round(value, 2) for value in faces.floats(slice(400)).mean(dim=(0, 2, 3)).tolist())
batch = next(batches(faces, batch_size=8, mask=box, fill=torch.tensor(mpv), flip=True, seed=4))
print("image   ", tuple(batch.image.shape), "  mask", tuple(batch.mask.shape))
print("hidden  ", [f"{share:.0%}" for share in masks.hole_fraction(batch.mask).tolist()])
print("MPV     ", mpv, "in red, green, blue")
hidden = batch.mask.bool().expand_as(batch.image)
print("distinct values in the holes:", len(batch.observed[hidden].unique()))

# %%
show_rows({"truth": batch.image, "observed": batch.observed})

# %% [markdown]
# ## 4 · How far must a pixel look?
#
# The middle of a 128-pixel hole lies 64 pixels from anything known. A network whose output pixel depends on
# a smaller neighbourhood fills the middle blindly. That neighbourhood is called the **receptive field**.
#
# A **dilated** convolution leaves gaps of $d-1$ pixels between its taps: it looks $d$ times as far with the
# same weights at the same cost. In one dimension, send a single 1 through four layers of three taps and see
# which places it reaches.


# %%
def spread(dilations, length=45):
    """Which places one impulse in the middle reaches, drawn as text."""
    signal = torch.zeros(1, 1, length)
    signal[..., length // 2] = 1
    for d in dilations:
        signal = F.conv1d(signal, torch.ones(1, 1, 3), padding=d, dilation=d)
    return "".join("█" if value > 0 else "·" for value in signal.flatten())


# %% tags=["nbval-check-output"]
for dilations in [(1, 1, 1, 1), (1, 2, 4, 8), (4, 4, 4, 8)]:
    row = spread(dilations)
    print(f"{dilations!s:13}{row}  reaches {row.count('█')}, from end to end {len(row.strip('·'))}")

# %% [markdown]
# Four plain layers reach 9 places. Doubling the dilation reaches 31, without a gap. The last line looks
# farther still and leaves gaps: most of the pixels in its reach never count (*gridding*, Yu et al. 2017).
# So: double, and start from 1.
#
# With kernel $k_l$, dilation $d_l$ and stride $s_l$ of layer $l$, the field is
#
# $$1 + \sum_l (k_l - 1)\, d_l \prod_{i<l} s_i .$$
#
# A stride widens everything after it. GLCIC uses both: two strides of 2, then dilations 2, 4, 8 and 16.

# %% [markdown]
# ## 5 · Build the completion network
#
# Seventeen convolutions: halve twice, look around, double twice. The layers are the public PyTorch code's
# (order: convolution, ReLU, BatchNorm). Two switches are ours: `dilations`, to play with, and `resize`. The
# paper doubles by transposed convolutions, which draw checkerboards in short runs; our own training below
# repeats pixels and convolves instead (Odena et al. 2016).


# %%
class CompletionNetwork(nn.Module):
    """Observed (B, 3, H, W) and mask (B, 1, H, W) to a picture (B, 3, H, W) in [-1, 1]."""

    def __init__(self, width=64, dilations=(2, 4, 8, 16), resize=False, fill=(0.0, 0.0, 0.0)):
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


# %% [markdown]
# Follow one of our pictures through; the paper's are four times as wide and as high. Where the picture is
# small the network is wide: in the middle each place carries 256 numbers, and the eight convolutions there,
# four of them dilated, hold most of the weights.

# %% tags=["nbval-check-output"]
full = CompletionNetwork().eval()
signal = torch.cat([batch.observed, batch.mask], dim=1)[:1]
for layer in full.layers:
    before, signal = signal, layer(signal)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        change = f"{tuple(before.shape[1:])!s:13} → {tuple(signal.shape[1:])!s:13}"
        print(f"{change} dilation {layer.dilation[0]:2} {count_parameters(layer):>8,}")

# %% tags=["nbval-check-output"]
package = glcic.CompletionNetwork(glcic.PAPER)
package.load_state_dict(full.state_dict())
with torch.no_grad():
    theirs, ours = package.eval()(*batch.holes()), full(*batch.holes())
torch.testing.assert_close(ours, theirs)
print(f"{count_parameters(full):,} parameters, and the same picture as the package's network")

# %% [markdown]
# ### Exercise 1 · Measure the receptive field
#
# ●●○ · 15 minutes · 4 points
#
# Formulas are derived for the network one *thinks* one has. Measure instead: a pixel of the input matters
# to an output pixel if the gradient there is not zero. Write `influence(network, size, row, column)`: give
# the network a picture of ones with an empty mask, take its output pixel, ask autograd.


# %% tags=["exercise:04-1"]
def influence(network, size, row, column):
    """(size, size) bool: the input pixels on which output pixel (row, column) depends.

    `network(observed, mask)` maps (1, 3, size, size) and (1, 1, size, size) to (1, C, size, size).
    """
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `observed = torch.ones(1, 3, size, size, requires_grad=True)`, a mask of zeros, then `.backward()` on one
# number: the sum over the output pixel's channels. `observed.grad` has three channels; two of them may have
# opposite signs. What happens to those if you add before you take the absolute value?
#
# </details>


# %% tags=["solution:04-1"] jupyter={"source_hidden": true}
def influence_reference(network, size, row, column):
    observed = torch.ones(1, 3, size, size, requires_grad=True)
    output = network(observed, torch.zeros(1, 1, size, size))
    output[0, :, row, column].sum().backward()
    return (observed.grad[0].abs() > 0).any(dim=0)


# %% tags=["check:04-1:4"]
def test_influence(function):
    opposite = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 3, 3)

    def toy(stride, dilation):
        def network(observed, mask):
            out = F.conv2d(observed, opposite, padding=dilation, dilation=dilation, stride=stride)
            return F.interpolate(out, scale_factor=stride)

        return network

    field = function(toy(1, 1), 9, 4, 5)
    assert field.shape == (9, 9), "one answer an input pixel: (size, size)"
    assert field.dtype == torch.bool, "answer True or False"
    assert field.any(), "channels of opposite sign cancelled: absolute value first, then add"
    assert field[3:6, 4:7].all(), (
        "a 3 × 3 convolution sees the 3 × 3 pixels around its own: here row 4, column 5"
    )
    assert field.sum() == 9, f"a 3 × 3 convolution depends on 9 pixels, not on {field.sum()}"
    assert function(lambda x, _: -x, 5, 2, 2).sum() == 1, "a negative gradient is influence too"
    assert function(toy(1, 1), 9, 0, 0).sum() == 4, "in the corner only 4 of the 9 exist"
    gaps = function(toy(1, 3), 12, 5, 5).nonzero().tolist()
    assert gaps == [[y, x] for y in (2, 5, 8) for x in (2, 5, 8)], "dilation 3: nine pixels, apart"
    assert function(toy(2, 1), 8, 5, 2)[3:6, 1:4].all(), "row and column are swapped"


influence = check(influence, influence_reference, test_influence)

# %% [markdown]
# Now the paper's network, at width 2: the field depends on the wiring alone. One trap: with random weights
# a gradient can be zero by accident, through a ReLU that happens to be closed. So make every weight
# positive; nothing cancels and every ReLU is open.


# %%
def wiring(dilations):
    """A completion network whose every weight is positive, so that no path is blocked."""
    network = CompletionNetwork(width=2, dilations=dilations).eval()
    for weight in network.parameters():
        if weight.ndim == 4:
            nn.init.constant_(weight, 1 / weight[0].numel())
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.zeros_(layer.bias)
    return network


# %% tags=["nbval-check-output"]
for dilations in [(2, 4, 8, 16), (1, 1, 1, 1)]:
    fields = [influence_reference(wiring(dilations), 512, p, p) for p in range(256, 260)]
    sides = [field.any(dim=0).sum().item() for field in fields]
    print(f"dilations {dilations!s:14} field of four neighbouring pixels: {sides} pixels wide")

# %% [markdown]
# The paper states 307 with dilation and 99 without. We *measure* 299 or 303, and 91 or 95: the layers are
# the public code's, and the answer depends on where a pixel stands in its block of four, because two
# strides of 2 make four kinds of pixel. What matters is the step from the second number to the first. Look:


# %%
pixels = torch.from_numpy(photographs.astronaut()[:256, 96:352])
photograph = from_bytes(pixels).permute(2, 0, 1)[None]


def view(dilations="2, 4, 8, 16", hole=128, right=0):
    """What the pixel at the middle of a hole (or `right` of it) sees of a 256-pixel picture."""
    mask = torch.zeros(1, 1, 256, 256)
    top = 128 - hole // 2
    mask[..., top : top + hole, top : top + hole] = 1
    network = wiring([int(d) for d in dilations.split(",")])
    field = influence_reference(network, 512, 256, 256 + right)[128:384, 128:384]
    seen = torch.where(field, paint_holes(photograph, mask), torch.tensor(-0.92))
    known = (field & (mask[0, 0] == 0)).sum().item()
    seen[0, :, 125:132, 125 + right : 132 + right] = torch.tensor([1.0, -1, -1]).view(3, 1, 1)
    return seen, f"dilations {dilations}\nsees {known:,} known pixels"


# %%
choices = ["1, 1, 1, 1", "1, 1, 2, 4", "2, 4, 8, 16", "32, 32, 32, 32"]
seen, titles = zip(*[view(dilations) for dilations in choices], strict=True)
show_images(torch.cat(seen), titles=titles, columns=4, width=9)

# %% [markdown]
# **What to see.** The hole is 128 pixels wide; everything black is out of sight for the pixel in its
# middle (red). Without dilation it sees a piece of the hole and nothing else; with 1, 1, 2, 4 a larger piece.
# With 2, 4, 8, 16 it sees the whole picture. Four times 32 reach farther still, in patches: the gaps of the
# toy. (Our training pictures of 64 pixels are smaller than even the plain field. Dilation pays on larger
# ones, such as those of section 2.)
#
# Below, move the pixel and change the hole.


# %%
def show_view(**choices):
    seen, title = view(**choices)
    show_images(seen, titles=[title], width=4)


# %% tags=["widget"]
explore(
    show_view,
    dilations=["2, 4, 8, 16", "1, 1, 1, 1", "1, 1, 2, 4", "1, 2, 4, 8", "32, 32, 32, 32"],
    hole=range(64, 225, 16),
    right=range(0, 97, 4),
)

# %% [markdown]
# ## 6 · Two judges
#
# The **global** discriminator sees the whole completed picture, the **local** one a square around the hole,
# half as wide. Each is a stack of 5 × 5 convolutions with stride 2 down to 4 × 4 and one dense layer; their
# two summaries are joined to a single logit.
#
# ### Exercise 2 · Each sample's own crop
#
# ●●○ · 10 minutes · 3 points
#
# The public code takes one place for the whole batch, and where it looks for the middle of a hole (in its
# blending) it is off by a pixel. Write `crop_around`: the square of `size` pixels whose middle is the
# middle of the sample's own hole, shifted inwards where it would leave the picture.


# %% tags=["exercise:04-2"]
def crop_around(image, mask, size):
    """(B, C, H, W) and (B, 1, H, W) to (B, C, size, size); in each mask 1 = hole, one box."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `mask[i, 0].nonzero()` lists the hole's (row, column) pairs; `amin(0)` and `amax(0) + 1` are its first row
# and column and the ones *after* its last. If the hole runs from $a$ up to, not including, $b$, a crop of
# $s$ pixels starts at $(a + b - s)$ // 2. Then clamp to $0 \dots H - s$.
#
# </details>


# %% tags=["solution:04-2"] jupyter={"source_hidden": true}
def crop_around_reference(image, mask, size):
    crops = []
    limit = torch.tensor(image.shape[2:]) - size
    for picture, hole in zip(image, mask[:, 0], strict=True):
        places = hole.nonzero()
        start = (places.amin(0) + places.amax(0) + 1 - size) // 2
        top, left = start.clamp(min=0).minimum(limit).tolist()
        crops.append(picture[:, top : top + size, left : left + size])
    return torch.stack(crops)


# %% tags=["check:04-2:3"]
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


crop_around = check(crop_around, crop_around_reference, test_crop_around)

# %% [markdown]
# From here on we take the package's `glcic.crop_around`, which does the batch at once. The switch `sees`
# takes one judge away; section 7 needs it.


# %%
class Discriminator(nn.Module):
    """Picture (B, 3, size, size) and mask to logits (B, 1): large means real."""

    def __init__(self, size, width, features, norm="batch", sees=("whole", "local")):
        super().__init__()
        self.local_size, self.norm = size // 2, norm
        self.whole = self.branch(size, width, features) if "whole" in sees else None
        self.local = self.branch(size // 2, width, features) if "local" in sees else None
        self.head = nn.Linear(len(sees) * features, 1)

    def branch(self, size, width, features):
        bounded = spectral_norm if self.norm == "spectral" else lambda layer: layer
        layers, channels = [], 3
        while size > 4:
            wide = width if channels == 3 else min(2 * channels, 8 * width)
            layers += [bounded(nn.Conv2d(channels, wide, 5, stride=2, padding=2)), nn.ReLU()]
            layers += [nn.BatchNorm2d(wide)] if self.norm == "batch" else []
            channels, size = wide, size // 2
        dense = bounded(nn.Linear(channels * 16, features))
        return nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU())

    def forward(self, image, mask):
        summaries = [self.whole(image)] if self.whole else []
        if self.local:
            summaries.append(self.local(glcic.crop_around(image, mask, self.local_size)))
        return self.head(torch.cat(summaries, dim=1)).float()


# %% tags=["nbval-check-output"]
with torch.device("meta"):
    paper = Discriminator(256, 64, 1024)
    twin = glcic.Discriminator(glcic.PAPER)
parts = {name: count_parameters(part) for name, part in paper.named_children()}
print(" + ".join(f"{name} {count:,}" for name, count in parts.items()))
print(f"together {sum(parts.values()):,}, the package's {count_parameters(twin):,}")
print("same layers:", [v.shape for v in paper.parameters()] == [v.shape for v in twin.parameters()])

# %% [markdown]
# The judges weigh seven times as much as the network they judge. In our own training they get a quarter of
# the width, and **spectral norm** instead of BatchNorm: each layer's weights are divided by their largest
# singular value, which bounds how steep a judge can become (Miyato et al. 2018). Both are ours, not the
# paper's.

# %% [markdown]
# ## 7 · Which judge catches what?
#
# The paper trains its network with both judges, with either, and with none, and shows pictures: without the
# local judge fills are soft, without the global one they contradict the rest. We ask the judges directly.
# We make two mistakes on purpose, with no completion network in the way, and train each judge to find them.
#
# - **blur**: the truth, averaged over 5 × 5 pixels in the hole: what a squared error likes best;
# - **stranger**: the crop's whole square, cut from another face.
#
# *Predict:* which judge finds which? For one of the four pairs you can be certain.


# %%
def blur(image, mask):
    """The truth, out of focus in the hole."""
    soft = F.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)
    return composite(soft, image, mask)


# %%
def stranger(image, mask):
    """The square that the local judge sees comes from another face of the batch."""
    places = torch.stack(torch.meshgrid(*[torch.arange(64.0)] * 2, indexing="ij"))
    places = places.expand(len(image), 2, 64, 64)
    inside = glcic.crop_around(places, mask, 32)
    low, high = inside.amin((2, 3), keepdim=True), inside.amax((2, 3), keepdim=True)
    square = ((places >= low) & (places <= high)).all(dim=1, keepdim=True).float()
    return composite(image.roll(1, dims=0), image, square)


# %%
mistakes = {"blur": blur, "stranger": stranger}
sample = fixed_batch(validation, 8, mask=box, seed=2)
made = {name: make(sample.image, sample.mask) for name, make in mistakes.items()}
show_rows({"truth": sample.image} | made)

# %%
for name, answer in made.items():
    error = masked_l2(answer, sample.image, sample.mask)
    print(f"no judge at all: the squared error of the {name} is {error:.3f}")

# %%
JUDGE_STEPS = run.pick(ci=20, laptop=100, gpu=300)
SEEDS = run.pick(ci=(1,), laptop=(1, 2, 3), gpu=(1, 2, 3))
exam = fixed_batch(validation, run.pick(ci=40, laptop=250, gpu=500), mask=box, seed=5)


# %%
def educate(mistake, sees, seed):
    """Train a judge on one mistake; returns its share of right verdicts on unseen faces."""
    torch.manual_seed(seed)
    judge = Discriminator(64, 16, 64, norm=None, sees=sees)
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.99))
    for b in islice(batches(faces, batch_size=16, mask=box, seed=seed), JUDGE_STEPS):
        loss = bce_discriminator_loss(
            real_logits=judge(b.image, b.mask), fake_logits=judge(mistake(b.image, b.mask), b.mask)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (judge(exam.image, exam.mask) > 0).float()
        caught = (judge(mistake(exam.image, exam.mask), exam.mask) < 0).float()
    return ((right + caught) / 2).mean().item()


# %% tags=["train"]
judges = {"global": ("whole",), "local": ("local",), "both": ("whole", "local")}
verdicts = {
    name: {who: [educate(mistake, sees, seed) for seed in SEEDS] for who, sees in judges.items()}
    for name, mistake in tqdm(mistakes.items())
}
best = max(max(scores) for found in verdicts.values() for scores in found.values())
assert best > run.pick(ci=0.6, laptop=0.8, gpu=0.8), "no judge has learned anything"

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True)
for axis, (name, found) in zip(axes, verdicts.items(), strict=True):
    for place, scores in enumerate(found.values()):
        places = place + 0.08 * (np.arange(len(scores)) - 1)
        axis.plot(places, [100 * score for score in scores], "o", color=f"C{place}")
        axis.hlines(100 * np.mean(scores), place - 0.3, place + 0.3, color=f"C{place}")
    axis.axhline(50, color="0.45", linestyle="--", linewidth=1)
    axis.set(title=name, xticks=range(3), xticklabels=found, xlim=(-0.6, 2.6), ylim=(45, 102))
axes[0].set_ylabel("right verdicts (%)")
plt.show()

# %% [markdown]
# **What to see.** A dot is a seed, a line their mean, the dashed line a coin. The local judge is quickest
# to see the *blur*: the hole fills most of its view. The global judge has the same pixels among four times
# as many, and lags. The *stranger* turns it round. The local judge's whole view is a true piece of a true
# face, so it can never beat the coin, however long it learns: that was the certain pair. Only who sees both
# sides of the border can object. Joined, the two catch both. And the squared error printed above, the only
# voice when there is no judge, hardly minds a blur.

# %% [markdown]
# ## 8 · Train in three periods
#
# With $x$ the picture, $m$ the mask, $C$ the completion network, and $\hat x$ its completed picture, what
# $C$ pays is
#
# $$\underbrace{\frac{\lVert m \odot (C(x, m) - x)\rVert^2}{\text{hole's area}}}_{\text{reconstruction}} \;+\;
# \alpha \, \underbrace{\big(-\log D(\hat x, m)\big)}_{\text{adversarial}} .$$
#
# The squared error alone is best paid by the *average* of all faces that fit: a blur. The judge calls a
# blur fake. The paper's $\alpha$ is 0.0004; ours 0.001, for a shorter run. (Ours too: dividing by
# the hole's area, lesson 0, exercise 2, and $-\log D$ where the paper has $\log(1 - D)$, lesson 1.)
#
# A judge facing an untrained network learns only that grey is fake. Hence three **periods**: first $C$
# alone, then $D$ alone, then both. The paper spends 90,000, 10,000 and 400,000 steps on them, about two
# months on four GPUs.

# %%
T_C, T_D, STEPS = run.pick(ci=(16, 2, 22), laptop=(470, 50, 850), gpu=(6000, 600, 20_000))
RATE, ALPHA = 1e-3, 1e-3
config = replace(glcic.LESSON, fill=mpv, learning_rate=RATE, adversarial_weight=ALPHA)
config = replace(config, completion_steps=T_C, discriminator_steps=T_D, steps=STEPS, batch_size=8)
config = replace(config, adversarial="bce", feature_weight=0.0, warm_up=0)
config = replace(config, discriminator_sees_mask=False)
reference_family = glcic.GLCIC(config).to(run.device)

# %%
PRECISION, times = quickest(reference_family, batch.to(run.device))
print(f"a step takes: {times} → {PRECISION}")


def rounding():
    """Short numbers (bfloat16) in the forward pass where that is faster, else float32."""
    low = PRECISION == "bfloat16"
    return torch.autocast(run.device.type, torch.bfloat16) if low else nullcontext()


# %%
def adam(network):
    return torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.5, 0.99))


class Game:
    """A completion network, a pair of judges, and an optimiser for each side."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.seed = seed
        self.completion = CompletionNetwork(width=32, resize=True, fill=mpv).to(run.device)
        self.discriminator = Discriminator(64, 16, 128, norm="spectral").to(run.device)
        self.completion_optimizer = adam(self.completion)
        self.discriminator_optimizer = adam(self.discriminator)

    def complete(self, batch):
        prediction = self.completion(*batch.holes())
        return prediction, composite(prediction, batch.observed, batch.mask)


# %% [markdown]
# **The judges' turn.** They compare real with *completed* pictures, known pixels untouched. (The public
# code shows them the raw output, which differs from a photograph everywhere: a judge that knows nothing of
# holes wins.) In period 2 the completion network must stand still. That includes its BatchNorm, whose
# averages move at every forward pass in training mode, gradient or not.


# %%
def discriminator_step(game, batch, period):
    """One update of both judges; returns their loss."""
    game.discriminator.requires_grad_(True)
    game.completion.train(period == 3)
    with torch.no_grad(), rounding():
        _, completed = game.complete(batch)
    with rounding():
        loss = bce_discriminator_loss(
            real_logits=game.discriminator(batch.image, batch.mask),
            fake_logits=game.discriminator(completed, batch.mask),
        )
    game.discriminator_optimizer.zero_grad()
    loss.backward()
    game.discriminator_optimizer.step()
    return {"discriminator": loss.item()}


# %% [markdown]
# **The completion network's turn.** The judges are frozen: the gradient runs through them, down to the
# hole, and leaves nothing behind in them.


# %%
def completion_step(game, batch, period):
    """One update of the completion network; returns its terms."""
    game.discriminator.requires_grad_(False)
    game.completion.train()
    with rounding():
        prediction, completed = game.complete(batch)
        terms = {"reconstruction": masked_l2(prediction, batch.image, batch.mask)}
        if period == 3:
            logits = game.discriminator(completed, batch.mask)
            terms["adversarial"] = ALPHA * bce_generator_loss(fake_logits=logits)
    game.completion_optimizer.zero_grad()
    sum(terms.values()).backward()
    game.completion_optimizer.step()
    return {name: term.item() for name, term in terms.items()}


# %% [markdown]
# **The loop.** Two `if`s make three periods. After 60 % of the steps the learning rate falls to zero, which
# calms BatchNorm's averages before the last picture (ours).


# %%
def play(game, steps):
    """Train; yields (step, period, terms)."""
    source = batches(faces, batch_size=8, mask=box, flip=True, seed=game.seed)
    for step, batch in enumerate(islice(source, steps)):
        period = 1 if step < T_C else 2 if step < T_C + T_D else 3
        batch = batch.to(run.device)
        for optimizer in (game.completion_optimizer, game.discriminator_optimizer):
            optimizer.param_groups[0]["lr"] = RATE * min(1, (1 - step / STEPS) / 0.4)
        terms = {}
        if period >= 2:
            terms |= discriminator_step(game, batch, period)
        if period != 2:
            terms |= completion_step(game, batch, period)
        yield step, period, terms


# %% [markdown]
# Is it the package's loop? One step of the third period, in float32, on copies:

# %%
chosen_precision, PRECISION = PRECISION, "float32"
trial = Game(seed=0)
reference_family.generator.load_state_dict(trial.completion.state_dict())
reference_family.discriminator.load_state_dict(trial.discriminator.state_dict())

# %% tags=["nbval-check-output"]
third = T_C + T_D  # the first step of the third period
for optimizer in (trial.completion_optimizer, trial.discriminator_optimizer):
    optimizer.param_groups[0]["lr"] = RATE * min(1, (1 - third / STEPS) / 0.4)
discriminator_step(trial, batch.to(run.device), period=3)
completion_step(trial, batch.to(run.device), period=3)
list(training.train(reference_family, iter([batch]), start=third, steps=third + 1))
ours, theirs = trial.completion, reference_family.generator
torch.testing.assert_close(dict(ours.named_parameters()), dict(theirs.named_parameters()))
print("after one step of period 3: the same weights as the package's")
PRECISION = chosen_precision

# %% [markdown]
# ### A gradient left behind
#
# Suppose you forget to freeze the judges, and clear their gradients only *after* their own step, as the
# public loop does. Then $C$'s backward pass has filled them, and the next judges' step adds that to its
# own. How bad can a leftover be?


# %% tags=["nbval-check-output"]
def gradient(loss):
    """The judges' gradient of a loss, as one long vector."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])


first, second = islice(batches(faces, batch_size=8, mask=box, seed=9), 2)
judge = Game(seed=1).discriminator.cpu()
weights = list(judge.parameters())
fake = F.softplus(judge(second.observed, second.mask)).mean()
leftover = gradient(bce_generator_loss(fake_logits=judge(first.observed, first.mask)))
own_on_fakes = gradient(fake)
opposed = F.cosine_similarity(leftover, own_on_fakes, dim=0)
print(f"leftover and the judges' own lesson on fakes: cosine {opposed:.2f}")
remains = (own_on_fakes + leftover).norm() / own_on_fakes.norm()
print(f"of that lesson remains, once the leftover is added: {remains:.0%}")

# %% [markdown]
# Nearly opposite. The judges' own lesson says "this is fake", the leftover of $C$'s turn says "call it
# real", and the sum teaches them to shrug: $-\log D - \log(1 - D)$ is smallest at $D = \tfrac12$. (The
# public code weighs both by $\alpha$, so the two are of one size there.) Our turns clear right before
# `backward` *and* freeze; either would do.
#
# ### Run it
#
# Two fixed batches of unseen faces are kept aside, eight to look at and more to measure on.

# %%
view_batch = fixed_batch(validation, [3, 11, 14, 20, 31, 42, 47, 55], mask=box, seed=3)
test = fixed_batch(validation, run.pick(ci=12, laptop=100, gpu=200), mask=box, seed=6)


# %%
def fill(game, batch):
    """The completion network's raw output, in evaluation mode, on the CPU."""
    with training.eval_mode(game.completion):
        return game.completion(*batch.to(run.device).holes()).cpu()


def paste(prediction, batch):
    return composite(prediction, batch.observed, batch.mask)


# %% tags=["train"]
game = Game(run.seed)
curves = {"reconstruction": [], "discriminator": [], "adversarial": []}
snapshots = {}
for step, period, terms in tqdm(play(game, STEPS), total=STEPS):
    for name, values in curves.items():
        values.append(terms.get(name, float("nan")))
    if step + 1 in (T_C, STEPS):
        snapshots[f"period {period}"] = fill(game, test), fill(game, view_batch)
early, late = (np.nanmean(curves["reconstruction"][part]) for part in (slice(4), slice(-8, None)))
print(f"squared error in the hole: {early:.3f} at the start, {late:.3f} at the end")
assert late < run.pick(ci=0.9, laptop=0.6, gpu=0.5) * early, "the network has not learned"

# %% tags=["picture"]
rows = {"given": paint_holes(view_batch.image, view_batch.mask)}
rows |= {name: paste(raw, view_batch) for name, (_, raw) in snapshots.items()}
rows["blended"] = poisson_blend(snapshots["period 3"][1], *view_batch.holes())
rows["truth"] = view_batch.image
show_rows(rows)

# %% [markdown]
# **What to see.** Period 1 finds place and tone, out of focus. After period 3 dark spots stand where eyes
# and mouths belong, and the tone is closer; the outline of the box is still there in many a face, until
# blending (section 10) takes it away. How much of the step from 1 to 3 is the judges' work? This figure
# cannot tell: period 3 also had more steps and a falling learning rate. Hence the experiment of section 7.

# %%
steps_done = np.arange(1, STEPS + 1)
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6))
length = run.pick(ci=2, laptop=15, gpu=200)  # of the moving average
for axis, name in zip(axes, ("reconstruction", "discriminator"), strict=True):
    smooth = np.convolve(curves[name], np.ones(length) / length, mode="valid")
    axis.plot(steps_done[length - 1 :], smooth)
    axis.set(title=name, xlabel="step", xlim=(0, STEPS))
    for border in (T_C, T_C + T_D):
        axis.axvline(border, color="0.6", linewidth=1, linestyle=":")
axes[1].axhline(2 * np.log(2), color="0.45", linestyle="--", linewidth=1)
plt.show()

# %% [markdown]
# **What to see.** Dotted lines bound the periods. Left, the squared error falls fast, then slowly, and
# pauses while the judges learn alone. Right, the judges begin at 2 ln 2 (dashed): they know nothing. They
# pull ahead and stay ahead, since $\alpha$ keeps the adversarial term a nudge beside the squared error.

# %% [markdown]
# ## 9 · Look and measure
#
# The same holes for everyone, scored inside the hole: the smoothest surface (biharmonic), PCA with 60
# components (lesson 0's bar), our network after each stage, and the shipped one. That one works at 128
# pixels, so its pictures are enlarged, filled and shrunk again.


# %%
def shipped_fill(observed, mask):
    """The shipped network's fill of 64-pixel pictures, by way of 128."""
    large = F.interpolate(observed, scale_factor=2, mode="bilinear")
    batch = hide(large.clamp(-1, 1), F.interpolate(mask, scale_factor=2))
    with torch.no_grad():
        return composite(F.avg_pool2d(shipped.generate(batch), 2), observed, mask)


# %%
pca = classical.PCA(faces.floats(slice(run.pick(ci=300, laptop=2000, gpu=4000))), components=60)
filled = {
    "biharmonic": classical.biharmonic(*test.holes()),
    "PCA": pca(*test.holes()),
    **{name: paste(raw, test) for name, (raw, _) in snapshots.items()},
    "blended": poisson_blend(snapshots["period 3"][0], *test.holes()),
    "shipped": shipped_fill(*test.holes()),
}

# %%
print(f"{'in the hole':12}{'L1':>8}{'PSNR':>8}{'SSIM':>8}   mean of {len(test.image)} faces")
table = {}
for name, answer in filled.items():
    scores = [f(answer, test.image, test.mask) for f in (metrics.l1, metrics.psnr, metrics.ssim)]
    table[name] = [value.mean().item() for value in scores]
    print(f"{name:12}{table[name][0]:8.3f}{table[name][1]:8.2f}{table[name][2]:8.3f}")

# %% [markdown]
# Read it from the top. *Biharmonic* knows only the rim, PCA knows faces as sums of sixty pictures. Ours has had
# minutes: ask it to pass the first. The shipped network learned longer, but from every kind of hole: it need not
# beat a short run that saw only boxes. Whoever stays below PCA has learned less than linear algebra; lesson 8
# keeps that score. Compare the last period with *blended*: Poisson adds one smooth correction, so where it
# gains, the *tone* was wrong and the structure was not.

# %%
per_face = metrics.psnr(filled["shipped"], test.image, test.mask)
worst = per_face.argsort()[:8]
rows = {"given": paint_holes(test.image, test.mask)[worst]}
rows |= {name: filled[name][worst] for name in ("PCA", "blended", "shipped")}
rows["truth"] = test.image[worst]
show_rows(rows, notes={"shipped": [f"{value:.1f} dB" for value in per_face[worst].tolist()]})

# %% [markdown]
# **The worst faces first.** Three kinds of failure: something that nothing outside announces, such as glasses
# (squared error guesses the middle); something half in sight, one lens, one side of a hat, that could have
# been known; and a tone that does not fit the skin around it, which blending repairs.

# %% [markdown]
# ## 10 · Post-processing, and the great bug hunt
#
# A fill whose colour is off by a few percent shows its outline at once. The paper hides it in two steps:
# Telea's fast marching, then **Poisson blending** (Pérez et al. 2003). Keep the fill's *differences*
# between neighbours, and find the picture that has them and meets the known pixels at the rim:
#
# $$\min_f \sum_{\text{neighbours } p, q \text{ in or beside the hole}} \big((f_p - f_q) - (\hat y_p - \hat y_q)\big)^2, \qquad f = x \text{ outside.}$$
#
# The package solves it as a sparse linear system. It reads the prediction and the *observed* picture.

# %%
raw = snapshots["period 3"][1]
close = slice(0, 6)
blended = poisson_blend(raw, *view_batch.holes())
show_rows(
    {
        "pasted": paste(raw, view_batch)[close],
        "Poisson": blended[close],
        "Telea": classical.telea(*view_batch.holes())[close],
    }
)

# %% [markdown]
# **What to see.** The outline of the box goes, and the tone of the skin fits. Features stay where the
# network put them, right or wrong. Telea alone, below, has the tone and no features.
#
# ### A gallery too good to be true
#
# A course project that uses the public code (the source of this lesson) shows a section "denoising": faces
# with a large share of their *pixels* missing, restored without a flaw by a GLCIC trained on boxes. Here is
# its post-processing, with OpenCV's `seamlessClone`, in ten lines.


# %%
def published_blend(prediction, image, mask):
    """The project's blending: pictures (B, 3, H, W) in [-1, 1], pasted by OpenCV."""
    done = []
    for sample in zip(prediction, image, mask, strict=True):
        source, target, hole = (np.ascontiguousarray(to_bytes(t).movedim(0, 2)) for t in sample)
        hole = (hole == 255).astype(np.uint8) * 255
        rows, columns = np.nonzero(hole[..., 0])
        middle = (int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2)
        clone = cv2.seamlessClone(source, target, hole, middle, cv2.NORMAL_CLONE)
        done.append(torch.from_numpy(clone).movedim(2, 0))
    return from_bytes(torch.stack(done))


# %%
shares = [0.3, 0.5, 0.8]
missing = torch.cat(
    [masks.pixels(1, 64, 64, generator=stream(1), probability=share) for share in shares]
)
noisy = hide(validation.floats([3, 20, 42]), missing, fill=torch.tensor(mpv))
answer = fill(game, noisy)


# %%
def show_scored(rows):
    """The noisy faces, each answer in a row with its PSNR in the hole."""
    notes = {
        name: [f"{v:.1f} dB" for v in metrics.psnr(answers, noisy.image, noisy.mask).tolist()]
        for name, answers in rows.items()
    }
    given = {"given": paint_holes(noisy.image, noisy.mask)}
    titles = [f"{share:.0%} missing" for share in shares]
    show_rows(given | rows, notes=notes, titles=titles, width=5)


# %%
restored = published_blend(answer, noisy.image, noisy.mask)
show_scored({"pasted": paste(answer, noisy), "published": restored})

# %% [markdown]
# A network that never saw such holes pastes mush, and blending turns it into a photograph. By the scores it
# is closer to the truth than a good JPEG would be. A score too good is a bug report (lesson 0). Before you
# read on: which experiment would you do first?
#
# The cheapest control there is: **throw the network away.** Put a grey picture in its place, and the
# negative of the truth, which is as wrong as can be.

# %%
impostors = {"grey": torch.zeros_like(answer), "negative": -noisy.image}
rows = {name: published_blend(p, noisy.image, noisy.mask) for name, p in impostors.items()}
show_scored(rows)

# %% [markdown]
# Grey wins too. So does the negative. The gallery says nothing about any network; the truth came in by
# another door. Look at the call: `seamlessClone(source, target, …)`, and `target` is the **true picture**.
# The project's figures for boxes go through the same door. (The code it copied from has since been
# repaired: it now erases the hole in the target by Telea's method first.)
#
# But a clone *replaces* the masked pixels. Why does the truth survive there?

# %% tags=["nbval-check-output"]
for name, mask in [("box", batch.mask[:1]), *zip(shares, missing.split(1), strict=True)]:
    core = 1 - masks.dilate(1 - mask, 3)  # hole pixels whose 7 × 7 neighbourhood is all hole
    print(f"{name!s:4} hole pixels {mask.sum():5.0f}, left after erosion by 3: {core.sum():4.0f}")

# %% [markdown]
# OpenCV first *erodes* the mask by three pixels, and takes the differences in the eroded strip from the
# target. A cloud of single pixels has no inside: nothing is left to clone, and the "result" is the target,
# untouched. For boxes some of the network survives, but the rim brings the truth's own gradients along.
#
# ### Exercise 3 · A leak detector
#
# ●●● · 20 minutes · 5 points
#
# Whatever happens between a network and a figure must not depend on hidden pixels. Write the test that
# would have stopped the gallery: run a post-processing twice or more, with the *same* prediction and
# *other* hidden pixels, and return the largest change of any output value.


# %% tags=["exercise:04-3"]
def leak(postprocess, prediction, image, mask):
    """The largest change of postprocess(prediction, image, mask) when hidden pixels change.

    `prediction` and `image` are (B, C, H, W) in [-1, 1]; `mask` is (B, 1, H, W), 1 = hole.
    0.0 means that no truth gets through.
    """
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# `composite(other, image, mask)` replaces the hidden pixels and nothing else. Which `other`? A process may
# round to bytes, look at a mean only, or at a sign: try several that are *very* different, such as noise,
# all -1, all 1, and compare every output with the first. Take the maximum, not the mean: one leaking pixel
# is a leak.
#
# </details>


# %% tags=["solution:04-3"] jupyter={"source_hidden": true}
def leak_reference(postprocess, prediction, image, mask):
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    honest = postprocess(prediction, image, mask)
    changes = [
        (postprocess(prediction, composite(other, image, mask), mask) - honest).abs().max().item()
        for other in (noise, torch.ones_like(image), -torch.ones_like(image), -image)
    ]
    return max(changes)


# %% tags=["check:04-3:5"]
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
        "one pixel a sample": lambda p, x, m: composite(p, x, m * (m.cumsum(2).cumsum(3) != 1)),
        "whether hidden pixels are bright": lambda p, x, m: p + 0.1 * ((m * x).sum() > 60),
        "steps of a quarter": lambda p, x, m: composite((4 * x).round() / 4, p, m),
    }
    for what, process in sly.items():
        assert function(process, prediction, image, mask) > 0.05, f"missed a leak through {what}"


leak = check(leak, leak_reference, test_leak)


# %%
def repaired_blend(prediction, image, mask):
    """The same clone, into a picture from which the truth was removed first."""
    observed = apply_mask(image, mask)
    return published_blend(prediction, classical.telea(observed, mask), mask)


def ours(prediction, image, mask):
    return poisson_blend(prediction, apply_mask(image, mask), mask)


# %% tags=["nbval-check-output"]
small = fixed_batch(validation, 4, mask=box)
guess = torch.zeros_like(small.image)
for process in (composite, ours, repaired_blend, published_blend):
    change = leak_reference(process, guess, small.image, small.mask)
    print(f"{process.__name__:16} {'LEAKS the truth' if change > 0 else 'reads no hidden pixel'}")

# %% [markdown]
# The repair is not a better blend. It is the first line, `observed = apply_mask(image, mask)`: a function
# that never receives the truth cannot leak it. That is why every function of this course takes `observed`.
# And how good is the gallery now? Same clone, no truth:

# %%
candidates = {"our network": answer} | impostors
show_scored({name: repaired_blend(p, noisy.image, noisy.mask) for name, p in candidates.items()})

# %% [markdown]
# All three rows are still alike: what remains is Telea's fill, and the erosion still throws every network
# away. So the second rule, beside the leak test: **a control that must fail** goes through the same
# pipeline as the network. If grey does as well, you have measured the pipeline.

# %% [markdown]
# ## 11 · Break it: a judge frozen by a number
#
# The paper weighs the adversarial term by $\alpha = 0.0004$, for the completion network. The public code
# multiplies the **judges' own loss** by it as well. Surely harmless: AdaDelta (Zeiler 2012), the paper's
# optimiser, divides by the gradient's own size. With $E[\cdot]$ a running mean and $\epsilon = 10^{-6}$,
#
# $$\Delta = -\frac{\sqrt{E[\Delta^2] + \epsilon}}{\sqrt{E[g^2] + \epsilon}}\; g .$$
#
# *Predict:* multiply the loss by $\alpha$. How much less do the judges move in five steps? And with Adam,
# and SGD?

# %%
WEIGHTS = [10.0**-k for k in range(7)]
OPTIMISERS = {
    "SGD": partial(torch.optim.SGD, lr=0.1),
    "AdaDelta": partial(torch.optim.Adadelta, lr=1.0, rho=0.9, eps=1e-6),
    "Adam": partial(torch.optim.Adam, lr=1e-3),
}


# %%
def distance(make_optimizer, weight, steps=5):
    """How far the judges move in a few steps on `weight` times their loss."""
    torch.manual_seed(run.seed)
    judge = Discriminator(64, 8, 32)
    optimizer = make_optimizer(judge.parameters())
    before = torch.nn.utils.parameters_to_vector(judge.parameters()).detach()
    for _ in range(steps):
        optimizer.zero_grad()
        real, fake = judge(batch.image, batch.mask), judge(batch.observed, batch.mask)
        (weight * bce_discriminator_loss(real_logits=real, fake_logits=fake)).backward()
        optimizer.step()
    return (torch.nn.utils.parameters_to_vector(judge.parameters()) - before).norm().item()


# %%
figure, axis = plt.subplots(figsize=(7, 2.8))
for name, make_optimizer in OPTIMISERS.items():
    moved = [distance(make_optimizer, weight) for weight in WEIGHTS]
    axis.loglog(WEIGHTS, [m / moved[0] for m in moved], "o-", label=name)
axis.axvline(4e-4, color="0.45", linestyle="--", linewidth=1)
axis.annotate("α", (4e-4, 1), xytext=(4, -2), textcoords="offset points", va="top")
axis.set(xlabel="weight on the judges' loss", ylabel="movement, as a share")
axis.legend()
plt.show()
at_alpha = distance(OPTIMISERS["AdaDelta"], 4e-4) / distance(OPTIMISERS["AdaDelta"], 1.0)
print(f"AdaDelta with α on the judges' loss: they move 1/{1 / at_alpha:.0f} as far")

# %% [markdown]
# Adam hardly notices the weight: its $\epsilon$ of $10^{-8}$ stands beside $|g|$ and is small. AdaDelta's
# stands beside $g^2$, *under* the root: once $g^2 \ll 10^{-6}$ it has the fraction to itself, and AdaDelta
# becomes plain SGD. The judges stand nearly still through the whole third period, and no loss curve says
# so. A weight on a network's *only* loss is a learning rate in disguise.

# %% [markdown] tags=["reflect:04-4:4"]
# ### Question · Read a log
#
# ○ · 10 minutes · 4 points, marked by hand
#
# The last line of the project's log reads: at the end of period 2, judges' loss 0.00069; at the end of
# period 3, judges' loss 0.00027. The code reports the mean of the two terms, $-\log D$ on real and
# $-\log(1-D)$ on fake, and in period 3 multiplies it by $\alpha = 0.0004$. The report says: "the
# discriminator converged". What do these two numbers say? Name two mechanisms of this lesson that explain
# the second, and one measurement that would tell them apart. Five sentences.
#
# <details><summary>What a good answer contains</summary>
#
# Undo the weight: 0.00027 / 0.0004 = 0.675 a term, close to ln 2 = 0.693: the judges *know nothing*.
# Before, at 0.00069 a term, they were nearly always right. They did not converge; they lost what they knew,
# or stood still while the fakes improved. Mechanisms: the leftover gradient that cancels their lesson on
# fakes, and the loss weight that freezes them under AdaDelta. To tell apart: switch one off (clear
# gradients before backward; or take the weight off) and watch the unweighted loss; or record how far the
# judges' weights move in a step. One point for the division, one for chance, one for the mechanisms, one
# for the measurement.
#
# </details>

# %% [markdown]
# ## 12 · What we have
#
# A network that sees the whole picture, because dilation widens its view for free; two judges, each good at
# what the other misses; three periods, so that neither side meets an opponent it cannot learn from; and two
# tests for every evaluation, the leak detector and the grey control.
#
# **Three pitfalls** to take along: a target that holds the truth, a weight on a network's only loss, a
# "frozen" network whose BatchNorm moves.
#
# **Read on.** Iizuka et al. 2017, *Globally and locally consistent image completion*: section 3.4 is our
# loop. Yu & Koltun 2016, *Multi-scale context aggregation by dilated convolutions*: why to double. Next,
# lesson 5: holes of any shape.

# %%
run.save_card(
    "04_glcic",
    {
        "data": faces.name,
        "steps": STEPS,
        "images": len(test.image),
        "in the hole (L1, PSNR dB, SSIM)": table,
        "right verdicts": verdicts,
    },
)
print(f"card saved: {table['blended'][1]:.1f} dB in the hole, PCA {table['PCA'][1]:.1f}")
