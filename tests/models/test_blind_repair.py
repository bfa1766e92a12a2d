"""What lesson 07 promises, at full length (`make test-slow`): the repair works, the original fails.

Both learn from drawn faces with the presets `LESSON`, and are measured on faces and holes that they
have never seen, against controls that learn nothing.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import genfill
from inpaintlib import masks, metrics
from inpaintlib.data import ImageSet, batches, draw_faces, fixed_batch
from inpaintlib.images import Batch
from inpaintlib.models import blind
from inpaintlib.models.contract import Model
from inpaintlib.seeding import stream
from inpaintlib.training.loop import eval_mode, train
from inpaintlib.training.recipes import ONE_BOX, Damage

VARIED = masks.mixture([masks.blocks, masks.blocks, ONE_BOX, masks.brush])
"""The holes of lesson 07: source 003's cells twice as often as boxes and strokes."""


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    return ImageSet(draw_faces(2000, size=64)[0], "drawn faces", "drawn here")


@pytest.fixture(scope="module")
def unseen() -> Batch:
    faces = ImageSet(draw_faces(60, size=64, start=2000)[0], "drawn faces", "drawn here")
    return fixed_batch(faces, 60, mask=masks.blocks, seed=5)


def damaged(faces: ImageSet, mask: masks.MaskSampler, corrupt: Damage) -> Iterator[Batch]:
    """Training batches without end."""
    for step, batch in enumerate(batches(faces, batch_size=8, mask=mask, flip=True)):
        observed = corrupt(batch.image, batch.mask, generator=stream(0, "damage", step))
        yield replace(batch, observed=observed)


def observe(batch: Batch, corrupt: Damage) -> Batch:
    return replace(batch, observed=corrupt(batch.image, batch.mask, generator=stream(9)))


def educate(family: Model, source: Iterator[Batch]) -> None:
    for _ in train(family, source, steps=family.config.steps, precision="bfloat16"):
        pass


def psnr(picture: Tensor, batch: Batch, mask: Tensor | None = None) -> float:
    """The mean over pictures, of their holes or of all."""
    return metrics.psnr(picture, batch.image, mask).nanmean().item()


def doubled(batch: Batch) -> Tensor:
    """The control that source 003's damage sets: undo its half contrast and do nothing else."""
    return (2 * batch.observed).clamp(-1, 1)


@pytest.mark.slow
def test_the_repair_finds_the_holes_and_beats_the_controls(faces: ImageSet, unseen: Batch):
    torch.manual_seed(0)
    family = blind.Blind(blind.LESSON)
    educate(family, damaged(faces, VARIED, blind.corrupt))
    given = observe(unseen, blind.corrupt)
    with eval_mode(family):
        completed, _, _ = family.repair(given.observed)
        found = family.generator.locate(given.observed) > 0.5
    true = given.mask.bool()
    assert (found & true).sum() / (found | true).sum() >= 0.9
    for control in (given.observed, doubled(given)):
        assert psnr(completed, given, given.mask) > psnr(control, given, given.mask) + 6
        assert psnr(completed, given) > psnr(control, given) + 4
    theirs = doubled(observe(unseen, genfill.corrupt))  # although half the truth shows there
    assert psnr(completed, given, given.mask) > psnr(theirs, given, given.mask) + 4
    assert psnr(completed, given) > psnr(theirs, given) + 2


@pytest.mark.slow
def test_the_original_stays_below_twice_its_input(faces: ImageSet, unseen: Batch):
    torch.manual_seed(0)
    family = genfill.BlindOriginal(genfill.LESSON)
    educate(family, damaged(faces, masks.blocks, genfill.corrupt))
    given = observe(unseen, genfill.corrupt)
    with eval_mode(family):
        answer = family.generate(given)
    known = 1 - given.mask
    assert psnr(doubled(given), given, known) == pytest.approx(29.5, abs=0.3)
    assert psnr(doubled(given), given, given.mask) == pytest.approx(10.8, abs=1.5)
    assert psnr(answer, given) < psnr(doubled(given), given)
    assert psnr(answer, given, known) < 25  # nothing is copied well
    assert psnr(answer, given, given.mask) < 18  # and nothing is filled
