# %%
import torch

from inpaintlib.notebook.agreement import agrees, draws, evenly

# %% [markdown] tags=["task:00-1"]
# ### Exercise 1 · One hole a sample
#
# ●○○ · 10 minutes · 3 points
#
# Write `random_square`: for each sample of a batch a square hole of `side` pixels at a random place,
# every place as likely, wholly inside the picture, whatever the places of the other samples. Two classics
# of public code to avoid: one place for the whole batch, and height and width swapped, which nobody
# notices on square pictures. Every random number comes from `generator`, which moves on as it is used: the
# next call with it gives other places.


# %% tags=["hidden:00-1"]
# without: inpaintlib.masks.square, inpaintlib.masks.rectangle
def hidden_random_square(function):
    for height, width, side in [(9, 6, 2), (5, 14, 5), (7, 7, 1), (3, 3, 2)]:
        mask = function(10_000, height, width, side, torch.Generator().manual_seed(height))
        assert mask.shape == (10_000, 1, height, width), "rows are the height, columns the width"
        assert ((mask == 0) | (mask == 1)).all(), "a mask is 0 or 1"
        mask = mask.float()
        assert (mask.sum(dim=(1, 2, 3)) == side * side).all(), "each hole has side × side pixels"
        box = mask.amax(3).sum(2) * mask.amax(2).sum(2)
        assert (box == side * side).all(), "each hole is one square, not scattered"
        tops, lefts = mask.amax(3).argmax(2)[:, 0], mask.amax(2).argmax(2)[:, 0]
        columns, places = width - side + 1, (height - side + 1) * (width - side + 1)
        place = tops * columns + lefts
        counts = place.bincount(minlength=places)
        evenly(counts, told=f"every one of the {places} places must be as likely as any other")
        if places == 4:  # neighbours in the batch, as pairs
            pairs = (place[::2] * 4 + place[1::2]).bincount(minlength=16)
            evenly(pairs, told="a sample's place must not depend on that of another sample")
    assert function(1, 4, 6, 2, torch.Generator()).shape == (1, 1, 4, 6), "a batch of one"
    draws(lambda generator: function(64, 8, 9, 3, generator), told="the places")


# %% tags=["hidden:00-2"]
# without: inpaintlib.metrics.psnr
def hidden_hole_psnr(function):
    def in_decibels(prediction, image, mask):
        found = []
        for p, x, m in zip(prediction, image, mask, strict=True):
            where = m.bool().expand_as(x)
            found.append(-10 * ((p[where] - x[where]) / 2).square().mean().log10())
        return torch.stack(found)

    source = torch.Generator().manual_seed(4)
    cases = []
    for batch, channels, height, width in [(3, 3, 12, 7), (1, 1, 5, 9), (2, 5, 6, 6), (3, 1, 4, 8)]:
        image, noise = torch.rand(2, batch, channels, height, width, generator=source) * 2 - 1
        share = torch.tensor([0.1, 0.5, 0.9])[:batch].view(-1, 1, 1, 1)
        mask = (torch.rand(batch, 1, height, width, generator=source) < share).float()
        mask[:, :, 1, 2] = 1  # no hole is empty
        cases.append((image + 0.6 * noise.sign() * (0.1 + noise.abs()), image, mask))
    pixel, whole = torch.zeros(2, 1, 4, 4), torch.ones(1, 1, 3, 5)
    pixel[0, 0, 1, 2], pixel[1, 0, 3, 0] = 1, 1
    cases += [(0.3 * pixel, 0 * pixel, pixel), (0.02 * whole, 0 * whole, whole)]
    told = "the mean of squares on the [0, 1] scale, over this image's hole and all its channels"
    agrees(function, in_decibels, *cases, told=told, rtol=1e-4, atol=1e-3)


# %% [markdown] tags=["task:00-3"]
# ### Exercise 3 · Bug hunt: the loss that likes small holes
#
# ●●○ · 15 minutes · 4 points
#
# This loss stands, in one form or another, in several public repositories. Its gradient is right in
# direction and its name is right, yet training with holes of mixed sizes suffers. Run it on one
# constant error in three holes, see what is wrong, then write `hole_l1` without the flaw. A network learns
# from its gradient, which must be that of the value. An empty mask must cost 0, not nan, and teach nothing:
# it does happen that a random mask hides nothing.


# %% tags=["hidden:00-3"]
# without: inpaintlib.losses.masked_l1
def hidden_hole_l1(function):
    def mean_over_hole(prediction, target, mask):
        where = mask.bool().expand_as(target)
        error = (prediction[where] - target[where]).abs()
        return error.mean() if where.any() else (0 * prediction).sum()

    source = torch.Generator().manual_seed(8)
    cases = []
    for batch, channels, height, width in [(5, 2, 6, 9), (1, 1, 7, 4), (3, 5, 5, 5), (2, 3, 3, 8)]:
        prediction, target = torch.rand(2, batch, channels, height, width, generator=source) * 2 - 1
        share = torch.linspace(0.1, 0.8, batch).view(-1, 1, 1, 1)
        mask = (torch.rand(batch, 1, height, width, generator=source) < share).float()
        cases += [(prediction, target, mask), (3 * prediction, target, mask)]
    cases += [(prediction, target, torch.ones_like(mask)), (prediction, target, 0 * mask)]
    told = "the mean runs over hole pixels and channels of the whole batch"
    agrees(function, mean_over_hole, *cases, told=told, learns=[0])
