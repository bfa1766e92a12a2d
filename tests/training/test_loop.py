"""The loop: isolation of phases, exact resume, averages, errors that show every term."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from inpaintlib.images import Batch
from inpaintlib.models.contract import schedule
from inpaintlib.models.gan import GAN, GANConfig
from inpaintlib.training.checkpoints import load_state, save_state
from inpaintlib.training.ema import EMA
from inpaintlib.training.loop import PRECISIONS, eval_mode, run_phase, train

SMALL = GANConfig(size=8, latent=4, generator_widths=(16, 16), discriminator_widths=(16, 8))


def digits(start=0):
    step = start
    while True:
        source = torch.Generator().manual_seed(step)
        yield Batch(torch.rand(6, 1, 8, 8, generator=source) * 2 - 1)
        step += 1


def small_gan(seed=0):
    torch.manual_seed(seed)
    return GAN(SMALL)


def snapshot(module):
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_phase_changes_its_own_networks_and_nothing_else():
    family = small_gan()
    family.train()
    others = {"discriminator": family.generator, "generator": family.discriminator}
    for phase in family.phases():
        other, own = snapshot(others[phase.name]), snapshot(phase.modules[0])
        run_phase(family, phase, next(digits()), step=0)
        assert same(other, others[phase.name].state_dict())
        assert not same(own, phase.modules[0].state_dict())
        assert all(parameter.grad is None for parameter in family.parameters())
        assert all(parameter.requires_grad for parameter in family.parameters())


def test_the_generator_step_is_the_same_after_other_gradients_were_left_behind():
    clean, dirty = small_gan(), small_gan()
    for parameter in dirty.parameters():
        parameter.grad = torch.ones_like(parameter)
    for family in (clean, dirty):
        torch.manual_seed(1)
        list(train(family, digits(), steps=2))
    assert same(clean.state_dict(), dirty.state_dict())


def make_steps(records, start, steps):
    """As a run does: the global random stream is seeded before each step."""
    for step in range(start, steps):
        torch.manual_seed(step)
        next(records)


def test_six_steps_are_three_saved_loaded_and_three_more_bit_for_bit(tmp_path):
    whole = small_gan()
    whole_ema = EMA(whole.generator, 0.9)
    make_steps(train(whole, digits(), steps=6, ema=whole_ema), 0, 6)

    first = small_gan()
    first_ema = EMA(first.generator, 0.9)
    make_steps(train(first, digits(), steps=3, ema=first_ema), 0, 3)
    save_state(tmp_path / "state.pt", first, step=3, ema=first_ema)

    second = small_gan(seed=99)
    second_ema = EMA(second.generator, 0.9)
    start = load_state(tmp_path / "state.pt", second, ema=second_ema)
    make_steps(train(second, digits(start), steps=6, start=start, ema=second_ema), start, 6)
    assert start == 3
    assert same(whole.state_dict(), second.state_dict())
    assert same(whole_ema.average, second_ema.average)


def test_a_preview_changes_no_buffer_flag_or_random_state():
    family = small_gan()
    family.train()
    family.discriminator.layers[1].eval()
    modes = [module.training for module in family.modules()]
    before, rng = snapshot(family), torch.get_rng_state()
    with eval_mode(family):
        picture = family.generate(next(digits()), generator=torch.Generator().manual_seed(0))
    assert picture.shape == (6, 1, 8, 8)
    assert not picture.requires_grad
    assert same(before, family.state_dict())
    assert modes == [module.training for module in family.modules()]
    assert torch.equal(rng, torch.get_rng_state())


def test_average_matches_the_formula_and_steps_aside():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = EMA(network, decay=0.9)
    expected = 0.0
    for number in range(1, 200):
        with torch.no_grad():
            network.weight.fill_(float(number))
        ema.update()
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * number
    with ema.applied():
        torch.testing.assert_close(network.weight.item(), expected, rtol=1e-5, atol=0)
    assert network.weight.item() == 199


def test_buffers_are_copied_not_averaged():
    network = nn.BatchNorm1d(2)
    ema = EMA(network)
    network(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)) + 3)
    ema.update()
    assert torch.equal(ema.average["running_mean"], network.running_mean)
    assert ema.average["num_batches_tracked"] == 1


def test_a_term_that_is_not_finite_stops_before_the_update_and_is_named():
    family = small_gan()
    bad = Batch(torch.full((6, 1, 8, 8), float("nan")))
    before = snapshot(family)
    with pytest.raises(FloatingPointError, match=r"step 0, discriminator.*adversarial = nan"):
        list(train(family, iter([bad]), steps=1))
    assert same(before, family.state_dict())


@pytest.mark.parametrize("bad", [{"steps": -1}, {"steps": 2, "start": 3}])
def test_impossible_steps_are_refused(bad):
    with pytest.raises(ValueError, match="expected 0 <= start <= steps"):
        next(train(small_gan(), digits(), **bad))


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="float32"):
        next(train(small_gan(), digits(), steps=1, precision="float8"))


def test_bfloat16_trains_close_to_float32():
    losses = []
    for precision in ("float32", "bfloat16"):
        family = GAN(replace(SMALL, dropout=0.0))
        family.load_state_dict(small_gan().state_dict())
        seen = set()  # what the first matrix product of each network comes in
        for network in (family.generator, family.discriminator):
            first = next(layer for layer in network.layers if isinstance(layer, nn.Linear))
            first.register_forward_hook(lambda *call, seen=seen: seen.add(call[-1].dtype))
        *_, last = train(family, digits(), steps=4, precision=precision)
        assert seen == {PRECISIONS[precision]}
        losses.append(last.terms["generator/adversarial"].item())
    assert losses[0] == pytest.approx(losses[1], abs=0.05)


def test_the_learning_rate_is_a_function_of_the_step():
    family = small_gan()
    phase = replace(family.phases()[0], rate=schedule(10, flat=0))
    rates = []
    for step in (0, 5, 9, 5):
        run_phase(family, phase, next(digits()), step)
        rates.append(phase.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([2e-4, 1e-4, 2e-5, 1e-4])


def test_rate_zero_changes_nothing():
    family = small_gan()
    before = snapshot(family)
    run_phase(
        family, replace(family.phases()[0], rate=schedule(10, flat=0)), next(digits()), step=10
    )
    assert same(before, family.state_dict())
