"""Kinds of holes drawn with OpenCV, which is loaded with the first of them: it is slow to import.

For the common call see `masks`.
"""

import math

import numpy as np
import torch
from torch import Generator, Tensor

from inpaintlib.masks.samplers import Length, check_size, in_band, integers, range_in_pixels

STROKES = (1, 3)  # fewest and most strokes per mask
STEPS = (4, 11)  # fewest and most steps per stroke; a step is diagonal / 8 long on average
_MEAN_ANGLE = 2 * math.pi / 5
_ANGLE_SPREAD = 2 * math.pi / 15


def brush(
    batch: int,
    height: int,
    width: int,
    *,
    generator: Generator,
    thickness: tuple[Length, Length] = (12 / 256, 39 / 256),
) -> Tensor:
    """Free-form brush strokes: zigzag walks of a round pen, each mask flipped at random.

    Args:
        thickness: thinnest and thickest pen; one pen per stroke. With the default the hole is 15 %
            on average.

    Source:
        DeepFillV2 (Yu et al. 2019), section 3.5, and its published code, whose constants these are.
        There the flips are thrown away, and the leftmost columns are almost never hidden.
    """
    import cv2

    check_size(batch, height, width)
    pens = range_in_pixels("thickness", thickness, height, width)
    canvases = np.zeros((batch, height, width), np.uint8)
    for canvas in canvases:
        for _ in range(_integer(STROKES, generator)):
            walk = _walk(height, width, _integer(STEPS, generator), generator)
            # a thick polyline has round ends and joints, a disc at every vertex; OpenCV draws it
            # about a pixel wider than asked for
            pen = max(1, _integer(pens, generator) - 1)
            cv2.polylines(canvas, [walk], False, 1, thickness=pen)
    mask = _to_mask(canvases)
    for axis in (2, 3):
        flip = torch.rand(batch, 1, 1, 1, generator=generator) < 0.5
        mask = torch.where(flip, mask.flip(axis), mask)
    return mask


def _walk(height: int, width: int, steps: int, generator: Generator) -> np.ndarray:
    """A stroke's vertices (steps + 1, 2) as x, y: up and down in turn, mostly to the right."""
    below, above = (torch.rand(2, generator=generator) * _ANGLE_SPREAD).tolist()
    angles = _MEAN_ANGLE - below + (below + above) * torch.rand(steps, generator=generator)
    angles[::2] *= -1
    mean = math.hypot(height, width) / 8
    lengths = (mean + mean / 2 * torch.randn(steps, generator=generator)).clamp(0, 2 * mean)
    moves = lengths[:, None] * torch.stack([angles.cos(), angles.sin()], dim=1)
    x, y = (torch.rand(2, generator=generator) * torch.tensor([width - 1, height - 1])).tolist()
    vertices = [(x, y)]
    for across, down in moves.tolist():  # one by one, since each vertex is kept in the picture
        x = min(max(x + across, 0), width - 1)
        y = min(max(y + down, 0), height - 1)
        vertices.append((x, y))
    return np.array(vertices).round().astype(np.int32)


def shapes(
    batch: int,
    height: int,
    width: int,
    *,
    generator: Generator,
    fraction: tuple[float, float] = (0.05, 0.30),
) -> Tensor:
    """One to four random lines, circles and rectangles, again until they hide a share in bounds.

    Args:
        fraction: smallest (excluded) and largest hole fraction; ValueError if out of reach.
    """
    check_size(batch, height, width)
    return in_band(_draw_shapes, *fraction)(batch, height, width, generator=generator)


def _draw_shapes(batch: int, height: int, width: int, *, generator: Generator) -> Tensor:
    canvases = np.zeros((batch, height, width), np.uint8)
    for canvas in canvases:
        for _ in range(_integer((1, 4), generator)):
            _draw_shape(canvas, generator)
    return _to_mask(canvases)


def _draw_shape(canvas: np.ndarray, generator: Generator) -> None:
    import cv2

    height, width = canvas.shape
    shorter = min(height, width)
    x, y, x2, y2, size, size2 = torch.rand(6, generator=generator).tolist()
    start = round(x * (width - 1)), round(y * (height - 1))
    match _integer((0, 2), generator):
        case 0:
            end = round(x2 * (width - 1)), round(y2 * (height - 1))
            cv2.line(canvas, start, end, 1, thickness=max(1, round((0.02 + 0.08 * size) * shorter)))
        case 1:
            cv2.circle(canvas, start, round((0.05 + 0.2 * size) * shorter), 1, thickness=-1)
        case 2:
            across, down = (round((0.05 + 0.2 * s) * shorter) for s in (size, size2))
            corners = [(start[0] + way * across, start[1] + way * down) for way in (-1, 1)]
            cv2.rectangle(canvas, *corners, 1, thickness=-1)


def _integer(bounds: tuple[int, int], generator: Generator) -> int:
    return int(integers(*bounds, 1, generator))


def _to_mask(canvases: np.ndarray) -> Tensor:
    return torch.from_numpy(canvases).float()[:, None]
