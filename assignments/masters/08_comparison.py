# %%
import torch

from drawings.faces import draw_faces
from inpaintlib.data import load_faces
from inpaintlib.measure.classical import PCA
from inpaintlib.measure.comparison import fixed_masks
from inpaintlib.metrics import psnr
from inpaintlib.images import Batch, composite, hide
from inpaintlib.notebook.agreement import agrees, draws, untouched
from inpaintlib.photos.shipped import load

# %% tags=["given:08-3"]
fill_network = load("unet-drawn")  # fill_network.generate(hide(image, mask)) completes pictures
pca = PCA(
    load_faces("train", size=128, limit=400).floats(slice(400))
)  # pca(observed, mask) does, too
image = load_faces("validation", size=128, limit=28).floats(slice(28))


# %% [markdown] tags=["task:08-3"]
# ### Exercise 3 · Enter the contest
#
# ●●● · 30 minutes · 5 points for a valid entry
#
# Write a fill that never looks at the truth. Ideas: mean of two networks (`load` knows every name of
# `data/weights`); a network whose seam is blended (lesson 4); a network on the picture and on its mirror
# image, averaged; a network and `pca`, averaged. An entry is valid if
#
# - it reads `batch.holes()` and nothing else, neither the truth nor pictures that it has kept; the same batch has
#   the same fill, whatever came before;
# - known pixels stay bit for bit, values lie in [-1, 1], and no hole is left as `holes()` shows it (all grey, 0);
# - pictures are colour, 128 × 128, and any number of them may come;
# - it **beats PCA**: on 24 faces with the centre hidden, the mean lead in PSNR over `pca`, picture by picture, has a
#   95 % interval that lies above 0. On other faces, hidden from you, its mean lead is above -0.5 dB.
#
# The final project builds on it: measure your entry as lesson 8 does, and report what the intervals allow.


# %% [markdown] tags=["hint:08-3"]
# <details><summary>Hint</summary>
#
# `observed, mask = batch.holes()`. For the mirror idea: flip both with `.flip(-1)`, fill with
# `fill_network.generate(hide(...))`, flip back, average, `composite`.
#
# </details>


# %% tags=["solution:08-3"]
def my_fill_reference(batch):
    observed, mask = batch.holes()
    plain = fill_network.generate(hide(observed, mask))
    mirrored = fill_network.generate(hide(observed.flip(-1), mask.flip(-1))).flip(-1)
    return composite((plain + mirrored) / 2, observed, mask)


# %% [markdown] tags=["task:08-1"]
# ### Exercise 1 · The bootstrap
#
# ●●○ · 15 minutes · 4 points
#
# An interval of mean ± 1.96 standard errors assumes bell-shaped errors. The **bootstrap** (Efron 1979) does not:
# draw as many pictures as you have, with replacement, take the mean difference, and do this a thousand times. The
# middle 95 % of these means is the interval. Implement it for one list of paired differences. Every random number
# comes from `generator`, which moves on as it is used; low and high are two floats.


# %% tags=["hidden:08-1"]
def hidden_bootstrap_interval(function):
    def interval(values, draws_, seed):
        with untouched(values, names=["differences"]):
            low, high = function(values, draws_, torch.Generator().manual_seed(seed))
        assert isinstance(low, float) and isinstance(high, float), "two floats, low first"
        return low, high

    # Tolerances: with 4000 draws an end of the interval has a standard error of 0.042 spreads of
    # the mean (sqrt(0.025 · 0.975 / 4000) / 0.058), the width of 0.06 in 3.92. 10 % of the width
    # are 6.5 of these, 0.25 spreads are 6 for an end: a false alarm in less than 1e-7 runs.
    source = torch.Generator().manual_seed(3)
    for values in (
        torch.rand(60, generator=source) * 4 - 3,
        torch.randn(200, generator=source) - 5,
        0.01 * torch.rand(40, generator=source) + 7,
    ):
        low, high = interval(values, 4000, 5)
        mean, spread = values.mean().item(), values.std(correction=0).item() / len(values) ** 0.5
        assert low < mean < high, "the interval contains the mean of the sample"
        assert abs((high - low) / (3.92 * spread) - 1) < 0.1, (
            "the width does not shrink with the number of draws, only with the number of values"
        )
        for end, place in ((low, -1.96), (high, 1.96)):
            told = "the ends are the quantiles 0.025 and 0.975 of the means"
            assert abs((end - mean) / spread - place) < 0.35, told
    skewed = torch.tensor([0.0] * 40 + [10.0] * 2)
    low, high = interval(skewed, 4000, 1)
    mean = skewed.mean().item()
    assert high - mean > 1.2 * (mean - low) and low >= 0, "skewed values have a skewed interval"
    # Four values, one of them 4: the mean of four draws is a whole number, 0 to 3 in the middle 95 %
    # (P(at most 2) = 0.949, P(at most 3) = 0.996, each 8 standard errors or more from 0.975).
    whole = interval(torch.tensor([0.0, 0.0, 0.0, 4.0]), 4000, 6)
    told = "each mean is over as many values as there are: of 0, 0, 0 and 4 it is a whole number"
    assert all(abs(end - round(end)) < 1e-3 for end in whole), told
    one = interval(torch.arange(31.0), 1, 7)
    assert abs(one[1] - one[0]) < 1e-5, "one draw gives one mean: low and high are equal"
    few = interval(torch.rand(60, generator=source), 50, 2)
    assert few[0] < few[1], "the number of draws is what was asked for"
    pair = interval(torch.tensor([0.0, 1.0]), 400, 0)
    assert pair == (0.0, 1.0), "of two values, a quarter of the resamples is all 0, one all 1"
    values = torch.rand(60, generator=source)
    draws(lambda generator: function(values, 300, generator), told="the resamples")


