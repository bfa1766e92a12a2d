"""Drawn digits: handwriting made from splines, so that a lesson runs without a download.

A digit is a skeleton (strokes through a few control points), moved about at random and inked along
a smooth curve. It is then placed as in MNIST (LeCun et al. 1998, "Gradient-based learning applied
to document recognition", section III.A): scaled so that it fits a 20x20 box and centred by its
centre of mass in the 28x28 image.
"""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

# Several ways to write each digit, one of which is chosen at random: a common way is listed more
# than once. Points are x,y in percent of a box, y downwards. A smooth curve joins the points of a
# stroke; " / " ends a stroke, and a corner is where one stroke ends and the next begins.
SKELETONS = """
0: 55,0 25,14 12,50 25,88 52,100 80,82 88,48 74,12 50,2
0: 66,6 38,2 14,28 11,68 34,97 66,93 88,60 82,22 54,3 34,10
0: 44,6 18,26 12,64 36,98 70,90 89,52 78,14 56,2 40,10
1: 50,0 50,33 50,66 50,100
1: 54,0 53,30 50,64 48,100
1: 47,0 50,30 51,64 50,100
1: 50,0 50,33 50,66 50,100
1: 38,17 44,10 51,0 / 51,0 50,50 50,100
1: 38,16 44,9 51,0 / 51,0 50,50 50,100 / 34,100 50,100 68,99
2: 14,24 30,5 58,0 80,18 74,42 44,72 12,98 / 12,98 50,96 92,95
2: 12,16 40,1 72,6 80,28 62,58 18,96 / 18,96 54,92 98,98
2: 14,24 34,4 62,2 79,22 68,52 42,84 18,97 7,86 20,74 46,83 70,95 96,90
2: 18,20 40,2 68,4 80,24 70,54 44,86 22,95 16,84 34,79 58,90 92,92
2: 26,8 52,0 68,12 60,42 34,76 8,98 / 8,98 50,88 104,82
2: 10,22 30,2 66,0 86,24 74,62 40,94 12,92 10,72 36,68 66,84 96,100
3: 14,14 44,0 76,14 68,38 38,47 / 38,47 74,54 84,78 54,100 10,88
3: 12,6 44,4 80,4 / 80,4 60,24 42,42 / 42,42 76,52 84,78 54,100 10,90
3: 16,10 50,0 76,18 62,40 44,46 42,50 60,51 84,70 66,96 34,99 8,86
3: 18,12 48,0 74,16 66,38 40,49 34,44 46,42 78,58 78,86 44,100 10,84
3: 22,4 52,0 78,12 70,32 48,44 / 48,44 76,52 78,74 52,92 16,100
3: 26,12 50,0 66,12 54,32 34,46 / 34,46 60,52 66,76 44,98 16,92
3: 4,4 40,4 82,2 / 82,2 62,24 44,46 / 44,46 72,50 84,72 60,94 2,98
4: 20,4 14,28 12,54 / 12,54 50,54 92,46 / 76,0 74,50 68,100
4: 18,2 11,36 28,54 58,52 80,40 / 82,0 76,44 66,100
4: 64,0 38,30 8,62 / 8,62 50,62 96,60 / 64,0 62,50 60,100
4: 26,2 16,30 14,50 30,58 76,50 / 80,4 74,50 72,100
4: 34,4 18,30 6,54 / 6,54 46,50 88,48 / 62,16 54,56 46,100
4: 16,8 14,34 22,50 52,48 74,34 84,4 / 84,4 76,40 70,100
5: 86,2 56,4 28,3 / 28,3 24,24 21,43 / 21,43 54,36 84,56 74,88 42,100 8,90
5: 84,6 54,1 30,6 22,24 34,42 66,54 76,76 56,97 30,100 10,90
5: 32,6 26,24 24,42 / 24,42 56,42 78,60 74,86 46,100 12,92 / 32,6 60,6 92,0
5: 96,0 72,3 46,8 / 46,8 36,26 28,44 / 28,44 54,44 68,62 60,86 34,99 4,96
6: 66,0 36,22 14,58 20,90 50,100 78,84 74,62 46,56 20,76
6: 50,0 28,30 17,66 30,96 62,98 80,78 66,59 40,64 22,84
6: 78,4 48,14 20,46 14,80 40,100 72,88 72,66 50,60 26,74 20,88
6: 34,0 18,32 12,70 34,98 70,96 88,72 74,52 46,56 28,78 34,96
6: 34,0 16,36 14,72 30,98 64,96 84,66 76,42 56,44 40,74 46,94
7: 4,10 46,8 92,5 / 92,5 66,46 44,100
7: 6,24 8,8 / 8,8 48,8 92,6 / 92,6 72,44 54,100
7: 2,18 34,4 74,3 86,16 72,50 52,100
7: 4,8 46,8 90,4 / 90,4 64,48 42,100 / 38,54 62,52 90,50
7: 6,14 40,12 84,6 / 84,6 80,40 72,70 66,100
8: 76,14 46,0 22,18 44,44 76,72 52,100 20,82 40,52 74,28 78,8
8: 74,16 50,2 26,16 44,44 68,72 50,98 28,86 42,56 66,30 92,4
8: 60,44 36,30 34,8 56,0 72,16 64,38 38,62 30,86 50,100 68,86 62,58 42,42
8: 84,14 56,0 16,14 36,40 56,64 58,90 38,100 26,84 42,58 70,36 88,12
8: 70,8 40,4 14,24 48,44 74,66 66,94 36,98 30,78 54,48 80,4
8: 14,14 34,0 62,4 70,20 46,42 24,66 28,94 56,100 66,80 44,48 18,26 14,8
8: 58,2 22,10 24,34 56,48 88,70 70,98 22,96 12,74 46,48 76,28 70,8 50,0
9: 78,12 48,2 20,20 22,44 48,50 76,26 / 80,6 76,50 72,100
9: 76,20 52,0 22,16 20,42 46,50 72,34 78,10 / 78,10 80,56 62,90 24,98
9: 80,16 58,2 26,14 18,38 40,50 68,36 80,16 74,54 60,100
9: 76,8 46,4 18,26 28,48 58,44 78,20 60,60 44,100
9: 72,16 46,0 14,20 24,44 54,38 74,14 / 74,14 72,50 80,100
9: 70,8 44,2 28,18 32,38 52,40 68,24 72,6 / 72,6 66,50 54,100
"""
SAMPLES = 128  # points along a digit's ink
BLOCK = 64  # digits drawn together, always as a whole: bytes do not depend on the range asked for


