# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 5 · Gated convolution and attention: DeepFillV2
#
# ![A drawn face with a brushed hole, filled below; beside it rows of small maps, the gates of one network, layer by layer: some dark in the shape of the hole and bright elsewhere, some the reverse; deeper ones show hair, outlines and background.](pictures/05_deepfill.jpg)
#
# A convolution treats the empty pixels of a hole like true ones. DeepFillV2 (Yu et al. 2019) gives each layer
# a learned gate for that, and attention, with which far places of a picture exchange features. We build both, measure
# what each is worth, and find that attention can sit in a network and do next to nothing.

# %% [markdown]
# **Time** about 140 minutes to read and try; the cells themselves run in about three minutes on two CPU
# cores. **Before this lesson** lessons 1 and 3; lesson 4 helps. **Data** faces: drawn by the course, or
# CelebA where it is in `data/` (research use only).
#
# **Sources.** Yu et al. 2018 and 2019 (DeepFill, DeepFillV2) and their code, "the original" below; a PyTorch port of
# it, "the port"; the public project *source 000*, and avalonstrel's code, from which source 000 took self-attention
# (Zhang et al. 2018, *SAGAN*). What source 000 did in full stands in [05b](05b_deepfill.ipynb), which is optional.

# %% [markdown]
# ## What you will be able to do
#
# - **build** a gated layer, self-attention and spectral norm, and run networks on yours;
# - **read** gates and attention maps, and **test** whether a map means anything;
# - **expose** two defects of public code and one trap, each with an experiment of a few lines;
# - **say** where such a network beats a formula, and where it does not.
#
# **The map.** Lesson 4 filled boxes. Here holes have any shape. Lesson 6 adds skip connections.
#
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
import json
from functools import partial
from itertools import islice, pairwise

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from inpaintlib import masks, metrics
from inpaintlib.data import batches, fixed_batch, load_faces
from inpaintlib.images import composite, paint_holes
from inpaintlib.layers import GatedConv2d, PartialConv2d, SelfAttention2d, contextual_attention
from inpaintlib.layers import contextual_weights, spectral_norm
from inpaintlib.losses import masked_l1
from inpaintlib.measure import classical
from inpaintlib.measure.cards import folder_of, read_cards
from inpaintlib.measure.comparison import BAND_HOLES, paired
from inpaintlib.models import deepfill
from inpaintlib.models.contract import count_parameters

# %%
from inpaintlib.notebook import session
from inpaintlib.notebook.diagrams import Box, show_diagram
from inpaintlib.notebook.exercises import check, guess_first
from inpaintlib.notebook.memory import deal
from inpaintlib.notebook.network_checks import builds
from inpaintlib.notebook.viz import BLUE, show_curves, show_dots, show_images, show_intervals
from inpaintlib.notebook.viz import show_planes, show_rows, use_style
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.seeding import stream
from inpaintlib.studio.attention import AttentionViewer, attention_over

use_style()
run = session.start(seed=5)
faces, validation = load_faces("train", size=64), load_faces("validation", size=64)
large = load_faces("validation", size=128, limit=60)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{faces}")

# %% [markdown]
# ## 2 · A first result in a minute
#
# The shipped DeepFill, on unseen faces with brushed holes; in the row above it *biharmonic*, the smoothest surface of
# lesson 0.

# %%
look = fixed_batch(large, [2, 9, 17, 26, 33, 41], mask=masks.brush, seed=1)
FOUR = [0, 2, 3, 5]  # of these faces are drawn
shipped = load(weights_for("deepfill", faces))
smooth, pasted = classical.biharmonic(*look.holes()), shipped.generate(look)


def show_fills(rows, heading):
    """Four faces, row by row; below the fills stands their PSNR in the hole."""
    scored = [name for name in rows if name not in ("given", "truth") and "×" not in name]
    quality = {name: metrics.psnr(rows[name], look.image, look.mask)[FOUR] for name in scored}
    notes = {name: [f"{value:.1f} dB" for value in quality[name].tolist()] for name in scored}
    shown = {name: pictures[FOUR] for name, pictures in rows.items()}
    show_rows(shown, notes=notes, width=7.2, heading=heading)


given = paint_holes(look.image, look.mask)
rows = {"given": given, "biharmonic": smooth, "DeepFill": pasted, "truth": look.image}
show_fills(rows, "Where a stroke covers an eye, the network draws one and the formula smears")
lead = torch.sub(*[metrics.psnr(x, look.image, look.mask) for x in (pasted, smooth)]).sort().values
print(f"DeepFill leads on {(lead > 0).sum()} of 6 faces, by {lead[0]:+.1f} to {lead[-1]:+.1f} dB")

# %% [markdown]
# In our run DeepFill is ahead on five of six faces (four are drawn), most on the first, by 9 dB: the formula smears
# eye and hair, the network draws both. On the last, a bald head, the formula wins by 0.9 dB: skin is smooth, and the
# network's eye, though there is one, is not the true one. Most of this hole is plain skin and background,
# where smoothness is a good guess.

# %% [markdown]
# ## 3 · Free-form holes, and a drift
#
# The paper trains on *brush* masks: one to three strokes, each a zigzag of a round pen (the code adds a box). Here is
# the original's sampler, rebuilt in NumPy. It contains a defect, which the port copied. Can you find it by reading?


