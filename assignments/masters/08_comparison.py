# %%
import torch

from inpaintlib.data import load_faces
from inpaintlib.measure.comparison import fixed_masks
from inpaintlib.images import Batch, composite, hide
from inpaintlib.photos.shipped import load

# %% tags=["given:08-3"]
fill_network = load("unet-drawn")  # fill_network.generate(hide(image, mask)) completes pictures
image = load_faces("validation", size=128, limit=4).floats(slice(4))


# %% [markdown] tags=["task:08-3"]
# ### Exercise 3 · Enter the contest
#
# ●●● · 30 minutes · 5 points for a valid entry
#
# Write a fill that never looks at the truth. Ideas: mean of two networks (`load` knows every name of
# `data/weights`); a network whose seam is blended (lesson 4); a network on the picture and on its mirror
# image, averaged; a formula of `inpaintlib.measure.classical`. The checks test the rules, not the quality. The
# final project builds on it: measure your entry as lesson 8 does, and report what the intervals allow.


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


# %% tags=["hidden:08-1"]
def hidden_bootstrap_interval(function):
    values = torch.rand(60, generator=torch.Generator().manual_seed(3)) * 4 - 3
    low, high = function(values, 4000, torch.Generator().manual_seed(5))
    assert low < values.mean().item() < high, "the interval contains the mean of the sample"
    width = 2 * 1.96 * values.std(correction=0).item() / 60**0.5
    assert abs((high - low) / width - 1) < 0.1, (
        "the width does not shrink with the number of draws, only with the number of values"
    )
    assert isinstance(low, float), "two numbers, low first"
    assert isinstance(high, float), "two numbers, low first"
    again = function(values, 4000, torch.Generator().manual_seed(5))
    assert again == (low, high), "the same generator gives the same interval: draw from it only"
    other = function(values, 4000, torch.Generator().manual_seed(6))
    assert other != (low, high), "another generator gives another interval"
    pair = function(torch.tensor([0.0, 1.0]), 400, torch.Generator().manual_seed(0))
    assert pair == (0.0, 1.0), "of two values, a quarter of the resamples is all 0, one all 1"


# %% tags=["hidden:08-2"]
def hidden_sharpness(function):
    source = torch.Generator().manual_seed(7)
    picture = torch.rand(2, 1, 20, 12, generator=source) * 2 - 1
    hole = torch.zeros(2, 1, 20, 12)
    hole[0, :, 2:9, 3:8], hole[1, :, 10:18, 2:11] = 1, 1
    scale = torch.tensor([0.25, 3.0]).view(2, 1, 1, 1)
    told = "each picture has a number of its own, against its own truth"
    ratios = function(picture * scale, picture, hole)
    torch.testing.assert_close(ratios, torch.tensor([0.25, 3.0]), msg=told)
    flat = function(torch.zeros_like(picture), picture, hole)
    assert (flat == 0).all(), "a flat fill has sharpness 0"
    x, y = torch.linspace(-1, 1, 20).view(20, 1), torch.linspace(-1, 1, 12).view(1, 12)
    slanted = (3 * x / 20 + 4 * y / 12).view(1, 1, 20, 12).expand(2, 1, 20, 12)
    only = (4 * y / 12).expand(20, 12).view(1, 1, 20, 12).expand(2, 1, 20, 12)
    rise, run = 3 * 2 / 19 / 20, 4 * 2 / 11 / 12
    expected = torch.full((2,), run / (rise**2 + run**2) ** 0.5)
    told = "the length of the gradient vector, not the sum of its parts"
    inner = torch.zeros_like(hole)
    inner[..., 3:17, 3:9] = 1
    torch.testing.assert_close(
        function(only, slanted, inner), expected, rtol=1e-3, atol=1e-4, msg=told
    )


# %% tags=["hidden:08-3"]
def hidden_my_fill(function):
    picture, hole = image[2:3], fixed_masks("half", 1, 1, 128)
    batch = Batch(torch.full_like(picture, torch.nan), hole, hide(picture, hole).observed)
    with torch.no_grad():
        result = function(batch)
    assert result.shape == picture.shape, "as many pictures as came, as large as they came"
    assert result.isfinite().all(), "it reads batch.image, the truth, which is hidden here"
    known = (hole == 0).expand_as(picture)
    assert torch.equal(result[known], picture[known]), "known pixels must come back bit for bit"
    assert result.abs().max() <= 1, "values belong in [-1, 1]"
    grey = composite(torch.zeros_like(picture), picture, hole)
    assert not torch.equal(result, grey), "the hole was left empty"
