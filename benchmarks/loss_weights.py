"""Which loss helps which metric? The designed experiment of lesson 6, on the U-Net's weights.

Source 001 weighs L1, Sobel, SSIM and the adversarial term by 100, 10, 1 and 1. Here L1 stays at
100. Sobel and SSIM are each off or at ten times their published weight, in all four pairs; so the
effect of either is measured with and without the other. Beside them stands the published pair,
without and with the adversarial term, at ten times its published weight too. Each of the six
settings trains a small U-Net with every seed; settings that share a seed begin with the same
weights and see the same pictures and holes, so their differences are paired. Every run is kept
under runs/loss_weights: a stopped experiment goes on.

    python benchmarks/loss_weights.py [--seeds 0 1 2] [--runs N]

The card goes to data/cards/experiments: loss_weights.json for drawn faces, loss_weights_celeba.json
for the photographs that INPAINTLIB_DATA names.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from experiment import Run, arguments, conduct
from torch import Tensor

from inpaintlib import masks, metrics
from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces
from inpaintlib.filters import sobel
from inpaintlib.images import Batch, to_unit
from inpaintlib.models.unet import PAPER, UNet
from inpaintlib.training.loop import eval_mode, train

L1 = 100.0
SOBEL, SSIM = 100.0, 10.0
PUBLISHED_SOBEL, PUBLISHED_SSIM = 10.0, 1.0
ADVERSARIAL = (0.0, 10.0)
STEPS, ADVERSARIAL_START = 500, 200
BASE, SIZE, PICTURES = 16, 64, 200
PRECISION = "bfloat16"
HOLE = partial(masks.rectangle, low=24, high=32)

Setting = tuple[float, float, float]
"""The weights of Sobel, SSIM and the adversarial term."""


def settings() -> list[Setting]:
    """Two switches in all four positions, then the published pair against a discriminator."""
    switches = [(sobel, ssim, 0.0) for sobel in (0.0, SOBEL) for ssim in (0.0, SSIM)]
    return switches + [(PUBLISHED_SOBEL, PUBLISHED_SSIM, weight) for weight in ADVERSARIAL]


def make_run(setting: Setting, seed: int, training: ImageSet, look: Batch) -> Run:
    """Train one U-Net and measure it: its weights, its seed, its mean metrics in the hole."""
    sobel_weight, ssim_weight, adversarial = setting
    config = replace(
        PAPER,
        size=SIZE,
        base=BASE,
        learning_rate=1e-3,
        betas=(0.5, 0.99),
        decay=True,
        batch_size=8,
        steps=STEPS,
        warm_up=STEPS // 10,
        l1_weight=L1,
        sobel_weight=sobel_weight,
        ssim_weight=ssim_weight,
        adversarial_weight=adversarial,
        adversarial_start=ADVERSARIAL_START if adversarial else STEPS,
    )
    torch.manual_seed(seed)
    family = UNet(config)
    source = batches(training, batch_size=config.batch_size, mask=HOLE, flip=True, seed=seed)
    for _ in train(family, source, steps=STEPS, precision=PRECISION):
        pass
    with eval_mode(family):
        filled = family.generate(look)
    weights = {"sobel": sobel_weight, "ssim": ssim_weight, "adversarial": adversarial}
    return {"weights": weights, "seed": seed, "metrics": measure(filled, look)}


def measure(filled: Tensor, look: Batch) -> dict[str, float]:
    """Means over the pictures, in the hole, on the scale of [0, 1].

    `gradient error` is the mean absolute difference of both Sobel derivatives, `sharpness` the mean
    absolute derivative of the fill over that of the truth: below 1 is a blur.
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
    options = arguments("The experiment over the U-Net's loss weights.").parse_args(words)
    training = load_faces("train", size=SIZE)
    look = fixed_batch(load_faces("validation", size=SIZE), PICTURES, mask=HOLE, seed=6)
    jobs = {
        "-".join(f"{weight:g}" for weight in (*setting, seed)): partial(
            make_run, setting, seed, training, look
        )
        for seed in options.seeds
        for setting in settings()
    }
    facts = {
        "data": training.name,
        "pictures": PICTURES,
        "size": SIZE,
        "base": BASE,
        "steps": STEPS,
        "precision": PRECISION,
        "l1_weight": L1,
        "seeds": options.seeds,
    }
    drawn = training.kind == "drawn"
    folder = Path("loss_weights") / ("drawn" if drawn else "celeba")
    conduct(folder, jobs, f"loss_weights{'' if drawn else '_celeba'}", facts, options.runs)


if __name__ == "__main__":
    main()
