# %%
import torch

from inpaintlib.notebook.agreement import agrees, draws, evenly


# %% tags=["hidden:00-1"]
# without: inpaintlib.masks.rectangle, inpaintlib.masks.square
def hidden_random_rectangle(function):
    for height, width, low, high in [(9, 6, 2, 3), (5, 14, 1, 4), (3, 7, 3, 3), (6, 4, 1, 4)]:
        source = torch.Generator().manual_seed(height)
        mask = function(8000, height, width, generator=source, low=low, high=high)
        assert mask.shape == (8000, 1, height, width), "rows are the height, columns the width"
        assert ((mask == 0) | (mask == 1)).all(), "a mask is 0 or 1"
        down, along = mask.float().amax(3)[:, 0], mask.float().amax(2)[:, 0]
        filled = (mask[:, 0] == down[:, :, None] * along[:, None, :]).all()
        rows, columns, tops, lefts = down.sum(1), along.sum(1), down.argmax(1), along.argmax(1)
        assert filled and ((mask.float().sum(dim=(1, 2, 3)) == rows * columns).all()), (
            "one rectangle"
        )
        for start, size, line in [(tops, rows, down), (lefts, columns, along)]:
            place = torch.arange(line.shape[1])
            inside = (place >= start[:, None]) & (place < (start + size)[:, None])
            assert (line.bool() == inside).all(), "the rectangle has a gap"
        sides = high - low + 1
        shape = ((rows - low) * sides + columns - low).long()
        assert ((shape >= 0) & (shape < sides**2)).all(), f"sides from {low} to {high}"
        if sides > 1:
            evenly(shape.bincount(minlength=sides**2), told="height and width: each pair as likely")
        if sides == 2:  # where a rectangle of 2 x 3 pixels lies, and neighbours in the batch
            places = (tops * (width - 2) + lefts)[(rows == 2) & (columns == 3)]
            evenly(
                places.bincount(minlength=(height - 1) * (width - 2)), told="each place as likely"
            )
            pairs = (shape[::2] * 4 + shape[1::2]).bincount(minlength=16)
            evenly(pairs, told="a sample's sides must not depend on those of another sample")
    one = function(1, 4, 6, generator=torch.Generator(), low=2, high=2)
    assert one.shape == (1, 1, 4, 6), "a batch of one"
    draws(lambda g: function(64, 8, 9, generator=g, low=2, high=4), told="sides and places")


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


# %% tags=["hidden:00-3"]
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


# %% tags=["hidden:00-4"]
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
