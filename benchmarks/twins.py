"""What are attention and the adversary worth? Twins of DeepFill, alike in all but one thing.

Each setting differs from `deepfill.LESSON` in a single thing: the attention (none, or the
original's contextual one in place of self-attention), or the weight of what the discriminator says:
of its adversarial term, and, ten times that, of feature matching. Settings that share a seed begin
with the same weights where they have the same layers, and see the same pictures and holes. They
learn at 64×64, with a generator a third as wide as the paper's. Every run is kept under runs/twins:
a stopped experiment goes on.

    python benchmarks/twins.py [--steps N] [--seeds 0 1 2] [--runs N]

The card goes to data/cards/experiments: twins.json for drawn faces, twins_celeba.json for the
photographs that INPAINTLIB_DATA names.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from experiment import Run, arguments, card_name, conduct, facts_of, fills, measure, trained
from torch import nn

from inpaintlib import masks
from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces
from inpaintlib.images import Batch
from inpaintlib.measure.features import FaceFeatures, features_for
from inpaintlib.models.contract import count_parameters
from inpaintlib.models.deepfill import LESSON, DeepFill, DeepFillConfig
from inpaintlib.training.recipes import EVERY_KIND

STEPS, PICTURES = 500, 200
SMALL = replace(LESSON, base=8, discriminator_widths=(16, 32, 64, 128, 128))


class Unlinked(DeepFill):
    """Without attention: the branch that should look far away has convolutions alone.

    It is built with self-attention first, so that all twins draw the same numbers for their layers.
    """

    def __init__(self, config: DeepFillConfig) -> None:
        super().__init__(config)
        self.generator.refinement.attention = nn.Identity()


class Copying(DeepFill):
    """The original's contextual attention, which copies patches and has no weights; built alike."""

    def __init__(self, config: DeepFillConfig) -> None:
        super().__init__(config)
        self.generator.refinement.attention = None


def weighed(weight: float) -> dict[str, float]:
    """What the discriminator says, `weight` times the L1 in the hole."""
    return {"adversarial_weight": weight, "feature_weight": 10 * weight}


NONE = {"adversarial_start": 10**9}  # the discriminator never enters the game
SETTINGS: dict[str, tuple[type[DeepFill], dict[str, Any]]] = {
    "self-attention, weight 0.1": (DeepFill, {}),
    "no attention": (Unlinked, {}),
    "contextual attention": (Copying, {}),
    "weight 0": (DeepFill, NONE),
    "weight 0.01": (DeepFill, weighed(0.01)),
    "weight 1": (DeepFill, weighed(1.0)),
}


def make_run(
    name: str,
    seed: int,
    steps: int,
    training: ImageSet,
    looks: dict[str, Batch],
    eyes: FaceFeatures | None,
) -> Run:
    """Train one twin and measure its average: setting, seed, parameters, metrics per hole."""
    kind, changes = SETTINGS[name]
    config = replace(SMALL, steps=steps, **changes)
    torch.manual_seed(seed)
    family = kind(config)
    source = batches(training, batch_size=config.batch_size, mask=EVERY_KIND, flip=True, seed=seed)
    average = trained(family, source, steps)
    filled = {hole: fills(family, average, look) for hole, look in looks.items()}
    found = {hole: measure(filled[hole], look, eyes) for hole, look in looks.items()}
    size = count_parameters(family.generator)
    return {"setting": name, "seed": seed, "parameters": size, "metrics": found}


def main(words: list[str] | None = None) -> None:
    """Make what is missing; write the card when nothing is."""
    parser = arguments("What attention and the adversary are worth: twins of DeepFill.")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each run")
    options = parser.parse_args(words)
    training = load_faces("train", size=SMALL.size, large=True)
    validation = load_faces("validation", size=SMALL.size)
    holes = {"centre": partial(masks.centre, side=1 / 2), "strokes": masks.brush}
    looks = {name: fixed_batch(validation, PICTURES, mask=mask) for name, mask in holes.items()}
    eyes = features_for(training)
    jobs = {
        f"{name}-{seed}": partial(make_run, name, seed, options.steps, training, looks, eyes)
        for seed in options.seeds
        for name in SETTINGS
    }
    folder = Path("twins") / f"{training.kind}-{options.steps}"
    facts = {"training pictures": len(training), "pictures": PICTURES}
    facts |= facts_of(training, SMALL, options)
    conduct(folder, jobs, card_name("twins", training), facts, options.runs)


if __name__ == "__main__":
    main()
