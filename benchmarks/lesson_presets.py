"""What a lesson's preset reaches on photographs in minutes: PSNR in the hole, three seeds.

Each run is `python -m inpaintlib train FAMILY --preset lesson --seed S` on the pictures that
INPAINTLIB_DATA names; its folder is kept under runs/presets, so a stopped benchmark goes on.

    INPAINTLIB_DATA=… .venv/bin/python benchmarks/lesson_presets.py [FAMILY …]
"""

import statistics
import subprocess
import sys

from inpaintlib.data import runs_folder
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.recipes import preset

ASKED = {"context-encoder": 16.5, "glcic": 17.5, "deepfill": 17.5, "unet": 18.3}  # dB
SEEDS = (0, 1, 2)


def main(families: list[str]) -> None:
    """Train what is missing, print a line a family."""
    for family in families or ASKED:
        runs = [last_look(family, seed) for seed in SEEDS]
        scores = [run["psnr"] for run in runs]
        seconds = max(run["seconds"] for run in runs)
        each = ", ".join(f"{score:.2f}" for score in scores)
        mean, asked = statistics.mean(scores), ASKED.get(family, float("nan"))
        print(f"{family:16} {each} dB   mean {mean:.2f}, asked {asked}   at most {seconds:.0f} s")


def last_look(family: str, seed: int) -> dict[str, float]:
    """The last measurement of a run, made now if it is not there."""
    folder = runs_folder() / "presets" / f"{family}-{seed}"
    run = RunFolder(folder)
    if run.steps_saved() != preset(family, "lesson").config.steps:  # a stopped run has looks too
        words = ["train", family, "--preset", "lesson", "--seed", str(seed), "--out", str(folder)]
        words += ["--resume"] if (folder / "config.json").is_file() else []
        subprocess.run([sys.executable, "-m", "inpaintlib", *words], check=True)
    return [line for line in run.lines() if "psnr" in line][-1]


if __name__ == "__main__":
    main(sys.argv[1:])
