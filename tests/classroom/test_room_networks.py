"""Networks in a student's process: steps that train them, classes that build them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from classroom.grading import sandbox
from classroom.grading.room import wire
from classroom.grading.visit import Guest, Room, Visitor
from inpaintlib.notebook.agreement import untouched
from inpaintlib.notebook.exercises import in_kind
from inpaintlib.notebook.network_checks import builds, trains

STUDENT = """
import copy, torch
import torch.nn.functional as F
from torch import nn

def step(game, real, z):
    return turn(game, real, game.generator(z).detach())
def turn(game, real, fake):
    loss = F.softplus(-game.judge(real)).mean() + F.softplus(game.judge(fake)).mean()
    game.optimizer.zero_grad()
    loss.backward()
    game.optimizer.step()
    return loss.item()
def leaking(game, real, z):
    return turn(game, real, game.generator(z))
def hasty(game, real, z):
    game.optimizer.param_groups[0]["lr"] *= 2
    return step(game, real, z)
def forgetful(game, real, z):
    game = copy.copy(game)
    game.optimizer = torch.optim.SGD(game.judge.parameters(), lr=0.1)
    return step(game, real, z)
def hooked(judge, x):
    judge.register_forward_hook(lambda *_: None)
    return judge(x)
def doubled(x):
    x.register_hook(lambda slope: 2 * slope)
    return 3 * x

class Net(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.last = nn.Conv2d(4, 1, 3, padding=1)
        first = nn.Conv2d(channels, 4, 4, 2, 1)
        self.body = nn.Sequential(first, nn.BatchNorm2d(4), nn.LeakyReLU(0.2))
    def forward(self, x):
        return self.last(self.body(x))
class Steep(Net):
    def __init__(self, channels=3):
        super().__init__(channels)
        self.body[2] = nn.LeakyReLU(0.3)
class Cut(Net):
    def forward(self, x):
        return self.last(self.body(x).detach())
class Touching(Net):
    def forward(self, x):
        return self.last(self.body(x.mul_(2)))
class Eval(Net):
    def forward(self, x):
        self.train()
        return super().forward(x)
shared = nn.Conv2d(4, 1, 3, padding=1)
class Shared(Net):
    def __init__(self, channels=3):
        super().__init__(channels)
        self.last = shared
class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.again = self.layer
    def forward(self, x):
        return self.again(self.layer(x)), x
def none(channels=3): return nn.Linear
"""


def step(game, real, z):
    owed = F.softplus(-game.judge(real)).mean()
    owed = owed + F.softplus(game.judge(game.generator(z).detach())).mean()
    game.optimizer.zero_grad()
    owed.backward()
    game.optimizer.step()
    return owed.item()


def make(batch: int) -> tuple:
    generator = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    judge = nn.Sequential(nn.Linear(2, 4), nn.ModuleDict({"a": nn.ReLU()})["a"], nn.Linear(4, 1))
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.1, momentum=0.9)
    game = SimpleNamespace(generator=generator, judge=judge, optimizer=optimizer)
    return game, torch.rand(batch, 2), torch.randn(batch, 3)


def network(channels: int = 3) -> nn.Sequential:
    first = nn.Conv2d(channels, 4, 4, stride=2, padding=1)
    last = nn.Conv2d(4, 1, 3, padding=1)
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.LeakyReLU(0.2), last)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory):
    scratch = tmp_path_factory.mktemp("scratch")
    found = Room(sandbox.walls(scratch, sandbox=sandbox.available()), scratch)
    found.ask("cell", "solution-00-1", STUDENT, 30.0)
    yield found
    found.close()


def student(room: Room, name: str) -> Callable:
    """One of the student's functions, called where it is, as checks get it."""
    room.forget()
    room.ask("keep", name)
    return in_kind(Visitor(room, name))


def check_step(function: Callable) -> None:
    trains(function, step, make, learns=["game.judge"], told="both", batches=(3, 2))


def test_a_step_trains_the_network_that_is_here(room: Room):
    check_step(student(room, "step"))
    game, real, z = make(3)
    before = game.judge[0].weight.detach().clone()
    student(room, "step")(game, real, z)
    assert not torch.equal(game.judge[0].weight, before)
    assert "momentum_buffer" in game.optimizer.state[game.judge[0].weight]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("leaking", "leaves a gradient in game.generator"),
        ("hasty", "times the right step"),
        ("forgetful", "at the second call"),
    ],
)
def test_a_wrong_step_is_seen_from_here(room: Room, name: str, told: str):
    with pytest.raises(AssertionError, match=told):
        check_step(student(room, name))


def test_hooks_that_are_left_there_are_seen_here(room: Room):
    judge, x = nn.Linear(2, 1), torch.rand(3, 2, requires_grad=True)
    with pytest.raises(AssertionError, match="the hooks of it"), untouched(judge):
        student(room, "hooked")(judge, x)
    with pytest.raises(AssertionError, match="the hooks of it"), untouched(x):
        student(room, "doubled")(x)


def check_network(function: Callable) -> nn.Module:
    def inputs(channels: int = 3) -> list[tuple]:
        return [(torch.rand(n, channels, 8, 4 * n),) for n in (3, 1)]

    return builds(function, network, (), (1,), inputs=inputs, told="three layers")


def test_a_network_that_is_built_there_is_tried_here(room: Room):
    found = check_network(student(room, "Net"))
    assert isinstance(found, Guest)
    x = torch.rand(2, 3, 8, 8, requires_grad=True)
    found.train()(x).sum().backward()
    assert x.grad is not None
    assert all(weight.grad is not None for weight in found.parameters())
    assert found.get_submodule("body.1").num_batches_tracked > 0, "averages move here"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Steep", "the same layers with the same weights give other values"),
        ("Cut", "no gradient reaches body.0.weight"),
        ("Touching", "an input was changed"),
        ("Eval", "the network was changed .the mode of"),
        ("Shared", "two networks share weights"),
        ("none", "expected a network .* got type"),
    ],
)
def test_a_wrong_network_is_seen_from_here(room: Room, name: str, told: str):
    with pytest.raises(AssertionError, match=told):
        check_network(student(room, name))


def test_a_layer_that_is_used_twice_has_one_weight_here(room: Room):
    found = student(room, "Twice")()
    assert len(list(found.parameters())) == 2
    x = torch.rand(3, 2)
    result, same = found(x)
    layer = nn.Linear(2, 2)
    layer.load_state_dict(
        {k.partition(".")[2]: v for k, v in found.state_dict().items() if "again" in k}
    )
    assert torch.allclose(result, layer(layer(x)))
    assert torch.equal(same, x)


def test_settings_from_there_cannot_reach_the_inside_of_a_module():
    judge = nn.Linear(2, 1)
    wire.take_over(judge, [{"_parameters": None, "in_features": 7}, 0])
    assert judge.in_features == 7
    assert len(list(judge.parameters())) == 2


def test_a_network_does_not_use_what_is_switched_off(room: Room, tmp_path: Path):
    room.forget()
    room.ask("keep", "Net")
    found = Visitor(room, "Net", ("torch.nn.functional.leaky_relu",))()
    with pytest.raises(Exception, match="SwitchedOff"):
        found(torch.rand(1, 3, 8, 8))
