# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 0 · Holes: masks, metrics, and what needs no learning
#
# ![Six drawn faces, each with a magenta rectangle cut out, and below them the same faces filled in by Telea, by the biharmonic surface, by the mean face and by PCA, and the truth.](pictures/00_holes.jpg)
#
# Someone has cut a piece out of a picture. What was there? This lesson asks the question with
# care, before any network answers it: how a hole is written down, how an answer is scored, and how
# far one gets with formulas that never saw another picture.

# %% [markdown]
# **Time** about 60 minutes to read and try; the cells themselves run in about one minute on two
# CPU cores. **Before this lesson** nothing: you know Python and have met a tensor.
# **Data** faces. Without a download the course *draws* its own; with CelebA in `data/` (research use
# only) it takes the photographs. Two more pictures, `astronaut` (NASA, public domain) and `chelsea`
# (CC0), come with scikit-image.
#
# This lesson has no model to build, so it trades the section on networks for one on formulas.

# %% [markdown]
# ## What you will be able to do
#
# - **write** a hole as a mask, in any of ten families, without the usual mistakes of convention;
# - **measure** a filled picture: L1, PSNR and SSIM, in the hole and over the whole image;
# - **explain** the classical fills from one equation, and say where each wins and fails;
# - **set the bar** that every network of this course must clear.
#
# **The map.** Here: the question. 1 and 2: networks that invent pictures from noise (GAN, DCGAN).
# 3 to 6: networks that fill holes (encoder-decoder, GLCIC, DeepFillV2, U-Net). 7: holes that nobody
# marked. 8: all systems in one honest table.

# %% [markdown]
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from functools import partial

import torch
from skimage import data as photographs

from inpaintlib.measure import classical
from inpaintlib import masks, metrics
from inpaintlib.notebook import session
from inpaintlib.data import fixed_batch, load_faces
from inpaintlib.notebook.exercises import check
from inpaintlib.images import apply_mask, Batch, composite, from_bytes, hide, paint_holes
from inpaintlib.seeding import stream
from inpaintlib.notebook.viz import error_map, show_bars, show_curves
from inpaintlib.notebook.viz import show_images, show_rows, use_style
from inpaintlib.notebook.sliders import explore
from inpaintlib.studio.studio import Studio

# %%
use_style()
run = session.start(seed=0)
train = load_faces("train", size=64)
validation = load_faces("validation", size=64)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{train}")

# %% [markdown]
# ## Paint a hole
#
# Before any theory, play. Run the next cell, paint over an eye, an ear, a piece of background, and let
# go: the picture on the right is filled at once. Choose any two methods and drag the line between them;
# the map beside it glows where the fill is wrong. Formulas such as `biharmonic` are this lesson's
# subject. The networks in the menu are small ones, trained on one CPU core; you will build them in lessons 3
# to 7.

# %% tags=["widget"]
Studio()

# %% [markdown]
# ## 2 · A first result in a minute
#
# A photograph, a hole over one eye, and four fills: three that come with OpenCV or scikit-image, and
# as a control the picture's mean colour. They know nothing but this one picture.


# %%
def photograph(name, top, left, side, size=128):
    """A square piece of one of scikit-image's photographs, (1, 3, size, size), [-1, 1]."""
    pixels = torch.from_numpy(getattr(photographs, name)()).permute(2, 0, 1)[None]
    piece = from_bytes(pixels[:, :, top : top + side, left : left + side])
    return torch.nn.functional.interpolate(piece, size, mode="bicubic", antialias=True).clamp(-1, 1)


astronaut = photograph("astronaut", top=0, left=110, side=220)
eye = torch.zeros(1, 1, 128, 128)
eye[:, :, 42:66, 44:74] = 1

# %%
observed = apply_mask(astronaut, eye, fill=0.0)
filled = {name: fill(observed, eye) for name, fill in classical.CLASSICAL.items()}
panels = torch.cat([paint_holes(astronaut, eye), *filled.values(), astronaut])
show_images(panels, titles=["given", *filled, "truth"], columns=6, width=9)

# %% [markdown]
# The skin is fine, and there is no eye. The fills continue what touches the hole: a smooth surface,
# or stripes of the edge's colours. None of them can know that a face has **two** eyes.
#
# That is the problem of this course. A hole in skin is easy for everyone. A hole over an eye asks
# for knowledge that is not in the picture, so it must have been learned from others.

