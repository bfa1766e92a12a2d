"""Claim: a training step of the package is faster, and smaller, than a naive one of the same maths.

For each family's lesson preset: the median time of a whole step (all phases) and its peak memory.
`naive` is float32, channels first, with every pair of positions of the attention in memory, and
runs the generator in every phase; `float32` has fused attention, channels last and one prediction
for both networks, and `bfloat16` is that under autocast: the two that `python -m inpaintlib train`
chooses between. Weights, batch and losses are the same.
"""

import functools
from collections.abc import Callable
from itertools import repeat
from typing import Any
from unittest.mock import patch

import torch
from attention_memory import materialised
from measure import arguments, devices, medians, peak_memory, report

from inpaintlib.images import Batch, apply_mask
from inpaintlib.layers import SelfAttention2d
from inpaintlib.masks import rectangle
from inpaintlib.models.contract import Model
from inpaintlib.training.loop import run_phase, train
from inpaintlib.training.recipes import RECIPES, make, preset
from inpaintlib.training.run import channels_last, prepare

VARIANTS = ("naive", "float32", "bfloat16")
Step = Callable[[], object]
LATE = 10**9  # a step at which every network of the last period takes part


def one_step(
    name: str, which: str, changes: dict, variant: str, device: str
) -> Callable[[], object]:
    """A training step of a family."""
    torch.manual_seed(0)
    family = make(name, which, **changes).train()
    batch = pictures(preset(name, which, **changes).config)
    if variant == "naive":
        family, batch = family.to(device), batch.to(device)
        return functools.partial(naive_step, family, batch)
    family, batch = prepare(family, torch.device(device)), channels_last(batch).to(device)
    precision = "bfloat16" if variant == "bfloat16" else "float32"
    steps = train(family, repeat(batch), steps=2 * LATE, start=LATE, precision=precision)
    return functools.partial(next, steps)


def naive_step(family: Model, batch: Batch) -> None:
    """Every phase runs the generator for itself."""
    with patch.object(SelfAttention2d, "forward", materialised):
        for phase in family.phases():
            if phase.active(LATE):
                run_phase(family, phase, batch, LATE)


def pictures(config: Any) -> Batch:
    """A batch of the preset's size: noise behind rectangles costs what faces cost."""
    source = torch.Generator().manual_seed(0)
    sides = (config.size, config.size)
    image = torch.rand(config.batch_size, config.channels, *sides, generator=source) * 2 - 1
    mask = rectangle(config.batch_size, *sides, generator=source)
    return Batch(image, mask, apply_mask(image, mask))


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=9)
    parser.add_argument("--families", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--preset", choices=["lesson", "paper"], default="lesson")
    parser.add_argument("--batch-size", type=int, help="instead of the preset's")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = {"batch_size": options.batch_size} if options.batch_size else {}
    rows = []
    for device in devices():
        for name in options.families:
            settings = [(name, options.preset, changes, kind, device) for kind in VARIANTS]
            peaks = [peak_memory(device, one_step, *values) for values in settings]
            steps = {values[3]: one_step(*values) for values in settings}
            seconds = medians(steps, repeats=options.repeats)
            row = {"family": name, "device": device, "naive ms": seconds["naive"] * 1000}
            row |= {f"{kind} ×": seconds["naive"] / seconds[kind] for kind in VARIANTS[1:]}
            row |= {f"{kind} MiB": peak for kind, peak in zip(VARIANTS, peaks, strict=True)}
            rows.append(row)
    report(rows, options)
    print("×: how many times as fast as naive")


if __name__ == "__main__":
    main()
