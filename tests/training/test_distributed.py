"""Several processes, and a batch in parts, give the whole batch's gradients."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from gradients import gradients

from inpaintlib.images import Batch
from inpaintlib.models.gan import GAN, GANConfig
from inpaintlib.seeding import part_of_batch, stream
from inpaintlib.training import distributed
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.loop import run_phase, train

TESTS = Path(__file__).resolve().parents[1]


def torchrun(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Two processes of a program of this folder."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = os.environ | {"PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, "--nproc-per-node", "2", str(TESTS / program), *arguments],
        env=environment,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


def test_two_processes_with_half_the_batch_have_the_gradients_of_one(tmp_path):
    process = torchrun("gradients.py", str(tmp_path / "found.pt"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found, expected = torch.load(tmp_path / "found.pt", weights_only=True), gradients()
    assert found.keys() == expected.keys()
    assert {name.rsplit("/", 1)[0] for name in found} == {
        "blind/locator",
        "deepfill/discriminator",
        "deepfill/generator",
        "unet/generator",
    }
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_accumulated_parts_have_the_gradients_of_the_whole():
    # Not the adversarial ones: spectral norm refines its estimate at every forward pass.
    whole, parts = gradients(), gradients(accumulate=4)
    names = [name for name in whole if name.startswith(("blind", "unet"))]
    assert len(names) > 50
    for name in names:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-5, msg=name)


def test_two_processes_train_stop_together_and_go_on(tmp_path):
    out = tmp_path / "run"
    command = ["train", "deepfill", "--out", str(out), "--device", "cpu"]
    process = torchrun("tiny.py", *command, "--precision", "float32", "--steps", "400")
    end = time.monotonic() + 100
    while not any(line["step"] >= 4 for line in RunFolder(out).lines()):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)  # torchrun passes it on
    told, err = process.communicate(timeout=60)
    assert told.count("SIGTERM: stopped after step") == 1, err
    step = torch.load(out / "state.pt", weights_only=True)["step"]
    assert 4 <= step < 400
    assert f"stopped after step {step}, saved" in told
    assert not (out / "weights.safetensors").exists()
    process = torchrun("tiny.py", *command, "--resume")
    while not any(line["step"] >= step + 4 for line in RunFolder(out).lines()):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end + 100
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    told, err = process.communicate(timeout=60)
    later = torch.load(out / "state.pt", weights_only=True)["step"]
    assert f"stopped after step {later}, saved" in told, err
    assert later >= step + 4


def test_a_batch_is_shared_in_order():
    image = torch.arange(6.0).view(6, 1, 1, 1)
    parts = distributed.split(Batch(image, image + 10, image + 20), 3)
    assert [part.image.flatten().tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert parts[2].mask.flatten().tolist() == [14, 15]
    assert parts[0].observed.flatten().tolist() == [20, 21]
    assert distributed.split(Batch(image), 2)[1].mask is None


@pytest.mark.parametrize("parts", [0, 4, 7])
def test_parts_that_are_not_equal_are_refused(parts):
    with pytest.raises(ValueError, match=rf"{parts} parts.*got 6 pictures"):
        distributed.split(Batch(torch.zeros(6, 1, 2, 2)), parts)


def test_every_part_draws_noise_of_its_own():
    def draw() -> float:
        return torch.rand((), generator=stream(0, "noise")).item()

    alone = draw()
    with part_of_batch(0):
        assert draw() == alone
    with part_of_batch(1):
        assert draw() != alone
    assert draw() == alone

    family, drawn = GAN(GANConfig(size=4, generator_widths=(4,), discriminator_widths=(4,))), []
    family.generator.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
    run_phase(family, family.phases()[0], Batch(torch.zeros(4, 1, 4, 4)), 0, accumulate=2)
    assert [len(z) for z in drawn] == [2, 2]
    assert not torch.equal(*drawn)


def test_terms_of_accumulated_parts_are_their_means():
    torch.manual_seed(0)
    family = GAN(GANConfig(size=4, dropout=0.0, generator_widths=(4,), discriminator_widths=(4,)))
    images = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    state = {name: value.clone() for name, value in family.state_dict().items()}
    (record,) = train(family, iter([Batch(images)]), steps=1, accumulate=2)
    parts = []
    family.load_state_dict(state)
    for number in range(2):
        with part_of_batch(number), torch.no_grad():
            part = Batch(images[2 * number : 2 * number + 2])
            parts.append(family.discriminator_loss(part, 0)["adversarial"])
    expected = (parts[0] + parts[1]) / 2
    torch.testing.assert_close(record.terms["discriminator/adversarial"], expected)


def test_one_process_is_rank_0_of_1():
    assert (distributed.rank(), distributed.size()) == (0, 1)
    assert distributed.anywhere(15) == 15
    assert distributed.average({"loss": torch.tensor(2.0)}) == {"loss": 2.0}
    assert distributed.from_first("value") == "value"


def test_several_processes_on_another_device_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="need --device cpu or cuda, got mps"):
        distributed.start(torch.device("mps"))
