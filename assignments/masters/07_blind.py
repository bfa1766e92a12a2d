# %%
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.models import blind
from inpaintlib.notebook.agreement import agrees, untouched
from inpaintlib.notebook.network_checks import builds


# %% tags=["hidden:07-1"]
def hidden_grid_share(function):
    def phase_by_phase(pictures, period):
        x = pictures.double()
        height, width = (size - size % period for size in x.shape[2:])
        x = x[:, :, :height, :width]
        means = torch.stack(
            [
                torch.stack(
                    [x[:, :, r::period, c::period].mean(dim=(2, 3)) for c in range(period)], dim=2
                )
                for r in range(period)
            ],
            dim=2,
        )
        grid = means.flatten(2).var(dim=2, correction=0).sum(dim=1)
        total = x.flatten(2).var(dim=2, correction=0).sum(dim=1)
        return torch.where(total > 1e-12, grid / total.clamp(min=1e-12), 0 * total)

    source = torch.Generator().manual_seed(151)
    cases = []
    for batch, channels, height, width, period in [
        *((3, 2, 21, 27, 3), (1, 1, 16, 10, 2), (2, 5, 13, 22, 4), (3, 3, 15, 15, 5)),
        *((1, 3, 14, 9, 7), (2, 1, 6, 8, 1)),
    ]:
        rows, columns = height // period + 1, width // period + 1
        tile = torch.randn(batch, channels, period, period, generator=source)
        grid = tile.repeat(1, 1, rows, columns)[:, :, :height, :width]
        noise = torch.randn(batch, channels, height, width, generator=source)
        loud = torch.arange(1.0, channels + 1).view(1, -1, 1, 1)  # channels of unequal variance
        cases += [(grid + loud * noise, period), (grid, period), (noise, period)]
        cases.append((100 + 0.1 * (grid + noise), period))
    smooth = torch.linspace(-1, 1, 24).view(1, 1, 1, 24).expand(2, 3, 18, 24)
    cases += [(smooth, 3), (torch.full((2, 3, 8, 12), 0.5), 4)]
    cases.append((F.pad(grid, (0, 0, 0, 0)) * torch.tensor([1.0, 0.0]).view(2, 1, 1, 1), 1))
    told = "variance of the period's means over that of all pixels, channels added before dividing"
    agrees(function, phase_by_phase, *cases, told=told, rtol=1e-3, atol=1e-3)


# %% [markdown] tags=["task:07-2"]
# ### Exercise 2 · The company test
#
# ●●○ · 15 minutes · 4 points
#
# Write a test that works for any network: by how much can the answer for the *first* picture change when
# only the others do? Try others that are very different from each other: negatives, all black, noise.
# One trap: an instrument must not alter what it measures, and a BatchNorm in training
# mode moves its averages at every look. Leave the network and the pictures as they were, gradients, modes
# and settings too.


# %% tags=["hidden:07-2"]
def hidden_company(function):
    for batch, channels, height, width in [(3, 1, 6, 6), (2, 3, 5, 8), (4, 5, 4, 6)]:
        size = (batch, channels, height, width)
        pictures = torch.rand(size, generator=torch.Generator().manual_seed(161)) * 1.8 - 0.9
        cases = {
            "the last picture only": lambda x: x + 0.2 * x[-1:],
            "the second picture only": lambda x: x + 0.2 * x[1:2],
            "one corner of the others": lambda x: x + x[1:, :, :1, :1].mean(),
            "how bright the others are": lambda x: x + 0.5 * x[1:].mean(),
            "the last channel of the others": lambda x: x - 0.3 * x[1:, -1:].amax(),
            "one pixel of the answer": lambda x: F.pad(x[:, :, :1, :1] + x[-1:, :, :1, :1], (1, 1)),
        }
        for name, network in cases.items():
            with untouched(pictures, names=["pictures"], streams=False):
                found = function(network, pictures)
            assert found > 0.02, f"missed an influence of {name}"
        spot = function(
            lambda x: F.pad(x[-1:, :1, :1, :1], (3, 3, 3, 3)).expand(len(x), -1, -1, -1), pictures
        )
        assert spot > 0.5, "the largest change, not the average: here one value in 49 changes"
        own = pictures.clone()
        down = function(lambda x, own=own: x - (x[1:] - own[1:]).abs().amax(), pictures)
        assert down > 0.02, "a change downwards is a change"
        alone = function(lambda x: x.flip(2) * x[:, :, :1], pictures)
        assert alone == 0, "each picture stands alone here, yet company was reported"
        last = function(lambda x: torch.cat([x[:1], x[1:] + x[:1]]), pictures)
        assert last == 0, "only the answer for the first picture counts"
        large = function(lambda x: x - x.mean(0), 5 * pictures)
        told = "return how large it is"
        assert large > function(lambda x: x - 0.1 * x.mean(0), 5 * pictures), told
    torch.manual_seed(3)
    network = nn.Sequential(nn.BatchNorm2d(5), nn.Dropout(0.0)).train()
    network[0].eval()  # modes may be mixed
    network[0].weight.requires_grad_(False)
    for weight in network.parameters():  # left from the last step of its training
        weight.grad = torch.full_like(weight, 0.5)
    with untouched(network, names=["the network"], streams=False):
        assert function(network, pictures) == 0, "in evaluation mode a BatchNorm does not mix"
    network = nn.Sequential(nn.Conv2d(5, 2, 3), nn.BatchNorm2d(2, momentum=None)).train()
    with untouched(network, names=["the network"], streams=False):
        found = function(network, pictures)
    assert found > 0.02, "BatchNorm in training mode mixes the batch"