def draw_digits(
    count: int, *, size: int = 28, seed: int = 0, start: int = 0
) -> tuple[Tensor, Tensor]:
    """Draw digits `start`, ..., `start + count - 1` of the endless series that `seed` names.

    A digit depends on `seed` and its place in the series alone; its shape is the same at any size.

    Args:
        count: how many.
        size: height and width in pixels, 16 to 256.
        seed: which series; not negative.
        start: the place of the first digit in the series.

    Returns:
        images: (count, 1, size, size), uint8, white (255) on black (0).
        labels: (count,), int64, 0 to 9, each digit equally likely.

    Raises:
        ValueError: `size` is outside 16..256, or another number is negative.

    Example:
        >>> images, labels = draw_digits(3, start=5)
        >>> images.shape, labels.shape
        (torch.Size([3, 1, 28, 28]), torch.Size([3]))
    """
    if not 16 <= size <= 256:
        raise ValueError(f"expected a size of 16 to 256 pixels, got {size}")
    if min(count, seed, start) < 0:
        raise ValueError(
            f"expected count, seed and start of 0 or more, got {count}, {seed} and {start}"
        )
    images = torch.empty(count, 1, size, size, dtype=torch.uint8)
    labels = torch.empty(count, dtype=torch.int64)
    for block in range(start // BLOCK, -(-(start + count) // BLOCK)):
        first = max(start, block * BLOCK)
        last = min(start + count, (block + 1) * BLOCK)
        rows = slice(first - block * BLOCK, last - block * BLOCK)
        # torch seeds its generator by 32 bits only: SeedSequence mixes the two numbers into them.
        mixed = np.random.SeedSequence(seed, spawn_key=(block,)).generate_state(1).item()
        generator = torch.Generator().manual_seed(mixed)
        ink, block_labels = _write(generator)
        images[first - start : last - start, 0] = _render(*ink, size)[rows]
        labels[first - start : last - start] = block_labels[rows]
    return images, labels


# Sampling: from a skeleton to ink, that is points with a radius and the length each stands for.


def _write(generator: torch.Generator) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """One block's ink, placed as in MNIST, in units of the image's side, and its labels."""
    labels = torch.randint(10, (BLOCK,), generator=generator)
    first, ways, controls, curve, steps = _skeletons()
    choice = torch.rand(BLOCK, generator=generator)
    index = first[labels] + (choice * ways[labels]).long()
    points = _distort(controls[index], generator)
    position, length = curve[index] @ points, (steps[index] @ points).norm(dim=-1)
    position = position + _along(40, 2, generator) * 0.009  # a trembling hand
    thickness = 1.2 / 28 * torch.exp(0.31 * torch.randn(BLOCK, 1, generator=generator))
    pressure = 1 + 0.12 * _along(6, 1, generator)[..., 0] + 0.06 * _along(40, 1, generator)[..., 0]
    radius = thickness.clamp(0.75 / 28, 1.95 / 28) * pressure.clamp(0.6, 1.4)
    return _place(position, radius, length), labels


def _along(knots: int, channels: int, generator: torch.Generator) -> Tensor:
    """Smooth noise along the ink, (BLOCK, SAMPLES, channels): a spline through normal `knots`."""
    return _catmull_rom(knots, SAMPLES) @ torch.randn(BLOCK, knots, channels, generator=generator)


def _distort(points: Tensor, generator: torch.Generator) -> Tensor:
    """Another hand: jitter, bend, slant, turn and stretch control points (B, P, 2)."""

    def normal(*shape: int, spread: float) -> Tensor:
        return torch.randn(BLOCK, *shape, generator=generator) * spread

    points = points + normal(points.shape[1], 2, spread=0.075)
    x, y = points.unbind(-1)
    bend = torch.stack([x * y, x**2 - 0.3, y**2 - 0.3], dim=-1)
    points = points + bend @ normal(3, 2, spread=0.10)
    slant, turn = 0.12 + normal(1, spread=0.26), normal(1, spread=0.10)
    stretch = torch.exp(normal(1, spread=0.16))
    x, y = points.unbind(-1)
    x = x * stretch - y * slant
    return torch.stack([x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()], dim=-1)


def _place(position: Tensor, radius: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit the ink into the 20/28 box by its longer side, its centre of mass in the middle."""
    low, high = position.amin(dim=1), position.amax(dim=1)
    edge = radius.amax(dim=1, keepdim=True)
    scale = (20 / 28 - 2 * edge) / (high - low).amax(dim=1, keepdim=True)
    mass = length * radius
    centre = (mass[..., None] * position).sum(dim=1) / mass.sum(dim=1, keepdim=True)
    reach = (0.5 - 2 / 28 - edge) / scale  # a lopsided digit still leaves a black border
    centre = centre.clamp(min=high - reach, max=low + reach)
    position = 0.5 + (position - centre[:, None]) * scale[..., None]
    return position, radius, length * scale


@cache
def _skeletons() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The table of skeletons as tensors, K of them, each with up to P control points.

    Returns:
        first: (10,), the row of a digit's first skeleton, and ways: (10,), how many it has.
        controls: (K, P, 2), the control points, x and y in [-1, 1].
        curve: (K, SAMPLES, P): `curve @ points` are the points along the ink.
        steps: (K, SAMPLES, P): `steps @ points` are the vectors that those points stand for.
    """
    lines = [line.split(": ") for line in SKELETONS.strip().splitlines()]
    ways = torch.bincount(torch.tensor([int(digit) for digit, _ in lines]))
    parsed = [
        [[tuple(map(int, p.split(","))) for p in stroke.split()] for stroke in text.split("/")]
        for _, text in lines
    ]
    most = max(len({p for stroke in strokes for p in stroke}) for strokes in parsed)
    controls = torch.zeros(len(lines), most, 2)
    curve, steps = torch.zeros(2, len(lines), SAMPLES, most)
    for row, strokes in enumerate(parsed):
        # A point that two strokes share is one control point: jitter never tears a corner apart.
        points = list(dict.fromkeys(p for stroke in strokes for p in stroke))
        controls[row, : len(points)] = torch.tensor(points) / 50 - 1
        spans = sum(len(stroke) - 1 for stroke in strokes)
        done = 0
        for stroke in strokes:
            begin, done = done * SAMPLES // spans, done + len(stroke) - 1
            end = done * SAMPLES // spans
            edges = _catmull_rom(len(stroke), 2 * (end - begin) + 1)
            columns = torch.tensor([points.index(p) for p in stroke])
            curve[row, begin:end].index_add_(1, columns, edges[1::2])
            steps[row, begin:end].index_add_(1, columns, edges[2::2] - edges[:-2:2])
    return ways.cumsum(0) - ways, ways, controls, curve, steps


@cache
def _catmull_rom(points: int, samples: int) -> Tensor:
    """Weights (samples, points) of a Catmull-Rom spline through `points` points, ends included."""
    t = torch.linspace(0, points - 1, samples)
    span = t.long().clamp(max=points - 2)
    t = t - span
    weights = torch.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], dim=1
    )
    # An end point is its own neighbour.
    columns = (span[:, None] + torch.arange(-1, 3)).clamp(0, points - 1)
    return torch.zeros(samples, points).scatter_add_(1, columns, weights / 2)


