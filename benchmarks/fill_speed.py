"""Claim: a 300-pixel hole in a 12-megapixel photo is filled in 5 seconds and 2 GiB.

The command `python -m inpaintlib fill` in fresh processes, from start to written file. The network
is a U-Net at the source's full width with new weights, larger than any that is shipped; --model
NAME takes a shipped one.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import arguments, report
from PIL import Image, ImageDraw

COMMAND = """
import sys
import time
from measure import _resident
from inpaintlib import cli
from inpaintlib.training import recipes
from inpaintlib.photos import shipped
if "--model" not in sys.argv:
    shipped.load = lambda name: recipes.make("unet", "paper", size=128).eval()
loaded = time.process_time()
status = cli.main(sys.argv[1:])
print(time.process_time(), loaded, _resident())
sys.exit(status)
"""
COLUMNS = ("seconds", "of the CPU", "of them loading torch", "MiB")
HEIGHT, WIDTH, HOLE = 3000, 4000, 300
HOLES = {
    "disc": lambda pen: pen.ellipse([1800, 1200, 1800 + HOLE - 1, 1200 + HOLE - 1], fill=255),
    "scratch": lambda pen: pen.line([(1800, 1200), (2400, 1700)], fill=255, width=8),
    "a third": lambda pen: pen.rectangle([1000, 500, 2999, 2499], fill=255),
}


def write_photo(folder: Path) -> None:
    """A photo with light, shade and grain, `photo.jpg`, and a mask `<hole>.png` a kind of hole."""
    source = np.random.default_rng(0)
    coarse = Image.fromarray(source.integers(0, 256, (6, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    grain = source.integers(-8, 9, smooth.shape, np.int16)
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / "photo.jpg")
    for name, draw in HOLES.items():
        mask = Image.new("L", (WIDTH, HEIGHT))
        draw(ImageDraw.Draw(mask))
        mask.save(folder / f"{name}.png")


def fill(folder: Path, name: str, words: list[str], threads: int) -> list[float]:
    """What one command costs in a process that begins with nothing loaded; see `COLUMNS`."""
    files = ["fill", str(folder / "photo.jpg"), "--mask", str(folder / f"{name}.png")]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *files, *words],
        cwd=Path(__file__).parent,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [time.perf_counter() - start, *map(float, done.stdout.split()[-3:])]


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.set_defaults(threads=2)
    parser.add_argument("--model", metavar="NAME", help="of shipped weights")
    options = parser.parse_args()
    model = [] if options.model is None else ["--model", options.model]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_photo(Path(folder))
        for name in HOLES:
            for seam in ("hard", "poisson"):
                words = ["--seam", seam, *model]
                runs = [
                    fill(Path(folder), name, words, options.threads) for _ in range(options.repeats)
                ]
                costs = map(statistics.median, zip(*runs, strict=True))
                rows.append({"hole": name, "seam": seam} | dict(zip(COLUMNS, costs, strict=True)))
    report(rows, options)


if __name__ == "__main__":
    main()
