"""Exercises that train or build a network: right work in several styles passes, wrong does not."""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inpaintlib.notebook.agreement import agrees, untouched
from inpaintlib.notebook.network_checks import builds, trains

# What is given stays as it was ---------------------------------------------------------------


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "0.weight": lambda n: n[0].weight.data.add_(1),
    "1.0.running_mean": lambda n: n[1][0].running_mean.add_(1),
    "the gradient of 0.weight": lambda n: n(torch.rand(4, 2)).sum().backward(),
    "whether 1.1.bias learns": lambda n: n[1][1].bias.requires_grad_(False),
    "the mode of 1.0": lambda n: n[1][0].eval(),
    "the hooks of 1": lambda n: n[1].register_forward_hook(lambda *_: None),
    "the hooks of 0.bias": lambda n: n[0].bias.register_hook(lambda slope: 2 * slope),
    "the setting 1.0.momentum": lambda n: setattr(n[1][0], "momentum", 0.5),
    "1.1.weight is another": lambda n: setattr(
        n[1][1], "weight", nn.Parameter(n[1][1].weight.detach().clone())
    ),
    "2 is new": lambda n: n.append(nn.ReLU()),
    "1.1 is gone": lambda n: n[1].pop(1),
}


@pytest.mark.parametrize("told", CHANGES)
def test_a_given_network_must_stay_as_it_was(told: str):
    given = network()
    with pytest.raises(AssertionError, match=told), untouched(given, names=["the judge"]):
        CHANGES[told](given)


def test_looking_at_a_network_changes_nothing():
    given, x = network(), torch.rand(4, 2)
    with untouched(given, names=["the judge"]):
        given.eval()(x)
        torch.autograd.grad(given(x).sum(), list(given.parameters()))
        given.train()
    with untouched(given, settings=False):
        vars(given[1][0])["momentum"] = 0.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda o: o.step(), "the state of it"),
        (lambda o: o.param_groups[0].update(lr=0.5), "the state of it"),
    ],
)
def test_an_optimizer_must_stay_as_it_was(change: Callable, told: str):
    given = network()
    given(torch.rand(4, 2)).sum().backward()
    optimizer = torch.optim.Adam(given.parameters())
    with pytest.raises(AssertionError, match=told), untouched(optimizer):
        change(optimizer)


def test_what_objects_lists_and_arrays_hold_must_stay():
    game = SimpleNamespace(parts=[torch.zeros(2)], table={"a": torch.zeros(2).numpy()})
    changed = pytest.raises(AssertionError, match=r"the game was changed \(parts\.0\)")
    with changed, untouched(game, names=["the game"]):
        game.parts[0].add_(1)
    with pytest.raises(AssertionError, match=r"table\.a"), untouched(game):
        game.table["a"] += 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda judge: judge.zero_grad(), "the gradient of weight"),
        (lambda judge: judge.eval(), "the mode of it"),
        (lambda judge: judge.requires_grad_(False), "whether weight learns"),
        (lambda judge: judge.register_forward_hook(lambda *_: None), "the hooks of it"),
    ],
)
def test_agreement_looks_at_networks_among_the_arguments(change: Callable, told: str):
    def scores(x, judge):
        return judge(x)

    def careless(x, judge):
        found = judge(x)
        change(judge)
        return found

    case = (torch.rand(3, 2), nn.Linear(2, 1))
    agrees(scores, scores, case, told="scores", learns=[0])
    with pytest.raises(AssertionError, match=f"judge was changed .*{told}"):
        agrees(careless, scores, case, told="scores", learns=[0])


# A step of training --------------------------------------------------------------------------


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(0.2))
        self.head = nn.ModuleList([nn.Linear(4, 1)])

    def forward(self, x):
        return self.head[0](self.body(x))


def make(batch: int) -> tuple:
    generator, discriminator = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), Judge()
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.1, momentum=0.9)
    return generator, discriminator, optimizer, torch.rand(batch, 2), torch.randn(batch, 3)


def owed(discriminator, real, fake):
    on_real, on_fake = discriminator(real), discriminator(fake)
    return F.softplus(-on_real).mean() + F.softplus(on_fake).mean()


def discriminator_step(generator, discriminator, optimizer, real, z):
    loss = owed(discriminator, real, generator(z).detach())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


