"""Train the networks in `data/weights`: `make weights`, or `make_weights.py NAME …` for some.

Each is one or more ordinary training runs (the table is in `inpaintlib/photos/shipped.py`), kept in
`runs/weights/NAME-1`, `runs/weights/NAME-2` and so on. Stopped, it goes on where it was. Those on
photographs need INPAINTLIB_DATA, and are left out without it. `features-drawn` and
`features-celeba` are the small classifiers in whose features `evaluate` compares sets of faces.
"""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inpaintlib.data import load_faces, runs_folder  # noqa: E402
from inpaintlib.data.writing import write_whole  # noqa: E402
from inpaintlib.measure.features import learn_features  # noqa: E402
from inpaintlib.photos import shipped  # noqa: E402
from inpaintlib.photos.shipped import SHIPPED, Shipped  # noqa: E402
from inpaintlib.training.checkpoints import save_weights  # noqa: E402
from inpaintlib.training.folder import RunFolder  # noqa: E402

FEATURES = {"features-drawn": True, "features-celeba": False}  # name to: drawn


def main(names: list[str]) -> None:
    """Make these weights, or all that are missing."""
    photographs = os.environ.get("INPAINTLIB_DATA", "drawn") != "drawn"
    drawn = FEATURES | {name: recipe.drawn for name, recipe in SHIPPED.items()}
    for name in names or [name for name in drawn if not target(name).is_file()]:
        if not drawn[name] and not photographs:
            print(f"{name}: left out, INPAINTLIB_DATA names no photographs")
            continue
        print(f"--- {name}", flush=True)
        if name in FEATURES:
            make_features(name)
        else:
            made = make(name, SHIPPED[name])
            write_whole(target(name), lambda part, made=made: part.write_bytes(made.read_bytes()))


def target(name: str) -> Path:
    """The file that is shipped."""
    return shipped.folder() / f"{name}.safetensors"


def make_features(name: str) -> None:
    """Train a small classifier of attributes; CelebA's half-size pictures have none."""
    with patch.dict(os.environ, surroundings(FEATURES[name])):
        faces = load_faces("train", large=FEATURES[name])
    card = {"data": faces.name, "licence": faces.licence, "pictures": len(faces)}
    save_weights(target(name), learn_features(faces), card=card)


def surroundings(drawn: bool) -> dict[str, str]:
    """The variables that decide which pictures are found."""
    return {"INPAINTLIB_DATA": "drawn"} if drawn else {}


def make(name: str, recipe: Shipped) -> Path:
    """All runs of one name; returns the file of the weights."""
    made = None
    begun = recipe.ancestor and beginning(name, recipe.ancestor)
    last = None
    for stage, (folder, options) in zip(recipe.stages, runs(name, recipe), strict=True):
        before = begun
        if made is not None:  # at another size the discriminator begins anew: it looks better
            before = made.with_name("state.pt") if stage.preset == last else made
        start = ["--start-from", str(before)] if before else []
        made, last = train(recipe, folder, [*options, *start], stage.steps), stage.preset
    assert made is not None
    return made


def beginning(name: str, ancestor: str) -> Path:
    """Another name's file, or the file of a name as an earlier commit had it, taken from git."""
    if ancestor in SHIPPED:
        return target(ancestor)
    path = runs_folder() / "weights" / f"{name}-{ancestor}.safetensors"
    shown = ["git", "show", f"{ancestor}:data/weights/{name}.safetensors"]
    content = subprocess.run(shown, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout
    write_whole(path, lambda part: part.write_bytes(content))
    return path


def runs(name: str, recipe: Shipped) -> list[tuple[Path, list[str]]]:
    """Each run's folder and options, in order; runs of one size draw from seeds of their own."""
    found = []
    for number, stage in enumerate(recipe.stages):
        seed = sum(earlier.preset == stage.preset for earlier in recipe.stages[:number])
        options = ["--preset", stage.preset, "--steps", str(stage.steps), "--seed", str(seed)]
        options += ["--large"] if stage.large else []
        found.append((runs_folder() / "weights" / f"{name}-{number + 1}", options))
    return found


def train(recipe: Shipped, folder: Path, options: list[str], steps: int) -> Path:
    """One run, begun or gone on with, unless it is done; returns the file of its weights.

    The options go along with --resume: a run that an earlier table began otherwise is refused.
    """
    if not done(folder, steps):
        going_on = ["--resume"] if (folder / "config.json").is_file() else []
        environment = os.environ | surroundings(recipe.drawn)
        command = [sys.executable, "-m", "inpaintlib", "train", recipe.family]
        command += ["--out", str(folder), *options, *going_on]
        subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return folder / "weights.safetensors"


def done(folder: Path, steps: int) -> bool:
    """Whether the run of this folder is one of so many steps and has saved its last.

    The log does not say it: its last line comes before the last weights and the last state.
    """
    run = RunFolder(folder)
    return run.steps_saved() == steps == run.config()["steps"]


if __name__ == "__main__":
    main(sys.argv[1:])
