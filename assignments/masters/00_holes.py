# %%
import torch

from inpaintlib import masks
from inpaintlib.notebook.agreement import agrees, draws, evenly


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
    told = "the mean of squares on the [0, 1] scale, over this picture's hole and all its channels"
    agrees(function, in_decibels, *cases, told=told, rtol=1e-4, atol=1e-3)


# %% tags=["hidden:00-6"]
def hidden_diffuse(function):
    def by_hand(observed, mask, rounds):
        picture, (height, width) = observed.double(), observed.shape[2:]
        for _ in range(rounds):
            before = picture.clone()
            for sample, _, y, x in mask.nonzero().tolist():
                up, down = (
                    before[sample, :, max(y - 1, 0), x],
                    before[sample, :, min(y + 1, height - 1), x],
                )
                left, right = (
                    before[sample, :, y, max(x - 1, 0)],
                    before[sample, :, y, min(x + 1, width - 1)],
                )
                picture[sample, :, y, x] = (up + down + left + right) / 4
        return picture

    source = torch.Generator().manual_seed(6)
    cases = []
    for batch, channels, height, width, rounds in [
        (2, 3, 4, 7, 3),
        (1, 1, 6, 3, 1),
        (3, 5, 5, 4, 6),
        (1, 2, 3, 5, 0),
    ]:
        observed = torch.rand(batch, channels, height, width, generator=source) * 2 - 1
        share = torch.tensor([0.6, 0.2, 0.9])[:batch].view(-1, 1, 1, 1)
        mask = (torch.rand(batch, 1, height, width, generator=source) < share).float()
        cases.append((observed, mask, rounds))
    cases += [(observed, 0 * mask, 2), (observed, torch.ones_like(mask), 2)]
    told = "each hole pixel becomes the mean of its four neighbours of the round before"
    agrees(function, by_hand, *cases, told=told)
    observed, mask, rounds = cases[0]
    known = (mask == 0).expand_as(observed)
    kept = torch.equal(function(observed, mask, rounds)[known].float(), observed[known])
    assert kept, "known pixels keep their exact value"


# %% tags=["hidden:00-8"]
def hidden_best_match(function):
    def by_hand(picture, known, patch, patch_known):
        size, (height, width) = patch.shape[-1], known.shape
        costs = {}
        for top in range(height - size + 1):
            for left in range(width - size + 1):
                window = slice(top, top + size), slice(left, left + size)
                if known[window].all():
                    difference = (picture[:, *window] - patch)[:, patch_known]
                    costs[top, left] = difference.double().square().sum().item()
        return min(costs, key=lambda place: costs[place])

    source = torch.Generator().manual_seed(3)
    cases = []
    for channels, height, width, size in [(3, 11, 8, 3), (1, 7, 13, 5), (5, 9, 9, 4), (2, 6, 8, 2)]:
        picture = torch.rand(channels, height, width, generator=source) * 2 - 1
        known = torch.rand(height, width, generator=source) > 0.04
        known[:size, :size] = True  # one window at least
        patch = torch.rand(channels, size, size, generator=source) * 2 - 1
        patch_known = torch.rand(size, size, generator=source) > 0.4
        patch_known[0, 0] = True
        cases.append((picture, known, patch, patch_known))
    picture, known, patch, patch_known = cases[0]
    only = torch.zeros_like(known)
    only[5:8, 2:5] = True  # a single window is wholly known
    cases += [
        (picture, only, patch, patch_known),
        (picture, known, patch, torch.ones_like(patch_known)),
    ]
    cases += [
        (
            torch.where(known, picture, 50.0),
            known,
            torch.where(patch_known, patch, -70.0),
            patch_known,
        )
    ]
    told = "the wholly known window with the smallest sum of squares over the patch's known pixels"
    agrees(function, by_hand, *cases, told=told)


# %% [markdown] tags=["task:00-1"]
# ### Exercise 1 · One hole per sample
#
# ●○○ · 10 minutes · 3 points
#
# Write `random_square`: for each sample of a batch a square hole of `side` pixels at a random place,
# every place as likely, wholly inside the picture, whatever the places of the other samples. Two classics
# of public code to avoid: one place for the whole batch, and height and width swapped, which nobody
# notices on square pictures. Every random number comes from `generator`, which moves on as it is used: the
# next call with it gives other places.


# %% tags=["exercise:00-1"]
def random_square(batch, height, width, side, generator):
    """(batch, 1, height, width) of zeros and ones, 1 = hole; draws from `generator` only."""
    raise NotImplementedError


# %% [markdown] tags=["hint:00-1"]
# <details><summary>Hint</summary>
#
# How many places are there for the top edge? `height - side + 1`; `torch.randint` excludes its upper
# end. Draw one number per sample, `(batch,)`, for the top and one for the left. A loop over samples is
# fine.
#
# </details>


# %% tags=["solution:00-1"]
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


# %% tags=["given:00-3"]
def public_hole_l1(prediction, target, mask):
    return (mask * (prediction - target)).abs().mean()


zeros = torch.zeros(1, 3, 16, 16)
for side in (2, 8, 16):
    hole = masks.centre(1, 16, 16, generator=torch.Generator(), side=side)
    cost = public_hole_l1(zeros + 0.5, zeros, hole)
    print(f"hole of {side:2} × {side:2} pixels: error 0.5 everywhere costs {cost:.3f}")


# %% tags=["exercise:00-3"]
def hole_l1(prediction, target, mask):
    """A scalar: the mean absolute error over hole pixels; 0 for an empty mask."""
    raise NotImplementedError


# %% [markdown] tags=["hint:00-3"]
# <details><summary>Hint</summary>
#
# What is the mean taken over? It should be taken over hole values: pixels in the hole times channels.
# `clamp(min=1)` on that count keeps an empty mask from dividing by zero.
#
# </details>


# %% tags=["solution:00-3"]
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