RIGHT_STEPS = """
def bce(generator, discriminator, optimizer, real, z):
    with torch.no_grad():
        fake = generator(z)
    on_real, on_fake = discriminator(real), discriminator(fake)
    loss = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
    loss = loss + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
    discriminator.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss
def by_hand(generator, discriminator, optimizer, real, z):
    loss = owed(discriminator, real, generator(z).detach())
    learning = [weight for weight in discriminator.parameters() if weight.requires_grad]
    for weight, slope in zip(learning, torch.autograd.grad(loss, learning)):
        weight.grad = slope
    optimizer.step()
    return float(loss)
def two_backwards(generator, discriminator, optimizer, real, z):
    optimizer.zero_grad(set_to_none=False)
    one = F.softplus(-discriminator(real)).mean()
    one.backward()
    two = F.softplus(discriminator(generator(z).detach())).mean()
    two.backward()
    optimizer.step()
    return (one + two).detach().numpy()
"""
STEP = """
def step(generator, discriminator, optimizer, real, z):
    loss = owed(discriminator, real, generator(z).detach())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""
TURN = "    optimizer.step()\n"
WRONG_STEPS = {
    "loss that it returns": ("return loss.item()", "return 2 * loss.item()"),
    "NoneType": ("    return loss.item()", ""),
    "leaves a gradient in generator": (".detach()", ""),
    "discriminator has not learned": (TURN, ""),
    "2.90 times the right step": (TURN, 2 * TURN),
    "gradients are left from before": ("    optimizer.zero_grad()\n", ""),
    "at the second call": (
        "optimizer.step",
        "torch.optim.SGD(discriminator.parameters(), 0.1).step",
    ),
    "a copy": ("    loss =", "    discriminator = copy.deepcopy(discriminator)\n    loss ="),
    "the mode of": ("    loss =", "    generator.eval()\n    loss ="),
    "body.0.weight learns": ("    loss =", "    discriminator.requires_grad_(True)\n    loss ="),
    "whether .* learns": ("    return", "    generator.requires_grad_(False)\n    return"),
    "hooks": ("    loss =", "    discriminator.body.register_forward_hook(print)\n    loss ="),
    "real": ("    loss =", "    real.add_(0.1)\n    loss ="),
    "random stream": ("    loss =", "    torch.rand(1)\n    loss ="),
    "every weight": (TURN, f"    discriminator.head[0].bias.grad = None\n{TURN}"),
    "-1.00 times": (
        TURN,
        f"    for w in discriminator.parameters():\n        w.grad.neg_()\n{TURN}",
    ),
    "generator must stay": (TURN, f"    generator[0].weight.data.mul_(0.9)\n{TURN}"),
}


def steps_of(text: str) -> dict[str, Callable]:
    names: dict[str, Any] = {"torch": torch, "F": F, "owed": owed, "copy": copy}
    exec(text, names)
    return {name: part for name, part in names.items() if callable(part) and name not in ("owed",)}


def check_step(function: Callable):
    told = "softplus(-real) + softplus(fake)"
    trains(function, discriminator_step, make, learns=["discriminator"], told=told)


@pytest.mark.parametrize("name", ["bce", "by_hand", "two_backwards"])
def test_a_right_step_in_any_style(name: str):
    check_step(discriminator_step)
    check_step(steps_of(RIGHT_STEPS)[name])


@pytest.mark.parametrize("told", WRONG_STEPS)
def test_a_wrong_step(told: str):
    old, new = WRONG_STEPS[told]
    assert STEP.count(old) == 1
    with pytest.raises(AssertionError, match=told):
        check_step(steps_of(STEP.replace(old, new))["step"])


def game(batch: int) -> tuple:
    generator, discriminator, _, _, z = make(batch)
    generator = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1, momentum=0.9)
    return SimpleNamespace(generator=generator, discriminator=discriminator, optimizer=optimizer), z


def generator_step(game, z):
    loss = F.softplus(-game.discriminator(game.generator(z))).mean()
    game.optimizer.zero_grad()
    loss.backward()
    game.optimizer.step()
    return loss.item()


def frozen_judge(game, z):
    learning = [weight for weight in game.discriminator.parameters() if weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    loss = generator_step(game, z)
    for weight in learning:
        weight.requires_grad_(True)
    return loss


def thawed_judge(game, z):
    loss = frozen_judge(game, z)
    game.discriminator.requires_grad_(True)
    return loss


def test_a_generators_step_in_an_object():
    def test(function: Callable):
        trains(
            function,
            generator_step,
            game,
            learns=["game.generator"],
            any_gradient=["game.discriminator"],
            told="softplus(-fake)",
            batches=(3, 2),
        )

    test(generator_step)
    test(frozen_judge)
    with pytest.raises(AssertionError, match=r"game\.discriminator must stay .*learns.*frozen"):
        test(thawed_judge)

    def both(game, z):
        loss = generator_step(game, z)
        with torch.no_grad():
            for weight in game.discriminator.parameters():
                weight.sub_(0.1 * weight.grad if weight.grad is not None else 0.1)
        return loss

    with pytest.raises(AssertionError, match=r"game\.discriminator must stay"):
        test(both)


# A network -----------------------------------------------------------------------------------


class Encoder(nn.Module):
    def __init__(self, channels=3, wide=4):
        super().__init__()
        self.first = nn.Conv2d(channels, wide, 4, stride=2, padding=1)
        self.second = nn.Conv2d(wide, wide, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(wide)
        self.last = nn.Conv2d(wide, 1, 3, padding=1)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.2)
        x = F.leaky_relu(self.norm(self.second(x)), 0.2)
        return self.last(x)


ENCODER = """
class Net(nn.Module):
    def __init__(self, channels=3, wide=4):
        super().__init__()
        self.z = nn.Conv2d(wide, 1, 3, padding=1)
        self.y = nn.Sequential(
            nn.Conv2d(channels, wide, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(wide, wide, 4, 2, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.LeakyReLU(0.2, inplace=True),
        )

    def forward(self, x):
        y = self.y(x)
        return self.z(y)
"""
OTHER_STYLE = """
def Net(channels=3, wide=4):
    layers = [nn.Conv2d(channels, wide, (4, 4), stride=2, padding=1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(wide, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(wide, 1, 3, padding="same"))
"""
BEGIN, LAST = "        super().__init__()", "        self.z = nn.Conv2d(wide, 1, 3, padding=1)"
NORM, END = "nn.BatchNorm2d(wide)", "return self.z(y)"
WRONG_NETWORKS = {
    r"expected 497 parameters, got 501 \(too many are 4\)": (", bias=False", ""),
    "expected 497 parameters, got 489": (f"            {NORM},\n", ""),
    "missing are 1 x 4 x 3 x 3, 1": (
        LAST,
        f"{LAST.replace('self.z =', 'self.w = [')}]\n        self.z = self.w[0].forward",
    ),
    "parameters learn, not": (LAST, f"{LAST}\n        self.z.weight.requires_grad_(False)"),
    "expected a network .* got int": (
        "class Net(nn.Module):",
        "def Net(channels=3, wide=4):\n    return 3\nclass _(nn.Module):",
    ),
    "an activation, a normalisation": ("LeakyReLU(0.2),", "LeakyReLU(0.2), nn.LeakyReLU(0.1),"),
    "the same layers with the same weights": ("LeakyReLU(0.2, ", "LeakyReLU(0.1, "),
    "evaluation mode": (NORM, "nn.BatchNorm2d(wide, eps=0.1)"),
    "expected 1.7": (NORM, "nn.BatchNorm2d(wide, momentum=0.5)"),
    r"expected \(3, 1, 4, 6\), got \(3, 1, 2, 4\)": ("wide, 1, 3, padding=1", "wide, 1, 3"),
    "share weights": (LAST, "        self.z = KEPT"),
    "set no seed": (BEGIN, f"{BEGIN}\n        torch.manual_seed(0)"),
    "no gradient reaches y": ("self.y(x)", "self.y(x).detach()"),
    "the output has no gradient": (END, f"{END}.detach()"),
    "an input was changed": ("self.y(x)", "self.y(x.add_(1).sub_(1))"),
    "random stream": ("self.y(x)", "self.y(x + 0 * torch.rand(1))"),
    "the network was changed .the mode of": ("self.y(x)", "self.train().y(x)"),
    "depends on the others": (END, "return self.z(y - y.mean(0))"),
    "a later pass changes": (
        END,
        "z = self.z(y)\n        old = STORE.get(x.shape, z)\n        STORE[x.shape] = old\n"
        "        return z if self.training else old.copy_(z)",
    ),
}


def built(text: str) -> Callable:
    names: dict[str, Any] = {"nn": nn, "F": F, "torch": torch, "STORE": {}}
    names["KEPT"] = nn.Conv2d(4, 1, 3, padding=1)
    exec(text, names)
    return names["Net"]


def check_network(function: Callable) -> nn.Module:
    def inputs(channels=3, wide=4):
        return [(torch.rand(n, channels, 16, 8 * n),) for n in (3, 1, 2)]

    told = "the table's layers, in its order"
    return builds(function, Encoder, (), (1, 6), inputs=inputs, told=told)


@pytest.mark.parametrize("text", [ENCODER, OTHER_STYLE])
def test_a_right_network_in_any_style(text: str):
    check_network(Encoder)
    function, before = built(text), torch.get_rng_state()
    found = check_network(function)
    assert torch.equal(torch.get_rng_state(), before)
    assert found(torch.rand(2, 3, 16, 16)).shape == (2, 1, 4, 4)


def test_names_do_not_matter_and_order_of_making_neither():
    assert [*built(ENCODER)().state_dict()] != [*Encoder().state_dict()]


@pytest.mark.parametrize("told", WRONG_NETWORKS)
def test_a_wrong_network(told: str):
    old, new = WRONG_NETWORKS[told]
    assert ENCODER.count(old) == 1
    with pytest.raises(AssertionError, match=told):
        check_network(built(ENCODER.replace(old, new)))