# %% [markdown]
# ## 3 · A picture with a hole, as tensors
#
# The whole course keeps three conventions. Most bugs in public inpainting code break one of them.
#
# | what | shape | values |
# |---|---|---|
# | image | (batch, channels, height, width) | −1 … 1, so 0 is mid-grey |
# | mask | (batch, 1, height, width) | 0 or 1, and **1 means hole** |
# | observed | as the image | the image, its hole filled with a constant |
#
# Let us hold one batch to them.

# %% tags=["nbval-check-output"]
batch = fixed_batch(validation, 6, mask=partial(masks.rectangle, low=24, high=32))
print("image   ", tuple(batch.image.shape), batch.image.dtype)
print("mask    ", tuple(batch.mask.shape), "values", batch.mask.unique().tolist())
hidden = batch.mask.bool().expand_as(batch.image)
print(
    "observed", tuple(batch.observed.shape), "in the hole", batch.observed[hidden].unique().tolist()
)
print("hole fractions", [round(share, 3) for share in masks.hole_fraction(batch.mask).tolist()])
assert batch.image.min() >= -1
assert batch.image.max() <= 1

# %% [markdown]
# Two operations tie the three together. With image $x$, mask $m$ and a prediction $\hat y$:
#
# $$\text{observed} = (1-m)\,x + m\,c \qquad\qquad \text{completed} = (1-m)\,x + m\,\hat y$$
#
# The first hides, with a constant $c$. The second, the **composite**, pastes an answer back. In code
# both are one `torch.where`: it selects and never multiplies, so a known pixel stays what it was,
# bit for bit. And what is observed cannot depend on what is hidden. Try both claims:

# %% tags=["nbval-check-output"]
noise = torch.randn(batch.image.shape, generator=run.generator(1)).clamp(-1, 1)
completed = composite(noise, batch.image, batch.mask)
known = (batch.mask == 0).expand_as(completed)
print("known pixels kept bit for bit:", torch.equal(completed[known], batch.image[known]))

spoiled = composite(noise, batch.image, batch.mask)  # other pixels under the mask …
print("observed unchanged:", torch.equal(apply_mask(spoiled, batch.mask), batch.observed))

# %% [markdown]
# A mask of another kind is refused at the door, in words. Greys between 0 and 1 are the commonest:
# someone resized a mask as if it were a photograph.

# %% tags=["nbval-check-output"]
small = torch.nn.functional.interpolate(batch.mask, 48, mode="bilinear")
for wrong in (small, small.round()):
    try:
        apply_mask(batch.image, wrong)
    except ValueError as error:
        print("ValueError:", error)

# %% [markdown]
# ### Ten families of holes
#
# This course rebuilds five public projects, as they were found. It calls them *sources*: 000 is a DeepFillV2
# (lesson 5), 001 a U-Net (6), 002 GANs and GLCIC (1, 2, 4), 003 a blind inpainter (7), 004 an encoder-decoder
# (3). Hardly two draw the same holes; for that reason alone their numbers, and the papers', cannot be compared.
# Here are all of their families, and a few more. Every function has the same form, `family(batch, height, width,
# generator=…)`, draws one mask **a sample**, and gets its randomness from the generator alone.

# %%
face = validation.floats([7]).expand(len(masks.KINDS), -1, -1, -1)
drawn = torch.cat(
    [draw(1, 64, 64, generator=stream(7, name)) for name, draw in masks.KINDS.items()]
)
show_images(paint_holes(face, drawn), titles=list(masks.KINDS), columns=5, width=9)

# %% tags=["nbval-check-output"]
print(f"{'family':14}{'mean':>6}{'least':>7}{'most':>6}   hole fraction of 400 masks")
for name, draw in masks.KINDS.items():
    share = masks.hole_fraction(draw(400, 64, 64, generator=stream(0, name)))
    print(f"{name:14}{share.mean():6.2f}{share.min():7.2f}{share.max():6.2f}")

# %% [markdown]
# **Where they come from.** *square*: sources 000 and 001. *centre*: Context Encoders (Pathak 2016). *rectangle*:
# GLCIC (Iizuka 2017). *brush* and *box and brush*: DeepFillV2 (Yu 2019). *shapes*: source 004. *blocks*: source
# 003, each cell of a grid with probability 0.2. *half* and *border* ask for outpainting, *pixels* for denoising.
#
# Two masks of one fraction can be far apart in difficulty: half of all *pixels* leaves nearly every
# hole pixel a known neighbour; one *half* does not.

# %% [markdown]
# ### Exercise 1 · One hole a sample
#
# ●○○ · 10 minutes · 3 points
#
# Write `random_square`: for each sample of a batch a square hole of `side` pixels at a random place,
# every place as likely, wholly inside the picture. Two classics of public code to avoid: one place
# for the whole batch, and height and width swapped, which nobody notices on square pictures.


