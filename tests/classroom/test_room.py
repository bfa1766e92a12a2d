"""A student's process: what goes over the wire, what calls change, what the walls hold."""

import json
import os
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from made_class import read, replaced, solved
from nbformat.v4 import new_code_cell
from torch import nn

from classroom.grading import examine, sandbox
from classroom.grading.examine import Examination
from classroom.grading.room import wire
from classroom.grading.room.watch import watch
from classroom.grading.visit import Gone, LateError, Room, StudentError, Visitor

needs_bubblewrap = pytest.mark.skipif(
    not sandbox.available(), reason="bubblewrap is not installed, or may not make a sandbox here"
)


# The wire ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 2.5, float("inf"), "größer", [1, (2, [3])], {"a": 1, 2: (None,)}),
        *(torch.rand(2, 3), torch.tensor(5), torch.zeros(0, 3), torch.ones(2, dtype=torch.bool)),
        *(torch.rand(3, 4).t(), torch.rand(2, dtype=torch.float64), torch.rand(1).expand(4)),
        *(np.arange(6.0).reshape(2, 3), np.float32(1.5)),
    ],
)
def test_data_comes_back_as_it_was(value: object):
    found = wire.decode(wire.encode(value))
    if isinstance(value, torch.Tensor):
        assert wire.same(found, value)
    elif isinstance(value, np.ndarray):
        assert np.array_equal(found, value)
    else:
        assert found == value


def test_what_is_no_data_comes_as_its_name():
    assert repr(wire.decode(wire.encode(nn.Linear(1, 1)))) == "<Linear>"
    slope = wire.decode(wire.encode(torch.ones(2, requires_grad=True)))
    assert wire.same(slope.value, torch.ones(2))


@pytest.mark.parametrize(
    "payload", [b"", b"\0" * 8, b"\0" * 7 + b"\2[]", b"\x80\x04K\x01.", b"x" * 99]
)
def test_nonsense_is_refused(payload: bytes):
    with pytest.raises(ValueError, match="not a message"):
        wire.decode(payload)


# The watch -----------------------------------------------------------------------------------


def test_the_watch(tmp_path: Path):
    scratch, course, other = (tmp_path / name for name in ("scratch", "course", "other"))
    for folder in (scratch, course, other):
        folder.mkdir()
    (scratch / "link").symlink_to(other)
    told: list[str] = []
    hook = watch(scratch.resolve(), [course.resolve()], told.append)
    for event, arguments in [
        ("open", (str(course / "file"), "r", 0)),
        ("open", (str(scratch / "file"), "w", 0)),
        ("open", (3, "w", 0)),
        ("open", ("/dev/null", "w", 0)),
        ("os.remove", (str(scratch / "file"), -1)),
        ("os.listdir", (str(course),)),
        ("os.listdir", (sys.path[-1],)),
        ("import", ("os",)),
    ]:
        hook(event, arguments)
    assert told == []
    refused = [
        ("open", (str(other / "file"), "r", 0)),
        ("open", (str(scratch / "link" / "file"), "w", 0)),
        ("open", (str(scratch / ".." / "file"), "w", 0)),
        ("open", (str(course / "file"), None, os.O_WRONLY | os.O_CREAT)),
        ("os.remove", (str(course / "file"), -1)),
        ("os.rename", (str(scratch / "file"), str(other / "file"), -1, -1)),
        ("os.scandir", (str(other),)),
        ("os.system", ("ls",)),
        ("subprocess.Popen", ("ls", ["ls"], None, None)),
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.bind", (None, ("127.0.0.1", 80))),
        ("import", ("_posixsubprocess", None)),
    ]
    for event, arguments in refused:
        with pytest.raises(PermissionError, match="not allowed while grading"):
            hook(event, arguments)
    assert len(told) == len(refused)


def test_no_variable_of_the_teachers_goes_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("API_KEY", "hunter2")
    assert "hunter2" not in str(sandbox.environment("/tmp"))


# Calls ---------------------------------------------------------------------------------------

