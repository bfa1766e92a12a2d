# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 0 · Holes: masks, metrics, and fills without a network
#
# ![Five drawn faces with a square cut out; below them a smooth fill, copied patches, a network's fill, and the truth.](pictures/00_holes.jpg)
#
# A piece is missing from a picture. What belongs there? Before any network answers, this lesson defines the
# question: how a hole is written down, how an answer is scored, and what formulas can do. Later lessons are
# measured against the fills that you build here.
#
# **Time** two hours; the cells compute for three minutes on two CPU cores. **You need** Python and a first look at
# tensors. **Data** faces drawn by the course, or CelebA where it lies in `data/` (research only); `astronaut`
# (NASA, public domain), `brick`, `gravel` (CC0).

# %% [markdown]
# ## What you will be able to do
#
# - **write** a sampler of masks to a specification;
# - **measure** a fill inside the hole, and say what PSNR, SSIM and sharpness each miss;
# - **build** the two classical fills, diffusion and copying by example, and explain where each fails;
# - **state** the score that every network of this course must beat.
#
# **The map.** Here: the question. Lessons 1 and 2: networks that invent pictures from noise (GAN, DCGAN).
# Lessons 3 to 6: networks that fill holes (encoder-decoder, GLCIC, DeepFillV2, U-Net). Lesson 7: holes that
# nobody marked. Lesson 8: all systems in one table. Lessons 9 and 10: what came after GANs.
#
# ## 1 · Set-up

# %%
import inpaintlib  # before torch: it sets how torch's threads wait for each other

# isort: split
from functools import partial

import torch
from torch.nn import functional

from inpaintlib import masks, metrics
from inpaintlib.data import fixed_batch, load_faces
from inpaintlib.filters import filter_channels, gaussian_window
from inpaintlib.images import apply_mask, Batch, composite, hide, paint_holes
from inpaintlib.measure import classical
from inpaintlib.notebook import session
from inpaintlib.notebook.diagrams import Box, show_diagram
from inpaintlib.notebook.exercises import check, guess_first
from inpaintlib.notebook.viz import BLUE, ORANGE, error_map, outlined, show_curves, show_images
from inpaintlib.notebook.viz import show_map, show_points, show_rows, use_style
from inpaintlib.photos.shipped import load, weights_for
from inpaintlib.seeding import stream
from inpaintlib.studio.pictures import load_picture
from inpaintlib.studio.studio import Studio

use_style()
run = session.start(seed=0)
SIZE = 96  # pixels, of the faces that are measured
train = load_faces("train", size=SIZE, limit=1000)
validation = load_faces("validation", size=SIZE, limit=100)
print(f"inpaintlib {inpaintlib.__version__} · {run}\n{train}")

# %% [markdown]
# ## 2 · What this course reaches
#
# Five faces that no method has seen, each with a square cut out, and three fills. **Biharmonic** continues
# what touches the hole as a smooth surface. **Exemplar** copies patches from elsewhere in the same picture. The
# **network** is this course's U-Net (lesson 6); it has learned from other faces. Its weights come with the
# course.

# %% tags=["picture"]
first = fixed_batch(  # these five faces of the set; the seed decides where their holes are
    load_faces("validation", size=128, limit=50),
    [3, 11, 20, 31, 42],
    mask=partial(masks.square, side=52, margin=28),
    seed=3,
)
network = load(weights_for("unet", validation))
firsts = {
    "biharmonic": classical.biharmonic(first.observed, first.mask),
    "exemplar": classical.exemplar(first.observed, first.mask),
    "network": network.generate(first),
}
told = "The network, which has learned from other faces, is nearest to the truth"
rows = {"given": paint_holes(first.image, first.mask), **firsts, "truth": first.image}
show_rows(rows, heading=told)
decibels = {name: metrics.psnr(x, first.image, first.mask).mean() for name, x in firsts.items()}
assert decibels["network"] > max(decibels["biharmonic"], decibels["exemplar"])

# %% [markdown]
# **What to see.** The first two fills use only the picture itself, and nothing in it says that a face has two eyes.
# The network has learned from other faces, and its fills are nearer to the truth: the cell's last line asserts it.
# But in the second face half of the glasses is missing. Three questions follow. How is a hole described so that
# nobody cheats? How is "nearer" measured? How good can a fill be without a network?
#
# ### Paint a hole yourself
#
# Run the next cell, paint over an eye or an ear, and release the mouse: the picture on the right is filled at
# once. Choose two methods and drag the line between them.

# %% tags=["widget"]
Studio()

# %% [markdown]
# ## 3 · A picture with a hole, as tensors
#
# Every fill of this course, formula or network, stands in the same place of the same diagram:

# %%
show_diagram(
    {
        "image": Box("image", "(B, 3, H, W)", 0, 0),
        "mask": Box("mask", "(B, 1, H, W)", 1, 0),
        "hide": Box("hide", "", 0.5, 1, "network"),
        "observed": Box("observed", "hole grey", 0.5, 2),
        "fill": Box("fill", "formula or network", 0.5, 3, "network"),
        "guess": Box("prediction", "(B, 3, H, W)", 0.5, 4),
        "paste": Box("composite", "", 0.5, 5, "network"),
        "done": Box("completed", "(B, 3, H, W)", 0.5, 6),
    },
    [
        "image > hide > observed > fill > guess > paste > done",
        "mask > hide",
        "mask > fill",
        "image > paste",
        "mask > paste",
    ],
    gap=(0.32, 0.5),
    alt="Image and mask go into hide, which gives the observed picture. A fill reads observed "
    "picture and mask and gives a prediction. Composite pastes the prediction's hole into the "
    "image.",
)

# %% [markdown]
# The fill never receives the image itself, only the observed picture and the mask. The composite takes known
# pixels from the image and the others from the prediction. Three conventions hold in every lesson; a `batch` holds
# all three, as `batch.image`, `batch.mask` and `batch.observed`:
#
# | what | shape | values |
# |---|---|---|
# | image | (batch, channels, height, width) | −1 … 1, so 0 is mid-grey |
# | mask | (batch, 1, height, width) | 0 or 1, and **1 means hole** |
# | observed | as the image | the image, its hole filled with a constant |
#
# With image $x$, mask $m$, constant $c$ and prediction $\hat y$:
#
# $$\text{observed} = (1-m)\,x + m\,c \qquad\qquad \text{completed} = (1-m)\,x + m\,\hat y$$
#
# In code each is one `torch.where`, so a known pixel keeps its exact value. A mask that was resized like a photograph
# has greys between 0 and 1: it is refused.

