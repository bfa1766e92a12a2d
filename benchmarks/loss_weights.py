"""Which loss helps which metric? The designed experiment of lesson 6, on the U-Net's weights.

Source 001 weighs L1, Sobel, SSIM and the adversarial term by 100, 10, 1 and 1. Here L1 stays at
100. Sobel and SSIM are each off or at ten times their published weight, in all four pairs; so the
effect of either is measured with and without the other. Settings that share a seed begin with the
same weights and see the same pictures and holes. Every run is kept under runs/loss_weights: a
stopped experiment goes on.

    python benchmarks/loss_weights.py [--further] [--seeds 0 1 2] [--runs N]

Each setting trains a small U-Net from new weights, without a discriminator; beside the four stands
the published pair, without and with the adversarial term at ten times its published weight. With
--further, the four go on from the shipped U-Net instead, each without a discriminator and with that
of `unet.LESSON`; nothing else differs. There all seeds begin with one generator, and differ in
their pictures, holes and new discriminators.

The card goes to data/cards/experiments: loss_weights.json for drawn faces, loss_weights_celeba.json
for the photographs that INPAINTLIB_DATA names; with --further, loss_weights_further.json and so on.
"""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from experiment import PRECISION, Run, arguments, card_name, conduct, facts_of
from torch import Tensor

from inpaintlib import masks, metrics
from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces
from inpaintlib.filters import sobel
from inpaintlib.images import Batch, to_unit
from inpaintlib.measure.features import FaceFeatures, features_for, kernel_distance
from inpaintlib.models.unet import LESSON, PAPER, UNet, UNetConfig
from inpaintlib.photos import shipped
from inpaintlib.training.loop import eval_mode, train

SOBEL, SSIM = 100.0, 10.0
PUBLISHED_SOBEL, PUBLISHED_SSIM = 10.0, 1.0
ADVERSARIAL = (0.0, 10.0)
STEPS, ADVERSARIAL_START = 500, 200
SIZE, PICTURES = 64, 200
NEW = replace(
    PAPER,
    size=SIZE,
    base=16,
    learning_rate=1e-3,
    betas=(0.5, 0.99),
    decay=True,
    batch_size=8,
    steps=STEPS,
    warm_up=STEPS // 10,
)
FURTHER = replace(LESSON, size=SIZE, batch_size=8, steps=STEPS, learning_rate=2e-4)
HOLE = partial(masks.rectangle, low=24, high=32)

VARIED = ("sobel_weight", "ssim_weight", "adversarial_weight", "adversarial_start")
Setting = tuple[float, float, float]
"""The weights of Sobel, SSIM and the adversarial term."""


def settings(further: bool) -> list[Setting]:
    """Two switches in all four positions, and beside them an adversary or the published pair."""
    pairs = [(sobel, ssim) for sobel in (0.0, SOBEL) for ssim in (0.0, SSIM)]
    if further:
        return [(*pair, weight) for weight in (0.0, FURTHER.adversarial_weight) for pair in pairs]
    published = [(PUBLISHED_SOBEL, PUBLISHED_SSIM, weight) for weight in ADVERSARIAL]
    return [(*pair, 0.0) for pair in pairs] + published


def start(config: UNetConfig, seed: int, begin: UNet | None) -> UNet:
    """A U-Net with new weights of that seed, or with the generator of a trained one."""
    torch.manual_seed(seed)
    family = UNet(config)
    if begin is not None:
        family.generator.load_state_dict(begin.generator.state_dict())
    return family


def make_run(
    setting: Setting,
    seed: int,
    training: ImageSet,
    look: Batch,
    begin: UNet | None,
    eyes: FaceFeatures | None,
) -> Run:
    """Train one U-Net and measure it: its weights, its seed, its mean metrics in the hole."""
    weights = dict(zip(("sobel", "ssim", "adversarial"), setting, strict=True))
    enters = 0 if begin else ADVERSARIAL_START
    config = replace(
        FURTHER if begin else NEW,
        **{f"{name}_weight": weight for name, weight in weights.items()},
        adversarial_start=enters if weights["adversarial"] else STEPS,
    )
    family = start(config, seed, begin)
    source = batches(training, batch_size=config.batch_size, mask=HOLE, flip=True, seed=seed)
    for _ in train(family, source, steps=STEPS, precision=PRECISION):
        pass
    return {"weights": weights, "seed": seed, "metrics": judged(family, look, eyes)}


def judged(family: UNet, look: Batch, eyes: FaceFeatures | None) -> dict[str, float]:
    """What `measure` finds in its fills, and the crowds' distance where there are eyes for it."""
    with eval_mode(family):
        filled = family.generate(look)
    found = measure(filled, look)
    if eyes is not None:
        found["kernel distance"] = round(kernel_distance(eyes(filled), eyes(look.image)), 5)
    return found


def measure(filled: Tensor, look: Batch) -> dict[str, float]:
    """Means over the pictures, in the hole, on the scale of [0, 1].

    `gradient error` is the mean absolute difference of both Sobel derivatives, `sharpness` a ratio
    of means, the absolute derivative of the fill over that of the truth: below 1 is a blur.
    """
    _, mask = look.holes()

    def slope(image: Tensor) -> Tensor:
        values = sum(derivative.abs() for derivative in sobel(image))
        return (values * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))

    fill, truth = to_unit(filled), to_unit(look.image)
    values = {
        "PSNR": metrics.psnr(filled, look.image, mask),
        "SSIM": metrics.ssim(filled, look.image, mask),
        "L1": metrics.l1(filled, look.image, mask),
        "gradient error": slope(fill - truth),
        "sharpness": slope(fill).mean() / slope(truth).mean(),
    }
    return {name: round(value.mean().item(), 5) for name, value in values.items()}


def main(words: list[str] | None = None) -> None:
    """Make what is missing; write the card when nothing is."""
    parser = arguments("The experiment over the U-Net's loss weights.")
    parser.add_argument("--further", action="store_true", help="go on from the shipped U-Net")
    parser.set_defaults(steps=STEPS)
    options = parser.parse_args(words)
    training = load_faces("train", size=SIZE, large=options.further)
    look = fixed_batch(load_faces("validation", size=SIZE), PICTURES, mask=HOLE, seed=6)
    eyes = features_for(training)
    config = FURTHER if options.further else NEW
    facts = facts_of(training, config, options)
    shared = {name: value for name, value in vars(config).items() if name not in VARIED}
    facts |= {"training pictures": len(training), "pictures": PICTURES, "settings": shared}
    begin = None
    if options.further:
        name = shipped.weights_for("unet", training)
        begin = shipped.load(name)
        with shipped.path(name).open("rb") as file:
            facts["begins with"] = {name: hashlib.file_digest(file, "sha256").hexdigest()}
    jobs = {
        "-".join(f"{weight:g}" for weight in (*setting, seed)): partial(
            make_run, setting, seed, training, look, begin, eyes
        )
        for seed in options.seeds
        for setting in settings(options.further)
    }
    name = card_name("loss_weights_further" if options.further else "loss_weights", training)
    conduct(Path(name) / training.kind, jobs, name, facts, options.runs)


if __name__ == "__main__":
    main()
