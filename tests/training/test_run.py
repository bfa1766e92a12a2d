"""Whole training runs of tiny families: exact resumption, clean stops, clear errors."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from inpaintlib import cli, data
from inpaintlib.images import Batch
from inpaintlib.models import gan
from inpaintlib.models.contract import Terms
from inpaintlib.training import launch, recipes, run
from inpaintlib.training.checkpoints import load_weights
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.precision import time_precisions
from inpaintlib.training.preview import Viewer

TINY = Path(tiny.__file__)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny families and pictures in the places of the full ones."""
    monkeypatch.setattr(recipes, "RECIPES", tiny.table())
    monkeypatch.setattr(data, "load_faces", tiny.pictures)
    monkeypatch.setattr(data, "load_digits", partial(tiny.pictures, channels=1))


def train(out: Path, family: str = "context-encoder", *more: str) -> int:
    """The command, in this process."""
    if "--resume" not in more and "--precision" not in more:
        more = ("--precision", "float32", *more)
    return cli.main(["train", family, "--out", str(out), "--device", "cpu", *more])


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Let `act` happen at the end of step `number`, counted from 0."""
    original = run.train

    def records(*arguments, **options):
        for record in original(*arguments, **options):
            if record.step == number:
                act()
            yield record

    monkeypatch.setattr(run, "train", records)


def everything(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's state, and of its weights."""
    found = {}

    def walk(name: str, value: object) -> None:
        if torch.is_tensor(value):
            found[name] = value
        elif isinstance(value, dict | list):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                walk(f"{name}/{key}", inner)

    walk("", torch.load(folder / "state.pt", weights_only=True))
    walk("weights", load_file(folder / "weights.safetensors"))
    return found


def assert_same_run(one: Path, other: Path) -> None:
    """Both runs ended with the same weights, optimizers, averages and logged terms, to the bit."""
    first, second = everything(one), everything(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    logs = [[{**line, "seconds": 0} for line in RunFolder(p).lines()] for p in (one, other)]
    assert logs[0] == logs[1]


def test_a_run_writes_all_that_it_promises(tmp_path, capsys):
    out = tmp_path / "run"
    assert train(out) == 0
    lines = RunFolder(out).lines()
    assert [line["step"] for line in lines if "terms" in line] == [1, 2, 3, 4, 5, 6]
    assert lines[0]["terms"].keys() >= {"generator/reconstruction", "discriminator/adversarial"}
    network = recipes.make("context-encoder").generator
    card = load_weights(out / "weights.safetensors", network)
    assert card["family"] == "context-encoder"
    *_, last = [line for line in RunFolder(out).lines() if "psnr" in line]
    assert last["step"] == 6
    assert [card[name] for name in ("steps", "psnr", "sharpness")] == [
        last[name] for name in ("step", "psnr", "sharpness")
    ]
    assert card["settings"]["widths"] == [4, 8]
    assert "folder" not in card
    with Image.open(out / "previews" / "step_000006.png") as sheet:
        assert sheet.size == (8 * 20 + 4, 3 * 20 + 4)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.endswith("12 images · 16×16 · free · 12 to validate")
    assert last.startswith("6 steps, ")


def test_a_run_ships_its_average_with_statistics_of_its_own(tmp_path):
    out = tmp_path / "run"
    assert train(out) == 0
    shipped = load_file(out / "weights.safetensors")
    average = torch.load(out / "state.pt", weights_only=True)["ema"]["average"]
    family = recipes.make("context-encoder")
    network = family.generator
    for name in dict(network.named_parameters()):
        assert torch.equal(shipped[name], average[name].half()), name
    # the statistics: plain means over the first batches, as the average sees them
    network.load_state_dict(average)
    seen: dict[str, list[torch.Tensor]] = {}
    for name, layer in network.named_modules():
        layer.train(isinstance(layer, nn.BatchNorm2d))
        if layer.training:
            keep = seen.setdefault(name, []).append
            layer.register_forward_pre_hook(lambda _, given, keep=keep: keep(given[0]))
    pictures = recipes.load("context-encoder", recipes.preset("context-encoder"))
    with torch.no_grad():
        for batch in islice(pictures.batches(), run.REFRESHED):
            family.generate(batch)
    assert seen
    for name, inputs in seen.items():
        mean = torch.stack([x.mean((0, 2, 3)) for x in inputs]).mean(0)
        variance = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in inputs]).mean(0)
        for key, expected in (("running_mean", mean), ("running_var", variance)):
            found = shipped[f"{name}.{key}"].float()
            torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("family", ["gan", "context-encoder", "blind"])