# %%
def published_brush(count, size, source):
    """(count, size, size) masks of 0 and 1; `source` is a NumPy generator."""
    canvases = np.zeros((count, size, size), np.uint8)
    for canvas in canvases:
        for _ in range(source.integers(1, 4)):
            steps = source.integers(4, 12)
            below, above = source.uniform(0, 2 * np.pi / 15, 2)
            angle = 2 * np.pi / 5 + source.uniform(-below, above, steps)
            angle[::2] *= -1
            length = source.normal(size / 5.7, size / 11.4, (steps, 1)).clip(0, size / 2.8)
            moves = length * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            point, walk = source.uniform(0, size, 2), []
            for move in [np.zeros(2), *moves]:
                point = (point + move).clip(0, size)
                walk.append(point)
            pen = int(source.integers(size * 12 // 256, size * 39 // 256))
            cv2.polylines(canvas, [np.int32(walk)], False, 1, thickness=pen)
        if source.random() < 0.5:
            np.flip(canvas, axis=0)
        if source.random() < 0.5:
            np.flip(canvas, axis=1)
    return canvases


some = torch.from_numpy(published_brush(8, 64, np.random.default_rng(0)))[:, None].float()
sheet = paint_holes(torch.full((8, 3, 64, 64), 0.9), some)
show_images(sheet, width=8, heading="Eight masks of the published sampler")

# %% [markdown]
# Do you suspect something? Eight masks prove nothing: average many.
#
# ### Exercise 1 · A test that would have caught it
#
# ●●○ · 15 minutes · 4 points
#
# Write `tilt`: the coverage of the right half minus that of the left half, a number for each mask; return the mean of
# these numbers **divided by its standard error** (standard deviation / √count). A fair sampler stays within about ±3,
# whatever the count; for a biased one it grows with √count.
#
# <details><summary>Hint</summary>
#
# With `half = drawn.shape[2] // 2`, `drawn[:, :, :half].mean(axis=(1, 2))` has one coverage a mask. Take the standard
# deviation of the *differences*: one mask is one draw, not its pixels, which all hang together. `.std(ddof=1)`.
#
# </details>


# %% tags=["exercise:05-1"]
def tilt(drawn):
    """(N, H, W) masks of 0 and 1, W even, to a float: right minus left, in standard errors."""
    raise NotImplementedError


# %% tags=["solution:05-1"] jupyter={"source_hidden": true}
def tilt_reference(drawn):
    half = drawn.shape[2] // 2
    difference = drawn[:, :, half:].mean(axis=(1, 2)) - drawn[:, :, :half].mean(axis=(1, 2))
    return difference.mean() / (difference.std(ddof=1) / len(difference) ** 0.5)


# %% tags=["check:05-1:4"]
def test_tilt(function):
    source = np.random.default_rng(1)
    drawn = np.zeros((300, 8, 12), np.uint8)
    sides = np.concatenate([np.zeros(100, int), np.ones(200, int)])
    for canvas, side in zip(drawn, sides, strict=True):
        canvas[:, 6 * side : 6 * side + 6] = 1
    expected = (1 / 3) / (np.where(sides, 1.0, -1.0).std(ddof=1) / 300**0.5)
    value = function(drawn)
    assert value > 0, "right minus left: these masks lie mostly on the right"
    assert abs(value / expected - 1) < 0.01, (
        f"200 of 300 masks fill the right half: {expected:.2f} standard errors, not {value:.2f}; "
        "the error is that of 300 differences, not of all pixels"
    )
    assert abs(function(drawn[:, :, ::-1]) + value) < 1e-9, "mirrored masks, mirrored sign"
    noise = (source.random((400, 8, 12)) < 0.3).astype(np.uint8)
    assert abs(function(noise)) < 4, "fair masks are within a few standard errors of 0"
    assert abs(function(np.concatenate([drawn] * 4)) / value - 2) < 0.02, "4 × the masks: 2 ×"


tilt = check(tilt, tilt_reference, test_tilt)

# %%
COUNT = run.pick(ci=1000, laptop=4000, gpu=4000)
published = published_brush(COUNT, 64, np.random.default_rng(5))
ours = masks.brush(COUNT, 64, 64, generator=run.generator(1))[:, 0].numpy()
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3), width_ratios=(1, 1, 1.3), layout="constrained")
told = "Published strokes drift to the right; once the flips count, they do not"
figure.suptitle(told, x=0, ha="left", fontsize=11)
assert abs(tilt(ours)) < 3 < 10 < tilt(published), "one is biased, one is not"
for number, (name, drawn) in enumerate({"published": published, "repaired": ours}.items()):
    shown = axes[number].imshow(100 * drawn.mean(axis=0), cmap="inferno", vmin=0, vmax=30)
    title = f"{name}: tilt of {tilt(drawn):+.0f}\nstandard errors"
    axes[number].set(title=title, xticks=[], yticks=[])
    axes[2].plot(100 * drawn.mean(axis=(0, 1)), label=name)
figure.colorbar(shown, ax=axes[1], label="masks hiding the pixel (%)", extend="max")
axes[2].set(xlabel="column", ylabel="hidden (%)", ylim=(0, None))
axes[2].legend()
plt.show()

# %% [markdown]
# **What to see.** In the published masks the left edge is hardly ever hidden. Nearly every step of a walk goes to the
# right; random flips should make up for it, but `np.flip` *returns* the mirrored mask, and nobody takes it. The repair
# is two times `canvas[:] = …` (a bare `canvas = …` would only rename). "Repaired" is the course's own `masks.brush`,
# with flips that count. A network trained on the published masks hardly practises the left edge, and a test set from
# the same sampler hardly asks.

# %% [markdown]
# ## 4 · What is wrong at the edge of a hole
#
# One row of a picture, all 1, with a hole whose pixels are set to 0. Each output is a mean of 3 × 3 neighbours, in
# three ways. **Vanilla** averages all, also the zeros. **Partial** convolution (Liu et al. 2018) takes the mean of
# *known* pixels, and marks each pixel that saw one as known. **Gated** convolution multiplies the result by a second,
# learned convolution, squeezed into (0, 1):
#
# $$y = \varphi(W_f * x + b_f) \odot \sigma(W_g * x + b_g).$$
#
# $\varphi$ is the activation, $\sigma$ the sigmoid, $\odot$ a product place by place. Each layer works its gates out
# from its features. Our toy's gate is set by hand: open if the whole window is known, and handed on as the next mask.

# %% tags=["nbval-check-output"]
BOX = torch.full((1, 1, 3, 3), 1 / 9)


def vanilla(x, known):
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), BOX), known


def partial_mean(x, known):
    share = vanilla(known, known)[0]
    seen = vanilla(x * known, known)[0] / share.clamp(min=1e-6)
    return seen * (share > 0.01), (share > 0.01).float()


def gated(x, known):  # the gate opens where (nearly) all of the window is known
    gate = torch.sigmoid(40 * (vanilla(known, known)[0] - 0.85))
    return vanilla(x, known)[0] * gate, gate


known = torch.tensor([1.0] * 4 + [0.0] * 5 + [1.0] * 3).expand(1, 1, 3, 12)
print("known    ", " ".join(f"{v:4.0f}" for v in known[0, 0, 1].tolist()))
for name, layer in {"vanilla": vanilla, "partial": partial_mean, "gated": gated}.items():
    print(f"{name:9}", " ".join(f"{v:4.2f}" for v in layer(known, known)[0][0, 0, 1].tolist()))
mask = gate = known
for _ in range(3):
    mask, gate = partial_mean(mask, mask)[1], gated(gate, gate)[1]
print("after three layers: partial calls", int(mask[0, 0, 1].sum()), "of 12 known,", end=" ")
print("our gate is open at", int((gate[0, 0, 1] > 0.5).sum()))

# %% [markdown]
# Vanilla writes 0.67 and 0.33 at the edge: a shadow that the picture does not have; from this channel alone no later
# layer can tell it from a dark pixel. Partial has no shadow. But its rule is all or nothing, the same in every channel,
# and each layer moves the border by a pixel: after three the hole of five pixels is forgotten, and deeper layers believe
# that they see a whole picture. Our hand-made gate errs the other way and only ever closes: it is open at one place of
# twelve. Neither rule is right everywhere. Hence: learn it, softly, and for each channel apart.

# %% [markdown]
# ### Exercise 2 · A gated layer
#
# ●●○ · 20 minutes · 5 points
#
# Write it as a layer. **One** `nn.Conv2d`, its attribute `conv`, has twice the outputs: the first half are features, the
# second half gates. The activation $\varphi$ is ELU. Zero padding keeps the size at stride 1, dilation included.
#
# A gate that starts at $\sigma(0) = ½$ halves the signal: 16 such layers leave $2^{-16}$ of it. So let gates start open, with
# bias 1.5, and nearly equal, with half of torch's own start for their weights. The features' weights start as
# He et al. say, `nn.init.kaiming_normal_(…, nonlinearity="relu")`, with bias 0. Every gated network that is built
# below is made of *your* layer.
#
# <details><summary>Hint</summary>
#
# Begin with `super().__init__()`. A kernel of $k$ taps with dilation $d$ reaches $d(k-1)/2$ pixels to each side: that
# is the padding. `.chunk(2, dim=1)` splits channels. Change weights in place under `torch.no_grad()`:
# `self.conv.weight[:outputs]` are the features'. `nn.init` functions take such a part, and fill it.
#
# </details>


# %% tags=["exercise:05-2"]
class GatedConv(nn.Module):
    """Gated convolution, (B, inputs, H, W) to (B, outputs, H', W'); `kernel` is odd."""

    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        raise NotImplementedError

    def forward(self, x):
        raise NotImplementedError