# %% tags=["hidden:07-3"]
# without: inpaintlib.models.blind.MaskedUNet
def hidden_masked_unet(network):
    def right(inputs, outputs, widths, masked):
        return blind.MaskedUNet(inputs, outputs, widths, masked=masked)

    def given(inputs, outputs, widths, masked):
        source = torch.Generator().manual_seed(175)
        least, found = 2 ** (len(widths) - 1), []
        for batch, rows, columns in [(3, 3, 2), (2, 1, 4), (1, 2, 2)]:
            size = (batch, 1, rows * least, columns * least)
            image = torch.randn(size[0], inputs, *size[2:], generator=source)
            mask = (torch.rand(size, generator=source) < 0.4).float()
            found.append((image, mask) if masked else (image,))
        return found

    told = "the network of the table for inputs={}, outputs={}, widths={}, masked={}"
    for case in [
        *((4, 2, (16, 8, 24), True), (3, 1, (8, 16, 16), False), (1, 5, (24, 8), True)),
        *((2, 3, (8, 8, 16, 8), True), (5, 1, (16, 8), False)),
    ]:
        built = builds(network, right, case, inputs=given, told=told.format(*case))
        tensors = given(*case)[0]
        with torch.no_grad():
            together, alone = built(*tensors)[:1], built(*(tensor[:1] for tensor in tensors))
        assert torch.allclose(together, alone, atol=1e-4), "its answer depends on the others' (F10)"


# %% tags=["hidden:07-4"]
def hidden_score_mask(function):
    def counted(probability, mask, threshold=0.5):
        pairs = [
            (p > threshold, m > 0.5)
            for p, m in zip(probability.flatten().tolist(), mask.flatten().tolist(), strict=True)
        ]
        both = sum(p and m for p, m in pairs)
        sizes = [sum(p or m for p, m in pairs), sum(p for p, _ in pairs), sum(m for _, m in pairs)]
        return tuple(both / size if size else 1.0 for size in sizes)

    source = torch.Generator().manual_seed(171)
    cases = []
    for batch, height, width in [(3, 9, 5), (1, 4, 8), (2, 6, 6)]:
        probability = torch.rand(batch, 1, height, width, generator=source)
        mask = (torch.rand(batch, 1, height, width, generator=source) < 0.3).float()
        mask[0, 0, 0, 0] = 1
        for threshold in (0.2, 0.7, 0.0, 1.0):
            cases.append((probability, mask, threshold))
        empty, full = torch.zeros_like(mask), torch.ones_like(mask)
        cases += [(probability, mask), (probability, empty), (empty, mask), (empty, empty)]
        cases += [(full, mask), (full, full), (1 - mask, mask), (mask, mask), (full / 2, mask)]
    uneven = torch.zeros(2, 1, 2, 4)
    uneven[0], uneven[1, 0, 0, 0] = 1, 1  # 8 pixels of one sample, 1 of the other
    cases.append((0.9 * uneven.flip(0), uneven))
    told = "(IoU, precision, recall) counted over the whole batch, 0 / 0 = 1"
    agrees(function, counted, *cases, told=told, rtol=1e-4, atol=1e-5)


# %% tags=["hidden:07-5"]
def hidden_dice_loss(function):
    def one_by_one(logits, mask):
        costs = []
        for sample, hole in zip(logits, mask, strict=True):
            p = 1 / (1 + torch.exp(-sample.clamp(-80, 80)))
            costs.append(1 - (2 * (p * hole).sum() + 1) / (p.sum() + hole.sum() + 1))
        return sum(costs) / len(costs)

    source = torch.Generator().manual_seed(181)
    cases = []
    for batch, height, width, loud in [
        (4, 5, 9, 2.0),
        (1, 6, 3, 1.0),
        (3, 4, 4, 20.0),
        (2, 7, 2, 0.1),
    ]:
        logits = loud * torch.randn(batch, 1, height, width, generator=source)
        share = torch.linspace(0.1, 0.8, batch).view(-1, 1, 1, 1)
        mask = (torch.rand(batch, 1, height, width, generator=source) < share).float()
        cases += [(logits, mask), (logits, 0 * mask), (logits, torch.ones_like(mask))]
        mixed = mask.clone()
        mixed[0] = 0  # one sample without a hole
        cases.append((logits, mixed))
    told = "1 - (2 · sum(p m) + 1) / (sum(p) + sum(m) + 1) for each sample, then the mean"
    agrees(function, one_by_one, *cases, told=told, learns=[0])