def test_six_steps_are_three_a_signal_and_three_more(family, tmp_path, monkeypatch, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(whole, family) == 0
    torch.manual_seed(99)
    with monkeypatch.context() as patch:
        at_step(patch, 2, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(parts, family) == 143
    assert "SIGTERM: stopped after step 3" in capsys.readouterr().out
    torch.manual_seed(7)
    assert train(parts, family, "--resume") == 0
    assert_same_run(whole, parts)


def test_ctrl_c_leaves_with_130_and_the_handlers_come_back(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    at_step(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGINT))
    assert train(tmp_path / "run") == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_resuming_cuts_the_log_back_to_the_state(tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert train(whole) == 0
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 3, lambda: signal.raise_signal(signal.SIGTERM))
        train(run)
    with (run / "log.jsonl").open("a") as log:  # what a kill leaves behind
        log.write('{"step": 5, "seconds": 1.0, "terms": {"generator/l1": 3}}\n{"step": 6, "sec')
    assert train(run, "context-encoder", "--resume") == 0
    assert_same_run(whole, run)


def test_a_folder_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert train(tmp_path) == 2
    error = capsys.readouterr().err
    assert error == (
        f"inpaintlib: {tmp_path} is not empty: go on with --resume, "
        "or name another folder with --out\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_is_one_line_and_the_state_before_survives(tmp_path, monkeypatch, capsys):
    import resource

    state, before = tmp_path / "run" / "state.pt", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:  # a file may not grow beyond half a state
        resource.setrlimit(resource.RLIMIT_FSIZE, (state.stat().st_size // 2, before[1]))

    at_step(monkeypatch, 3, fill)
    try:
        assert train(tmp_path / "run", "gan") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{state} cannot be written" in error
    assert torch.load(state, weights_only=True)["step"] == 3
    assert [path.name for path in state.parent.glob(".*")] == []


@pytest.mark.parametrize(
    ("family", "wish", "complaint"),
    [
        ("context-encoder", ["--steps", "9"], "steps 6, not 9"),
        ("context-encoder", ["--seed", "1"], "seed 0, not 1"),
        ("context-encoder", ["--precision", "bfloat16"], "precision float32, not bfloat16"),
        ("context-encoder", ["--accumulate", "2"], "accumulate 1, not 2"),
        ("gan", [], "family context-encoder, not gan"),
    ],
)
def test_resuming_otherwise_is_refused(family, wish, complaint, tmp_path, monkeypatch, capsys):
    at_step(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGTERM))
    assert train(tmp_path) == 143
    monkeypatch.setattr(recipes, "load", lambda *_, **__: pytest.fail("loaded the pictures"))
    assert train(tmp_path, family, "--resume", *wish) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"inpaintlib: {tmp_path} began with {complaint}")
    assert error.count("\n") == 1
    assert ("--steps" in wish) == (f"--start-from {tmp_path / 'state.pt'} --out NEW" in error)


def test_a_run_goes_on_with_its_own_masks_wherever_they_are_now(tmp_path, capsys):
    def paint(name: str, hidden: int) -> str:
        picture = np.zeros((16, 16), dtype=np.uint8)
        picture[:hidden] = 255
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "mask.png")
        return str(tmp_path / name)

    first, moved, other = paint("first", 4), paint("moved", 4), paint("other", 8)
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as stopping:
        at_step(stopping, 0, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(out, "context-encoder", "--masks", first) == 143
    capsys.readouterr()
    assert train(out, "context-encoder", "--resume", "--masks", other) == 2
    assert "began with mask_checksum" in capsys.readouterr().err
    assert train(out, "context-encoder", "--resume", "--masks", moved) == 0


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        (["--steps", "0"], "expected at least one step, got 0"),
        (["--accumulate", "3"], "batches of 4: they cannot be divided into 3 equal parts"),
        (["--accumulate", "0"], "into 0 equal parts"),
        (["--data", "no/such/place", "--device", "cuda:99"], "no device 'cuda:99' here"),
    ],
)
def test_impossible_wishes_are_one_line_and_leave_no_folder(wish, complaint, tmp_path, capsys):
    assert train(tmp_path / "run", "gan", *wish) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_seed_reaches_weights_batches_and_noise(tmp_path):
    for number in (0, 1):
        assert train(tmp_path / str(number), "gan", "--seed", str(number)) == 0
    first, second = everything(tmp_path / "0"), everything(tmp_path / "1")
    name = "/family/generator.layers.0.weight"
    assert not torch.equal(first[name], second[name])
    assert RunFolder(tmp_path / "1").config()["settings"]["seed"] == 1


def test_a_run_can_start_from_weights_and_go_on_from_there(tmp_path, monkeypatch, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(first) == 0
    start = first / "weights.safetensors"
    at_step(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.MonkeyPatch.context() as still:
        still.setattr(torch.optim.Adam, "step", lambda self: None)
        assert train(second, "context-encoder", "--start-from", str(start)) == 143
    weights, begun = load_file(start), everything(second)
    for name in dict(recipes.make("context-encoder").generator.named_parameters()):
        torch.testing.assert_close(begun[f"/family/generator.{name}"], weights[name].float())
    assert train(second, "context-encoder", "--resume") == 0
    again = tmp_path / "again"
    with pytest.MonkeyPatch.context() as still:
        still.setattr(torch.optim.Adam, "step", lambda self: None)
        state = first / "state.pt"
        assert train(again, "context-encoder", "--start-from", str(state)) == 143
    ended, begun = everything(first), everything(again)
    for name in dict(recipes.make("context-encoder").named_parameters()):
        average = name.replace("generator.", "/ema/average/")
        source = average if name.startswith("generator.") else f"/family/{name}"
        assert torch.equal(begun[f"/family/{name}"], ended[source])
    assert train(tmp_path / "third", "gan", "--start-from", str(start)) == 2
    assert "do not fit this network" in capsys.readouterr().err


def test_a_resumed_runs_own_batch_decides_what_divides_it(tmp_path):
    """Six pictures in three parts, though the preset's four could not be shared so."""
    assert train(tmp_path / "run", "context-encoder", "--batch", "6", "--accumulate", "3") == 0
    assert train(tmp_path / "run", "context-encoder", "--resume", "--accumulate", "3") == 0


def test_nothing_to_resume_is_said(tmp_path, capsys):
    assert train(tmp_path / "nowhere", "gan", "--resume") == 2
    assert "no run to resume" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"no state"])
@pytest.mark.parametrize("board", [[], ["--tensorboard"]])
def test_a_damaged_state_is_one_line(board, damage, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "tensorboard_writer", lambda: lambda *_, **__: None)
    assert train(tmp_path / "run", "gan", "--steps", "1") == 0
    (tmp_path / "run" / "state.pt").write_bytes(damage)
    assert train(tmp_path / "run", "gan", "--resume", *board) == 2
    assert "state.pt: cannot resume from this file: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert train(tmp_path / "file" / "run") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "file" in error


def test_an_unknown_family_is_one_line(tmp_path, capsys):
    assert train(tmp_path / "run", "vae") == 2
    assert "expected one of gan, dcgan," in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_nan_stops_with_every_term_and_keeps_the_last_good_state(tmp_path, monkeypatch, capsys):
    def broken(self: gan.GAN, batch: object, step: int) -> Terms:
        loss = original(self, batch, step)["adversarial"]
        return {"adversarial": loss, "extra": loss * (torch.nan if step == 4 else 0)}

    original = gan.GAN.generator_loss
    monkeypatch.setattr(gan.GAN, "generator_loss", broken)
    assert train(tmp_path / "run", "gan") == 2
    error = capsys.readouterr().err
    assert "step 4, generator: not finite: adversarial = 0." in error
    assert "extra = nan" in error
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 4
    assert all(value.isfinite().all() for value in state["family"].values())


def test_a_run_that_fails_before_its_first_state_keeps_what_it_logged(tmp_path, monkeypatch):
    monkeypatch.setattr(run.Rhythm, "of", staticmethod(lambda steps: run.Rhythm(1, 5, 2)))
    at_step(monkeypatch, 3, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "run")
    assert RunFolder(tmp_path / "run").lines()[-1]["step"] == 3
    assert [path.name for path in (tmp_path / "run" / "previews").iterdir()] == ["step_000002.png"]


def test_a_weight_that_the_last_update_spoilt_is_not_saved(tmp_path, monkeypatch, capsys):
    def poisoned(self: gan.GAN, batch: object, step: int) -> Terms:
        loss = original(self, batch, step)["adversarial"]
        if step == 5:  # the value is fine, its gradient is not
            loss = loss + (self.generator.layers[0].weight * 0).sum().sqrt()
        return {"adversarial": loss}

    original = gan.GAN.generator_loss
    monkeypatch.setattr(gan.GAN, "generator_loss", poisoned)
    assert train(tmp_path / "run", "gan") == 2
    assert "generator.layers.0.weight" in capsys.readouterr().err
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 5


@pytest.mark.parametrize("family", ["gan", "context-encoder", "deepfill", "blind"])
def test_spoilt_weights_replace_nothing_good(family, tmp_path, monkeypatch, capsys):
    """The last update spoils a weight, and the last step looks, keeps weights and saves."""

    def spoil() -> None:
        with torch.no_grad():
            next(runs_made[0].model.generator.parameters()).fill_(torch.nan)

    runs_made, go = [], run.Run.go
    monkeypatch.setattr(
        run.Run, "go", lambda self, *rest: runs_made.append(self) or go(self, *rest)
    )
    at_step(monkeypatch, 5, spoil)
    assert train(tmp_path / "run", family) == 2
    assert "step 6: not finite after its update: generator." in capsys.readouterr().err
    found = everything(tmp_path / "run")
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 5
    assert all(value.isfinite().all() for value in found.values())


def test_a_preview_moves_nothing(tmp_path):
    train(tmp_path / "looked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Viewer, "complete", lambda self, size: self.fixed.image)
        train(tmp_path / "not_looked")
    first, second = everything(tmp_path / "looked"), everything(tmp_path / "not_looked")
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_timing_the_precisions_moves_nothing():
    family = recipes.make("gan")  # dropout draws from the global stream
    before, rng = {k: v.clone() for k, v in family.state_dict().items()}, torch.get_rng_state()
    pictures = recipes.load("gan", recipes.preset("gan"))
    seconds = time_precisions(family, next(pictures.batches()))
    assert seconds.keys() == {"float32", "bfloat16"}
    assert min(seconds.values()) > 0
    assert all(torch.equal(before[k], v) for k, v in family.state_dict().items())
    assert torch.equal(rng, torch.get_rng_state())


def test_auto_precision_is_chosen_once_and_kept(tmp_path, capsys):
    assert train(tmp_path / "run", "gan", "--precision", "auto") == 0
    chosen = RunFolder(tmp_path / "run").config()["precision"]
    assert chosen in ("float32", "bfloat16")
    assert "a step takes: float32 " in capsys.readouterr().out
    assert train(tmp_path / "run", "gan", "--resume") == 0
    assert "a step takes" not in capsys.readouterr().out


def test_tensorboard_gets_the_terms(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train(tmp_path / "run", "context-encoder", "--tensorboard") == 0
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    scalars = events.Scalars("generator/reconstruction")
    logged = [line["terms"] for line in RunFolder(tmp_path / "run").lines() if "terms" in line]
    assert [event.step for event in scalars] == [1, 2, 3, 4, 5, 6]
    assert scalars[-1].value == pytest.approx(logged[-1]["generator/reconstruction"])


# --- in a process of its own -------------------------------------------------------------------


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    """The command as a subprocess, with the tiny families."""
    command = [sys.executable, str(TINY), "train", "gan", "--out", str(out), "--device", "cpu"]
    if "--resume" not in more:
        more = ("--precision", "float32", *more)
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": str(TINY.parent.parent)}
    return subprocess.Popen([*command, *more], env=environment, stdout=pipe, stderr=pipe, text=True)


def steps_logged(out: Path) -> int:
    lines = RunFolder(out).lines()
    return lines[-1]["step"] if lines else 0


def wait_for(out: Path, step: int, process: subprocess.Popen) -> None:
    """Until the log has come to `step`."""
    end = time.monotonic() + 60
    while steps_logged(out) < step:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.002)


def test_sigterm_finishes_the_step_saves_and_leaves(tmp_path):
    process = start(tmp_path / "run", "--steps", "1000")
    wait_for(tmp_path / "run", 20, process)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == ""
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert f"SIGTERM: stopped after step {state['step']}, saved" in out
    assert 20 <= state["step"] < 1000


@pytest.mark.slow
def test_five_kills_at_random_moments_change_nothing(tmp_path):
    whole, killed, chance = tmp_path / "whole", tmp_path / "killed", random.Random(0)
    assert start(whole, "--steps", "600").wait(timeout=120) == 0
    for number in range(5):
        process = start(killed, "--steps", "600", *(["--resume"] if number else []))
        wait_for(killed, 90 * (number + 1), process)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert start(killed, "--resume").wait(timeout=120) == 0
    assert_same_run(whole, killed)
    assert json.loads((killed / "config.json").read_text())["steps"] == 600


def test_batches_made_ahead_come_in_order_one_ahead():
    made = threading.Semaphore(0)

    def numbers():
        for number in count():
            yield Batch(torch.tensor(number))
            made.release()  # the next one has been asked for

    coming = run.ahead(numbers())
    assert next(coming).image == 0
    assert made.acquire(timeout=10), "nothing is made while the first is worked on"
    assert [batch.image.item() for batch in islice(coming, 3)] == [1, 2, 3]
    coming.close()


# what people have ----------------------------------------------------------------------------


def test_a_batch_too_large_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load_faces", lambda *a, **k: tiny.pictures(*a, **k).take([0]))
    assert train(tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "1 pictures to learn from are fewer than a batch of" in error
    assert "try --batch 1" in error
    assert not (tmp_path / "run").exists()
    assert train(tmp_path / "run", "context-encoder", "--batch", "1", "--steps", "1") == 0
    assert RunFolder(tmp_path / "run").config()["settings"]["batch_size"] == 1


def test_a_run_that_fails_at_once_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_own_masks_are_learned_from(tmp_path, capsys):
    (tmp_path / "masks").mkdir()
    hole = Image.new("L", (40, 40))
    hole.paste(255, (10, 10, 20, 30))
    hole.save(tmp_path / "masks" / "one.png")
    words = ("--steps", "1", "--masks", str(tmp_path / "masks"))
    assert train(tmp_path / "run", "context-encoder", *words) == 0
    assert RunFolder(tmp_path / "run").config()["masks"] == str(tmp_path / "masks")
    network = recipes.make("context-encoder").generator
    card = load_weights(tmp_path / "run" / "weights.safetensors", network)
    assert card["masks"] == "masks", "a file that is shared tells no place on this machine"
    assert str(tmp_path) not in json.dumps(card)
    assert train(tmp_path / "gan", "gan", *words) == 2
    assert "draws whole pictures: it learns from no masks" in capsys.readouterr().err


def test_start_from_takes_a_name(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "run", "context-encoder", "--start-from", "unet-cats") == 2
    assert "no weights 'unet-cats': expected one of" in capsys.readouterr().err
    asked = []
    monkeypatch.setattr(launch, "start_from", lambda path, model: asked.append(path))
    train(tmp_path / "run", "context-encoder", "--steps", "1", "--start-from", "unet-drawn")
    assert [path.name for path in asked] == ["unet-drawn.safetensors"]


def test_apples_gpu_is_chosen_where_it_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert launch.best_device() == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert launch.best_device() == "cpu"
    with pytest.raises(ValueError, match=r"no device 'mps' here: .{1,100}$"):
        launch.choose_device("mps")


def test_a_run_stopped_before_its_first_state_still_starts_from_its_weights(tmp_path, monkeypatch):
    """Between `config.json` and `state.pt` nothing but the settings says where it starts."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    first, second = tmp_path / "first", tmp_path / "second"
    assert train(first, "context-encoder", "--steps", "1") == 0
    start = first / "weights.safetensors"
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(run.Run, "load", stop)
        assert train(second, "context-encoder", "--start-from", str(start)) == 130
    assert [path.name for path in second.iterdir()] == ["config.json"]
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: None)
    assert train(second, "context-encoder", "--resume") == 0
    weights, begun = load_file(start), everything(second)
    for name in dict(recipes.make("context-encoder").generator.named_parameters()):
        torch.testing.assert_close(begun[f"/family/generator.{name}"], weights[name].float())


def test_tensorboard_forgets_what_a_crash_left_of_later_steps(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as failing:
        failing.setattr(run.Rhythm, "of", staticmethod(lambda steps: run.Rhythm(1, 3, 3)))
        at_step(failing, 4, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(out, "context-encoder", "--tensorboard")
    assert train(out, "context-encoder", "--resume", "--tensorboard") == 0
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    steps = [event.step for event in events.Scalars("generator/reconstruction")]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_missing_tensorboard_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert train(tmp_path / "run", "context-encoder", "--tensorboard") == 2
    assert "--tensorboard needs: pip install" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "Viewer", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_run_too_short_for_its_last_part_is_refused(steps, tmp_path, capsys):
    assert train(tmp_path / "run", "blind", "--steps", str(steps)) == 2
    told = "expected more than 2 steps, because the last part of blind's training begins after 2, "
    assert told + f"got {steps}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert train(tmp_path / "run", "blind", "--steps", "3") == 0


def test_the_last_part_of_glcics_training_is_the_one_of_both_networks():
    """Each network has learned by then, but never against the other."""
    changes = {"completion_steps": 3, "discriminator_steps": 2, "batch_size": 1}
    for steps in (4, 5):
        family = recipes.glcic.GLCIC(replace(recipes.glcic.LESSON, **changes, steps=steps))
        with pytest.raises(ValueError, match=f"expected more than 5 steps.*, got {steps}"):
            launch.check_steps("glcic", family, 800)
    family = recipes.glcic.GLCIC(replace(recipes.glcic.LESSON, **changes, steps=6))
    launch.check_steps("glcic", family, 800)


def test_of_several_processes_each_touches_its_own_gpu_alone(monkeypatch):
    touched = []
    monkeypatch.setattr(torch, "empty", lambda *_, device: touched.append(str(device)))
    for size, chosen in (("2", "cuda:1"), ("1", "cuda")):
        monkeypatch.setenv("WORLD_SIZE", size)
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert str(launch.choose_device("cuda")) == chosen
    assert touched == ["cuda:1", "cuda"]