# Rendering: from ink to pixels.


def _render(position: Tensor, radius: Tensor, length: Tensor, size: int) -> Tensor:
    """Antialiased strokes, (B, size, size) uint8, from a smooth distance field.

    With s the sum over the ink of exp((r^2 - d^2) / w^2), d being the distance to a point of it,
    -w^2 log s is a smooth minimum of d^2 - r^2: negative inside the stroke. Strokes that meet run
    together a little, as ink does. As exp(-d^2) is a product of one factor in x and one in y, the
    sum is a product of two small matrices.
    """
    mean = radius.mean(dim=1)[:, None, None]
    width = 0.6 * mean
    pixel = ((torch.arange(size) + 0.5) / size)[:, None]
    # Past 40 nothing shows; exp would yield denormal numbers there, and those are slow.
    columns = (((pixel - position[:, None, :, 0]) / width) ** 2).clamp(max=40).neg().exp()
    rows = (((pixel - position[:, None, :, 1]) / width) ** 2).clamp(max=40).neg().exp()
    weight = length / math.sqrt(math.pi) / width[..., 0] * torch.exp((radius / width[..., 0]) ** 2)
    total = (rows * weight[:, None]) @ columns.transpose(1, 2)
    squared = mean**2 - width**2 * total.clamp(min=1e-30).log()
    distance = squared.clamp(min=0).sqrt() - mean
    softness = 1.1 / size
    return ((0.5 - distance / softness).clamp(0, 1) * 255).round().to(torch.uint8)