# %% tags=["exercise:00-1"]
def random_square(batch, height, width, side, generator):
    """(batch, 1, height, width) of zeros and ones, 1 = hole; draws from `generator` only."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# How many places are there for the top edge? `height - side + 1`; `torch.randint` excludes its upper
# end. Draw one number a sample, `(batch,)`, for the top and one for the left. A loop over samples is
# fine.
#
# </details>


# %% tags=["solution:00-1"] jupyter={"source_hidden": true}
def random_square_reference(batch, height, width, side, generator):
    mask = torch.zeros(batch, 1, height, width)
    tops = torch.randint(0, height - side + 1, (batch,), generator=generator)
    lefts = torch.randint(0, width - side + 1, (batch,), generator=generator)
    for sample, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        mask[sample, :, top : top + side, left : left + side] = 1
    return mask


# %% tags=["check:00-1:3"]
def test_random_square(function):
    mask = function(3000, 12, 20, 5, torch.Generator().manual_seed(0))
    assert mask.shape == (3000, 1, 12, 20), "the shape is (batch, 1, height, width)"
    assert ((mask == 0) | (mask == 1)).all(), "a mask is 0 or 1, and 1 inside the hole"
    assert (mask.sum(dim=(1, 2, 3)) == 25).all(), "each hole has side × side pixels"
    assert mask.amax(0).bool().all(), "some pixel is never hidden: check the ends of both ranges"
    assert len(mask.flatten(1).unique(dim=0)) > 50, "each sample needs a place of its own"
    again = function(3000, 12, 20, 5, torch.Generator().manual_seed(0))
    assert torch.equal(mask, again), "draw from the given generator only"


random_square = check(random_square, random_square_reference, test_random_square)

# %% [markdown]
# ## 4 · How good is an answer?
#
# Take a patch small enough to read. Eight by eight pixels in [0, 1], a dark disc on a bright ground,
# and an answer that got the hole's 3 × 3 pixels wrong.

# %% tags=["nbval-check-output"]
truth = torch.full((1, 1, 8, 8), 0.8)
truth[..., 2:6, 2:6] = 0.2
patch_mask = torch.zeros(1, 1, 8, 8)
patch_mask[..., 3:6, 4:7] = 1
answer = composite(torch.full_like(truth, 0.4), truth, patch_mask)

print("error in the hole, row by row:")
print((answer - truth)[0, 0, 3:6, 4:7])

# %% [markdown]
# Six pixels are off by 0.2 and three by −0.4. By hand:
#
# - **L1**, the mean absolute error: (6 · 0.2 + 3 · 0.4) / 9 = 0.267
# - **MSE**, the mean squared error: (6 · 0.04 + 3 · 0.16) / 9 = 0.08
# - **PSNR**, the same on a logarithmic scale: −10 · log₁₀ 0.08 = 10.97 dB. Ten decibels more is a
#   tenth of the squared error.
#
# The package agrees. Its functions take the course's range [−1, 1] and score in [0, 1].

# %% tags=["nbval-check-output"]
image, prediction = 2 * truth - 1, 2 * answer - 1
for where, region in {"in the hole": patch_mask, "whole image": None}.items():
    l1 = metrics.l1(prediction, image, region).item()
    psnr = metrics.psnr(prediction, image, region).item()
    print(f"{where}: L1 {l1:.3f}   PSNR {psnr:.2f} dB")

# %% [markdown]
# The same answer, and 8.5 dB between the two lines. Over the whole image the known pixels, copied
# and perfect, dilute the error. With a hole fraction $f$ the squared error shrinks by $f$, so
#
# $$\text{PSNR}_\text{whole} = \text{PSNR}_\text{hole} - 10\,\log_{10} f .$$
#
# Below, one answer of equal quality in holes of growing size.

# %%
sides = range(4, 65, 4)
base = torch.zeros(1, 1, 64, 64)
scores = {"in the hole": [], "whole image": []}
for side in sides:
    hole = masks.centre(1, 64, 64, generator=stream(0), side=side)
    wrong = composite(base + 0.4, base, hole)  # always the same error in the hole
    scores["in the hole"].append(metrics.psnr(wrong, base, hole).item())
    scores["whole image"].append(metrics.psnr(wrong, base).item())
show_curves(scores, x=list(sides), xlabel="side of the hole (of 64 pixels)", ylabel="PSNR (dB)")

# %% [markdown]
# **What to see.** The answer never changes, and its whole-image score falls by 24 dB as the hole
# grows. A paper that reports 30 dB over whole images may be showing small holes. This course reports
# the hole.
#
# ### SSIM: what PSNR cannot see
#
# PSNR adds up pixels one at a time. **SSIM** (Wang 2004) compares neighbourhoods: in a Gaussian
# window of 11 × 11 pixels it takes means $\mu$, variances $\sigma^2$ and the covariance, and multiplies
#
# $$\frac{2\mu_x\mu_y + c_1}{\mu_x^2+\mu_y^2+c_1}\ (\text{brightness}) \quad\times\quad
# \frac{2\sigma_{xy}+c_2}{\sigma_x^2+\sigma_y^2+c_2}\ (\text{contrast and structure}).$$
#
# It is 1 for equal pictures. Here are three ways to be wrong, each scaled to the same PSNR.


# %%
def same_psnr(image, direction, decibels=22.0):
    """The image moved along `direction` until its PSNR is as asked."""
    direction = direction / direction.square().mean().sqrt()
    return image + 2 * 10 ** (-decibels / 20) * direction


box = torch.nn.functional.avg_pool2d(astronaut, 9, stride=1, padding=4, count_include_pad=False)
directions = {
    "brighter": torch.ones_like(astronaut),
    "blurred": box - astronaut,
    "noisy": torch.randn(astronaut.shape, generator=run.generator(2)),
}

# %%
calm = 0.7 * astronaut  # keep away from black and white, so that nothing is clipped
versions = {"truth": calm} | {name: same_psnr(calm, move) for name, move in directions.items()}
notes = [
    f"PSNR {metrics.psnr(v, calm).item():.1f} · SSIM {metrics.ssim(v, calm).item():.2f}"
    for v in versions.values()
]
show_rows(
    {"": torch.cat(list(versions.values()))},
    titles=list(versions),
    notes={"": notes},
    label_width=0,
)

# %% [markdown]
# **What to see.** To PSNR the last three are equal. SSIM forgives the brighter picture, whose
# structure is untouched, and condemns the other two about alike, though no one would confuse them.
# Neither number is an eye. Remember that in lesson 3, where a blurry network wins by PSNR.

# %% [markdown]
# ### Exercise 2 · PSNR in the hole, one value an image
#
# ●●○ · 10 minutes · 3 points
#
# Write `hole_psnr`. Two traps lie here. The mean runs over the hole's pixels *and* all channels. And
# the average of PSNRs is not the PSNR of the average error: give one value **an image**.


# %% tags=["exercise:00-2"]
def hole_psnr(prediction, image, mask):
    """(B,) decibels on the [0, 1] scale, from (B, C, H, W) in [-1, 1] and (B, 1, H, W)."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# On the [0, 1] scale every difference is half as large. Sum the squares times the mask over
