"""Files that are whole or absent, and clear words for those that do not fit."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from inpaintlib.data.writing import write_whole
from inpaintlib.models.gan import GAN, GANConfig
from inpaintlib.training.checkpoints import (
    load_networks,
    load_state,
    load_weights,
    save_state,
    save_weights,
)
from inpaintlib.training.ema import EMA

SMALL = GANConfig(size=4, latent=2, generator_widths=(8,), discriminator_widths=(8,))


def test_weights_come_back_in_half_precision_with_their_card(tmp_path):
    source, target = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    source(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    path = tmp_path / "new" / "weights.safetensors"
    save_weights(path, source, card={"family": "none", "steps": 7})
    assert load_weights(path, target) == {"family": "none", "steps": 7}
    torch.testing.assert_close(target.running_mean, source.running_mean, rtol=1e-3, atol=1e-4)
    assert target.num_batches_tracked == 1
    assert [file.name for file in path.parent.iterdir()] == ["weights.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="no modes of files")
def test_weights_are_as_readable_as_any_other_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        save_weights(tmp_path / "weights.safetensors", nn.Linear(2, 3), card={})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights.safetensors").stat().st_mode) == 0o640


def test_values_beyond_half_precision_are_kept(tmp_path):
    source, target = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    source.running_var[0] = 1e5
    save_weights(tmp_path / "weights.safetensors", source, card={})
    load_weights(tmp_path / "weights.safetensors", target)
    assert target.running_var.tolist() == [1e5, 1]


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    save_weights(tmp_path / "a.safetensors", nn.Linear(2, 3), card={})
    with pytest.raises(ValueError, match=r"a\.safetensors: the weights do not fit"):
        load_weights(tmp_path / "a.safetensors", nn.Linear(2, 4))


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_missing_and_foreign_weight_files_are_named(tmp_path, content):
    path = tmp_path / "b.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"b\.safetensors: expected a safetensors file"):
        load_weights(path, nn.Linear(2, 2))


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(part):
        part.write_text("half of the new")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_error_of_writing_stays_what_it_is(tmp_path):
    def fail(part):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match=r"^CUDA error"):
        write_whole(tmp_path / "file", fail)


def test_several_threads_may_write_one_file(tmp_path):
    together = threading.Barrier(4)

    def write(part):
        together.wait(timeout=10)
        part.write_text("whole")
        together.wait(timeout=10)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write_whole(tmp_path / "file", write), range(4)))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


def test_a_damaged_state_is_named(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, GAN(SMALL), step=1)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"state\.pt: cannot resume"):
        load_state(path, GAN(SMALL))


def test_a_state_of_another_configuration_or_without_an_average_is_refused(tmp_path):
    path = tmp_path / "state.pt"
    family = GAN(SMALL)
    save_state(path, family, step=1)
    with pytest.raises(ValueError, match="cannot resume"):
        load_state(path, GAN(GANConfig(size=4)))
    with pytest.raises(ValueError, match="averages its weights"):
        load_state(path, family, ema=EMA(family.generator))


def test_a_state_with_the_random_state_of_older_runs_is_read(tmp_path):
    path, family = tmp_path / "state.pt", GAN(SMALL)
    save_state(path, family, step=3)
    old = torch.load(path, weights_only=True) | {"rng": torch.get_rng_state()}
    torch.save(old, path)
    assert load_state(path, family) == 3


def test_networks_alone_are_the_average_and_its_discriminator_where_that_fits(tmp_path):
    path, family = tmp_path / "state.pt", GAN(SMALL)
    ema = EMA(family.generator)
    for value in ema.average.values():
        value += 1
    save_state(path, family, step=3, ema=ema)
    for width, carried in ((8, True), (4, False)):
        other = GAN(replace(SMALL, discriminator_widths=(width,)))
        before = {name: value.clone() for name, value in other.discriminator.state_dict().items()}
        load_networks(path, other)
        for name, value in other.generator.named_parameters():
            assert torch.equal(value, ema.average[name])
        expected = family.discriminator.state_dict() if carried else before
        for name, value in other.discriminator.state_dict().items():
            assert torch.equal(value, expected[name])


def test_a_discriminator_with_one_layer_more_stays_new_as_a_whole(tmp_path):
    narrow = replace(SMALL, discriminator_widths=(1,))  # its last layer fits the other's middle one
    path, family = tmp_path / "state.pt", GAN(narrow)
    save_state(path, family, step=3, ema=EMA(family.generator))
    other = GAN(replace(narrow, discriminator_widths=(1, 1)))
    before = {name: value.clone() for name, value in other.discriminator.state_dict().items()}
    load_networks(path, other)
    for name, value in other.discriminator.state_dict().items():
        assert torch.equal(value, before[name])


def test_networks_of_another_generator_or_without_an_average_are_refused(tmp_path):
    path, family = tmp_path / "state.pt", GAN(SMALL)
    save_state(path, family, step=3)
    with pytest.raises(ValueError, match=r"state\.pt: cannot begin"):
        load_networks(path, family)
    save_state(path, family, step=3, ema=EMA(family.generator))
    with pytest.raises(ValueError, match=r"state\.pt: cannot begin"):
        load_networks(path, GAN(replace(SMALL, generator_widths=(4,))))
