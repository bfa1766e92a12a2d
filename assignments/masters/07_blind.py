# %%
import copy

import torch
import torch.nn.functional as F
from torch import nn


# %% tags=["hidden:07-1"]
def hidden_grid_share(function):
    source = torch.Generator().manual_seed(151)
    tile = torch.randn(1, 2, 3, 3, generator=source)
    tile = tile - tile.mean(dim=(2, 3), keepdim=True)
    smooth = torch.randn(1, 2, 7, 9, generator=source)
    smooth = smooth.repeat_interleave(3, dim=2).repeat_interleave(3, dim=3)  # constant in a cell
    smooth[:, 1] *= 5  # a channel with much variance and little grid
    mixed = 2 * tile.repeat(1, 1, 7, 9) + smooth
    grid, rest = 4 * tile.var(dim=(2, 3), correction=0).sum(), smooth.var(dim=(2, 3), correction=0)
    expected = grid / (grid + rest.sum())
    share = function(mixed, 3)
    told = "variance of the period means over variance of all pixels, channels added first"
    torch.testing.assert_close(share, expected.view(1), rtol=1e-3, atol=1e-4, msg=told)
    both = function(torch.cat([mixed, tile.repeat(1, 1, 7, 9)]), 3)
    told = "each picture has a share of its own"
    torch.testing.assert_close(both[1:], torch.ones(1), msg=told)
    torch.testing.assert_close(both[:1], share, msg=told)
    odd = F.pad(mixed, (0, 2, 0, 1), value=50.0)
    told = "what is beyond a multiple of the period must not count"
    torch.testing.assert_close(function(odd, 3), share, msg=told)


# %% tags=["hidden:07-2"]
def hidden_company(function):
    pictures = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(161)) * 2 - 1
    cases = {
        "the last picture only": lambda x: x + 0.2 * x[-1:],
        "the second picture only": lambda x: x + 0.2 * x[1:2],
        "one corner of the others": lambda x: x + x[1:, :, :1, :1].mean(),
        "how bright the others are": lambda x: x + 0.5 * x[1:].abs().mean(),
    }
    for name, network in cases.items():
        assert function(network, pictures) > 0.02, f"missed an influence of {name}"
    down = function(lambda x: x - (x[1:] - pictures[1:]).abs().amax(), pictures)
    assert down > 0.02, "a change downwards is a change"
    alone = function(lambda x: x.flip(2) * x[:, :, :1], pictures)
    assert alone == 0, "each picture stands alone here, yet company was reported"
    torch.manual_seed(3)
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.0)).train()
    network[0].eval()  # modes may be mixed
    before = copy.deepcopy(network.state_dict())
    assert function(network, pictures) == 0, "in evaluation mode a BatchNorm does not mix"
    assert [part.training for part in network] == [False, True], "every part keeps its own mode"
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()), "it has moved"
    late = function(lambda x: x - x.mean(0), 5 * pictures)
    assert late > function(lambda x: x - 0.1 * x.mean(0), 5 * pictures), "return how large it is"


# %% tags=["hidden:07-3"]
def hidden_score_mask(function):
    source = torch.Generator().manual_seed(171)
    probability = torch.rand(3, 1, 9, 5, generator=source)
    mask = (torch.rand(3, 1, 9, 5, generator=source) < 0.3).float()
    for threshold in (0.2, 0.7):
        found, true = (probability > threshold).flatten().tolist(), mask.flatten().tolist()
        both = sum(f and t == 1 for f, t in zip(found, true, strict=True))
        either = sum(f or t == 1 for f, t in zip(found, true, strict=True))
        expected = (both / either, both / sum(found), both / sum(true))
        for name, value, right in zip(
            ("IoU", "precision", "recall"),
            function(probability, mask, threshold),
            expected,
            strict=True,
        ):
            assert abs(value - right) < 1e-6, f"{name} at {threshold}: {right:.4f}, not {value:.4f}"
    empty = torch.zeros_like(mask)
    iou, precision, recall = function(probability, empty)
    assert (iou, precision) == (0, 0), "found what is not there: IoU and precision 0"
    assert recall == 1, "nothing was to be found: nothing was missed"
    assert function(empty, mask)[1] == 1, "nothing found: nothing found wrongly"


# %% tags=["hidden:07-4"]
def hidden_dice_loss(function):
    source = torch.Generator().manual_seed(181)
    logits = 2 * torch.randn(4, 1, 5, 9, generator=source)
    mask = (torch.rand(4, 1, 5, 9, generator=source) < 0.2).float()
    mask[3] = 0
    costs = []
    for p, m in zip(logits.sigmoid(), mask, strict=True):
        costs.append(1 - (2 * (p * m).sum() + 1) / (p.sum() + m.sum() + 1))
    told = "the formula for each sample, then the mean"
    value = function(logits, mask)
    assert value.shape == (), "one number"
    torch.testing.assert_close(value, torch.stack(costs).mean(), rtol=1e-4, atol=1e-5, msg=told)
    torch.testing.assert_close(function(logits[:1], mask[:1]), costs[0], msg=told)