# dimensions 1, 2 and 3, then divide by the number of hole values: `mask.sum((1, 2, 3))` counts each
# pixel once, whatever the number of channels.
#
# </details>


# %% tags=["solution:00-2"] jupyter={"source_hidden": true}
def hole_psnr_reference(prediction, image, mask):
    squares = ((prediction - image) / 2) ** 2 * mask
    count = mask.sum(dim=(1, 2, 3)) * image.shape[1]
    return -10 * torch.log10(squares.sum(dim=(1, 2, 3)) / count)


# %% tags=["check:00-2:3"]
def test_hole_psnr(function):
    g = torch.Generator().manual_seed(1)
    image = torch.rand(5, 3, 16, 24, generator=g) * 1.6 - 0.8
    prediction = image + 0.1 * torch.randn(image.shape, generator=g)
    mask = masks.rectangle(5, 16, 24, generator=g, low=4, high=12)
    value = function(prediction, image, mask)
    assert value.shape == (5,), "one value an image, (B,)"
    flat = torch.full_like(image, 0.2)
    assert torch.allclose(function(image + flat, image, mask), torch.tensor(20.0), atol=1e-3), (
        "an error of 0.2 in [-1, 1] is 0.1 in [0, 1], which is 20 dB in every hole, of every size"
    )
    outside = torch.where(mask.bool(), prediction, 0)
    assert torch.equal(function(outside, image, mask), value), "pixels outside the hole count too"


hole_psnr = check(hole_psnr, hole_psnr_reference, test_hole_psnr)