STUDENT = """
import os, random, torch, numpy as np
KEPT = torch.zeros(3)
def double(x): return 2 * x
def in_place(x): return x.add_(1)
def drawn(generator): return torch.rand(3, generator=generator)
def careless(): return torch.rand(1), np.random.rand(), random.random()
def buffer(value): return KEPT.fill_(value)
def apply(function, x): return function(x)
def freeze(network):
    network[0].weight.requires_grad_(False)
    network.eval()
    network[1].eps = 0.5
    return len(network)
def fails(x):
    return x.nothing
def leaves(): os._exit(0)
def endless():
    while True: pass
def hoard():
    rows = []
    while True: rows.append(torch.ones(10_000_000))
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory):
    scratch = tmp_path_factory.mktemp("scratch")
    found = Room(sandbox.walls(scratch, sandbox=sandbox.available()), scratch)
    found.ask("cell", "solution-00-1", STUDENT, 30.0)
    yield found
    found.close()


def student(room: Room, name: str) -> Visitor:
    """One of the student's functions, called where it is."""
    room.ask("keep", name)
    return Visitor(room, name)


def test_the_package_and_its_weights_are_there(room: Room):
    code = "import inpaintlib\nfrom inpaintlib.photos.shipped import load\n"
    code += "network = load('unet-drawn')\n"
    code += "def where(): return str(inpaintlib.project_root()), network.config.size"
    room.ask("cell", "given-08-3", code, 30.0)
    assert student(room, "where")() == (str(sandbox.ROOT), 128)
    assert room.tried == [], "no import of the package's does what is refused"


