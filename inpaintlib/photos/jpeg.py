"""JPEG without a second loss: blocks that no hole touches keep their numbers."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
from PIL import JpegImagePlugin

CHANNELS = ("Y", "Cb", "Cr")


def source_options(data: bytes) -> dict[str, Any]:
    """Pillow's options that store a picture as coarsely as a JPEG file: quantisation, sampling."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as source:
        options = {"qtables": source.quantization}
        sampling = JpegImagePlugin.get_sampling(source)
    return options if sampling < 0 else options | {"subsampling": sampling}


def keep_blocks(source: bytes, filled: bytes, hidden: np.ndarray) -> bytes:
    """The filled JPEG, with the source's own coefficients wherever a block has no hole in it.

    Decoded, every pixel is then as it was, except in the blocks of the hole (8×8, or 16×16 where
    colour has half the resolution) and, of their colour, one more pixel around.

    Args:
        source, filled: two files of the same size, the second with the first's tables.
        hidden: (H, W), bool, as the rows lie in the files.

    Returns:
        A file, never a progressive one; or `filled` as it is where the two store their colours
        differently, or have black as a fourth one, which jpeglib does not write.
    """
    with tempfile.TemporaryDirectory() as folder:  # jpeglib reads and writes paths only
        paths = [Path(folder, name) for name in ("source.jpg", "filled.jpg")]
        for path, data in zip(paths, (source, filled), strict=True):
            path.write_bytes(data)
        old, new = (jpeglib.read_dct(os.fspath(path)) for path in paths)
        if not _alike(old, new):
            return filled
        for name in CHANNELS:
            blocks = getattr(new, name)
            if blocks is not None:
                known = ~_touched(hidden, blocks.shape[:2], new.Y.shape[:2])
                blocks[known] = getattr(old, name)[known]
        new.write_dct(os.fspath(paths[1]))
        return paths[1].read_bytes()


def _alike(old: Any, new: Any) -> bool:
    """Whether blocks of the two mean the same."""
    shapes = [
        [None if getattr(one, name) is None else getattr(one, name).shape for name in CHANNELS]
        for one in (old, new)
    ]
    return (
        shapes[0] == shapes[1]
        and old.K is None is new.K
        and old.jpeg_color_space == new.jpeg_color_space
        and np.array_equal(old.qt, new.qt)
    )


def _touched(hidden: np.ndarray, blocks: tuple[int, ...], finest: tuple[int, ...]) -> np.ndarray:
    """Which blocks of a channel have a hole in them: bool, of shape `blocks`.

    A channel of half the resolution has about half as many blocks; each covers 16 pixels.
    """
    tall, wide = (8 * round(most / count) for most, count in zip(finest, blocks, strict=True))
    whole = np.zeros((blocks[0] * tall, blocks[1] * wide), bool)
    height, width = (min(pair) for pair in zip(hidden.shape, whole.shape, strict=True))
    whole[:height, :width] = hidden[:height, :width]
    return whole.reshape(blocks[0], tall, blocks[1], wide).max(axis=(1, 3))
