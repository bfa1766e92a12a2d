"""Train the networks in `data/weights`: `make weights`, or `make_weights.py NAME …` for some.

Each is one or two ordinary training runs (see `inpaintlib/shipped.py` for the table), kept in
`runs/weights/NAME-lesson` and `runs/weights/NAME`. Stopped, it goes on where it was. Those on
photographs need INPAINTLIB_DATA, and are left out without it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inpaintlib import shipped  # noqa: E402
from inpaintlib.session import RUNS  # noqa: E402
from inpaintlib.shipped import SHIPPED, Shipped  # noqa: E402


def main(names: list[str]) -> None:
    """Make these weights, or all that are missing."""
    photographs = os.environ.get("INPAINTLIB_DATA", "drawn") != "drawn"
    missing = [name for name in SHIPPED if not shipped.path(name).is_file()]
    for name in names or missing:
        if not SHIPPED[name].drawn and not photographs:
            print(f"{name}: left out, INPAINTLIB_DATA names no photographs")
            continue
        print(f"--- {name}", flush=True)
        made = make(name, SHIPPED[name])
        shipped.path(name).parent.mkdir(parents=True, exist_ok=True)
        shipped.path(name).write_bytes(made.read_bytes())


def make(name: str, recipe: Shipped) -> Path:
    """Both runs of one name; returns the file of the weights."""
    start: list[str] = []
    if recipe.lesson:
        first = train(recipe, RUNS / "weights" / f"{name}-lesson", ["--preset", "lesson"])
        start = ["--start-from", str(first)]
    steps = [] if recipe.steps is None else ["--steps", str(recipe.steps)]
    return train(recipe, RUNS / "weights" / name, ["--preset", "shipped", *steps, *start])


def train(recipe: Shipped, folder: Path, options: list[str]) -> Path:
    """One run, begun or gone on with, unless it is done; returns the file of its weights."""
    if not done(folder):
        going_on = (folder / "config.json").is_file()
        words = ["--resume"] if going_on else options
        environment = os.environ | ({"INPAINTLIB_DATA": "drawn"} if recipe.drawn else {})
        command = [sys.executable, "-m", "inpaintlib", "train", recipe.family]
        command += ["--out", str(folder), *words]
        subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return folder / "weights.safetensors"


def done(folder: Path) -> bool:
    """Whether the run of this folder has made its last step."""
    log, config = folder / "log.jsonl", folder / "config.json"
    if not log.is_file() or not log.stat().st_size:
        return False
    last = json.loads(log.read_text("utf-8").splitlines()[-1])
    return last["step"] == json.loads(config.read_text("utf-8"))["steps"]


if __name__ == "__main__":
    main(sys.argv[1:])
