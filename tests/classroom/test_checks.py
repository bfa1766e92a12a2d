"""The general checks of exercises: what is switched off, must agree, must stay as it was."""

import functools

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chi2
from torch import nn

from inpaintlib import layers, metrics
from inpaintlib.notebook.agreement import agrees, draws, evenly, untouched
from inpaintlib.notebook.exercises import check_alone, switched_off

# The package's own version is switched off ---------------------------------------------------


def test_an_attempt_cannot_call_what_is_switched_off():
    def test(function):
        assert function(-1.0) == F.relu(torch_scalar(-1.0)), "the test itself may call it"

    def honest(x):
        return max(x, 0.0)

    def borrowed(x):
        return F.relu(torch_scalar(x))

    check_alone(honest, test, without=["torch.nn.functional.relu"])
    with pytest.raises(AssertionError, match="relu is switched off"):
        check_alone(borrowed, test, without=["torch.nn.functional.relu"])
    assert F.relu(torch_scalar(2.0)) == 2, "afterwards it is back"


def torch_scalar(value: float):
    return torch.tensor(value)


OFF = [
    *("torch.nn.functional.scaled_dot_product_attention", "torch.linalg.svd", "torch.Tensor.svd"),
    *("inpaintlib.metrics.psnr", "inpaintlib.layers.GatedConv2d"),
    "torch.nn.functional.conv_transpose1d",
]
KEPT = [F.scaled_dot_product_attention, torch.linalg.svd, metrics.psnr]
X, HOLE = torch.rand(1, 3, 4, 4), torch.ones(1, 1, 4, 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: KEPT[0](X, X, X),
        lambda: KEPT[1](X),
        lambda: functools.partial(KEPT[2])(X, 0 * X, HOLE),
        lambda kept=metrics.psnr: kept(X, 0 * X, HOLE),
        lambda: X.svd(),
        lambda: torch.svd_lowrank(X[0, 0], q=2),
        lambda: layers.GatedConv2d(3, 4, 3),
        lambda: nn.ConvTranspose1d(3, 2, 3)(X[:, :, 0]),
    ],
)
def test_whatever_holds_a_function_it_is_switched_off(call):
    with switched_off(OFF), pytest.raises(AssertionError, match="switched off"):
        call()
    call()  # afterwards it is back


def test_numpy_and_float64_are_right_too():
    def test(function):
        torch.testing.assert_close(function(torch.ones(3)), torch.full((3,), 2.0))

    check_alone(lambda x: 2 * x.double(), test)
    check_alone(lambda x: 2 * x.numpy(), test)


# Agreement -----------------------------------------------------------------------------------


def double(x):
    return 2 * x.clone()


BUFFER, CALLS = torch.zeros(2, 3), []


def in_place(x):
    with torch.no_grad():
        x.mul_(2)
    return x


def buffered(x):
    BUFFER.copy_(2 * x.detach())
    return BUFFER


def first_answer(x):
    CALLS.append(double(x))
    return CALLS[0]


def noisy(x):
    torch.rand(1)
    return double(x)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x: 3 * x, "expected"),
        (lambda x: double(x)[0], r"expected shape \(2, 3\), got \(3,\)"),
        (lambda x: (double(x), x), "expected 1 parts, got 2"),
        (lambda x: None, "expected a tensor or a number, got NoneType"),
        (lambda x: double(x).detach(), "no gradient reaches x"),
        (lambda x: 2 * (2 * x - x.detach()), "wrong gradient of x"),
        (in_place, "x was changed"),
        (buffered, "gradient|earlier result"),
        (first_answer, "expected"),
        (noisy, "global random stream of torch"),
    ],
)
def test_agreement_sees(wrong, told: str):
    case = (torch.arange(6.0).view(2, 3) + 1,)
    agrees(double, double, case, told="twice", learns=[0])
    with pytest.raises(AssertionError, match=told):
        agrees(wrong, double, case, told="twice", learns=[0])


def test_agreement_takes_other_types():
    case = (torch.arange(6.0).view(2, 3),)
    agrees(lambda x: (2 * x).double().numpy(), double, case, told="twice")
    agrees(lambda x: float(x.sum()), lambda x: x.sum(), case, told="the sum")


def test_an_earlier_result_must_stay():
    with pytest.raises(AssertionError, match="a later call changed an earlier result"):
        agrees(buffered, double, (torch.ones(2, 3),), (2 * torch.ones(2, 3),), told="twice")


def randoms(generator):
    return torch.rand(9, generator=generator)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda g: torch.rand(9), "stream of torch was touched"),
        (lambda g: torch.ones(9), "another seed gives the same"),
        (lambda g: randoms(torch.Generator().manual_seed(g.initial_seed())), "repeats the first"),
    ],
)
def test_drawing(wrong, told: str):
    draws(randoms, told="numbers")
    with pytest.raises(AssertionError, match=told):
        draws(wrong, told="numbers")


def test_false_alarms_of_the_test_for_evenness_are_as_rare_as_said():
    """Over 1,000 seeds none; and the statistic is as large as chi-square says, not smaller."""
    source, worst = torch.Generator().manual_seed(0), []
    for _ in range(1000):
        counts = torch.randint(0, 42, (10_000,), generator=source).bincount(minlength=42)
        evenly(counts, told="places")
        worst.append(((counts - 10_000 / 42) ** 2 / (10_000 / 42)).sum().item())
    beyond = sum(value > chi2.isf(0.01, 41) for value in worst)
    assert 1 <= beyond <= 30, "about 10 of 1,000 lie beyond the limit for 1 %"
    with pytest.raises(AssertionError, match="expected about 238 of each"):
        evenly(
            (torch.rand(10_000, generator=source).pow(1.2) * 42).long().bincount(), told="places"
        )


def test_what_must_stay_as_it_was():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with untouched(network):
        network.train(network.training)
    for change in (
        lambda: network.eval(),
        lambda: network[0].weight.requires_grad_(False),
        lambda: network[1].running_mean.add_(1),
        lambda: network(torch.rand(3, 2)).sum().backward(),
    ):
        changed = pytest.raises(AssertionError, match="the network was changed")
        with changed, untouched(network, names=["the network"]):
            change()
