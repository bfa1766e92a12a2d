"""Handwritten digits: MNIST where it is found, else drawn ones."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from drawings.digits import draw_digits
from inpaintlib.data.drawn import drawn_set
from inpaintlib.data.folders import check_request
from inpaintlib.data.image_set import ImageSet
from inpaintlib.data.locations import find_digits

MNIST_LICENCE = "CC BY-SA 3.0: MNIST, by Y. LeCun, C. Cortes and C. Burges"
DRAWN_LICENCE = "free to use: drawn by this course, no person's handwriting"
DRAWN = {  # places in the one series of drawn digits
    "train": range(8_000),
    "validation": range(1_000_000, 1_001_000),
    "test": range(2_000_000, 2_001_000),
}


def load_digits(
    split: str = "train", *, root: str | Path | None = None, limit: int | None = None
) -> ImageSet:
    """Digits (N, 1, 28, 28), white on black, with their labels (N,).

    "train" is all of MNIST's train-* files. "validation" and "test" share its t10k-* files: every
    other digit, from the first and from the second on. (Halves would differ: the first 5,000 of
    MNIST's test digits are the neater ones.) Drawn digits: 8,000, 1,000 and 1,000.

    Args:
        split: "train", "validation" or "test".
        root: the folder that has MNIST/raw; see `locations` for what happens without.
        limit: at most so many, from the start.

    Raises:
        ValueError: no such folder, no MNIST in `root`, a file that is not MNIST's.
    """
    check_request(split, 28, limit)
    raw = find_digits(root)
    if raw is None:
        images, facts = drawn_set("digits", _draw, DRAWN[split][:limit], 28)
        return ImageSet(images, "drawn digits", DRAWN_LICENCE, "drawn", labels=facts["labels"])
    images, labels = _read_mnist(raw, "train" if split == "train" else "t10k")
    if split != "train":
        first = 0 if split == "validation" else 1
        images, labels = images[first::2], labels[first::2]
    return ImageSet(images[:limit], "MNIST", MNIST_LICENCE, "mnist", labels=labels[:limit])


def _draw(count: int, start: int) -> tuple[Tensor, dict[str, Tensor]]:
    images, labels = draw_digits(count, start=start)
    return images, {"labels": labels}


def _read_mnist(raw: Path, part: str) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(read_idx(raw / f"{part}-images-idx3-ubyte"))
    labels = torch.from_numpy(read_idx(raw / f"{part}-labels-idx1-ubyte")).long()
    if images.ndim != 3 or len(images) != len(labels):
        raise ValueError(
            f"{raw}: {part} has images {tuple(images.shape)} and {len(labels)} labels, expected "
            "(N, 28, 28) and N"
        )
    return images.unsqueeze(1), labels


def read_idx(path: Path) -> np.ndarray:
    """Read MNIST's own file format: two zero bytes, the type (8 = uint8), the number of axes, the
    length of each (4 bytes, big end first), and the values. torchvision's reader takes seconds to
    import.
    """
    content = path.read_bytes()
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    start = 4 + 4 * axes
    shape = np.frombuffer(content[4:start], ">u4").astype(int).tolist()
    if axes == 0 or len(shape) < axes or len(content) - start != np.prod(shape):
        raise ValueError(f"{path} is not a complete MNIST file; fetch it again")
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(shape)
