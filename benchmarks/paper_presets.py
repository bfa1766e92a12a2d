"""Claim: every `paper` preset trains on a CPU within 24 GiB, two real steps at its true size.

`python -m inpaintlib train FAMILY --preset paper --steps 2` in a fresh process. Its two steps are
late ones, in which every network takes part: blind's filler and GLCIC's discriminators begin
thousands of steps after the first. Where a whole batch does not fit, it is worked through in parts,
which `--accumulate` is for. Seconds are for both steps with everything around them, such as looks
at the validation pictures.

    INPAINTLIB_DATA=… python benchmarks/paper_presets.py [FAMILY …]
"""

import resource
import subprocess
import sys
import tempfile
import time

from measure import report

TRAIN = """
import sys
from dataclasses import replace
from inpaintlib import cli
from inpaintlib.training import launch, run

LATE, train = 10**9, run.train

def late(*parts, start, steps, **settings):
    for record in train(*parts, start=LATE + start, steps=LATE + steps, **settings):
        yield replace(record, step=record.step - LATE)

launch.check_steps, run.train = lambda *_: None, late
sys.exit(cli.main())
"""
PARTS = {
    "gan": 1,
    "dcgan": 1,
    "context-encoder": 1,
    "glcic": 12,
    "deepfill": 4,
    "unet": 2,
    "unet-whole": 2,
    "blind": 2,
    "flow": 4,
}


def two_steps(family: str) -> dict[str, object]:
    """One family's row."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", family, "--preset", "paper", "--steps", "2", "--precision", "bfloat16"]
        words += ["--accumulate", str(PARTS[family]), "--out", f"{folder}/run"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", TRAIN, *words], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # GiB on Linux
    seconds = time.perf_counter() - began
    return {
        "family": family,
        "parts": PARTS[family],
        "seconds": seconds,
        "largest so far, GiB": peak,
    }


def main(families: list[str]) -> None:
    """All rows, the smallest networks first."""
    from argparse import Namespace

    report([two_steps(family) for family in families or PARTS], Namespace(json=None))


if __name__ == "__main__":
    main(sys.argv[1:])
