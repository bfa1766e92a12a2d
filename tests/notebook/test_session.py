"""Profiles, seeds and exercises: what every lesson's first and last cells rely on."""

import pytest
import torch

from inpaintlib.notebook import session
from inpaintlib.notebook.exercises import check
from inpaintlib.seeding import stream


@pytest.mark.parametrize(("profile", "steps"), [("ci", 1), ("laptop", 2), ("gpu", 3)])
def test_a_profile_picks_numbers(monkeypatch, profile, steps):
    monkeypatch.setenv("INPAINTLIB_PROFILE", profile)
    assert session.start().pick(ci=1, laptop=2, gpu=3) == steps


def test_the_laptop_is_the_default_and_a_typing_error_is_named(monkeypatch):
    monkeypatch.delenv("INPAINTLIB_PROFILE", raising=False)
    assert session.start().profile == "laptop"
    monkeypatch.setenv("INPAINTLIB_PROFILE", "latpop")
    with pytest.raises(ValueError, match="ci, laptop, gpu, got 'latpop'"):
        session.start()


def test_a_session_repeats_its_random_numbers():
    first = session.start(seed=3)
    a, b = torch.rand(2), torch.rand(2, generator=first.generator(1))
    second = session.start(seed=3)
    assert torch.equal(torch.rand(2), a)
    assert torch.equal(torch.rand(2, generator=second.generator(1)), b)
    assert not torch.equal(torch.rand(2, generator=second.generator(2)), b)


def test_streams_differ_by_every_part_of_their_key():
    keys = [(0, "noise", 1), (0, "noise", 2), (0, "masks", 1), (1, "noise", 1)]
    draws = {tuple(torch.rand(3, generator=stream(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def double_reference(x):
    return 2 * x


def check_double(function):
    assert function(3) == 6, "twice three is six"


def test_a_stub_falls_back_to_the_reference(capsys):
    def double(x):
        raise NotImplementedError

    double = check(double, double_reference, check_double)
    assert double is double_reference
    assert "double: not solved yet" in capsys.readouterr().out
    assert check(double, double_reference, check_double) is double_reference, "the cell run again"
    assert "double: not solved yet" in capsys.readouterr().out


def test_a_solution_is_recognised_and_an_error_teaches(capsys):
    def double(x):
        return x + x

    assert check(double, double_reference, check_double) is double
    assert capsys.readouterr().out == "double: correct; the lesson goes on with yours\n"

    def wrong(x):
        return x * x

    with pytest.raises(AssertionError, match="twice three is six"):
        check(wrong, double_reference, check_double)


def test_a_wrong_reference_is_found_even_while_the_stub_is_unsolved():
    def stub(x):
        raise NotImplementedError

    with pytest.raises(AssertionError):
        check(stub, lambda x: x, check_double)


def test_an_error_of_torch_is_no_untouched_stub():
    """Torch raises NotImplementedError itself for a module whose `forward` is misspelt."""

    class Net(torch.nn.Module):
        def forwrad(self, x):
            return x

    with pytest.raises(NotImplementedError, match="forward"):
        check(Net, torch.nn.Identity, lambda net: net()(torch.zeros(1)))
