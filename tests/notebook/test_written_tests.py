"""Exercises in which a learner writes a test: careful ones pass, careless ones do not."""

from collections.abc import Callable

import pytest
import torch

from inpaintlib.images import composite
from inpaintlib.notebook.written_tests import judges, slips

RIGHT = {"composite": composite, "where": lambda p, x, m: torch.where(m.bool(), p, x)}


def pictures(batch: int = 4, channels: int = 3, size: tuple[int, int] = (8, 12)):
    prediction, image = torch.rand(2, batch, channels, *size) * 2 - 1
    return prediction, image, (torch.rand(batch, 1, *size) < 0.5).float()


def careful(complete: Callable) -> bool:
    p, x, m = pictures()
    result, hole = complete(p, x, m), m.bool().expand_as(x)
    return torch.equal(result[hole], p[hole]) and torch.equal(result[~hole], x[~hole])


def close(complete: Callable) -> bool:
    p, x, m = pictures(batch=3)
    return torch.allclose(complete(p, x, m), torch.where(m.bool(), p, x), rtol=0, atol=1e-4)


def errors(complete: Callable, **how) -> torch.Tensor:
    p, x, m = pictures(**how)
    return complete(p, x, m) - torch.where(m.bool(), p, x)


CARELESS = {
    "a mean error is allowed": lambda f: bool(errors(f, size=(64, 48)).abs().mean() < 1e-4),
    "means are compared": lambda f: bool(errors(f).mean((2, 3)).abs().max() < 1e-6),
    "a tolerance of 0.01": lambda f: bool(errors(f).abs().max() < 0.01),
    "two samples": lambda f: bool((errors(f, batch=2)[:1] == 0).all()),
    "the middle sample is not compared": lambda f: bool((errors(f, batch=3)[::2] == 0).all()),
    "the last channel is not compared": lambda f: bool((errors(f)[:, :2] == 0).all()),
    "the border is not compared": lambda f: bool((errors(f)[..., 1:-1, 1:-1] == 0).all()),
    "most values": lambda f: bool((errors(f) == 0).float().mean() > 0.99),
    "one channel": lambda f: bool((errors(f, channels=1) == 0).all()),
    "nothing is wrong": lambda f: True,
    "all is wrong": lambda f: False,
    "by chance": lambda f: bool((errors(f) == 0).all()) or bool(torch.rand(()) < 0.3),
}


@pytest.mark.parametrize("test", [careful, close])
def test_a_careful_test_passes(test: Callable):
    torch.manual_seed(0)
    judges(test, RIGHT, slips(composite))


@pytest.mark.parametrize("what", CARELESS)
def test_a_careless_test_does_not(what: str):
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=r"your test (lets this pass|rejects a right one): "):
        judges(CARELESS[what], RIGHT, slips(composite))


def test_the_answer_is_true_or_false():
    with pytest.raises(AssertionError, match="return True or False, not Tensor"):
        judges(lambda f: (errors(f) == 0).all(), RIGHT, {})
    judges(lambda f: (errors(f) == 0).all().numpy()[()], RIGHT, {})


@pytest.mark.parametrize("name", slips(composite))
def test_every_slip_differs_from_the_right_one(name: str):
    torch.manual_seed(1)
    assert (errors(slips(composite)[name]) != 0).any()