# %% tags=["hidden:08-2"]
def hidden_sharpness(function):
    def by_differences(completed, image, mask):
        def strength(x):
            high, wide = x[..., 2:, :] - x[..., :-2, :], x[..., 2:] - x[..., :-2]
            across = (wide[..., :-2, :] + 2 * wide[..., 1:-1, :] + wide[..., 2:, :]) / 8
            down = (high[..., :-2] + 2 * high[..., 1:-1] + high[..., 2:]) / 8
            inside = mask[..., 1:-1, 1:-1]
            return ((across**2 + down**2).sqrt() * inside).sum(dim=(1, 2, 3))

        return strength(completed) / strength(image)

    source = torch.Generator().manual_seed(7)
    cases = []
    for batch, channels, height, width in [(2, 1, 20, 12), (1, 3, 9, 14), (3, 5, 12, 12)]:
        image, noise = torch.rand(2, batch, channels, height, width, generator=source) * 2 - 1
        hole = torch.zeros(batch, 1, height, width)
        for sample in range(batch):
            hole[sample, :, 2 : 5 + sample, 3 + sample : -2] = 1
        loud = torch.arange(1.0, batch + 1).view(-1, 1, 1, 1)
        cases += [(loud * noise, image, hole), (image, noise, hole), (0 * image, image, hole)]
        inner = torch.zeros_like(hole)
        inner[..., 1:-1, 1:-1] = 1
        ramp = torch.linspace(-1, 1, width).expand_as(image) + 0.1 * noise
        cases += [(ramp, image, inner), (0.3 * image + 5, image, inner)]
    told = (
        "the mean length of the gradient vector in the hole, over the same of this picture's truth"
    )
    agrees(function, by_differences, *cases, told=told, rtol=1e-3, atol=1e-4)


# %% tags=["check:08-3:5"]
def test_my_fill(function):
    picture, hole = image[:2], fixed_masks("free-form", 5, 2, 128)
    other = torch.where(hole.bool(), -picture, picture)  # the same to see, another truth
    with torch.no_grad():
        result, again = function(hide(picture, hole)), function(hide(other, hole))
    assert result.shape == picture.shape, (
        f"expected {tuple(picture.shape)}, got {tuple(result.shape)}"
    )
    known = (hole == 0).expand_as(picture)
    assert torch.equal(result[known], picture[known]), "known pixels must come back bit for bit"
    assert result.abs().max() <= 1, "values belong in [-1, 1]"  # false for nan, too
    told = "other hidden pixels, another fill: it reads the truth"
    torch.testing.assert_close(again[~known], result[~known], msg=told)
    for sample, where in enumerate(~known):
        assert result[sample][where].any(), f"the hole of picture {sample + 1} was left empty"
    alike = (result == picture)[~known].float().mean()
    assert alike < 0.5, "the fill is the truth itself, bit for bit: it looks it up"
    faces, centre = image[4:], fixed_masks("centre", 2, 24, 128)
    batch = hide(faces, centre)
    with torch.no_grad():
        mine, theirs = function(batch), pca(*batch.holes())
    lead = psnr(mine, faces, centre) - psnr(theirs, faces, centre)
    low = (lead.mean() - 1.96 * lead.std() / len(lead) ** 0.5).item()
    assert low > 0, (
        f"not above PCA: the lead is {lead.mean():+.2f} dB, its interval begins at {low:+.2f}"
    )


# %% tags=["hidden:08-3"]
def hidden_my_fill(function):
    unseen = draw_faces(24, size=128, seed=2718)[0] / 127.5 - 1  # in no set that anyone can load
    for family, first, count in [("half", 2, 1), ("free-form", 0, 3), ("square", 3, 3)]:
        picture, hole = unseen[first : first + count], fixed_masks(family, 1, count, 128)
        observed = hide(picture, hole).observed
        results = []
        for _ in range(2):
            batch = Batch(torch.full_like(picture, torch.nan), hole, observed.clone())
            with torch.no_grad(), untouched(batch, names=["the batch"], streams=False):
                results.append(function(batch))
        result = results[0]
        assert result.shape == picture.shape, "as many pictures as came, as large as they came"
        told = "it reads batch.image, the truth, which is hidden here, or it fills in nan"
        assert result.isfinite().all(), told
        known = (hole == 0).expand_as(picture)
        assert torch.equal(result[known], picture[known]), "known pixels must come back bit for bit"
        assert result.abs().max() <= 1, "values belong in [-1, 1]"
        for sample, (filled, where) in enumerate(zip(result, ~known, strict=True)):
            assert filled[where].any(), f"the hole of picture {sample + 1} was left empty"
        told = "the same batch a second time has another fill"
        torch.testing.assert_close(results[1], result, rtol=0, atol=1e-3, msg=told)
    known_faces, hole = image[:4], fixed_masks("square", 6, 4, 128)
    with torch.no_grad():
        result = function(hide(known_faces, hole))
    away = (result - known_faces).abs()[hole.bool().expand_as(result)].mean()
    told = (
        "the fill of a picture of the notebook's is its truth: it looks it up by its known pixels"
    )
    assert away > 0.01, told  # the best network errs by 0.04
    # Right work fails here when its lead on 24 new faces is 0.5 dB below PCA though it was above it
    # with confidence on 24 others: 3.5 standard errors and more below the least that passed there.
    centre = fixed_masks("centre", 3, 24, 128)
    batch = hide(unseen, centre)
    with torch.no_grad():
        mine, theirs = function(batch), pca(*batch.holes())
    lead = (psnr(mine, unseen, centre) - psnr(theirs, unseen, centre)).mean().item()
    assert lead > -0.5, f"on other faces it is {-lead:.2f} dB behind PCA"
