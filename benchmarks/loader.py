"""Claim: pictures are decoded once; after that no step on a CPU waits for the loader.

Photos of CelebA's size are made in a temporary folder (or give your own with --data) and read three
ways: decoded anew for every batch, as a plain data set does; through `load_folder` for the first
time; and through `load_folder` again, from its cache.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measure import arguments, medians, report
from PIL import Image
from torch import Tensor

from inpaintlib.data import batches, draw_faces, load_folder
from inpaintlib.data.pictures import read_picture, walk_pictures
from inpaintlib.images import Batch, from_bytes, hide
from inpaintlib.masks import rectangle

SIZE, BATCH = 64, 16


def write_photos(folder: Path, count: int) -> None:
    """Drawn faces as 178×218 JPEG files."""
    images, _ = draw_faces(count, size=178)
    for index, image in enumerate(images):
        tall = np.pad(image.permute(1, 2, 0).numpy(), ((20, 20), (0, 0), (0, 0)), mode="edge")
        Image.fromarray(tall).save(folder / f"{index:06d}.jpg", quality=90)


def decoded_each_time(folder: Path) -> Iterator[Batch]:
    """What a data set without a cache does for every batch, in one process."""
    paths = [folder / name for name in sorted(walk_pictures(folder))]
    source = torch.Generator().manual_seed(0)
    while True:
        rows = torch.randint(len(paths), (BATCH,), generator=source).tolist()
        image = from_bytes(stack([read_picture(paths[row], SIZE) for row in rows]))
        yield hide(image, rectangle(BATCH, SIZE, SIZE, generator=source))


def stack(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures))


def loading(folder: Path) -> float:
    """Seconds until the set can be used."""
    start = time.perf_counter()
    load_folder(folder, size=SIZE)
    return time.perf_counter() - start


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=30)
    parser.add_argument("--data", type=Path, help="a folder of pictures; drawn ones without it")
    parser.add_argument("--count", type=int, default=400, help="drawn pictures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["INPAINTLIB_CACHE"] = str(Path(scratch, "cache"))
        folder = options.data or Path(scratch, "photos")
        if options.data is None:
            folder.mkdir()
            write_photos(folder, options.count)
        first, again = loading(folder), loading(folder)
        image_set = load_folder(folder, size=SIZE)
        ways = {
            "decoded each time": decoded_each_time(folder),
            "from the cache": batches(image_set, batch_size=BATCH, mask=rectangle),
        }
        seconds = medians(
            {name: partial(next, way) for name, way in ways.items()}, repeats=options.repeats
        )
        report(
            [
                {
                    "way": name,
                    "pictures": len(image_set),
                    "ready after s": ready,
                    "batches/s": 1 / seconds[name],
                    "ratio": seconds["decoded each time"] / seconds[name],
                }
                for name, ready in zip(ways, (0.0, again), strict=True)
            ],
            options,
        )
    print(f"The first use of a folder decodes it once: {first:.2f} s, from then on {again:.3f} s.")


if __name__ == "__main__":
    main()