# %% tags=["nbval-check-output"]
batch = fixed_batch(validation, 6, mask=partial(masks.rectangle, low=36, high=48))
hidden = batch.mask.bool().expand_as(batch.image)
noise = torch.randn(batch.image.shape, generator=run.generator(1)).clamp(-1, 1)
completed = composite(noise, batch.image, batch.mask)  # noise in the hole, the image around it
print("image", tuple(batch.image.shape), "mask", tuple(batch.mask.shape))
print("hole fractions", [round(share, 3) for share in masks.hole_fraction(batch.mask).tolist()])
print("values in the observed hole:", batch.observed[hidden].unique().tolist())
print("known pixels kept exactly:", torch.equal(completed[~hidden], batch.image[~hidden]))
print("observed unchanged:", torch.equal(apply_mask(completed, batch.mask), batch.observed))
try:
    apply_mask(batch.image, functional.interpolate(batch.mask, SIZE // 2, mode="bilinear"))
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ### Five projects, ten kinds of holes
#
# This course grew out of five small public projects. Each left one document behind, and the lessons call these
# documents **source 000** to **source 004**:
#
# | source | what the project built | lesson |
# |---|---|---|
# | 000 | DeepFillV2 with self-attention, for square holes | 5 |
# | 001 | a U-Net trained with edge and SSIM losses | 6 |
# | 002 | a vanilla GAN, a DCGAN, and GLCIC | 1, 2, 4 |
# | 003 | a *blind* inpainter: nobody tells it where the hole is | 7 |
# | 004 | an encoder-decoder with several kinds of holes | 3 |
#
# Almost no two of them draw the same kind of holes, so their scores cannot be compared. Here are all kinds, with the
# mean share of the picture that each hides:

# %%
titles, drawn = [], []
for name, sample in masks.KINDS.items():
    many = sample(100, SIZE, SIZE, generator=stream(7, name))
    titles.append(f"{name}: {masks.hole_fraction(many).mean():.0%}")
    drawn.append(many[:1])
face = validation.floats([7]).expand(len(drawn), -1, -1, -1)
told = "Ten kinds of holes, and the mean share of the picture that each hides"
show_images(paint_holes(face, torch.cat(drawn)), titles=titles, columns=5, width=9, heading=told)

# %% [markdown]
# *square*: sources 000 and 001. *centre*: Context Encoders (Pathak 2016). *rectangle*: GLCIC (Iizuka 2017).
# *brush* and *box and brush*: DeepFillV2 (Yu 2019). *shapes*: source 004. *blocks*: source 003. *half* and
# *border* ask to continue a picture outwards (outpainting), *pixels* asks for denoising. The share alone does not
# say how hard a hole is: with *pixels* nearly every missing pixel has a known neighbour, with *half* most have
# none.
#
# **How an exercise works.** Its difficulty is one to three filled circles. Replace the line `raise …`, run the cell,
# then the check two cells below. If it passes, the lesson goes on with *your* function. Between the two lies a
# solution, folded.

# %% [markdown]
# ### Exercise 1 · A sampler of rectangles
#
# ●○○ · 15 minutes · 3 points
#
# Write `random_rectangle`, the sampler of the holes that this lesson measures on. Per sample of the batch:
#
# 1. draw the hole's height and, independently, its width: whole pixels from `low` to `high`, **both included**,
#    all equally likely;
# 2. draw the place: all places where the rectangle lies wholly inside the picture are equally likely;
# 3. write 1 inside the rectangle, 0 outside.
#
# Random numbers come from `generator` only, which moves on as it is used: the same seed gives the same holes, the
# next call gives others. Avoid three mistakes of public code: one place for the whole batch, height and width
# swapped, a last place that is never drawn.
#
# <details><summary>Hint</summary>
#
# `torch.randint(a, b, (), generator=generator)` draws one whole number from `a` to `b - 1`: its upper end is
# excluded. A rectangle of `h` rows has `height - h + 1` possible top rows. A loop over the samples is fine.
#
# </details>


# %% tags=["exercise:00-7"]
def random_rectangle(batch, height, width, *, generator, low, high):
    """(batch, 1, height, width) of zeros and ones, 1 = hole."""
    raise NotImplementedError


# %% tags=["solution:00-7"] jupyter={"source_hidden": true}
def random_rectangle_reference(batch, height, width, *, generator, low, high):
    def draw(first, last):
        return torch.randint(first, last + 1, (), generator=generator).item()

    mask = torch.zeros(batch, 1, height, width)
    for sample in range(batch):
        rows, columns = draw(low, high), draw(low, high)
        top, left = draw(0, height - rows), draw(0, width - columns)
        mask[sample, :, top : top + rows, left : left + columns] = 1
    return mask


# %% tags=["check:00-7:3"]
def test_random_rectangle(function):
    def draw():
        generator = torch.Generator().manual_seed(0)
        return function(2000, 12, 20, generator=generator, low=3, high=5)

    mask = draw()
    assert mask.shape == (2000, 1, 12, 20), f"expected (batch, 1, height, width), got {mask.shape}"
    assert ((mask == 0) | (mask == 1)).all(), "a mask is 0 or 1, and 1 inside the hole"
    rows, columns = (mask.amax(dim=side).sum(dim=(1, 2)) for side in (3, 2))
    assert (mask.sum(dim=(1, 2, 3)) == rows * columns).all(), "each hole is one filled rectangle"
    for name, sides in {"height": rows, "width": columns}.items():
        found = sides.unique().tolist()
        assert found == [3, 4, 5], f"low=3, high=5: expected the {name}s 3, 4 and 5, got {found}"
    assert (rows != columns).any(), "draw height and width independently"
    never = (mask.amax(dim=0)[0] == 0).nonzero().tolist()
    assert not never, f"pixel {never[0]} is never hidden: look at the first and the last place"
    assert len(mask.flatten(1).unique(dim=0)) > 500, "each sample needs a rectangle of its own"
    assert torch.equal(mask, draw()), "draw from the given generator only"


random_rectangle = check(random_rectangle, random_rectangle_reference, test_random_rectangle)

# %%
# From here on the lesson's holes come from your sampler. Six of them:
rectangles = partial(random_rectangle, low=SIZE * 3 // 8, high=SIZE // 2)
chosen = fixed_batch(validation, [3, 11, 20, 31, 42, 47], mask=rectangles, seed=3)
told = "Six holes from this sampler"
show_images(paint_holes(chosen.image, chosen.mask), columns=6, width=9, heading=told)
share = masks.hole_fraction(chosen.mask)
assert share.min() > 0.12
assert share.max() < 0.27

# %% [markdown]
# ## 4 · How good is a fill?
#
# Take a patch small enough to read: eight by eight pixels in [0, 1], and a hole of 3 × 3. The answer is wrong by
# 0.2 at six of the nine pixels and by 0.4 at three. By hand:
#
# - **L1**, the mean absolute error: (6 · 0.2 + 3 · 0.4) / 9 = 0.267
# - **MSE**, the mean squared error: (6 · 0.04 + 3 · 0.16) / 9 = 0.08
# - **PSNR**, the MSE on a logarithmic scale: −10 · log₁₀ 0.08 = 10.97 decibels (dB). Ten decibels more are a
#   tenth of the squared error.

# %% tags=["nbval-check-output"]
truth = torch.full((1, 1, 8, 8), 0.8)
truth[..., 2:6, 2:6] = 0.2
patch_mask = torch.zeros(1, 1, 8, 8)
patch_mask[..., 3:6, 4:7] = 1
answer = composite(torch.full_like(truth, 0.4), truth, patch_mask)
error = (answer - truth)[patch_mask.bool()]
print("errors in the hole:", [round(value, 1) for value in error.tolist()])
print(f"L1 {error.abs().mean():.3f}   MSE {error.square().mean():.3f}")

# %% [markdown]
# ### Exercise 2 · PSNR in the hole
#
# ●●○ · 15 minutes · 3 points
#
# Write `hole_psnr`; every table below is made with it. The specification:
#
# 1. pictures come in [−1, 1], and errors are measured on the scale [0, 1];
# 2. the mean of the squared errors runs over the hole's pixels **and all channels**, and over nothing else. The
#    mean over the whole picture, a common bug, makes small holes look well filled;
# 3. give one value **per picture**, because the mean of PSNRs is not the PSNR of the mean error.
#
# <details><summary>Hint</summary>
#
# From [−1, 1] to [0, 1] every difference becomes half as large. A sum over the dimensions 1, 2 and 3 gives one
# number per picture. How many numbers did you add up? `mask` counts each pixel once, whatever the number of
# channels.
#
# </details>


# %% tags=["exercise:00-2"]
def hole_psnr(prediction, image, mask):
    """(B,) decibels on the [0, 1] scale, from (B, C, H, W) in [-1, 1] and (B, 1, H, W)."""
    raise NotImplementedError


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
    assert value.shape == (5,), "one value per picture, (B,)"
    found = function(image + torch.full_like(image, 0.2), image, mask)
    assert torch.allclose(found, torch.tensor(20.0), atol=1e-3), (
        "an error of 0.2 in [-1, 1] is 0.1 in [0, 1], which is 20 dB in every hole, of every size; "
        f"got {[round(x, 2) for x in found.tolist()]}"
    )
    outside = torch.where(mask.bool(), prediction, 0)
    assert torch.equal(function(outside, image, mask), value), "pixels outside the hole count too"
    alone = torch.cat(
        [function(prediction[i : i + 1], image[i : i + 1], mask[i : i + 1]) for i in range(5)]
    )
    assert torch.allclose(alone, value), "a picture's value must not depend on the others"


hole_psnr = check(hole_psnr, hole_psnr_reference, test_hole_psnr)

# %% tags=["nbval-check-output"]
pair = 2 * answer - 1, 2 * truth - 1  # from [0, 1] to the course's [-1, 1]
in_hole, whole = (
    hole_psnr(*pair, region).item() for region in (patch_mask, torch.ones(1, 1, 8, 8))
)
print(f"the 8 × 8 patch: in the hole {in_hole:.2f} dB, over the whole picture {whole:.2f} dB")
assert abs(in_hole - metrics.psnr(*pair, patch_mask).item()) < 1e-4

# %% [markdown]
# The same answer, and 8.5 dB between the two numbers. The known pixels, copied and perfect, dilute the error:
# with a hole fraction $f$ the mean squared error is multiplied by $f$.
#
# $$\text{PSNR}_\text{whole} = \text{PSNR}_\text{hole} - 10\,\log_{10} f$$
#
# **Predict before you open the output.** A centre hole grows from 4 × 4 to 64 × 64 pixels, in a picture of 64 × 64.
# The error is the same at each of its pixels. By how many decibels does the whole-picture score fall?

# %% tags=["predict"]
guess_first()
sides = range(4, 65, 4)
holes = torch.cat([masks.centre(1, 64, 64, generator=stream(0), side=side) for side in sides])
flat = torch.zeros_like(holes)
wrong = composite(flat + 0.4, flat, holes)  # always the same error in the hole
regions = {"in the hole": holes, "whole picture": torch.ones_like(holes)}
scores = {name: hole_psnr(wrong, flat, region).tolist() for name, region in regions.items()}
told = "Equally wrong in every hole, yet small holes score well over the whole picture"
labels = {"xlabel": "side of the hole (of 64 pixels)", "ylabel": "PSNR (dB)", "heading": told}
show_curves(scores, x=list(sides), **labels)
assert 24 < scores["whole picture"][0] - scores["whole picture"][-1] < 24.2

# %% [markdown]
# **What to see.** The fill is equally bad everywhere, and its whole-picture score falls by 24 dB. A paper that
# reports 30 dB over whole pictures may be showing small holes. This course reports the score in the hole.
#
# ### SSIM: comparing neighbourhoods
#
# PSNR looks at one pixel at a time. **SSIM** (Wang 2004) compares neighbourhoods: in a Gaussian window of 11 × 11
# pixels it takes means $\mu$, variances $\sigma^2$ and the covariance $\sigma_{xy}$, and multiplies
#
# $$\frac{2\mu_x\mu_y + c_1}{\mu_x^2+\mu_y^2+c_1}\ (\text{brightness}) \quad\times\quad
# \frac{2\sigma_{xy}+c_2}{\sigma_x^2+\sigma_y^2+c_2}\ (\text{contrast and structure}).$$
#
# The constants $c_1$ and $c_2$ are small. SSIM is 1 for equal pictures. Below are three damaged pictures: a Gaussian
# blur, and a change of brightness and noise that are scaled until their PSNR equals that of the blur.

# %%
astronaut = load_picture("astronaut", size=298)[:, :, :128, 64:192]
calm = 0.7 * astronaut  # away from black and white, so that nothing is clipped
window = gaussian_window(21, sigma=2.6)
blurred = filter_channels(calm, window[:, None] * window[None, :], padding="same")
noise = torch.randn(calm.shape, generator=run.generator(2))
strength = (blurred - calm).square().mean().sqrt()
versions = {"truth": calm, "blurred": blurred, "brighter": calm + strength}
versions["noisy"] = calm + noise * strength / noise.square().mean().sqrt()

psnrs = {name: metrics.psnr(v, calm).item() for name, v in versions.items()}
ssims = {name: metrics.ssim(v, calm).item() for name, v in versions.items()}
notes = [f"PSNR {psnrs[name]:.1f} · SSIM {ssims[name]:.2f}" for name in versions]
notes[0] = "PSNR ∞ · SSIM 1.00"  # nothing is wrong
rows, told = {"": torch.cat(list(versions.values()))}, "Three kinds of damage, and one PSNR"
show_rows(rows, titles=list(versions), notes={"": notes}, label_width=0, heading=told)
assert max(abs(psnrs[name] - psnrs["blurred"]) for name in ("brighter", "noisy")) < 0.01
assert ssims["brighter"] > 0.9 > ssims["blurred"] > ssims["noisy"] + 0.1

# %% [markdown]
# **What to see.** The last three pictures have the same PSNR. SSIM is above 0.9 for the brighter one, whose structure
# is untouched, and it rates the blur clearly above the noise. Neither number says what the eye sees at once: the
# blurred picture has lost its fine detail. For that this course has a third measure, **sharpness**: the strength of the
# fine detail in the fill (what a Laplacian filter finds), divided by that of the truth. 1 is as sharp as the truth, 0
# is flat. It does not say whether the detail is right; noise is very sharp. A fill needs a good PSNR *and* a sharpness
# near 1.

# %% [markdown]
# ## 5 · Diffusion: let the edge flow in
#
# Six pixels in a row, the middle four unknown: `0 ? ? ? ? 5`. The plainest demand: **each unknown is the mean of
# its neighbours.** Written out, $2u_i - u_{i-1} - u_{i+1} = 0$: the second difference vanishes. That is a linear
# system, and its answer is a straight line. This is the **harmonic** fill.
#
# Ask for the *fourth* difference to vanish instead, and the curve also carries on the slopes at both ends. This
# is the **biharmonic** fill. The code makes the squared first (or second) differences as small as possible; at the
# smallest sum, the second (or fourth) difference vanishes in the gap.


# %% tags=["nbval-check-output"]
def fill_line(values, unknown, order):
    """A line whose unknown entries make its differences of this even order vanish there."""
    difference = torch.eye(len(values), dtype=torch.float64)
    for _ in range(order // 2):
        difference = difference.diff(dim=0)
    known = ~unknown
    target = -difference[:, known] @ values[known, None]
    solution = torch.linalg.lstsq(difference[:, unknown], target).solution
    return values.masked_scatter(unknown, solution)


line = torch.tensor([0.0, 9, 9, 9, 9, 5], dtype=torch.float64)
print([round(value, 3) for value in fill_line(line, line == 9, order=2).tolist()])

# %% tags=["nbval-check-output"]
x = torch.linspace(0, 6.28, 60, dtype=torch.float64)
curve = torch.sin(x) + 0.25 * torch.sin(4 * x)
gap = (x > 1.6) & (x < 3.6)
lines = {"harmonic": fill_line(curve, gap, 2), "biharmonic": fill_line(curve, gap, 4)}
for name, filled in lines.items():
    print(f"{name:11} mean error in the gap {(filled - curve)[gap].abs().mean():.3f}")

# %%
near = (x > 1.55) & (x < 3.65)  # the gap and one known pixel at each end
shown = {name: filled.where(near, torch.nan).tolist() for name, filled in lines.items()}
first_unknown, last_unknown = gap.nonzero().flatten()[[0, -1]].tolist()
shaded = (first_unknown - 0.5, last_unknown + 0.5, "unknown")
curves = {"truth": curve.tolist(), **shown}
told = "Both fills meet the truth at the ends; the biharmonic one overshoots"
show_curves(curves, shaded=shaded, xlabel="pixel", ylabel="value", legend="beside", heading=told)

# %% [markdown]
# **What to see.** Both fills meet the truth at the ends of the gap. Only the biharmonic one keeps the slope
# there, so no kink shows where it begins. But a slope carried on overshoots: the printed errors say that it is
# wrong by twice as much. A fill that looks smooth need not be nearer to the truth.
#
# In two dimensions each pixel has four neighbours. No linear system is needed: repeat "become the mean of your
# neighbours", and the edge's colours flow into the hole like heat.

# %% [markdown]
# ### Exercise 3 · Diffusion
#
# ●●○ · 15 minutes · 4 points
#
# Write `diffuse`, the harmonic fill that the rest of the lesson uses. Begin with what `observed` shows. Then, as
# many times as `rounds` says:
#
# 1. every pixel's new value is the mean of its upper, lower, left and right neighbour. Where the picture ends,
#    its own border pixel stands in for the missing neighbour;
# 2. all new values come from the picture **of the round before**;
# 3. only hole pixels take their new value; known pixels keep their exact value.
#
# <details><summary>Hint</summary>
#
# `torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="replicate")` repeats the border. The four neighbours of
# every pixel are then four slices of one padded picture, each shifted by one pixel. `composite` chooses between
# new and known.
#
# </details>


# %% tags=["exercise:00-6"]
def diffuse(observed, mask, rounds):
    """(B, C, H, W): the hole after so many rounds; no argument is changed."""
    raise NotImplementedError


# %% tags=["solution:00-6"] jupyter={"source_hidden": true}
def diffuse_reference(observed, mask, rounds):
    picture = observed
    for _ in range(rounds):
        padded = functional.pad(picture, (1, 1, 1, 1), mode="replicate")
        upper, lower = padded[..., :-2, 1:-1], padded[..., 2:, 1:-1]
        left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
        picture = composite((upper + lower + left + right) / 4, observed, mask)
    return picture


# %% tags=["check:00-6:4"]
def test_diffuse(function):
    observed, mask = torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, 3, 4)
    mask[0, 0, 1] = 1
    observed[0, 0, 0] = 4.0  # a row of 4, a hole of one row, a row of 0
    given = observed.clone()
    assert torch.equal(function(observed, mask, 0), given), "0 rounds leave what is observed"
    once = function(observed, mask, 1)
    assert once.shape == (1, 1, 3, 4), f"give back (B, C, H, W), got {tuple(once.shape)}"
    assert torch.equal(once[0, 0, [0, 2]], given[0, 0, [0, 2]]), (
        "known pixels must stay as they are"
    )
    assert (once[0, 0, 1] == 1).all(), (
        "4 above, 0 elsewhere: after one round the hole is (4 + 0 + 0 + 0) / 4 = 1 everywhere, "
        f"from the picture of the round before; got {once[0, 0, 1].tolist()}"
    )
    twice = function(observed, mask, 2)[0, 0, 1]
    assert torch.allclose(twice, torch.tensor(1.5)), (
        f"second round: (4 + 0 + 1 + 1) / 4 = 1.5, got {twice.tolist()}"
    )
    assert torch.equal(observed, given), "do not change the picture that you were given"
    g = torch.Generator().manual_seed(0)
    picture = torch.rand(2, 3, 7, 9, generator=g)
    ramp = torch.arange(9.0).expand(2, 3, 7, 9)
    holes = torch.zeros(2, 1, 7, 9)
    holes[0, :, 2:5, 3:6] = holes[1, :, :, 2:8] = 1
    filled = function(composite(picture, ramp, holes), holes, 800)
    assert torch.allclose(filled, ramp, atol=1e-3), (
        "a ramp of grey must come back, after many rounds"
    )


diffuse = check(diffuse, diffuse_reference, test_diffuse)

# %%
# Your function at work: a photograph, an eye hidden, and the hole after more and more rounds.
eye = torch.zeros(1, 1, 128, 128)
eye[:, :, 42:66, 44:74] = 1
rounds = [0, 5, 30, 200, 1500]
grown = [diffuse(apply_mask(astronaut, eye), eye, count) for count in rounds]
titles, told = (
    [f"{count} rounds" for count in rounds],
    "Colours flow in from the edge; no eye appears",
)
show_images(torch.cat(grown), titles=titles, columns=5, width=9, heading=told)
harmonic = partial(diffuse, rounds=1500)
assert (diffuse(grown[-1], eye, 1) - grown[-1]).abs().max() < 1e-3  # nothing moves any more

# %% [markdown]
# **What to see.** After 1,500 rounds nothing moves: the hole is skin, without an eye. Four relatives stand in the
# tables below:
#
# - **biharmonic**: the fourth differences vanish;
# - **Telea** (2004): weighted means of known pixels near by;
# - **Navier-Stokes** (Bertalmio 2001): lines of equal brightness go on, as in a fluid;
# - **image mean**: the known pixels' mean colour, a control that shows how hard a hole is.
#
# ## 6 · Exemplars: copy from the same picture
#
# Diffusion cannot draw a brick: every pixel it makes is a mean. The other half of classical inpainting copies. Take a
# patch at the hole's edge, half known. Search the picture for the patch that agrees best with it.
# Copy its pixels into the missing half. Repeat.

# %% [markdown]
# ### Exercise 4 · The best match
#
# ●●● · 20 minutes · 4 points
#
# Write `best_match`, the search. `picture` is (C, H, W); `known` (H, W) is True where its pixels may be copied.
# `patch` is (C, s, s); `patch_known` (s, s) is True at its known pixels. Among all s × s windows of the picture
# whose pixels are **all** known, find the one with the smallest sum of squared differences to the patch, over
# the patch's known pixels and all channels. Give back its top row and its left column.
#
# <details><summary>Hint</summary>
#
# `Tensor.unfold` along rows, then along columns, gives all windows at once: (C, rows, columns, s, s). The same
# works for `known`. Give windows that are not wholly known an infinite error. `divmod(place, columns)` turns the
# `argmin` of a flattened array into row and column.
#
# </details>


# %% tags=["exercise:00-8"]
def best_match(picture, known, patch, patch_known):
    """(top, left) of the wholly known window that agrees best with the patch's known pixels."""
    raise NotImplementedError


# %% tags=["solution:00-8"] jupyter={"source_hidden": true}
def best_match_reference(picture, known, patch, patch_known):
    size = patch.shape[-1]
    windows = picture.unfold(1, size, 1).unfold(2, size, 1)
    whole = known.unfold(0, size, 1).unfold(1, size, 1).flatten(2).all(dim=2)
    squares = (windows - patch[:, None, None]) ** 2 * patch_known
    error = squares.sum(dim=(0, 3, 4)).masked_fill(~whole, torch.inf)
    return divmod(error.argmin().item(), error.shape[1])


# %% tags=["check:00-8:4"]
def test_best_match(function):
    g = torch.Generator().manual_seed(2)
    picture = torch.rand(3, 14, 20, generator=g)
    everything, size = torch.ones(14, 20, dtype=torch.bool), 5
    half = torch.ones(size, size, dtype=torch.bool)
    half[:, 3:] = False
    for top, left in [(4, 11), (0, 0), (9, 15)]:
        patch = picture[:, top : top + size, left : left + size].clone()
        found = function(picture, everything, patch, ~torch.zeros_like(half))
        assert tuple(found) == (top, left), (
            f"a copy of the window at {(top, left)} must be found there, got {found}"
        )
        patch[:, :, 3:] = 9.0
        found = function(picture, everything, patch, half)
        assert tuple(found) == (top, left), (
            f"only the patch's known pixels count; expected {(top, left)}, got {found}"
        )
    known = everything.clone()
    known[10, 16] = False  # in the last window, the exact copy: it must not be used any more
    found = function(picture, known, patch, half)
    assert not (found[0] >= 6 and found[1] >= 12), (
        f"the window at {found} has a pixel that is not known"
    )
    worse = picture + 5
    worse[:, 2:7, 3:8] = patch + 0.1  # the same error everywhere, small
    found = function(worse, known, patch, half)
    assert tuple(found) == (2, 3), f"the smallest sum of squares is at (2, 3), got {found}"


best_match = check(best_match, best_match_reference, test_best_match)


# %%
def by_example(observed, mask, *, size=9, patches=100_000):
    """Fill a hole patch by patch, first where most pixels are known.

    Returns the picture (1, C, H, W), and two boxes (top, left, height, width): of the last patch,
    and of what was copied into it.
    """
    picture, known = observed[0].clone(), mask[0, 0] == 0
    source = known.clone()  # only pixels of the given picture are copied
    height, width = known.shape
    while not known.all() and patches:
        share = functional.avg_pool2d(known.float()[None], size, 1, size // 2)[0]
        share[known] = -1  # of the unknown pixels, the one with the most known neighbours:
        row, column = divmod(share.argmax().item(), width)
        top = min(max(row - size // 2, 0), height - size)
        left = min(max(column - size // 2, 0), width - size)
        patch = picture[:, top : top + size, left : left + size]  # a view: changes the picture
        seen = known[top : top + size, left : left + size]
        from_row, from_column = best_match(picture, source, patch, seen)
        found = picture[:, from_row : from_row + size, from_column : from_column + size]
        patch.copy_(torch.where(seen, patch, found))
        seen.fill_(True)
        patches -= 1
    return picture[None], (top, left, size, size), (from_row, from_column, size, size)


# %%
brick, wall = load_picture("brick wall", size=256)[:, :, :128, :128], torch.zeros(1, 1, 128, 128)
wall[:, :, 44:84, 44:84] = 1
given = paint_holes(brick, wall)  # magenta stays where nothing was copied yet
_, target, match = by_example(given, wall, patches=1)
panels = [outlined(given, {BLUE: target, ORANGE: match}, thickness=2)]
panels += [by_example(given, wall, patches=count)[0] for count in (25, 1000)]
titles = ["first patch (blue),\nits match (orange)", "after 25 patches", "filled", "truth"]
panels, told = torch.cat([*panels, brick]), "Copied patches continue the bricks"
show_images(panels, titles=titles, width=9, heading=told)
diffused = harmonic(apply_mask(brick, wall), wall)
assert hole_psnr(panels[2:3], brick, wall) > hole_psnr(diffused, brick, wall)

# %% [markdown]
# **What to see.** The blue patch found the orange one; bricks appear where diffusion would paint a stain. The order
# matters: an edge should be continued first, before flat parts grow over its way. **Criminisi et al. (2004)**
# therefore take next the patch with the largest
#
# $$\text{share of known pixels} \times \text{strength of an edge that runs into the hole.}$$
#
# `classical.exemplar` is your search with that order. **PatchMatch** (Barnes 2009) made such searches fast enough
# for photo editors: matches start at random places, and each pixel tries its neighbours' matches.

# %%
gravel = load_picture("gravel", size=256)[:, :, :128, :128]
cases = {"brick": (brick, wall), "gravel": (gravel, wall), "face": (astronaut, eye)}
rows, notes, near, sharp = {}, {}, {}, {}
for name, (image, hole) in cases.items():
    observed = apply_mask(image, hole)
    pair = torch.cat([harmonic(observed, hole), classical.exemplar(observed, hole)])
    both = image.expand_as(pair), hole.expand(2, -1, -1, -1)
    near[name], sharp[name] = hole_psnr(pair, *both), metrics.sharpness(pair, *both)
    rows[name] = torch.cat([paint_holes(image, hole), pair, image])
    numbers = zip(near[name], sharp[name], strict=True)
    notes[name] = ["", *(f"{db:.1f} dB · sharpness {detail:.2f}" for db, detail in numbers), ""]
titles = ["given", "diffusion", "exemplar", "truth"]
told = "Copying is sharp, diffusion is not; on gravel and face, PSNR prefers diffusion all the same"
show_rows(rows, titles=titles, notes=notes, label_width=0.7, heading=told)
gain = {name: (exemplar - diffusion).item() for name, (diffusion, exemplar) in near.items()}
assert gain["brick"] > 2
assert gain["gravel"] < 0
assert gain["face"] < 0
assert all(detail[0] < 0.1 and detail[1] > 0.7 for detail in sharp.values())

# %% [markdown]
# **What to see.** On the *brick* wall the exemplar fill wins by eye and by more than 2 dB. On the *gravel* the eye
# hardly finds the hole, and yet **PSNR prefers the grey stain**: copied stones lie in other places than the true
# ones, while a mean is never far from anything. Here sharpness agrees with the eye. On the *face* both fail:
# diffusion paints skin, and the exemplar fill copies hair, background and a mouth to where an eye belongs.
#
# That is the limit of all classical fills: what the hole needs is nowhere in the picture. Knowledge must come from
# **other** pictures.

# %% [markdown]
# ## 7 · The smallest thing that learns from other faces
#
# The plainest way to use other faces is the **mean face**: average all training faces and paste the piece. The
# next step is **PCA** (principal component analysis): write a face as the mean plus a weighted sum of the 60
# directions in which faces differ most,
#
# $$x \approx \bar x + \sum_{k=1}^{60} z_k\, b_k .$$
#
# The directions $b_k$ come from the training faces. Each row below walks along one of them, from weight −2 to 2.

# %%
learned = train.floats(slice(run.pick(ci=400, laptop=1000, gpu=1000)))
mean_face = classical.MeanImage(learned)
pca = classical.PCA(learned, components=60)

basis = pca.basis.view(-1, *pca.mean.shape)  # each direction times its standard deviation
steps = torch.tensor([-2.0, -1, 0, 1, 2]).view(-1, 1, 1, 1)
walks = {f"$b_{{{k}}}$": (pca.mean + steps * basis[k - 1]).clamp(-1, 1) for k in (1, 2, 30)}
told = "The first directions change large areas, the thirtieth changes little"
titles = ["−2", "−1", "0: the mean", "1", "2"]
show_rows(walks, titles=titles, width=7, label_width=0.6, heading=told)
assert basis[0].square().sum() > 10 * basis[29].square().sum()  # variances

# %% [markdown]
# **What to see.** The first directions change large areas at once: background, hair, skin. Later ones change less: the
# first has more than ten times the variance of the thirtieth.
#
# To fill a hole, find the weights $z$ from the **known** pixels alone, then compute the hidden pixels from them:
#
# $$\min_z \sum_{\text{known}} \big(x - \bar x - \textstyle\sum_k z_k b_k\big)^2 + \lambda\,\lVert z\rVert^2 .$$
#
# The second term, the *ridge*, keeps a weight near zero when the known pixels say little about it. This is linear
# algebra, solved anew for each mask in milliseconds, and it has *learned*.

# %%
fills = {"diffusion": harmonic, **classical.CLASSICAL, "mean face": mean_face, "PCA": pca}
rows = {"given": paint_holes(chosen.image, chosen.mask)}
for name in ("diffusion", "exemplar", "mean face", "PCA"):
    rows[name] = fills[name](chosen.observed, chosen.mask)
near = {name: hole_psnr(rows[name], chosen.image, chosen.mask) for name in list(rows)[1:]}
notes = {name: [f"{value:.1f} dB" for value in values.tolist()] for name, values in near.items()}
told = "PCA is nearest to the truth, and blurred"
show_rows({**rows, "truth": chosen.image}, notes=notes, heading=told)
means = {name: values.mean() for name, values in near.items()}
assert means["PCA"] == max(means.values())

# %% [markdown]
# **What to see.** The mean face pastes average features, with a visible seam. Diffusion has no seam and no
# features. PCA draws features where they belong and has the best mean PSNR of the four on these faces. Its seam is
# weaker, but visible, and all that it draws is blurred, because it is a sum of a few smooth pictures.

# %% [markdown]
# ## 8 · Measure
#
# Now in numbers. Four kinds of holes (the first from your sampler; *brush*: those that hide 5 to 50 % of the picture),
# every fill, and three draws: each draw takes different faces and different holes. The score is your PSNR in the hole,
# per picture and then averaged. The last column is the sharpness of the fills of the centre hole.

# %%
count = run.pick(ci=3, laptop=16, gpu=32)
kinds = {
    "rectangle": rectangles,
    "centre": partial(masks.centre, side=SIZE // 2),
    "brush": masks.in_band(masks.brush, 0.05, 0.5),
    "pixels": partial(masks.pixels, probability=0.5),
}
scores = {name: {column: [] for column in [*kinds, "sharpness"]} for name in fills}
for draw in range(3):
    people = list(range(draw * count, (draw + 1) * count))
    for kind, sampler in kinds.items():
        test = fixed_batch(validation, people, mask=sampler, seed=draw)
        for name, fill in fills.items():
            done = fill(test.observed, test.mask)
            scores[name][kind].append(hole_psnr(done, test.image, test.mask).mean().item())
            if kind == "centre":
                sharp = metrics.sharpness(done, test.image, test.mask).median().item()
                scores[name]["sharpness"].append(sharp)

# %%
table = {
    name: {column: sum(values) / 3 for column, values in columns.items()}
    for name, columns in scores.items()
}
print("PSNR in the hole (dB)", *[f"{column:>10}" for column in [*kinds, "sharpness"]])
for name, line in table.items():
    print(f"{name:21}", *[f"{value:10.2f}" for value in line.values()])
for draw in range(3):
    centre = {name: columns["centre"][draw] for name, columns in scores.items()}
    assert centre["PCA"] > 1 + max(centre[name] for name in ("diffusion", *classical.CLASSICAL))
    assert centre["diffusion"] > centre["biharmonic"]
    assert scores["biharmonic"]["pixels"][draw] > scores["PCA"]["pixels"][draw] + 1
    assert scores["exemplar"]["sharpness"][draw] > 2 * scores["PCA"]["sharpness"][draw]

# %%
points = {name: (line["sharpness"], line["centre"]) for name, line in table.items()}
sharpest, nearest = (max(points, key=lambda name, at=at: points[name][at]) for at in (0, 1))
show_points(
    points,
    xlabel="sharpness in the centre hole (1 = as the truth)",
    ylabel="PSNR in the hole (dB)",
    aims=("as sharp as the truth at 1", "nearer to the truth: up"),
    heading=f"Sharpest: {sharpest}. Nearest to the truth: {nearest}. No fill is both",
)
assert (sharpest, nearest) == ("exemplar", "PCA")

# %% [markdown]
# **What the table says** (asserted). Between scattered *pixels* the formulas know enough: biharmonic is more than 1
# dB better than PCA. In the *centre* hole whole features are missing, and knowing faces is worth more than 1 dB over
# every classical fill: **PCA is the bar** for the networks of this course.
#
# **What the figure says.** A good fill would stand at the upper right, near sharpness 1. None does: PCA has a
# sharpness of 0.24; exemplar has 1.0, and a lower PSNR than *image mean*, the control. (The sharpness of *image mean*
# and *mean face* comes from the seam.) The networks of lessons 3 to 6 aim at that corner.
#
# Means hide failures, so look at the worst cases.

# %%
test = fixed_batch(validation, 3 * count, mask=rectangles)
per_image = hole_psnr(pca(test.observed, test.mask), test.image, test.mask)
worst = per_image.argsort()[:6]
bad = Batch(test.image[worst], test.mask[worst], test.observed[worst])
guess = pca(bad.observed, bad.mask)
rows = {"given": paint_holes(bad.image, bad.mask), "PCA": guess, "truth": bad.image}
notes = {"PCA": [f"{value:.1f} dB" for value in per_image[worst].tolist()]}
told = f"What PCA gets most wrong: the six worst of its {3 * count} fills"
rows["error\n(black: 0,\nyellow: ≥ 0.5)"] = error_map(guess, bad.image)
show_rows(rows, notes=notes, heading=told)

# %% [markdown]
# **What to see.** In the worst case the whole skin has the wrong brightness. Most other failures have a cause that you
# can name: glasses, a hat, a beard. Each of these comes in many shapes and colours, so 60 directions of *common* change
# cannot hold them all. There the error map (black is right, yellow is wrong by half of the brightness range or more) is
# brightest along edges.
#
# Where is a hole hard? One hole of 24 pixels, moved over a grid of places:

# %%
some = validation.floats(slice(run.pick(ci=6, laptop=30, gpu=60)))
step = run.pick(ci=24, laptop=12, gpu=6)
total, times = torch.zeros(2, SIZE, SIZE)
for top in range(0, SIZE - 23, step):
    for left in range(0, SIZE - 23, step):
        hole = torch.zeros(1, 1, SIZE, SIZE)
        hole[:, :, top : top + 24, left : left + 24] = 1
        test = hide(some, hole.expand(len(some), -1, -1, -1))
        wrong = (pca(test.observed, test.mask) - some).abs() / 2
        total += wrong.mean(dim=(0, 1))
        times += hole[0, 0]
show_map(
    total / times,
    label="mean error, from 0 to 1",
    beside=mean_face.mean,
    titles=("mean face", "PCA's error, place by place"),
    heading="Skin is easy; eyes, mouth and outlines are hard",
)

# %% [markdown]
# **What to see.** Skin is easy: its colour in the hole is nearly the colour around the hole. Eyes,
# mouth and outlines are harder: faces differ there, and a misplaced edge is penalised twice, where it should be
# and where it is. A test that hides only centres never asks about the rest of the face.
#
# ## 9 · Break it: a perfect score
#
# One slip: `1 - mask` where the composite wants `mask`. Some programs mark holes white and others black, so this
# happens to everyone once. The fill below answers grey everywhere, so its score should be bad.
#
# **Predict before you open the output:** what will the PSNR in the hole be?

# %% tags=["predict", "nbval-check-output"]
guess_first()
grey = torch.zeros_like(astronaut)
swapped = composite(grey, astronaut, 1 - eye)
print(f"in the hole: {hole_psnr(swapped, astronaut, eye).item()} dB")

# %% tags=["predict"]
guess_first()
panels = torch.cat([paint_holes(astronaut, eye), swapped])
titles, told = ["given", "completed with 1 − mask"], "All grey except the hole: a perfect score"
show_images(panels, titles=titles, columns=2, width=4, heading=told)

# %% [markdown]
# The score is infinite: the hole holds the truth, and everything else the grey answer. A score that is too good
# is a reason to look for a bug. Keep a control that *must* be bad, such as this grey answer, and send it through
# the same code as the network. Lesson 4 looks at a published gallery that this test would have caught.

# %% [markdown] tags=["reflect:00-4:4"]
# ### Question · Which numbers would convince you?
#
# ○ · 10 minutes · 4 points, marked by hand
#
# A colleague writes: "Our network reaches 31 dB; Telea reaches 30." They used 32 × 32 squares at random places of
# 256 × 256 photographs and scored whole pictures. Which three questions do you ask, which numbers do you want to
# see, and which control would you add? Five sentences.
#
# <details><summary>What a good answer contains</summary>
#
# **Scores in the hole**: a hole fraction of 1/64 adds 18 dB to every score, so these are about 13 and 12 dB.
# **Spread and pairing**: on how many pictures, is the difference larger than its uncertainty, the same masks for
# both? **Which holes**: many random squares fall on background, where formulas are enough; ask for results by
# place and size, and for sharpness. **Controls**: one that must be bad (grey, mean colour) and stronger baselines
# than Telea (biharmonic, exemplar, PCA). One point for each of the four.
#
# </details>

# %% [markdown]
# ## 10 · The course's words
#
# One name per thing, in all lessons. Open a group when you meet a word that you do not know.
#
# <details><summary>Holes and fills</summary>
#
# | word | meaning |
# |---|---|
# | hole | the pixels that are missing |
# | mask | a picture of zeros and ones, 1 in the hole |
# | hole fraction | the share of the picture that is hole |
# | observed | the picture with its hole painted over |
# | inpainting | filling a hole from what is observed |
# | outpainting | continuing a picture beyond its edge |
# | blind inpainting | inpainting without being told the mask |
# | fill | a method that fills holes, and also its result |
# | prediction | what a fill gives, known pixels included |
# | composite | pasting the prediction's hole into the image |
# | completed | the picture after the composite |
# | sampler | a function that draws random masks |
#
# </details>
#
# <details><summary>Measures and tests</summary>
#
# | word | meaning |
# |---|---|
# | L1 | the mean absolute error |
# | PSNR | the mean squared error in decibels; higher is better |
# | SSIM | agreement of neighbourhoods; 1 is equal |
# | Fréchet distance | how far a set of pictures is from another, in a classifier's features |
# | sharpness | fine detail of the fill, divided by that of the truth |
# | baseline | a simple method that a better one must beat |
# | control | a method whose score is known beforehand |
# | training set | pictures that a method learns from |
# | validation set | pictures that it never learns from |
# | seed | the number from which random numbers follow |
# | profile | how long a lesson computes: `ci`, `laptop` or `gpu` |
# | card | the facts and scores of one set of weights or one system |
#
# </details>
#
# <details><summary>Networks</summary>
#
# | word | meaning |
# |---|---|
# | generator | the network that makes pictures or fills |
# | discriminator | the network that tells real pictures from made ones |
# | classifier | a network that names what a picture shows |
# | GAN | a generator and a discriminator trained against each other |
# | encoder-decoder | a network that shrinks a picture, then enlarges it again |
# | U-Net | an encoder-decoder whose halves are joined at every size |
# | noise | the random numbers from which a GAN's generator starts |
# | fake | a picture that a generator made |
# | logit | a score before it is turned into a probability |
# | weights | the numbers that a network learns |
# | family | a kind of model, such as `unet` or `glcic` |
#
# </details>
#
# <details><summary>Inside a network</summary>
#
# | word | meaning |
# |---|---|
# | features | the values that a network computes inside, on its way to the answer |
# | receptive field | the input pixels on which one output pixel depends |
# | dilated convolution | one that leaves out pixels between those that it reads |
# | spectral norm | dividing a layer's weights by the most that it can lengthen a vector |
#
# </details>
#
# <details><summary>Training</summary>
#
# | word | meaning |
# |---|---|
# | loss | the number that training makes smaller |
# | gradient | how the loss changes with each weight |
# | step | one change of the weights, after one batch |
# | learning rate | how large a step is |
# | reconstruction loss | the distance between fill and truth |
# | adversarial loss | the generator's loss on the discriminator's scores |
# | feature matching | a loss: how far the discriminator's features of fill and truth differ |
# | mode collapse | a generator that makes the same few pictures always |
# | preset | named settings with which a family is trained |
# | shipped weights | weights that come with the course |
# | averaged weights | the running mean of a network's weights over its last steps |
#
# </details>
#
# ## 11 · What we have
#
# You wrote the sampler, the measure, diffusion and the search for the best match. Diffusion gives smooth fills,
# copying gives sharp ones; both know only one picture. PCA knows other faces, is nearest to the truth in large
# holes, and is blurred. A network has to be near *and* sharp.
#
# **Three pitfalls**: a mask with its meaning swapped (a perfect score), scores over whole pictures (too good), means
# without the worst cases.
#
# **Read on.** Criminisi et al. 2004, *Region filling and object removal by exemplar-based image inpainting*:
# figure 2 shows the method. Wang et al. 2004, *Image quality assessment*: figure 2 is ours of SSIM. Next, lesson 1:
# a network that draws digits from noise.

# %%
run.save_card("00_holes", {"data": train.name, "pictures": 3 * count, "scores": table})
print(f"card saved; the bar on {train.name}, centre hole: PCA {table['PCA']['centre']:.1f} dB")
