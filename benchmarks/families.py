"""Which design learns most? Four families with the same pictures, or the same time, three seeds.

They learn at 64×64 with their `shipped-64` settings, but for a learning rate that does not
fall: so every moment of a run may be compared, and the same runs give both tables. A run lasts
`--minutes` of the time that its family's steps take; that time is measured first, the families
taking turns on one thread, and kept, so a busy machine is fair to all. At every mark the averaged
generator fills the same validation pictures. Every run is kept under runs/families: a stopped
experiment goes on.

    python benchmarks/families.py [--minutes 3] [--seeds 0 1 2] [--runs N]

The card goes to data/cards/experiments: families.json for drawn faces, families_celeba.json for the
photographs that INPAINTLIB_DATA names.
"""

import json
import statistics
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from experiment import PRECISION, Run, arguments, card_name, conduct, write_json

from inpaintlib import metrics
from inpaintlib.data import ImageSet, batches, fixed_batch, load_faces, runs_folder
from inpaintlib.images import Batch
from inpaintlib.masks import centre
from inpaintlib.measure.features import (
    FaceFeatures,
    features_for,
    frechet_distance,
    kernel_distance,
)
from inpaintlib.models.contract import Model
from inpaintlib.training import recipes
from inpaintlib.training.ema import EMA
from inpaintlib.training.loop import train
from inpaintlib.training.preview import Viewer

FAMILIES = ("context-encoder", "glcic", "deepfill", "unet")
SIZE, PICTURES, REFRESHED, TIMED = 64, 102, 16, 7


def prepared(name: str, seed: int, training: ImageSet) -> tuple[Model, Iterator[Batch], int]:
    """A new family, its batches, and how many pictures a batch has."""
    preset = recipes.preset(name, "shipped-64", decay=False)
    torch.manual_seed(seed)
    family = recipes.recipe(name).build(preset.config)
    return family, prepared_batches(name, training, seed), preset.config.batch_size


def prepared_batches(name: str, training: ImageSet, seed: int) -> Iterator[Batch]:
    """Training pictures with every kind of hole, mirrored at random."""
    preset = recipes.preset(name, "shipped-64")
    count = preset.config.batch_size
    return batches(training, batch_size=count, mask=preset.mask, flip=True, seed=seed)


def seconds_per_step(training: ImageSet) -> dict[str, float]:
    """Median seconds of a training step of each family; they take turns."""
    running = {}
    for name in FAMILIES:
        family, source, _ = prepared(name, 0, training)
        running[name] = train(family, source, steps=TIMED, precision=PRECISION)
    taken: dict[str, list[float]] = {name: [] for name in FAMILIES}
    for _ in range(TIMED):
        for name, steps in running.items():
            start = time.process_time()
            next(steps)
            taken[name].append(time.process_time() - start)
    return {name: round(statistics.median(values[2:]), 4) for name, values in taken.items()}


def marks(minutes: float, step: float) -> list[int]:
    """After how many steps a run is measured: 50, 100, 200, …, and at the end of its time."""
    last = round(60 * minutes / step)
    doubled = [50 << power for power in range(20)]
    return [mark for mark in doubled if mark < last] + [last]


def make_run(
    name: str,
    seed: int,
    stops: list[int],
    training: ImageSet,
    looks: dict[str, Batch],
    eyes: FaceFeatures | None,
) -> Run:
    """Train one family and measure its average at every mark: family, seed, curve."""
    family, source, count = prepared(name, seed, training)
    average = EMA(family.generator)

    def refreshing() -> Iterator[Batch]:
        return islice(prepared_batches(name, training, seed), REFRESHED)

    viewers = {hole: Viewer(family, average, look, refreshing) for hole, look in looks.items()}
    curve = []
    for record in train(family, source, steps=stops[-1], ema=average, precision=PRECISION):
        steps = record.step + 1
        if steps in stops:
            with viewers["centre"].averaged():  # the same generator for every kind of hole
                found = {hole: measure(viewer, eyes) for hole, viewer in viewers.items()}
            curve.append({"steps": steps, "pictures": steps * count, "holes": found})
    return {"family": name, "seed": seed, "curve": curve}


def measure(viewer: Viewer, eyes: FaceFeatures | None) -> Run:
    """PSNR per picture, sharpness (median), and the crowds' distances where there are eyes."""
    filled, truth = viewer.complete(34), viewer.fixed.image
    values = viewer.scores(filled)
    if eyes is not None:
        crowds = eyes(filled), eyes(truth)
        values["fréchet"] = frechet_distance(*crowds)
        values["kernel"] = kernel_distance(*crowds)
    rounded = {metric: round(value, 4) for metric, value in values.items()}
    each = metrics.psnr(filled, truth, viewer.fixed.holes()[1])
    return {**rounded, "values": [round(value, 2) for value in each.tolist()]}


def kept_costs(path: Path, training: ImageSet) -> dict[str, float]:
    """The families' seconds per step, measured once."""
    if not path.is_file():
        write_json(path, seconds_per_step(training))
    return json.loads(path.read_text("utf-8"))


def main(words: list[str] | None = None) -> None:
    """Make what is missing; write the card when nothing is."""
    parser = arguments("Four families with the same pictures, or the same time.")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each run")
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    training = load_faces("train", size=SIZE, large=True)
    validation = load_faces("validation", size=SIZE)
    holes = {"centre": partial(centre, side=1 / 2), "every kind": recipes.EVERY_KIND}
    looks = {name: fixed_batch(validation, PICTURES, mask=mask) for name, mask in holes.items()}
    eyes = features_for(training)
    folder = Path("families") / f"{training.kind}-{options.minutes:g}"
    costs = kept_costs(runs_folder() / folder / "seconds.json", training)
    jobs = {
        f"{name}-{seed}": partial(
            make_run, name, seed, marks(options.minutes, costs[name]), training, looks, eyes
        )
        for seed in options.seeds
        for name in FAMILIES
    }
    facts = {
        "data": training.name,
        "training pictures": len(training),
        "pictures": PICTURES,
        "size": SIZE,
        "minutes": options.minutes,
        "seconds per step": costs,
        "precision": PRECISION,
        "seeds": options.seeds,
    }
    conduct(folder, jobs, card_name("families", training), facts, options.runs)


if __name__ == "__main__":
    main()
