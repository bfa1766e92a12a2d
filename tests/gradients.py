"""The gradients of one step of tiny families without BatchNorm; a program for torchrun.

`torchrun --nproc-per-node 2 tests/gradients.py FILE` lets process 0 write them to FILE.
"""

import sys

import torch
from torch import Tensor

from inpaintlib.images import Batch, hide
from inpaintlib.masks import square
from inpaintlib.models.blind import Blind, BlindConfig
from inpaintlib.models.contract import Model
from inpaintlib.models.deepfill import DeepFill, DeepFillConfig
from inpaintlib.models.unet import UNet, UNetConfig
from inpaintlib.training import distributed
from inpaintlib.training.loop import run_phase


def families() -> dict[str, Model]:
    """Tiny families, the same at every call."""
    torch.manual_seed(0)
    return {
        "blind": Blind(BlindConfig(locator_widths=(8, 16), filler_widths=(8, 16))),
        "deepfill": DeepFill(DeepFillConfig(base=4, attention="self", discriminator_widths=(4, 8))),
        "unet": UNet(UNetConfig(base=8, adversarial_start=9)),  # its discriminator has BatchNorm
    }


def pictures() -> Batch:
    """Eight pictures with holes of one area, ring included, in different places."""
    source = torch.Generator().manual_seed(1)
    image = torch.rand(8, 3, 24, 24, generator=source) * 2 - 1
    return hide(image, square(8, 24, 24, generator=source, side=8, margin=4))


def gradients(*, accumulate: int = 1) -> dict[str, Tensor]:
    """Every gradient that an optimizer sees in the phases of step 0."""
    seen: dict[str, Tensor] = {}
    batch = distributed.share(pictures())
    assert len(batch.image) * distributed.size() == 8
    for name, family in families().items():
        family.train()
        for phase in family.phases():
            if phase.active(0):

                def keep(*_: object, place=f"{name}/{phase.name}", family=family) -> None:
                    for key, weight in family.named_parameters():
                        if weight.grad is not None:
                            seen[f"{place}/{key}"] = weight.grad.clone()

                phase.optimizer.register_step_pre_hook(keep)
                run_phase(family, phase, batch, 0, accumulate=accumulate)
    return seen


if __name__ == "__main__":
    distributed.start(torch.device("cpu"))
    found = gradients()
    if distributed.rank() == 0:
        torch.save(found, sys.argv[1])
    distributed.finish(0)
