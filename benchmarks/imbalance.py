"""Do rare attributes fill badly because they are rare? Two training sets, 2 % or 50 % with glasses.

Source 000 supposes that its network fails on turned faces "probably due to a dataset imbalance".
The course's drawn faces all look ahead, so glasses take the place of the turned head. The same
small DeepFill learns from equally many faces, of which 2 % or 50 % wear glasses. Then it fills the
hole over one eye of unseen faces, so that one lens stays visible. Faces with and without glasses
are scored apart. Whether a fill continues the glasses is asked of the course's classifier of
attributes, which is shown the filled half and its mirror image. Runs are kept under runs/imbalance.

    INPAINTLIB_DATA=drawn python benchmarks/imbalance.py [--steps N] [--seeds 0 1 2] [--runs N]

The card: data/cards/experiments/imbalance.json.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from experiment import Run, arguments, conduct, facts_of, fills, trained
from torch import Tensor
from twins import SMALL, STEPS

from inpaintlib import metrics
from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces
from inpaintlib.images import Batch
from inpaintlib.measure.features import FaceFeatures, features_for
from inpaintlib.models.deepfill import DeepFill
from inpaintlib.training.recipes import EVERY_KIND

RARE, ASKED = "Eyeglasses", 4_000
SHARES = {"2 % wear glasses": 0.02, "50 % wear glasses": 0.5}


def mixture(faces: ImageSet, share: float, count: int) -> ImageSet:
    """The first `count` faces with this share of glasses, in the order of the set.

    Raises:
        ValueError: the set has too few faces with or without glasses.
    """
    wears = faces.attributes[RARE]
    rare = round(share * count)
    there = int(wears.sum()), int((~wears).sum())
    if there[0] < rare or there[1] < count - rare:
        raise ValueError(
            f"expected {rare} faces with glasses and {count - rare} without, got {there[0]} and "
            f"{there[1]}"
        )
    chosen = [wears.nonzero()[:rare, 0], (~wears).nonzero()[: count - rare, 0]]
    return faces.take(torch.cat(chosen).sort().values)


def one_eye(count: int, height: int, width: int, *, generator: object = None) -> Tensor:
    """Masks over the right eye, from the middle of the face on: (count, 1, H, W)."""
    mask = torch.zeros(count, 1, height, width)
    mask[..., height // 4 : 5 * height // 8, width // 2 : 7 * width // 8] = 1
    return mask


def wearing(filled: Tensor, eyes: FaceFeatures, place: int) -> Tensor:
    """(N,), bool: the right half and its mirror image are a face with glasses."""
    right = filled[..., filled.shape[-1] // 2 :]
    return eyes.head(eyes(torch.cat([right.flip(-1), right], dim=-1)))[:, place] > 0


def make_run(
    name: str, seed: int, steps: int, faces: ImageSet, look: Batch, worn: Tensor, eyes: FaceFeatures
) -> Run:
    """Train on one mixture; PSNR and share of fills with glasses, for both kinds of faces."""
    training = mixture(faces, SHARES[name], ASKED)
    config = replace(SMALL, steps=steps)
    torch.manual_seed(seed)
    family = DeepFill(config)
    source = batches(training, batch_size=config.batch_size, mask=EVERY_KIND, flip=True, seed=seed)
    filled = fills(family, trained(family, source, steps), look)
    place = list(faces.attributes).index(RARE)
    slices = {}
    for slice_, rows in {"with glasses": worn, "without": ~worn}.items():
        quality = metrics.psnr(filled[rows], look.image[rows], look.mask[rows]).mean().item()
        shares = [wearing(x[rows], eyes, place).float().mean().item() for x in (filled, look.image)]
        slices[slice_] = {
            "PSNR": round(quality, 4),
            "fills with glasses": round(shares[0], 4),
            "truths called so": round(shares[1], 4),
        }
    return {"setting": name, "seed": seed, "slices": slices}


def main(words: list[str] | None = None) -> None:
    """Make what is missing; write the card when nothing is."""
    parser = arguments("Do rare attributes fill badly because they are rare?")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each run")
    options = parser.parse_args(words)
    faces = load_faces("train", size=SMALL.size, large=True)
    validation = load_faces("validation", size=SMALL.size)
    look = fixed_batch(validation, len(validation), mask=one_eye)
    eyes = features_for(faces)
    if faces.kind != "drawn" or eyes is None:
        raise SystemExit("expected drawn faces, which have attributes: set INPAINTLIB_DATA=drawn")
    if len(faces.attributes) != eyes.head.out_features:
        raise SystemExit("expected a classifier of every attribute: its logits have no names")
    worn = validation.attributes[RARE]
    jobs = {
        f"{name}-{seed}": partial(make_run, name, seed, options.steps, faces, look, worn, eyes)
        for seed in options.seeds
        for name in SHARES
    }
    scored = {"with glasses": int(worn.sum()), "without": int((~worn).sum())}
    facts = {"training pictures": ASKED, "pictures": scored}
    facts |= facts_of(faces, SMALL, options)
    conduct(Path("imbalance") / str(options.steps), jobs, "imbalance", facts, options.runs)


if __name__ == "__main__":
    main()