# %% [markdown]
# ## 5 · Filling by formula: the idea on a line
#
# Six pixels in a row, the middle ones unknown: `0 ? ? ? ? 5`. The plainest demand: **each unknown is
# the mean of its neighbours.** Written out, $2u_i - u_{i-1} - u_{i+1} = 0$: the second difference
# vanishes. That is a linear system, and its answer is a straight line.
#
# Ask for the *fourth* difference to vanish instead and the curve may bend: it also carries on the
# slopes at both ends. These are the **harmonic** and the **biharmonic** fill.


# %% tags=["nbval-check-output"]
def fill_line(values, unknown, order):
    """Unknown entries of a line whose differences of half the given order are smallest."""
    difference = torch.eye(len(values), dtype=torch.float64)
    for _ in range(order // 2):
        difference = difference.diff(dim=0)
    known = ~unknown
    solution = torch.linalg.lstsq(
        difference[:, unknown], -difference[:, known] @ values[known, None]
    )
    return values.masked_scatter(unknown, solution.solution)


line = torch.tensor([0.0, 9, 9, 9, 9, 5], dtype=torch.float64)
print([round(value, 3) for value in fill_line(line, line == 9, order=2).tolist()])

# %% [markdown]
# (Minimising the sum of squared *first* differences gives exactly "second difference zero", and so
# on: the order in the equation is twice the order in the energy.) Now on a curve:

# %%
x = torch.linspace(0, 6.28, 60, dtype=torch.float64)
curve = torch.sin(x) + 0.25 * torch.sin(4 * x)
gap = (x > 1.6) & (x < 3.6)
shown = (x > 1.55) & (x < 3.65)  # the gap and one known pixel at each end
lines = {"truth": curve}
for name, order in {"harmonic": 2, "biharmonic": 4}.items():
    lines[name] = fill_line(curve, gap, order).where(shown, torch.nan)
show_curves(
    {name: values.tolist() for name, values in lines.items()},
    xlabel="pixel",
    ylabel="value",
    height=2.6,
)

# %% [markdown]
# **What to see.** Both meet the truth at the gap's edges. Only the biharmonic curve keeps the slope
# there, so no seam shows. Neither knows about the wiggle inside: it left no trace at the edge.
#
# In two dimensions "the mean of my neighbours" has four neighbours. Repeat it, and colour flows in
# from the edge like heat:


# %%
def spread(observed, mask, rounds):
    """Every hole pixel becomes the mean of its four neighbours, `rounds` times over."""
    image = observed
    for _ in range(rounds):
        around = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
        mean = (around[..., 1:-1, 2:] + around[..., 1:-1, :-2]) / 4
        mean = mean + (around[..., 2:, 1:-1] + around[..., :-2, 1:-1]) / 4
        image = composite(mean, observed, mask)
    return image


rounds = [0, 5, 30, 200, 1500]
grown = torch.cat([spread(observed, eye, count) for count in rounds])
show_images(grown, titles=[f"{count} rounds" for count in rounds], columns=5, width=9)

# %% [markdown]
# The four fills of the first figure are relatives of this one:
#
# - **Biharmonic** (scikit-image) solves the bending version as one sparse system.
# - **Telea** (2004) works inwards ring by ring. A pixel becomes a weighted mean of the known pixels
#   near it, carried along their gradient. One pass, hence fast.
# - **Navier-Stokes** (Bertalmio 2001) continues lines of equal brightness, as streamlines of a fluid.
# - **Image mean** paints the average colour: the control that says how hard a hole is.

# %% [markdown]
# ## 6 · Filling by example: the smallest thing that learns
#
# Faces resemble each other. The plainest way to use that is the **mean face**: average all training
# faces, paste the piece. The next step is **PCA**: write a face as the mean plus a few directions in
# which faces differ most,
#
# $$x \approx \bar x + \sum_{k=1}^{60} z_k\, b_k .$$
#
# The directions $b_k$ come from the training faces. Here are the mean and the first nine.

# %%
learned = train.floats(slice(run.pick(ci=400, laptop=2000, gpu=4000)))
mean_face = classical.MeanImage(learned)
pca = classical.PCA(learned, components=60)

directions = pca.basis[:9].view(9, 3, 64, 64)
shown = directions / directions.abs().amax(dim=(1, 2, 3), keepdim=True)
titles = ["mean", *[f"$b_{{{k}}}$" for k in range(1, 10)]]
show_images(torch.cat([pca.mean[None], shown]), titles=titles, columns=5, width=9)

# %% [markdown]
# **What to see.** The first directions are light against dark, left against right, hair against
# background. Grey means "no change here".
#
# To fill a hole, find the weights $z$ from the **known** pixels alone, then read the hidden ones off:
#
# $$\min_z \sum_{\text{known}} \big(x - \bar x - \textstyle\sum_k z_k b_k\big)^2 + \lambda\,\lVert z\rVert^2 .$$
#
# The second term, the *ridge*, keeps weights near zero that the known pixels cannot tell. This is
# ridge regression, solved anew for each mask: linear, a few milliseconds, and it has *learned*.

# %% tags=["picture"]
fills = classical.CLASSICAL | {"mean face": mean_face, "PCA": pca}
chosen = fixed_batch(
    validation, [3, 11, 20, 31, 42, 47], mask=partial(masks.rectangle, low=24, high=32), seed=3
)
rows = {"given": paint_holes(chosen.image, chosen.mask)}
for name in ("Telea", "biharmonic", "mean face", "PCA"):
    rows[name] = fills[name](chosen.observed, chosen.mask)
rows["truth"] = chosen.image
show_rows(rows)

# %% [markdown]
# **What to see.** The mean face pastes someone else's features, with a hard seam. Biharmonic is
# seamless and empty. PCA puts eyes where eyes belong, in the right skin tone: a ghost of the truth,
# as blurred as a sum of sixty pictures must be.

# %% [markdown]
# ## 7 · Look and measure
#
# Now in numbers: fixed validation faces, fixed masks from a seed, four kinds of hole, every fill.
# The score is the PSNR in the hole, per image and then averaged.

# %%
count = run.pick(ci=24, laptop=100, gpu=100)
kinds = {
    "rectangle": partial(masks.rectangle, low=24, high=32),
    "centre": partial(masks.centre, side=32),
    "brush": masks.in_band(masks.brush, 0.05, 0.5),  # a tiny hole can be met exactly: inf dB
    "pixels": partial(masks.pixels, probability=0.5),
}
tests = {kind: fixed_batch(validation, count, mask=draw) for kind, draw in kinds.items()}


def score(fill, test, metric=metrics.psnr):
    return metric(fill(test.observed, test.mask), test.image, test.mask)


# %%
table = {
    name: {kind: score(fill, test).mean().item() for kind, test in tests.items()}
    for name, fill in fills.items()
}
print("PSNR in the hole (dB)", *[f"{kind:>10}" for kind in kinds])
for name, line in table.items():
    best = [
        ("*" if line[kind] == max(row[kind] for row in table.values()) else " ") for kind in kinds
    ]
    print(
        f"{name:21}", *[f"{line[kind]:9.2f}{star}" for kind, star in zip(kinds, best, strict=True)]
    )
assert table["PCA"]["centre"] > table["biharmonic"]["centre"] + 1
assert table["biharmonic"]["pixels"] > table["PCA"]["pixels"] + 1

# %%
show_bars(
    {name: line["centre"] for name, line in table.items()},
    ylabel="PSNR in a 32-px centre hole (dB)",
)

# %% [markdown]
# **What the table says** (a star marks the best of each column). Where nearly every hole pixel
# has a known neighbour, *biharmonic* leads by far. Where the hole hides whole features, the
# order turns over: knowing faces is worth several decibels, and **PCA is the bar**. Any network of
# this course that stays below it has learned less than linear algebra.
#
# Averages hide disasters. Always look at the worst cases first.

# %%
test = tests["rectangle"]
per_image = score(pca, test)
worst = per_image.argsort()[:8]
bad = Batch(test.image[worst], test.mask[worst], test.observed[worst])
guess = pca(bad.observed, bad.mask)
rows = {
    "given": paint_holes(bad.image, bad.mask),
    "PCA": guess,
    "truth": bad.image,
    "error": error_map(guess, bad.image),
}
show_rows(rows, notes={"PCA": [f"{value:.1f} dB" for value in per_image[worst].tolist()]})

# %% [markdown]
# **What to see.** Most failures have a cause that you can name: glasses, a hat, hair where others
# have none. They are rare, so sixty directions of *common* change cannot express them; the error map
# is brightest along their edges.

# %% [markdown]
# ### What size and place do

# %%
some = validation.floats(slice(run.pick(ci=16, laptop=60, gpu=100)))
sides = [8, 16, 24, 32, 40, 48]
growth = {name: [] for name in ("Telea", "biharmonic", "mean face", "PCA")}
for side in sides:
    hole = masks.centre(len(some), 64, 64, generator=stream(0), side=side)
    test = hide(some, hole)
    for name, values in growth.items():
        values.append(score(fills[name], test).mean().item())
show_curves(
    growth, x=sides, xlabel="side of the centre hole (pixels)", ylabel="PSNR in the hole (dB)"
)

# %% [markdown]
# **What to see.** In a small hole all who look at its edge are near each other. The formulas fall
# fastest as it grows: its middle is ever farther from anything known. The mean face never looked at the
# edge, is far behind at first, and changes least. PCA looks at the edge *and* knows faces; the gap below
# it is what learning is worth.
#
# Next, one hole of 16 pixels at every place of a grid. What does PCA get wrong where?

# %%
places = range(0, 49, run.pick(ci=12, laptop=6, gpu=3))
total, times = torch.zeros(2, 1, 1, 64, 64)
for top in places:
    for left in places:
        hole = torch.zeros(1, 1, 64, 64)
        hole[:, :, top : top + 16, left : left + 16] = 1
        test = hide(some, hole.expand(len(some), -1, -1, -1))
        wrong = (pca(test.observed, test.mask) - some).abs() / 2
        total += wrong.mean(dim=(0, 1)) * hole
        times += hole

# %%
heat = total / times
scaled = error_map(2 * heat - 1, -torch.ones_like(heat), largest=heat.max().item())
panels = torch.cat([mean_face.mean[None], scaled])
show_images(panels, titles=["mean face", "mean error of a hidden pixel"], columns=2, width=6)

# %% [markdown]
# **What to see.** Bright is hard. Skin is easy: it goes on as it begins. Eyes, mouth and the outline
# of the hair are hard, because faces differ there and because an edge a few pixels off is wrong
# twice. (On photographs the background joins in: it follows no rule that a face could tell.)
# A test set that only cuts out centres never asks all the questions.

# %% [markdown]
# ## 8 · Play
#
# One function draws a hole, fills it and shows the result. First as a picture for readers without a
# kernel, then with controls.

# %%
GALLERY = {"astronaut": astronaut, "chelsea": photograph("chelsea", 20, 80, 260)}


def sampler(family, size):
    """A family whose holes grow with `size`, 0 to 1."""
    settings = {
        "square": {"side": size},
        "centre": {"side": size},
        "rectangle": {"low": size / 2, "high": size},
        "brush": {"thickness": (size / 6, size / 3)},
        "blocks": {"probability": size},
        "border": {"thickness": size / 3},
        "pixels": {"probability": size},
    }
    return partial(masks.KINDS[family], **settings.get(family, {}))


# %%
def draw(picture="astronaut", family="brush", size=0.4, seed=1, method="biharmonic"):
    image = GALLERY[picture]
    mask = sampler(family, size)(1, 128, 128, generator=stream(seed, family))
    fill = classical.CLASSICAL[method](apply_mask(image, mask), mask)
    panels = torch.cat([paint_holes(image, mask), fill, image, error_map(fill, image)])
    numbers = {
        "PSNR": f"{metrics.psnr(fill, image, mask).item():.1f} dB",
        "SSIM": f"{metrics.ssim(fill, image, mask).item():.2f}",
        "L1": f"{metrics.l1(fill, image, mask).item():.3f}",
    }
    heading = f"{masks.hole_fraction(mask).item():.0%} hidden · in the hole: "
    heading += " · ".join(f"{name} {value}" for name, value in numbers.items())
    show_images(
        panels, titles=["given", method, "truth", "error"], columns=4, width=9, heading=heading
    )


draw()

# %% tags=["widget"]
explore(
    draw,
    picture=list(GALLERY),
    family=["brush", *[name for name in masks.KINDS if name != "brush"]],
    size=(0.1, 0.8, 0.05),
    seed=range(1, 30),
    method=list(reversed(classical.CLASSICAL)),
)

# %% [markdown]
# ## 9 · Break it: a perfect score
#
# One slip: use `1 - mask` where the composite wants `mask`. White means hole in some tools and
# keep in others, so this happens to everyone once (source 001's first version had a cousin of it, with
# grey holes: lesson 3).
# **Predict before you run:** what will the PSNR in the hole be?

# %%
grey = torch.zeros_like(astronaut)  # the worst "network" there is: it always answers grey
swapped = composite(grey, astronaut, 1 - eye)
in_hole = metrics.psnr(swapped, astronaut, eye).item()
whole = metrics.psnr(swapped, astronaut).item()
print(f"in the hole {in_hole:.1f} dB, whole image {whole:.1f} dB")
panels = torch.cat([paint_holes(astronaut, eye), swapped])
show_images(panels, titles=["given", "completed with 1 − mask"], columns=2, width=4)

# %% [markdown]
# Infinitely good: the hole was filled with the truth, and everything else with the answer. A score
# that is too good is a bug report. Keep a control that *must* be bad, as the grey one here, and run
# it through the same pipeline as the network. Lesson 4 has a published gallery that this test would
# have caught.

# %% [markdown]
# ### Exercise 3 · Bug hunt: the loss that likes small holes
#
# ●●○ · 15 minutes · 4 points
#
# This loss stands, in one form or another, in several public repositories. Its gradient is right in
# direction and its name is right, yet training with holes of mixed sizes suffers. Run it on one
# constant error in three holes, see what is wrong, then write `hole_l1` without the flaw. An empty
# mask must cost 0, not nan: it does happen that a random mask hides nothing.


# %% tags=["nbval-check-output"]
def public_hole_l1(prediction, target, mask):
    return (mask * (prediction - target)).abs().mean()


zeros = torch.zeros(1, 3, 16, 16)
for side in (2, 8, 16):
    hole = masks.centre(1, 16, 16, generator=stream(0), side=side)
    cost = public_hole_l1(zeros + 0.5, zeros, hole)
    print(f"hole of {side:2} × {side:2} pixels: error 0.5 everywhere costs {cost:.3f}")


# %% tags=["exercise:00-3"]
def hole_l1(prediction, target, mask):
    """A scalar: the mean absolute error over hole pixels; 0 for an empty mask."""
    raise NotImplementedError


# %% [markdown]
# <details><summary>Hint</summary>
#
# What is the mean taken over? It should be taken over hole values: pixels in the hole times channels.
# `clamp(min=1)` on that count keeps an empty mask from dividing by zero.
#
# </details>


# %% tags=["solution:00-3"] jupyter={"source_hidden": true}
def hole_l1_reference(prediction, target, mask):
    count = mask.sum() * prediction.shape[1]
    return (mask * (prediction - target)).abs().sum() / count.clamp(min=1)


# %% tags=["check:00-3:4"]
def test_hole_l1(function):
    for channels in (1, 3):
        target = torch.zeros(4, channels, 10, 14)
        for side in (1, 5, 10):
            mask = masks.square(4, 10, 14, generator=torch.Generator().manual_seed(side), side=side)
            cost = function(target + 0.5, target, mask)
            assert cost.shape == (), "a loss is one number"
            assert abs(cost.item() - 0.5) < 1e-5, (
                f"an error of 0.5 must cost 0.5; with {channels} channel(s) and a hole of {side} × "
                f"{side} pixels it costs {cost.item():.3f}"
            )
    empty = function(target + 0.5, target, torch.zeros(4, 1, 10, 14))
    assert empty.item() == 0, f"an empty mask must cost 0, not {empty.item()}"


hole_l1 = check(hole_l1, hole_l1_reference, test_hole_l1)

# %% [markdown] tags=["reflect:00-4:4"]
# ### Question · Which hole would you report?
#
# ○ · 10 minutes · 4 points, marked by hand
#
# A colleague writes: "Our network reaches 31 dB; Telea reaches 30." They used 32 × 32 squares at random
# places of 256 × 256 photographs and scored whole images. Which three questions do you ask, which
# numbers do you want to see, and which control would you add? Five sentences.
#
# <details><summary>What a good answer contains</summary>
#
# Scores **in the hole**: a fraction of 1/64 adds 18 dB to everything, so these are about 13 and 12 dB.
# **Spread and pairing**: on how many images, is the difference larger than its uncertainty, the same
# masks for both? **Which holes**: many random squares fall on background, where formulas are enough;
# ask for results by place and by size. **A control** that must be bad (grey, mean face) and a stronger
# baseline than Telea (biharmonic, PCA). One point for each of the four.
#
# </details>

# %% [markdown]
# ## 10 · What we have
#
# A hole is a mask with 1 inside, one a sample; the truth never reaches the filler; scores are taken
# in the hole, per image. Formulas continue what touches the hole. Linear algebra over a thousand faces
# already does better where it matters, and sets the bar.
#
# **Three pitfalls** to take along: polarity swapped (a perfect score), whole-image scores (flattery),
# averages without the worst cases.
#
# **Read on.** Bertalmio et al. 2000, *Image inpainting*: section 2 describes how restorers work by hand.
# Wang et al. 2004, *Image quality assessment*: figure 2 is the picture we made of SSIM. Next, lesson 1: a
# network that draws digits from nothing but noise.

# %%
run.save_card("00_holes", {"data": train.name, "images": count, "hole PSNR (dB)": table})
print(
    f"card saved; the bar on {train.name}, 32-px centre hole: PCA {table['PCA']['centre']:.1f} dB"
)
