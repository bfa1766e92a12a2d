"""Flow matching: the straight path, its velocity, and fills that differ."""

import pytest
import torch

from inpaintlib.images import Batch, hide
from inpaintlib.masks import square
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.flow import LESSON, PAPER, Attention, Flow, FlowConfig, VelocityNet, waves
from inpaintlib.seeding import stream
from inpaintlib.training.loop import eval_mode, train

TINY = FlowConfig(
    size=16, widths=(8, 16), groups=4, heads=2, samples=4, warm_up=1, batch_size=4, steps=10
)


def make(seed=0, **changes):
    torch.manual_seed(seed)
    model = Flow(FlowConfig(**(vars(TINY) | changes)))
    for layer in model.modules():  # zero at first, which would hide every layer before it
        if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
            torch.nn.init.normal_(layer.weight, std=0.1)
    return model


def batch(count=3, side=16):
    draw = stream("flow", "test")
    image = torch.rand(count, 3, side, side, generator=draw) * 2 - 1
    return hide(image, square(count, side, side, generator=draw))


def test_the_counts_are_stated_in_the_lesson():
    assert count_parameters(VelocityNet(LESSON)) == 3_000_931
    assert count_parameters(VelocityNet(PAPER)) == 25_830_531


def test_waves_are_sines_and_cosines_of_the_time():
    found = waves(torch.tensor([0.0, 0.001]), 2)
    angle = torch.tensor([1.0, 0.01])
    expected = torch.stack([torch.tensor([0.0, 0, 1, 1]), torch.cat([angle.sin(), angle.cos()])])
    torch.testing.assert_close(found, expected)


def test_attention_is_torchs_own():
    """The same weights in `nn.MultiheadAttention`, which keeps its tokens in rows."""
    torch.manual_seed(0)
    layer = Attention(16, TINY)
    torch.nn.init.normal_(layer.out.weight)
    peer = torch.nn.MultiheadAttention(16, 2, batch_first=True)
    with torch.no_grad():
        peer.in_proj_weight.copy_(layer.qkv.weight[:, :, 0, 0])
        peer.in_proj_bias.copy_(layer.qkv.bias)
        peer.out_proj.weight.copy_(layer.out.weight[:, :, 0, 0])
        peer.out_proj.bias.copy_(layer.out.bias)
        x = torch.randn(2, 16, 4, 6)
        tokens = layer.norm(x).flatten(2).transpose(1, 2)
        expected = peer(tokens, tokens, tokens)[0].transpose(1, 2).view_as(x)
        torch.testing.assert_close(layer(x), x + expected, rtol=1e-4, atol=1e-5)


def test_a_perfect_velocity_has_no_loss_and_leads_to_the_picture_in_any_number_of_steps():
    model, given = make(), batch()
    noise = model.noise(given.image, stream(0, "noise", 7))
    model.generator = Knowing(given.image - noise)
    assert sum(model.loss(given, 7).values()) == 0
    for steps in (1, 3, 8):
        states = model.path(given, noise, steps)
        assert len(states) == steps + 1
        torch.testing.assert_close(states[-1], given.image)
        middle = noise + (given.image - noise) / steps
        torch.testing.assert_close(states[1], middle)


class Knowing(torch.nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = torch.nn.Parameter(answer)

    def forward(self, noisy, observed, mask, time):
        return self.answer


def test_the_loss_is_the_squared_error_in_the_hole_and_a_tenth_everywhere():
    model, given = make(), batch()
    noise = model.noise(given.image, stream(0, "noise", 3))
    model.generator = Knowing(given.image - noise + 2)
    terms = model.loss(given, 3)
    assert terms["hole"].item() == pytest.approx(4)
    assert terms["everywhere"].item() == pytest.approx(0.4)


def test_times_lie_between_0_and_1_and_every_other_step_in_the_middle():
    model = make()
    uniform, middle = model.times(4_000, 0), model.times(4_000, 1)
    for times in (uniform, middle):
        assert times.min() >= 0
        assert times.max() <= 1
    assert uniform.std() == pytest.approx(0.289, abs=0.01)  # of a uniform variable
    assert middle.std() == pytest.approx(0.208, abs=0.01)  # of a logit-normal one


def test_other_noise_gives_another_fill_and_the_same_noise_the_same():
    model, given = make(), batch()
    with eval_mode(model):
        first, again, other = (model.generate(given, generator=stream(s, "x")) for s in (0, 0, 1))
    hole = given.mask.bool().expand_as(first)
    assert torch.equal(first, again)
    assert (first[hole] != other[hole]).float().mean() > 0.9
    assert torch.equal(first[~hole], given.image[~hole])


def test_a_fill_depends_on_what_is_known_and_on_the_hole_but_not_on_what_is_hidden():
    model, given = make(), batch()
    with eval_mode(model):
        fill = model.generate(given)
        blind = model.generate(Batch(-given.image, given.mask, given.observed))
        other = model.generate(hide(-given.image, given.mask))
    assert torch.equal(fill, blind)
    hole = given.mask.bool().expand_as(fill)
    assert (fill[hole] != other[hole]).float().mean() > 0.5  # the rest is clamped


def test_it_learns_two_answers_to_one_hole_and_gives_both():
    """Black or white behind the same hole, as often: a mean would be grey."""
    torch.manual_seed(0)
    model = Flow(FlowConfig(**(vars(TINY) | {"size": 8, "learning_rate": 3e-3, "steps": 400})))
    mask = torch.zeros(16, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1

    def batches():
        sign = torch.tensor([-0.8, 0.8]).repeat(8).view(16, 1, 1, 1)
        image = mask * sign * torch.ones(16, 3, 8, 8)
        while True:
            yield hide(image, mask)

    for _ in train(model, batches(), steps=400):
        pass
    with eval_mode(model):
        fills = model.path(hide(torch.zeros(16, 3, 8, 8), mask), torch.randn(16, 3, 8, 8), 10)[-1]
    levels = fills[:, :, 3:5, 3:5].mean(dim=(1, 2, 3))
    assert (levels.abs() > 0.5).float().mean() > 0.8, levels
    assert 3 <= (levels > 0).sum() <= 13, levels


def test_heads_that_do_not_divide_the_last_width_are_refused():
    with pytest.raises(ValueError, match="divide the width 12, got 5"):
        Flow(FlowConfig(widths=(8, 12), groups=4, heads=5))
