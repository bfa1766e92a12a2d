"""Drawn portraits: the faces that the course brings along, with CelebA's attribute names.

Every face is a person (`portrait.people`), painted back to front, from the scene to the hat, with
smooth shapes (`portrait.canvas`), so that one person looks the same at 32 and at 256 pixels.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from drawings.portrait.beards import paint_beard, paint_moustache
from drawings.portrait.canvas import Canvas
from drawings.portrait.eyes import paint_brows, paint_eyes, paint_glasses, paint_temples
from drawings.portrait.hair import hair_shape, paint_back_hair, paint_front_hair
from drawings.portrait.hats import paint_hat
from drawings.portrait.head import (
    paint_earrings,
    paint_ears,
    paint_head,
    paint_mouth,
    paint_nose,
    paint_skin_details,
)
from drawings.portrait.people import People, sample_people
from drawings.portrait.scene import paint_clothes, paint_neck, paint_scene

# Faces are drawn in whole blocks, always the same ones: a face cannot depend on what else is asked.
BLOCK = 16
SIZES = range(32, 257)


def draw_faces(
    count: int, *, size: int = 64, seed: int = 0, start: int = 0
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw portraits number `start` to `start + count - 1` of a seed.

    Args:
        count: how many, at least 1.
        size: height and width in pixels, 32 to 256; a face shows the same person at every size.
        seed: which series of people, at least 0.
        start: the first one's number, at least 0.

    Returns:
        (count, 3, size, size) uint8 pictures, and boolean (count,) attributes by CelebA's names.

    Raises:
        ValueError: a number outside these ranges.

    Example:
        >>> images, attributes = draw_faces(2, size=32)
        >>> images.shape, attributes["Smiling"].dtype
        (torch.Size([2, 3, 32, 32]), torch.bool)
    """
    if size not in SIZES:
        raise ValueError(f"expected a size from {SIZES[0]} to {SIZES[-1]}, got {size}")
    if count < 1 or seed < 0 or start < 0:
        raise ValueError(
            f"expected count >= 1, seed >= 0 and start >= 0, got {count}, {seed} and {start}"
        )
    blocks = range(start // BLOCK, (start + count - 1) // BLOCK + 1)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        drawn = list(pool.map(lambda block: draw_block(seed, block, size), blocks))
    wanted = slice(start - blocks[0] * BLOCK, start - blocks[0] * BLOCK + count)
    images = np.concatenate([images for images, _ in drawn])[wanted]
    names = drawn[0][1]
    attributes = {
        name: torch.from_numpy(np.concatenate([block[name] for _, block in drawn])[wanted])
        for name in names
    }
    return torch.from_numpy(images), attributes


def draw_block(seed: int, block: int, size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One block of portraits, (BLOCK, 3, size, size) uint8, and their attributes."""
    people, attributes = sample_people(seed, block, BLOCK)
    return paint_people(people, size), attributes


def paint_people(who: People, size: int) -> np.ndarray:
    """Paint these people's portraits, back to front: (N, 3, size, size) uint8."""
    art = Canvas.blank(who, size)
    paint_scene(art)
    outline = hair_shape(art)
    paint_back_hair(art, outline)
    paint_neck(art)
    paint_clothes(art)
    paint_ears(art)
    paint_head(art)
    paint_skin_details(art)
    with art.only((who.beard != "none") & (who.beard != "moustache")) as part:
        paint_beard(part)
    paint_mouth(art)
    paint_nose(art)
    with art.only(who.moustache) as part:
        paint_moustache(part)
    paint_eyes(art)
    paint_brows(art)
    with art.only(who.earrings) as part:
        paint_earrings(part)
    with art.only(who.glasses != "none") as part:
        paint_temples(part)
    paint_front_hair(art, outline)
    with art.only(who.glasses != "none") as part:
        paint_glasses(part)
    paint_hat(art)
    return (np.clip(art.rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