def test_gradients_come_back(room: Room):
    x = torch.arange(3.0, requires_grad=True)
    (student(room, "double")(x) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [2, 4, 6]
    network = nn.Linear(3, 1, bias=False)
    answer = student(room, "apply")(network, torch.tensor([1.0, 2.0, 3.0]))
    (slope,) = torch.autograd.grad(answer.sum(), network.weight)
    assert slope.tolist() == [[1, 2, 3]], "to the weights of a module that was handed over"
    with torch.no_grad():
        assert not student(room, "double")(x).requires_grad


def test_what_a_call_changes_is_changed_here(room: Room):
    x = torch.zeros(2)
    student(room, "in_place")(x)
    assert x.tolist() == [1, 1]
    here, there = (torch.Generator().manual_seed(3) for _ in range(2))
    assert torch.equal(student(room, "drawn")(there), torch.rand(3, generator=here))
    assert torch.equal(there.get_state(), here.get_state()), "the generator has moved on"
    before = torch.get_rng_state(), wire.numpy_stream()[1].copy()
    student(room, "careless")()
    assert not torch.equal(torch.get_rng_state(), before[0])
    assert not np.array_equal(wire.numpy_stream()[1], before[1])
    first = student(room, "buffer")(1.0)
    student(room, "buffer")(2.0)
    assert first.tolist() == [2, 2, 2], "an earlier result that a later call changed"
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert student(room, "freeze")(network) == 2
    assert not network[0].weight.requires_grad
    assert not network[1].training
    assert network[1].eps == 0.5


def test_what_is_told_of_an_error_is_its_line_and_not_its_words(room: Room):
    with pytest.raises(StudentError) as caught:
        student(room, "fails")(torch.ones(1))
    error = caught.value
    line = STUDENT.splitlines().index("    return x.nothing") + 1
    assert (error.kind, error.cell, error.line) == ("AttributeError", "solution-00-1", line)
    assert "nothing" not in str(error)


def test_memory_is_limited(room: Room):
    with pytest.raises(StudentError, match="MemoryError"):
        student(room, "hoard")()
    assert student(room, "double")(1) == 2, "what failed has let go of its memory"


def test_time_is_limited_and_an_end_is_noticed(room: Room):  # the last one: it ends the process
    room.seconds = 4.0  # of the processor; a busy machine may take many times as long for them
    with pytest.raises(StudentError, match="TooLong"):
        student(room, "endless")()
    with pytest.raises(Gone):
        student(room, "leaves")()


def test_what_waits_is_ended_and_is_no_crash(tmp_path: Path):
    found = Room(sandbox.walls(tmp_path, sandbox=sandbox.available()), tmp_path)
    with pytest.raises(LateError):
        found.ask("cell", "solution-00-1", "import time; time.sleep(1000)", 30.0, seconds=0.5)
    found.close()


# The walls -----------------------------------------------------------------------------------

PROBES = {
    "reads the course": "open({root!r} + '/assignments/mutants.toml').read()",
    "reads another student's file": "open('{tmp}/precious').read()",
    "writes outside": "os.close(os.open('{tmp}/probe', os.O_WRONLY | os.O_CREAT))",
    "writes to the package": "os.close(os.open({root!r} + '/inpaintlib/x', 66))",
    "forks": "os.fork()",
    "sees a secret": "os.environ['PROBE_SECRET']",
    "reaches the network": "socket.create_connection(('127.0.0.1', {port}), timeout=2)",
    "fills the disk": "[open('f%d' % n, 'wb').write(bytes(10**8)) for n in range(9)]",
    "sees other processes": "os.kill({pid}, 0)",
    "writes outside by another door": (
        "os.open('probe', os.O_WRONLY | os.O_CREAT, dir_fd=os.open('{tmp}', os.O_RDONLY))"
    ),
    "lists the course": "os.listdir({root!r} + '/classroom/grading').index('visit.py')",
    "spawns": "multiprocessing.get_context('spawn').Process(target=print).start()",
    "starts a program": "subprocess.run(['true'], check=True)",
    "starts a program natively": "1 / (ctypes.CDLL(None).system(b'true') == 0)",
    "reads the teacher's variables": "open('/proc/{pid}/environ', 'rb').read()",
    "mounts": "1 / (ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)",
}
TO_ALL = "for n in range(3, 99):\n    try: {}\n    except OSError: pass"
FORGERIES = {
    "writes to every file": TO_ALL.format("os.write(n, bytes(8))"),
    "empties every file": TO_ALL.format("os.ftruncate(n, 0)"),
    "answers for the room": (
        "import gc\nfor room in gc.get_objects():\n    if type(room).__name__ == 'Room':\n"
        "        room.call = lambda *_: dict(result=torch.full((3,), 4.0), state=[[1]] * 9,"
        " torch=1, numpy=[], random=[], changed=[[0, 0, 1]])"
    ),
    "leaves": "os._exit(0)",
}


@pytest.mark.skipif(os.name == "nt", reason="bubblewrap is for Linux")
@pytest.mark.parametrize("unknown", ["--disable-userns", "--size", "nothing"])
def test_a_bubblewrap_that_lacks_a_wall_is_none(
    unknown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One before 0.8 refuses what it does not know; one elsewhere than in /usr/bin is found."""
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\ncase " $* " in *" {unknown} "*) exit 1; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert sandbox.available.__wrapped__() == (unknown == "nothing")
    inside = sandbox.walls(tmp_path, sandbox=True)
    assert inside.command[0] == str(program)
    if inside.secret is not None:
        os.close(inside.secret)


@needs_bubblewrap
def test_the_walls_hold_without_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In the sandbox itself, with a process that has no audit hook: every probe must fail."""
    import socket
    import subprocess

    monkeypatch.setenv("PROBE_SECRET", "hunter2")
    (tmp_path / "precious").write_text("the answers")
    post = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    post.bind(("127.0.0.1", 0))
    with post, socket.create_server(("127.0.0.1", 0)) as server:
        where = {"root": str(sandbox.ROOT), "tmp": str(tmp_path), "pid": os.getpid()}
        where["port"] = server.getsockname()[1]
        lines = ["import os, socket, json, threading, ctypes, multiprocessing, subprocess"]
        lines += ["post = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"]
        lines += [f"post.sendto(b'loot', ('127.0.0.1', {post.getsockname()[1]}))", "passed = []"]
        for name, code in PROBES.items():
            probe = code.format(**where)
            lines += ["try:", f"    {probe}", f"    passed.append({name!r})"]
            lines += ["except (Exception, SystemExit):", "    pass"]
        lines += ["thread = threading.Thread(target=passed.append, args=('a thread runs',))"]
        lines += ["thread.start(); thread.join()", "print(json.dumps(passed))"]
        walls = sandbox.walls(tmp_path, sandbox=True)
        command = [*walls.command[: walls.command.index("-m")], "-c", "\n".join(lines)]
        done = subprocess.run(
            command,
            env=walls.environment,
            pass_fds=(walls.secret,) if walls.secret is not None else (),
            capture_output=True,
            text=True,
            timeout=120,
        )
        post.setblocking(False)
        with pytest.raises(BlockingIOError):
            post.recv(9)  # what it sent stayed in a network of its own
    assert json.loads(done.stdout) == ["a thread runs"], done.stderr
    assert not (tmp_path / "probe").exists()


@pytest.mark.parametrize("how", FORGERIES)
def test_what_is_no_answer_ends_the_process_and_nothing_else(tmp_path: Path, how: str):
    room = Room(sandbox.walls(tmp_path, sandbox=sandbox.available()), tmp_path)
    room.ask("cell", "solution-00-1", STUDENT, 30.0)
    before = torch.get_rng_state()
    x = torch.ones(3)
    try:
        room.ask("cell", "solution-00-2", f"import os\n{FORGERIES[how]}", 30.0)
        found = student(room, "double")(x)
        assert found.tolist() == [2, 2, 2], "a right function's answer, unharmed"
    except Gone:
        assert room.process.poll() is not None or room.process.wait(60) is not None
    finally:
        room.close()
    assert torch.equal(torch.get_rng_state(), before)
    assert x.tolist() == [1, 1, 1]


# An examination ------------------------------------------------------------------------------


def examined(notebook: nbformat.NotebookNode, tmp_path: Path) -> examine.Result:
    """What a notebook gets."""
    for cell in notebook.cells:
        cell.setdefault("id", "extra-0")
    return Examination(notebook, read("source"), tmp_path).run()


def test_points_and_words(tmp_path: Path):
    forged = (
        "def check_alone(*a, **k): pass\nabs = float = all = lambda *a: True\nmasks = zeros = 3"
    )
    leak = "    import os\n    raise KeyError(str(dict(os.environ)) + str(prediction))\n"
    notebook = replaced("3", leak)
    notebook.cells.insert(2, new_code_cell(forged, id="extra-0"))
    notebook.cells.insert(
        3, new_code_cell("rows = []\nwhile True: rows.append('x' * 10**6)", id="extra-1")
    )
    broken = next(cell for cell in notebook.cells if cell["id"] == "solution-00-2")
    broken.source = (
        "!pip install x\nfrom google.colab import drive\nx = undefined\n" + broken.source
    )
    found = examined(notebook, tmp_path)
    assert found.scores["check-00-1"] + found.scores["hidden-00-1"] == 3, "unharmed by the others"
    assert found.scores["check-00-2"] == found.scores["check-00-3"] == 0
    assert found.taken_out == {"extra-1": "used all its 2 GB of memory"}
    assert found.complaints["hidden-00-2"] == (
        "hole_psnr was not defined: ModuleNotFoundError in line 2 of your code: "
        "from google.colab import drive"
    )
    assert found.complaints["hidden-00-3"] == (
        "KeyError in line 4 of your code: raise KeyError(str(dict(os.environ)) + str(prediction))"
    )


def test_what_a_right_answer_may_do(tmp_path: Path):
    notebook = solved()
    for cell in notebook.cells:
        if cell["id"].startswith("solution"):
            loud = "import sys, warnings, logging\nwarnings.simplefilter('always')\n"
            loud += "print('x', file=sys.stderr); warnings.warn('y'); logging.error('z')\n"
            loud += "%matplotlib widget\n!pip install torch\nimport google.colab\n"
            cell.source = loud + cell.source
    found = examined(notebook, tmp_path)
    assert found.complaints == {}
    assert sum(got or 0 for got in found.scores.values()) == 18
