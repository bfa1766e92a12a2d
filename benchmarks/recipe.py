"""What makes fills sharp? One factor at a time, on the U-Net of lesson 6 at 64×64.

Each setting differs from one of the others in a single thing: no discriminator, the adversarial
term at a hundredth of L1's weight, as the sources have it, or at a tenth, feature matching; then a
discriminator that is not shown the holes, and one that gives a picture a single score. Settings
that share a seed begin with the same weights and see the same pictures and holes. Every run is kept
under runs/recipe: a stopped experiment goes on.

    python benchmarks/recipe.py [--steps N] [--seeds 0 1 2] [--runs N]

The card goes to data/cards/experiments: recipe.json for drawn faces, recipe_celeba.json for the
photographs that INPAINTLIB_DATA names.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from experiment import Run, arguments, card_name, conduct, facts_of, fills, measure, trained
from torch import Tensor

from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces
from inpaintlib.images import Batch
from inpaintlib.masks import centre
from inpaintlib.measure.features import FaceFeatures, features_for
from inpaintlib.models.unet import LESSON, UNet
from inpaintlib.training.recipes import EVERY_KIND

STEPS, PICTURES = 500, 200
TENTH, HUNDREDTH = 0.1 * LESSON.l1_weight, 0.01 * LESSON.l1_weight


class Blindfolded(UNet):
    """The discriminator is not shown where the hole is."""

    def activations(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        return super().activations(image, torch.zeros_like(mask))


class Whole(UNet):
    """The discriminator gives a picture one score instead of one per patch."""

    def activations(self, image: Tensor, mask: Tensor) -> list[Tensor]:
        *below, logits = super().activations(image, mask)
        return [*below, logits.mean(dim=(1, 2, 3))]


Setting = tuple[type[UNet], dict[str, float]]
SETTINGS: dict[str, Setting] = {
    "no discriminator": (UNet, {"adversarial_start": 10**9}),
    "adversarial at 0.01 of L1": (UNet, {"adversarial_weight": HUNDREDTH, "feature_weight": 0.0}),
    "adversarial at 0.1 of L1": (UNet, {"adversarial_weight": TENTH, "feature_weight": 0.0}),
    "with feature matching": (UNet, {"adversarial_weight": TENTH}),
    "… without the mask": (Blindfolded, {"adversarial_weight": TENTH}),
    "… one score per picture": (Whole, {"adversarial_weight": TENTH}),
}


def make_run(
    name: str, seed: int, steps: int, training: ImageSet, look: Batch, eyes: FaceFeatures | None
) -> Run:
    """Train one U-Net and measure its average: setting, seed, metrics in the centre hole."""
    kind, changes = SETTINGS[name]
    config = replace(LESSON, steps=steps, **changes)
    torch.manual_seed(seed)
    family = kind(config)
    source = batches(training, batch_size=config.batch_size, mask=EVERY_KIND, flip=True, seed=seed)
    filled = fills(family, trained(family, source, steps), look)
    return {"setting": name, "seed": seed, "metrics": measure(filled, look, eyes)}


def main(words: list[str] | None = None) -> None:
    """Make what is missing; write the card when nothing is."""
    parser = arguments("What makes fills sharp: one factor at a time.")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each run")
    options = parser.parse_args(words)
    training = load_faces("train", size=LESSON.size, large=True)
    hole = partial(centre, side=1 / 2)
    look = fixed_batch(load_faces("validation", size=LESSON.size), PICTURES, mask=hole)
    eyes = features_for(training)
    jobs = {
        f"{name}-{seed}": partial(make_run, name, seed, options.steps, training, look, eyes)
        for seed in options.seeds
        for name in SETTINGS
    }
    folder = Path("recipe") / f"{training.kind}-{options.steps}"
    facts = {"training pictures": len(training), "pictures": PICTURES}
    facts |= facts_of(training, LESSON, options)
    conduct(folder, jobs, card_name("recipe", training), facts, options.runs)


if __name__ == "__main__":
    main()
