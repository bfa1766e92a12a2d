"""BatchNorm's statistics, measured again for averaged weights."""

import torch
from torch import nn
from torch.testing import assert_close

from inpaintlib.images import Batch
from inpaintlib.training.ema import EMA, refresh_statistics


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))


def data(count=5):
    generator = torch.Generator().manual_seed(1)
    return [Batch(torch.randn(8, 3, 6, 6, generator=generator)) for _ in range(count)]


def test_statistics_are_the_plain_mean_over_all_batches():
    module = network().eval()
    refresh_statistics(module, lambda batch: module(batch.image), data())
    with torch.no_grad():
        before = [module[:2](batch.image) for batch in data()]
    mean = torch.stack([x.mean(dim=(0, 2, 3)) for x in before]).mean(0)
    variance = torch.stack([x.transpose(0, 1).flatten(1).var(dim=1) for x in before]).mean(0)
    assert_close(module[2].running_mean, mean)
    assert_close(module[2].running_var, variance)


def test_modes_momentum_and_weights_are_left_as_they_were():
    module = network().eval()
    module[0].train()
    weights = [parameter.clone() for parameter in module.parameters()]
    refresh_statistics(module, lambda batch: module(batch.image), data())
    assert [layer.training for layer in module] == [True, False, False]
    assert module[2].momentum == 0.1
    assert all(torch.equal(a, b) for a, b in zip(weights, module.parameters(), strict=True))


def test_the_average_gets_its_own_statistics_and_the_network_its_old_ones_back():
    module = network()
    for batch in data():
        module(batch.image)
    ema = EMA(module, decay=0.9)
    with torch.no_grad():
        module[0].weight.mul_(3.0)
    ema.update()
    before = module[2].running_mean.clone()
    with ema.applied():
        refresh_statistics(module, lambda batch: module(batch.image), data())
        module.eval()
        output = torch.cat([module(batch.image) for batch in data()])
        module.train()
    assert_close(output.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    assert torch.equal(module[2].running_mean, before)


def test_without_batch_normalisation_nothing_runs():
    refresh_statistics(nn.Conv2d(3, 3, 1), lambda batch: 1 / 0, data())