# %% tags=["solution:05-2"] jupyter={"source_hidden": true}
class GatedConv_reference(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1):
        super().__init__()
        where = {"stride": stride, "dilation": dilation, "padding": dilation * (kernel - 1) // 2}
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **where)
        with torch.no_grad():
            nn.init.kaiming_normal_(self.conv.weight[:outputs], nonlinearity="relu")
            self.conv.weight[outputs:] *= 0.5
            self.conv.bias[:outputs] = 0
            self.conv.bias[outputs:] = 1.5

    def forward(self, x):
        feature, gate = self.conv(x).chunk(2, dim=1)
        return F.elu(feature) * torch.sigmoid(gate)


# %% tags=["check:05-2:5"]
def test_gated_conv(layer):
    small, told = layer(1, 1, 1), "one convolution, conv, with twice the outputs"
    shapes = {name: tuple(weight.shape) for name, weight in small.state_dict().items()}
    assert shapes == {"conv.weight": (2, 1, 1, 1), "conv.bias": (2,)}, f"{told}, not {shapes}"

    def answer(x, gate):
        weight = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
        small.load_state_dict({"conv.weight": weight, "conv.bias": torch.tensor([0.0, gate])})
        return small(torch.full((1, 1, 1, 1), x)).item()

    assert answer(1.0, 100.0) == 1, "the first half are features; a gate of σ(100) is 1"
    assert abs(answer(1.0, -100.0)) < 1e-6, "a gate of σ(-100) lets nothing through"
    assert abs(answer(-1.0, 0.0) + 0.3161) < 1e-3, "ELU(-1) · σ(0) = -0.316: ELU, then the gate"

    def package(inputs, outputs, kernel, stride=1, dilation=1):
        return GatedConv2d(inputs, outputs, kernel, stride=stride, dilation=dilation)

    x = torch.rand(2, 3, 12, 17, generator=stream(5)) * 2 - 1
    for case in [(3, 4, 3), (3, 2, 5, 2), (3, 4, 3, 1, 4)]:
        told = f"GatedConv{case}: inputs, outputs, kernel, stride, dilation"
        builds(layer, package, case, inputs=lambda *_: [(x,)], told=told)
    start = layer(16, 64, 3).state_dict()
    (features, gates), bias = start["conv.weight"].chunk(2), start["conv.bias"]
    assert (bias[:64] == 0).all(), "the features' biases start at 0"
    assert (bias[64:] == 1.5).all(), "the gates' biases start at 1.5: σ(1.5) = 0.82, mostly open"
    scale = features.std() / (2 / 144) ** 0.5, gates.std() / (0.25 / 432) ** 0.5
    assert abs(scale[0] - 1) < 0.05, f"the features start {scale[0]:.2f} times as large as by He"
    assert abs(scale[1] - 1) < 0.05, f"the gates start {scale[1]:.2f} times as large as they should"


GatedConv = check(GatedConv, GatedConv_reference, test_gated_conv)

# %% [markdown]
# ### Three twins, trained alike
#
# Which rule fills better? Three small networks, alike except for their convolutions, with nearly equal numbers of
# parameters (a gated layer has twice the weights, so its network is narrower), equal steps, the same faces and brushed
# holes, L1 alone, three seeds. The gated one runs on *your* `GatedConv`. A fourth is gated and trained on source 000's
# holes only: squares of half the side. *Predict* the order.


# %%
class Step(nn.Module):
    """One convolution of a kind with its ELU: (x, mask) to (x, mask); `up` doubles first."""

    def __init__(self, kind, inputs, outputs, kernel=3, up=False, **shape):
        super().__init__()
        self.kind, self.up = kind, up
        plain = partial(nn.Conv2d, padding=kernel // 2)
        make = {"vanilla": plain, "partial": PartialConv2d, "gated": GatedConv}[kind]
        self.conv = make(inputs, outputs, kernel, **shape)
        if kind != "gated":
            nn.init.kaiming_normal_(getattr(self.conv, "conv", self.conv).weight)

    def forward(self, x, mask):
        if self.up:
            x, mask = (F.interpolate(t, scale_factor=2) for t in (x, mask))
        if self.kind == "gated":
            return self.conv(x), mask
        x, mask = self.conv(x, mask) if self.kind == "partial" else (self.conv(x), mask)
        return F.elu(x), mask


# %% tags=["nbval-check-output"]
class Twin(nn.Module):
    """Observed picture and mask to a picture, each (B, ·, H, W): six steps and a last layer."""

    def __init__(self, kind, base):
        super().__init__()
        down, wide = {"stride": 2}, 4 * base
        self.steps = nn.ModuleList(
            [
                Step(kind, 4, base, 5),
                Step(kind, base, 2 * base, **down),
                Step(kind, 2 * base, wide, **down),
                Step(kind, wide, wide),
                Step(kind, wide, 2 * base, up=True),
                Step(kind, 2 * base, base, up=True),
            ]
        )
        self.last = nn.Conv2d(base, 3, 3, padding=1)

    def forward(self, observed, mask):
        x = torch.cat([observed, mask], dim=1)
        for step in self.steps:
            x, mask = step(x, mask)
        return self.last(x).tanh()


BASES = {"vanilla": 20, "partial": 20, "gated": 14}
print({kind: f"{count_parameters(Twin(kind, base)):,}" for kind, base in BASES.items()})

# %%
TWIN_STEPS = run.pick(ci=15, laptop=160, gpu=3000)
TWIN_SEEDS = run.pick(ci=(1,), laptop=(1, 2, 3), gpu=(1, 2, 3))
tiny, unseen = load_faces("train", size=32), load_faces("validation", size=32, limit=100)
HALF = partial(masks.square, side=16)  # half the side, anywhere: source 000's holes
TESTS = {
    n: fixed_batch(unseen, 100, mask=m, seed=4)
    for n, m in {"strokes": masks.brush, "squares": HALF}.items()
}


def train_twin(kind, seed, holes=masks.brush, rate=2e-3):
    """Train a twin with L1 alone; PSNR in the holes of each test."""
    torch.manual_seed(seed)
    twin = Twin(kind, BASES[kind])
    optimizer = torch.optim.Adam(twin.parameters(), lr=rate)
    for step, b in enumerate(
        islice(batches(tiny, batch_size=12, mask=holes, seed=seed), TWIN_STEPS)
    ):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / TWIN_STEPS)
        loss = masked_l1(twin(*b.holes()), b.image, b.mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return [
            metrics.psnr(twin(*b.holes()), b.image, b.mask).mean().item() for b in TESTS.values()
        ]


# %% tags=["train", "predict"]
guess_first()
arms = {kind: (kind, masks.brush) for kind in BASES} | {"gated, squares only": ("gated", HALF)}
twins = {
    name: np.array([train_twin(kind, seed, holes) for seed in TWIN_SEEDS])
    for name, (kind, holes) in tqdm(arms.items())
}
grey = [metrics.psnr(0 * b.image, b.image, b.mask).mean().item() for b in TESTS.values()]
assert all((values > grey).all() for values in twins.values()), "a twin has learned nothing"
show_dots(
    {n: dict(zip(TESTS, v.T, strict=True)) for n, v in twins.items()},
    ylabel="PSNR in the hole (dB)",
    heading="On strokes a rule for unknown pixels helps; the holes practised on matter more",
)
for name in ("partial", "gated"):
    print(
        f"{name} minus vanilla, strokes, a seed each:",
        (twins[name] - twins["vanilla"])[:, 0].round(2),
    )
squares = (twins["gated, squares only"] - twins["gated"]).round(2)
print("trained on squares, not strokes: on strokes", squares[:, 0], "on squares", squares[:, 1])
better = [(twins[name] - twins["vanilla"])[:, 0].mean() for name in ("partial", "gated")]
print("over vanilla, on average over seeds: partial {:+.1f} dB, gated {:+.1f} dB".format(*better))
assert run.pick(ci=True, laptop=min(better) > 0 > squares[:, 0].max(), gpu=True), "not as below"

# %% [markdown]
# **What to see.** In our run both rules for unknown pixels beat vanilla on strokes, on average over three seeds:
# partial by 0.5 dB, gated by 0.3. Three seeds do not settle which is better. (On squares, new to all three, partial
# is the worst.) The *training holes* matter most: trained on squares alone, the gated twin loses 1.7 to 1.9 dB on
# strokes and gains about 0.5 on squares. Networks are good at the holes they practised.
#
# ### What gates have learned
#
# Now the shipped network's own gates, which `GatedConv2d.gate` returns. For a few layers of the first stage we draw the
# channels whose gates differ most between hole and known: three more closed in the hole, three more open.


# %%
def gates_of(stage, picture, chosen):
    """Layer number to its gates (C, h, w), for the layers chosen."""
    found = {}
    with torch.no_grad():
        for number, layer in enumerate(stage):
            if number in chosen:
                found[number] = layer.gate(picture)[0]
            picture = layer(picture)
    return found


def extremes(gates, hole, count=3):
    """The channels most closed in the hole, and those most open: 2 · count maps."""
    small = F.interpolate(hole, gates.shape[1:], mode="area")[0]
    inside = (gates * small).sum((1, 2)) / small.sum()
    outside = (gates * (1 - small)).sum((1, 2)) / (1 - small).sum()
    order = (inside - outside).argsort()
    return gates[torch.cat([order[:count], order[-count:]])]


# %% tags=["picture"]
LAYERS = {0: "1st layer", 2: "3rd layer", 4: "5th layer", 5: "6th layer", 16: "15th layer"}
# two of the layers before index 16 are up-samplings
one = look.each(lambda tensor: tensor[2:3])
entering = torch.cat([one.observed, torch.ones_like(one.mask), one.mask], dim=1)
gates = gates_of(shipped.generator.coarse, entering, LAYERS)

figure = plt.figure(figsize=(11, 6.6))
HEADING = "Up to the fifth layer the gates draw the hole, deeper ones mostly the face"
figure.suptitle(HEADING, x=0.125, y=0.96, ha="left", fontsize=11)
grid = figure.add_gridspec(len(LAYERS), 9, wspace=0.05, hspace=0.06)
shown = {"given": paint_holes(one.image, one.mask), "filled": pasted[2:3]}
for number, (name, picture) in enumerate(shown.items()):
    axis = figure.add_subplot(grid[2 * number : 2 * number + 2, :2])
    axis.imshow((picture[0].permute(1, 2, 0) + 1) / 2)
    axis.set_title(name, y=-0.12) if number else axis.set_title(name)
    axis.set_axis_off()
for line, (number, label) in enumerate(LAYERS.items()):
    for column, gate in enumerate(extremes(gates[number], one.mask)):
        axis = figure.add_subplot(grid[line, 3 + column])
        drawn = axis.imshow(gate, cmap="cividis", vmin=0, vmax=1)
        axis.set_axis_off()
        if column == 0:
            axis.text(-0.06, 0.5, label, ha="right", va="center", transform=axis.transAxes)
        if line == 0 and column in (1, 4):
            axis.set_title("more closed in the hole" if column == 1 else "more open in the hole")
bar = figure.add_axes((0.15, 0.15, 0.12, 0.02))
figure.colorbar(drawn, cax=bar, orientation="horizontal", label="gate", ticks=[0, 0.5, 1])
plt.show()

# %% [markdown]
# **What to see.** Yellow lets through, blue holds back. Up to the 5th layer the hole stands out, most clearly in the
# 3rd: some channels close there and carry what is known, others open wider there. Deeper, other things appear: hair,
# outlines, background. Each pixel has a gate in each channel, and training opens it for whatever lowers the loss.
#
# ## 5 · Coarse, then fine
#
# Two stages, each an encoder, dilated layers and a decoder. The first gives a rough fill; pasted into the picture, it
# is refined by the second along two branches: one looks near (convolutions), one far (attention). The input has five
# channels: the picture, ones (which show where the padding begins) and the mask.

# %%
flows = ["seen > C > fill > R > done > D > A", "seen > fill", "seen > done", "truth > D > own"]
show_diagram(
    {
        "seen": Box("observed, ones, mask", "5 × 128 × 128", row=0, column=0),
        "C": Box("coarse stage", "17 layers", row=0, column=1, kind="network"),
        "fill": Box("rough fill, pasted", "3 × 128 × 128", row=0, column=2),
        "R": Box("refinement", "two branches", row=0, column=3, kind="network"),
        "done": Box("completed picture", "3 × 128 × 128", row=0, column=4),
        "L": Box("reconstruction", "L1, both stages", row=1, column=2, kind="loss"),
        "truth": Box("truth", "3 × 128 × 128", row=1, column=3),
        "D": Box("discriminator", "sees the mask too", row=1, column=4, kind="network"),
        "own": Box("discriminator's loss", "hinge", row=2, column=3, kind="loss"),
        "A": Box("generator's loss", "adversarial, hinge", row=2, column=4, kind="loss"),
    },
    [*flows, "C > L", "R > L", "truth > L"],
    {"L": ["L > C", "L > R > fill > C"], "A": ["A > D > done > R > fill > C"], "own": ["own > D"]},
    alt="Observed picture, ones and mask go through the coarse stage to a rough fill, pasted into"
    " the known pixels, and through the refinement to the completed picture. The discriminator sees"
    " it or the truth. L1 compares both stages with the truth; its gradient and that of the"
    " generator's adversarial loss reach both stages, the discriminator's loss only itself.",
    gap=(0.4, 0.55),
    ways=dict.fromkeys(("C > L", "R > L", "L > C", "L > R", "D > own", "own > D"), "down"),
)

# %% [markdown]
# Here is the whole first stage, made of your layers. With the shipped weights it must give the shipped network's
# rough fill. Then the parameters of both stages are counted, with the original's attention and with self-attention.
# And what does the second stage add?


# %%
class Coarse(nn.Sequential):
    """(B, C + 2, H, W): observed picture, ones, mask; to a rough fill (B, C, H, W)."""

    def __init__(self, base, channels=3):
        wide, double = 4 * base, nn.Upsample(scale_factor=2)
        super().__init__(
            GatedConv(channels + 2, base, 5),
            GatedConv(base, 2 * base, 3, stride=2),
            GatedConv(2 * base, 2 * base, 3),
            GatedConv(2 * base, wide, 3, stride=2),
            *[GatedConv(wide, wide, 3) for _ in range(2)],
            *[GatedConv(wide, wide, 3, dilation=d) for d in (2, 4, 8, 16)],
            *[GatedConv(wide, wide, 3) for _ in range(2)],
            double,
            GatedConv(wide, 2 * base, 3),
            GatedConv(2 * base, 2 * base, 3),
            double,
            GatedConv(2 * base, base, 3),
            GatedConv(base, base // 2, 3),
            nn.Conv2d(base // 2, channels, 3, padding=1),
            nn.Tanh(),
        )


# %% tags=["nbval-check-output"]
mine = Coarse(shipped.config.base)
mine.load_state_dict(shipped.generator.coarse.state_dict())
with torch.no_grad():
    torch.testing.assert_close(mine(entering), shipped.generator.coarse(entering))
print("your first stage gives the same picture as the shipped one")
for name, settings in {"original": deepfill.PAPER, "self-attn.": deepfill.SELF_ATTENTION}.items():
    whole = deepfill.Generator(settings)
    first, second = count_parameters(whole.coarse), count_parameters(whole.refinement)
    print(f"{name:11}{first:>10,} + {second:>9,} = {first + second:>9,} parameters")

# %%
many = fixed_batch(large, run.pick(ci=16, laptop=60, gpu=60), mask=masks.brush, seed=2)
with torch.no_grad():
    rough, fine = (composite(x, look.observed, look.mask) for x in shipped.shared(look))
    scores = [metrics.psnr(stage, many.image, many.mask) for stage in shipped.shared(many)]
change = (4 * (fine - rough)).clamp(-1, 1)
rows = {"given": given, "coarse": rough, "refined": fine, "change × 4": change}
show_fills(rows | {"truth": look.image}, "The second stage corrects tones and draws edges")
gain = paired(scores[1].tolist(), scores[0].tolist())
print(f"refined over coarse: {gain['mean']:+.2f} dB ({gain['low']:+.2f} to {gain['high']:+.2f})")

# %% [markdown]
# **What to see.** The coarse fill puts things in their place, but blurred, and with wrong tones in the background.
# The change (grey: none) is half broad tint, half thin lines: tones corrected, edges drawn. In PSNR two of these four
# faces lose a little; over 60 faces the second stage gains 0.8 dB on average. In brackets stands a 95 % interval for
# the mean over faces, of the differences face by face (lesson 8): if it contains 0, chance alone may have made the
# difference.

# %% [markdown]
# ## 6 · Self-attention, by hand on 4 × 4
#
# A convolution reaches far in many small steps. **Attention** goes there at once. Each place $i$ has a *query* $q_i$
# (what it asks for), a *key* $k_i$ (what finds it) and a *value* $v_i$ (what it gives), all 1 × 1 convolutions of
# $x$:
#
# $$a_{ij} = \frac{e^{q_i \cdot k_j}}{\sum_n e^{q_i \cdot k_n}}, \qquad y_i = x_i + \gamma \sum_j a_{ij} v_j .$$
#
# A toy example: sixteen cards in eight pairs. The cards of a pair share rim and inside; the eight rim colours stay
# the same. One inside is hidden; look at its partner. By hand: query and key are the same, 6 in the direction of the card's
# rim colour, 0 in the seven others. Then $q_i \cdot k_j$ is 36 for a pair and 0 otherwise. A hidden card must
# not answer: subtract 36 from its key's score.

# %% tags=["nbval-check-output"]
game, pair = deal(1, stream(5, "by hand"))
hidden = F.max_pool2d(game.mask, 4).flatten()
query = 6 * F.one_hot(pair[0], 8).float()
by_hand = (query @ query.T - 36 * hidden).softmax(dim=1)
asked = int(hidden.argmax())
whole = torch.allclose(by_hand.sum(dim=1), torch.ones(16))
print("map", tuple(by_hand.shape), " every row sums to 1:", whole)
answer = int(by_hand[asked].argmax())
print(f"card {asked} looks at card {answer}, with weight {by_hand[asked, answer]:.3f}", end=", ")
print("of the same pair:", bool(pair[0, asked] == pair[0, answer]))

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), layout="constrained")
told = "The hidden card looks at its partner, and at nothing else"
figure.suptitle(told, x=0.01, ha="left", fontsize=11)
white = composite(torch.ones_like(game.image), game.image, game.mask)
light = attention_over(game.observed, by_hand, divmod(asked, 4))
for axis, picture in ((axes[0], white), (axes[2], light)):
    axis.imshow((picture[0].permute(1, 2, 0) + 1) / 2, extent=(0, 4, 4, 0))
    axis.set_axis_off()
for card in range(16):
    row, column = divmod(card, 4)
    look_of = {"color": "white", "fontsize": 8, "bbox": {"color": "black", "pad": 1}}
    axes[0].text(column + 0.05, row + 0.07, card, va="top", **look_of)
inside = {"fill": False, "color": "cyan", "linewidth": 2}
seen = axes[1].imshow(by_hand, cmap="inferno", vmin=0, vmax=1)
axes[1].add_patch(plt.Rectangle((-0.35, asked - 0.4), 15.7, 0.8, **inside))
row, column = divmod(asked, 4)
axes[2].add_patch(plt.Rectangle((column, row), 1, 1, clip_on=False, zorder=3, **inside))
axes[1].spines[:].set_visible(False)
numbers = range(0, 16, 4)
axes[1].set(xticks=numbers, yticks=numbers, xlabel="card looked at", ylabel="card that looks")
figure.colorbar(seen, ax=axes[1], label="weight", shrink=0.9)
titles = "the game (white: hidden)", "the map", f"row {asked} of the map, on the table"
for axis, title in zip(axes, titles, strict=True):
    axis.set_title(title)
plt.show()

# %% [markdown]
# **What to see.** Left, the table. Middle, all 16 × 16 weights: an open card divides its attention between
# itself and its partner, hence two lights in most rows. Right, one row laid out as a picture, as in every
# attention picture you will see: the framed place asks, the bright place answers.
#
# ### Exercise 3 · Self-attention
#
# ●●○ · 15 minutes · 4 points
#
# Write the formula above. For the dot products the rows and columns become one axis of $N = HW$ places; at the end
# the shape is $(B, C, H, W)$ again. As in SAGAN, the dot product is not divided by a square root. The check compares
# with the course's layer, at $\gamma = 0$, $1$ and $-½$.
#
# <details><summary>Hint</summary>
#
# `q = query(x).flatten(2)` is (B, c, N). Scores $q_i \cdot k_j$: `q.transpose(1, 2) @ k`, (B, N, N), row $i$ for
# who asks; softmax over the last axis. Values (B, C, N): `v @ weights.transpose(1, 2)`, then
# `.view_as(x)`. Do not forget $x$ itself.
#
# </details>


# %% tags=["exercise:05-3"]
def self_attention(x, query, key, value, gamma):
    """x (B, C, H, W); query, key, value: modules on x; gamma: a number. Returns (B, C, H, W)."""
    raise NotImplementedError


# %% tags=["solution:05-3"] jupyter={"source_hidden": true}
def self_attention_reference(x, query, key, value, gamma):
    q, k, v = (layer(x).flatten(2) for layer in (query, key, value))
    weights = (q.transpose(1, 2) @ k).softmax(dim=2)
    return x + gamma * (v @ weights.transpose(1, 2)).view_as(x)


# %% tags=["check:05-3:4"]
def test_self_attention(function):
    torch.manual_seed(3)
    layer = SelfAttention2d(16)
    x = torch.randn(2, 16, 5, 3, generator=torch.Generator().manual_seed(3))
    parts = layer.query, layer.key, layer.value
    with torch.no_grad():
        assert torch.equal(function(x, *parts, 0.0), x), (
            "with γ = 0 the answer is x itself: did you add x?"
        )
        for gamma in (1.0, -0.5):
            layer.gamma.fill_(gamma)
            result = function(x, *parts, gamma)
            assert result.shape == x.shape, "the shape stays (B, C, H, W)"
            torch.testing.assert_close(
                result,
                layer(x),
                atol=1e-4,
                rtol=1e-4,
                msg="wrong: no square root; softmax over the places looked at; row i gathers",
            )


self_attention = check(self_attention, self_attention_reference, test_self_attention)

# %% [markdown]
# With $N$ places there are $N^2$ weights: twice the side of a picture costs sixteen times the memory.
#
# ### A test that proves nothing
#
# $\gamma$ starts at 0, so that a fresh layer changes nothing. Here are three *wrong* layers. Each is put to a natural
# test: "insert it, the output must stay the same". The last line asks for the gradients at $\gamma = 0$.


# %% tags=["nbval-check-output"]
def variant(axis=2, transpose=True, own=True):
    """Self-attention with mistakes: wrong softmax, values scattered, keys taken for values."""

    def layer(x, query, key, value, gamma):
        q, k, v = (part(x).flatten(2) for part in (query, key, value))
        weights = (q.transpose(1, 2) @ k).softmax(dim=axis)
        weights = weights.transpose(1, 2) if transpose else weights
        return x + gamma * ((v if own else k) @ weights).view_as(x)

    return layer


x, parts = torch.randn(1, 8, 6, 6, generator=run.generator(2)), [nn.Conv2d(8, 8, 1) for _ in "qkv"]
wrong = {"softmax over askers": variant(axis=1), "scattered": variant(transpose=False)}
wrong["keys as values"] = variant(own=False)
for name, layer in wrong.items():
    with torch.no_grad():
        passes = torch.equal(layer(x, *parts, 0.0), x)
        right = self_attention(x, *parts, 1.0)
        found = not torch.allclose(layer(x, *parts, 1.0), right)
    print(f"{name:20} test at γ = 0: {'passes' if passes else 'fails'}; at γ = 1 found: {found}")
gamma = torch.zeros((), requires_grad=True)
self_attention(x, *parts, gamma).square().sum().backward()
slopes = [part.weight.grad.abs().max().item() for part in parts]
print(
    "gradients at γ = 0: query {}, key {}, value {},".format(*slopes), "γ not 0:", bool(gamma.grad)
)

# %% [markdown]
# A test at $\gamma = 0$ tests $x + 0$: set $\gamma$ to 1 in tests. It is a trap for *training*, too: the gradients of
# query, key and value all carry the factor $\gamma$, so at first $\gamma$ alone can learn. (In 05b networks learn the
# card game by attention; from $\gamma = 0$ most take longer.)
#
# ## 7 · Does the shipped network look?
#
# Its second stage has one self-attention layer over 32 × 32 places. Its map, for three places in each of two faces:


# %%
def attended(network, batch):
    """The filled pictures, the attention map, and what goes in and out of the layer."""
    caught = {}
    layer = network.generator.refinement.attention
    hook = layer.register_forward_hook(lambda _, x, y: caught.update(x=x[0], y=y))
    with torch.no_grad():
        filled = network.generate(batch)
        hook.remove()
        return filled, layer.attention_map(caught["x"]), caught["x"], caught["y"]


filled, weights, before, after = attended(shipped, look)

POINTS, panels, titles = [(12, 11), (20, 16), (28, 6)], [], []
for sample in ([0], [2]):
    light = weights[sample].unflatten(2, (32, 32))
    spots = F.max_pool2d(light, 3, 1, 1).flatten(2)[0]  # a light of 3 × 3 places, to be seen
    panels.append(F.interpolate(filled[sample], scale_factor=3))
    panels += [attention_over(filled[sample], spots, p, mask=look.mask[sample]) for p in POINTS]
    most = [weights[sample][0, 32 * row + column].max().item() for row, column in POINTS]
    titles += ["filled", *[f"brightest: weight {weight:.2f}" for weight in most]]
HEADING = "The frame asks, what is bright answers: often the same place, whoever asks"
show_images(torch.cat(panels), titles=titles, columns=4, width=9.5, heading=HEADING)
same = [row.bincount().max().item() / len(row) for row in weights.argmax(dim=2)]
print("places with the same brightest answer, per face:", " ".join(f"{s:.0%}" for s in same))

# %% [markdown]
# (Each light covers 3 × 3 places, to be seen.) Does the answer depend on who asks? On three of the six faces it hardly
# does: 73 % to 94 % of the places look most at the same spot. On the other three it is 34 % to 56 %. One is tempted all
# the same to write "the network has learned to attend to related regions". Ask the one question that matters: **what
# happens without?**

# %%
gamma = shipped.generator.refinement.attention.gamma
learned = gamma.clone()
with_it = metrics.psnr(shipped.generate(many), many.image, many.mask).tolist()
gamma.zero_()
switched_off = shipped.generate(look)
without = metrics.psnr(shipped.generate(many), many.image, many.mask).tolist()
gamma.copy_(learned)
worth = paired(with_it, without)
print(f"attention is worth {worth['mean']:+.3f} dB ({worth['low']:+.3f} to {worth['high']:+.3f})")

change = switched_off - filled
rows = {"as shipped": filled, "switched off": switched_off, "change × 4": (4 * change).clamp(-1, 1)}
show_fills(rows, "Without its attention the network fills the hole no worse")
added = ((after - before).std() / before.std()).item()
print(f"γ = {learned:.4f}; the layer adds {added:.2%} of the signal's size")
largest = change.abs().max().item() * 127.5
print(f"switched off, no pixel changes by more than {largest:.1f} of 255 levels")

# %% [markdown]
# Read the printed lines. The layer adds 7 % to its features. Single pixels change by up to 36 of 255 levels, most by
# very little, and over 60 faces it is worth −0.05 dB: too little to see, but the interval does not contain 0: without
# it the fills are slightly nearer. The maps come from features that the *convolutions* made; their dot products have
# bright places even if attention has learned nothing. An attention map shows what a layer *would* gather. Whether it
# matters, only an **ablation** shows: take it out, measure again.

# %% [markdown]
# ## 8 · Contextual attention: copy, don't compute
#
# The original's attention has nothing to learn. It compares 3 × 3 **patches** of the features. Each place asks which
# *known* patches look like its own rough fill: the score is a dot product, divided by the known patch's length (the
# paper has a cosine, which divides by both lengths). Scores of neighbours are added, so that neighbours copy from
# neighbours; a softmax of ten times the scores gives the weights, most to the best patch. What is gathered are the
# patches themselves. Here on the pictures, fed with the coarse stage's fill: who copies from where?

# %% tags=["nbval-check-output"]
guess, gap = F.avg_pool2d(rough, 2), F.max_pool2d(look.mask, 2)  # 64 × 64: 32 × 32 patches
copied = composite(contextual_attention(guess, guess, gap), guess, gap)
links = contextual_weights(guess, guess, gap)
small = F.max_pool2d(gap, 2).flatten(1)
print("weights", tuple(links.shape), "· to hidden patches:", end=" ")
print(f"{(links * small[:, None]).sum() / links.sum():.3%}")


# %%
def draw_copies(axis, sample, cell=4, arrows=6):
    """Arrows to some places of the hole, each from the known patch that gets most weight there."""
    side = int(links.shape[1] ** 0.5)
    places = torch.arange(side**2)[small[sample] > 0]
    ends = torch.stack([places, links[sample, places].argmax(dim=1)])
    rows, columns = ends // side, ends % side
    inner = (torch.stack([rows, columns]).sub((side - 1) / 2).abs() < side / 2 - 2).all(dim=(0, 1))
    ends = cell * (torch.stack([columns, rows], dim=-1)[:, inner] + 0.5)
    for head, tail in ends[:, torch.linspace(0, inner.sum() - 1, arrows).long()].unbind(1):
        shape = "simple,head_width=0.7,head_length=0.7,tail_width=0.22"
        look_of = {"arrowstyle": shape, "mutation_scale": 13, "fc": BLUE, "ec": "white"}
        axis.annotate("", head.tolist(), tail.tolist(), arrowprops=look_of)
    axis.contour(look.mask[sample, 0], levels=[0.5], colors="white", linewidths=1.2)


figure, axes = plt.subplots(2, 4, figsize=(8.4, 4.8))
given = paint_holes(look.image, look.mask)
for line, sample in zip(axes, (1, 4), strict=True):
    for axis, picture in zip(line, (given, rough, rough, copied), strict=True):
        axis.imshow((picture[sample].permute(1, 2, 0) + 1) / 2)
        axis.set_axis_off()
    draw_copies(line[2], sample)
for axis, title in zip(axes[0], ["given", "coarse", "from where", "the copies"], strict=True):
    axis.set_title(title)
figure.suptitle("Mostly, copies come from places that look alike", x=0.01, ha="left", fontsize=11)
figure.tight_layout(pad=0.4, h_pad=1, rect=(0, 0, 1, 0.97))
plt.show()

# %% [markdown]
# **What to see.** Arrow heads stand in the hole, tails where a patch comes from. Mostly like is taken from like:
# background from background, hair from hair. Right, the copies, made of pieces of this very picture. What exists
# nowhere else cannot be copied: both eyes are visible in these two faces. If an eye were hidden, and the coarse fill
# had not drawn it, no place would look for an eye.

# %% [markdown]
# ### What are attention and the adversary worth?
#
# Section 7 switched attention off in a *trained* network. One that learns without it may find other ways. So here are
# **twins** of DeepFill on drawn faces of 64 × 64, the generator a third as wide as the paper's. In the first
# three, all of weight 0.1 (ours), the attention differs; in the others the weight of the discriminator's terms: 0, 0.01
# (as small as source 000's) and 1; feature matching always gets ten times that. 500 steps, the same pictures and holes, three seeds
# (`INPAINTLIB_DATA=drawn python benchmarks/twins.py`). The **kernel distance** compares two sets of pictures, as the
# Fréchet distance does, and needs fewer. *Predict:* which change moves PSNR? Which sharpness?

# %% tags=["predict"]
guess_first()
stored = json.loads((folder_of("experiments") / "twins.json").read_text("utf-8"))["runs"]
PSNR, SHARP, KERNEL = "PSNR (dB)", "sharpness (truth: 1)", "kernel distance (truth: 0)"
LABELS = {"PSNR": PSNR, "sharpness": SHARP, "kernel distance": KERNEL}
worth = {}
for one in stored:
    for metric, label in LABELS.items():
        values = worth.setdefault(one["setting"], {}).setdefault(label, [])
        values.append(one["metrics"]["centre"][metric])
WEIGHTS = "weight 0", "weight 0.01", "self-attention, weight 0.1", "weight 1"
ahead = {n: np.subtract(worth[n][PSNR], worth[WEIGHTS[2]][PSNR]) for n in list(worth)[1:3]}
HEADING = "Contextual attention costs PSNR in every seed; leaving attention out hardly any"
label, level = "PSNR minus that with\nself-attention (dB)", ("equal", 0)
show_dots({"a seed": ahead}, ylabel=label, level=level, heading=HEADING)
weighed = {f"adversarial {n.removeprefix('self-attention, ')}": worth[n] for n in WEIGHTS}
HEADING = "From weight 0.01 to 1, PSNR falls and sharpness rises"
show_planes(weighed, [(SHARP, PSNR), (KERNEL, PSNR)], heading=HEADING, width=9)
print(f"{'means, centre hole':27}    PSNR   sharp  kernel")
for name, values in worth.items():
    print(f"{name:27}" + "".join(f"{np.mean(values[label]):8.2f}" for label in values))
assert max(abs(ahead["no attention"])) < 0.06, "the text says: as well"
assert max(ahead["contextual attention"]) < -0.1, "and: contextual attention costs"
_, light, ours, heavy = ({n: np.array(v) for n, v in w.items()} for w in weighed.values())
assert all((light[PSNR] > ours[PSNR]) & (ours[PSNR] > heavy[PSNR])), "and: PSNR falls"
assert all((light[SHARP] < ours[SHARP]) & (ours[SHARP] < heavy[SHARP])), "and: sharpness rises"

# %% [markdown]
# **What to see.** A dot is a seed; all is measured in the centre hole. Without attention the network fills as well as
# with self-attention, within about 0.05 dB in every seed. That says little about attention: $\gamma$ begins at 0 and
# hardly moves so soon (05b). Contextual attention costs 0.2 dB, perhaps because it copies also where nothing fits. The
# weight matters more. 0.01 is better than 0 in all three measures: the kernel distance is halved. From there to 0.1
# PSNR falls by 0.4 dB, to weight 1 by another 0.7, while sharpness rises from 0.26 to 0.35 and 0.49. But weight 1
# brings the fills no nearer to true faces than 0.1. (Longer runs may order them otherwise.)

# %% [markdown]
# ## 9 · The discriminator
#
# A free-form hole has no box to crop, so there is no local discriminator as in lesson 4. **SN-PatchGAN** gives a
# *map* of scores; each score sees a window of its own (05b). SN is spectral norm.
#
# ### Exercise 4 · Spectral norm by power iteration
#
# ●●○ · 15 minutes · 4 points
#
# Spectral norm divides a weight by its largest singular value $\sigma$, the most by which it lengthens a vector
# (Miyato et al. 2018). The weight is taken as a matrix $W$ with a row for each output channel. A full decomposition
# at every step takes too long. **Power iteration**: from a vector $u$, take turns $v = W^\top u$, $u = W v$, each
# scaled to length 1. Then $\sigma \approx u^\top W v$. Return it and the new $u$. Leave the weight unchanged.
#
# <details><summary>Hint</summary>
#
# `W = weight.flatten(1)` is the matrix (O, I·k·k). `F.normalize(vector, dim=0)` scales to length 1. In each turn
# first $v$, then $u$; after the last turn `u @ W @ v`.
#
# </details>


# %% tags=["exercise:05-4"]
def spectral_estimate(weight, u, steps):
    """weight (O, I, k, k), u (O,); after `steps` turns: sigma, a number tensor, and u (O,)."""
    raise NotImplementedError


# %% tags=["solution:05-4"] jupyter={"source_hidden": true}
def spectral_estimate_reference(weight, u, steps):
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u


# %% tags=["check:05-4:4"]
def test_spectral_estimate(function):
    simple = torch.diag(torch.tensor([3.0, 1.0])).view(2, 2, 1, 1)
    sigma, u = function(simple, torch.tensor([0.6, 0.8]), 30)
    assert abs(sigma - 3) < 1e-4, f"diag(3, 1) stretches by at most 3, not {sigma:.3f}"
    assert abs(u.norm() - 1) < 1e-5, "u has length 1"
    assert abs(u[0].abs() - 1) < 1e-4, "u turns to the most stretched direction, (1, 0)"
    for shape in [(8, 3, 5, 5), (4, 16, 3, 3)]:
        source = torch.Generator().manual_seed(shape[0])
        weight, u = torch.randn(shape, generator=source), torch.randn(shape[0], generator=source)
        kept, true = weight.clone(), torch.linalg.matrix_norm(weight.flatten(1), 2)
        first, more = function(weight, u, 1), function(weight, u, 300)
        assert first[0] <= true * 1.0001, "an estimate never exceeds the largest singular value"
        assert abs(more[0] / true - 1) < 1e-3, "many turns reach it; flatten to (O, I·k·k)"
        assert torch.equal(weight, kept), "do not change the weight"
        again = function(weight, more[1], 1)[0]
        assert abs(again / true - 1) < 1e-3, "the returned u must be the improved one"


spectral_estimate = check(spectral_estimate, spectral_estimate_reference, test_spectral_estimate)

# %% [markdown]
# In training one turn per step suffices, because weights move little and $u$ is kept. (The matrix then has norm 1; as a
# k × k convolution of stride 1 it can still lengthen a picture, by up to k.) The port writes the divided weight **over
# the raw one**, at every forward pass, in evaluation mode too. Give such a discriminator one picture eight times:


# %%
class DividedInPlace(nn.Module):
    """A convolution that is divided by its estimate at every call, as the port does it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.u = torch.randn(layer.out_channels, generator=stream(5, "u"))

    def forward(self, x):
        with torch.no_grad():
            sigma, self.u = spectral_estimate(self.layer.weight, self.u, 1)
            self.layer.weight /= sigma
        return self.layer(x)


asked, someone = {}, validation.floats([7])
for name, wrap in {
    "divided in place (port)": DividedInPlace,
    "raw weight kept": spectral_norm,
}.items():
    torch.manual_seed(0)
    layers = []
    for narrow, wide in pairwise((3, 16, 32, 64, 64)):
        layers += [wrap(nn.Conv2d(narrow, wide, 5, stride=2, padding=2)), nn.LeakyReLU(0.2)]
    network = nn.Sequential(*layers, nn.Conv2d(64, 1, 1)).eval()
    with torch.no_grad():
        asked[name] = [network(someone).std().item() for _ in range(8)]
    if wrap is DividedInPlace:
        norms = [torch.linalg.matrix_norm(c.layer.weight.flatten(1), 2) for c in layers[::2]]
        assert all(0.9 < norm < 1.1 for norm in norms), "the text below says: until the norm is 1"
labels = {"xlabel": "how often the same picture was shown", "ylabel": "spread of its scores"}
HEADING = "Divided in place, a discriminator answers differently each time it is asked"
show_curves(asked, x=range(1, 9), heading=HEADING, **labels)

# %% [markdown]
# **What to see.** Orange: the same answer every time. Blue: the same network, the same face, another answer at each
# call, until the weights have norm 1. So a saved discriminator depends on how often it was *called*; and in training,
# a second forward pass before the backward pass changes the weights in between. The remedy: keep the raw weight and
# divide a copy, as torch's `spectral_norm` does. The test: ask twice, in evaluation mode.
#
# ## 10 · Look and measure
#
# Where does the network beat the formula? The course's metric cards have both on photographs: three kinds of holes, and
# bands by the share hidden.

# %%
cards = {card["system"]: card["values"] for card in read_cards("celeba")}
network, formula = cards["deepfill-celeba"], cards["biharmonic"]
holes = ("free-form", "square", "centre", *BAND_HOLES)
gains = {hole: paired(network[hole]["psnr"], formula[hole]["psnr"]) for hole in holes}
HEADING = "On photographs the network wins where much is hidden"
label = "DeepFill ahead of biharmonic (dB, mean and 95 % interval)"
named = {hole: row for hole, row in gains.items() if hole not in BAND_HOLES}
named[""] = dict.fromkeys(("mean", "low", "high"), np.nan)  # a gap between kinds and shares
named |= {f"{band.replace('-', '–')} hidden": gains[band] for band in BAND_HOLES}
show_intervals(named, xlabel=label, level=("equal", 0), heading=HEADING)
for hole, row in gains.items():
    print(f"{hole:10} {row['mean']:+5.2f} dB ({row['low']:+.2f} to {row['high']:+.2f})")

# %% [markdown]
# **What to see.** The network leads where much is hidden: by 6.6 dB in the centre, by 1.6 to 2.8 dB from 20 % on.
# Below 20 % its lead is 0.2 and 0.5 dB, and both intervals contain 0: in a thin stroke every hidden pixel has known
# ones close by, and there a formula is hard to beat. (05b blends the seams, which helps most just there. The paper
# compares with other networks and copying methods, not with this formula. And PSNR is not fair to a sharp fill:
# lesson 8.)

# %% [markdown]
# ## 11 · Play: where does it look?
#
# Hover over the filled face, click to keep a place, or focus the picture and use the arrow keys. Two maps: the learned
# self-attention, whose answer (section 7) hardly counts, and the original's contextual attention, computed on the same
# features: its places are patches, and hidden ones stay dark. Brightness is relative to the largest weight from that
# place.

# %% tags=["widget"]
sample = 2
computed = contextual_weights(before, before, look.mask)
AttentionViewer(
    filled[[sample]],
    {"self-attention (learned)": weights[sample], "contextual (computed)": computed[sample]},
    look.mask[[sample]],
    place=POINTS[1],
)

# %% [markdown]
# ## 12 · What source 000 changed
#
# Source 000 writes that *the main difference* to the original is an added reconstruction loss. Look at the codes:
#
# | | original | source 000 | avalonstrel |
# |---|---|---|---|
# | L1, weight | both stages, 1 | 1, stages not said | 1.2, hole and rest apart |
# | adversarial weight | 1 | 0.01 | 0.005 |
# | discriminator sees | picture, mask | picture | picture, mask, ones |
# | attention | contextual | self | self |
# | holes | box ∪ brush | one square | boxes or strokes |
#
# The original has the same L1: it was not added. New are the attention, the small adversarial weight, a discriminator
# without the mask, and square holes. What they cost: section 4 for squares, 7 and 8 for attention, 8 and 05b for the
# weight, 05b for the discriminator.

# %% [markdown] tags=["reflect:05-5:4"]
# ### Question · What was new?
#
# ○ · 10 minutes · 4 points, marked by hand
#
# Source 000 reports: self-attention in place of contextual, an added L1 loss that "gave better results than
# without", a discriminator without the mask; "faces which aren't facing directly at the viewer gave poor results
# probably due to a dataset imbalance". It shows pictures, no numbers. Which of these statements can you check
# by *reading*, which need an experiment? Name for two of them the cheapest experiment, with its control, and
# what result would prove you wrong. Six sentences.
#
# <details><summary>What a good answer contains</summary>
#
# By reading: L1 is not new; the original has it, on both stages, with weight 1; the real change is the adversarial
# weight, 100 times smaller. By experiment: does self-attention do anything? Switch it off (γ = 0) in the trained
# network and measure the same holes, paired; a narrow interval near 0 says: this network hardly uses it.
# Discriminator without mask: train both, three seeds, same steps; overlap: no difference was shown. Turned heads:
# measure them apart with enough pictures; balance the training set, or train as long on frontal faces only; if turned
# faces stay worse with balanced data, imbalance was not the cause. One point each: L1, the weight, two experiments with
# controls.
#
# </details>

# %% [markdown]
# ## 13 · What we have
#
# A convolution with a learned gate; a picture filled twice; attention that learns, and one that copies; a
# discriminator whose layers' norms are bounded. Two silent defects and a trap: a flip thrown away, a weight
# overwritten, a layer that does nothing while $\gamma = 0$.
#
# **Three pitfalls**: a test at the value where the code has no effect; a beautiful map without an
# ablation; a sampler nobody has averaged.
#
# **Further**: [05b](05b_deepfill.ipynb): a third defect, networks that learn the card game, source 000 in full.
# **Public weights** fit these layers: `python -m inpaintlib convert`.
#
# **Read on.** Yu et al. 2019, *Free-form image inpainting with gated convolution*: figure 3 and section 3.
# Zhang et al. 2018, *Self-attention GANs*: section 3.

# %%
run.save_card(
    "05_deepfill",
    {
        "data": faces.name,
        "gamma": learned.item(),
        "ahead of biharmonic on photographs, dB": gains,
        "twins, PSNR dB (strokes, squares)": {n: v.tolist() for n, v in twins.items()},
    },
)
print("card saved")
