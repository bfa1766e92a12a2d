"""From an `ImageSet` to the batches of a training run."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

import torch
from torch import Tensor

from inpaintlib.data.image_set import ImageSet
from inpaintlib.images import Batch, hide
from inpaintlib.masks import MaskSampler
from inpaintlib.seeding import stream


def batches(
    image_set: ImageSet,
    *,
    batch_size: int,
    mask: MaskSampler | None = None,
    fill: float | Tensor = 0.0,
    flip: bool = False,
    jitter: float = 0.0,
    seed: int = 0,
    start: int = 0,
) -> Iterator[Batch]:
    """Batches without end: every epoch in another order, with fresh masks at every step.

    Batch number `step` depends on (seed, step) and on nothing else. A run that stopped after 700
    steps goes on with `start=700` as if it had never stopped, and there is no state to save.

    Args:
        batch_size: pictures a batch; what is left of an epoch after its last full batch is dropped.
        mask: one of `masks`, its parameters fixed by `functools.partial`; None hides nothing.
        fill: the value a hole shows; see `images.apply_mask`.
        flip: mirror each picture left to right with probability 1/2, before it is masked.
        jitter: strength of a random change of each picture's colours; see `jitter_colours`.
        start: the number of the first batch.

    Example:
        >>> blanks = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), "blanks", "free: zeros")
        >>> next(batches(blanks, batch_size=4)).image.shape
        torch.Size([4, 1, 8, 8])
    """
    if not 1 <= batch_size <= len(image_set):
        raise ValueError(
            f"expected a batch size from 1 to the {len(image_set)} pictures of {image_set.name}, "
            f"got {batch_size}"
        )
    if start < 0:
        raise ValueError(f"expected a start of 0 or more, got {start}")

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Tensor:
        return torch.randperm(len(image_set), generator=stream(seed, "order", epoch))

    def batch(step: int) -> Batch:
        epoch, position = divmod(step, len(image_set) // batch_size)
        rows = order(epoch)[position * batch_size : (position + 1) * batch_size]
        image = image_set.floats(rows)
        if flip:
            mirrored = torch.rand(batch_size, generator=stream(seed, "flips", step)) < 0.5
            image = torch.where(mirrored.view(-1, 1, 1, 1), image.flip(-1), image)
        if jitter:
            image = jitter_colours(image, jitter, generator=stream(seed, "colours", step))
        return _masked(image, mask, stream(seed, "masks", step), fill=fill)

    return map(batch, count(start))


def jitter_colours(image: Tensor, strength: float, *, generator: torch.Generator) -> Tensor:
    """Change each picture's brightness, contrast and saturation a little, each on its own.

    Args:
        image: (B, C, H, W), [-1, 1].
        strength: the most by which contrast and saturation are multiplied up or down (0.1: between
            0.9 and 1.1) and brightness is shifted, on the scale of [-1, 1]; values beyond are cut.

    Example:
        >>> grey = torch.zeros(1, 3, 2, 2)
        >>> float(jitter_colours(grey, 0.1, generator=stream(0)).abs().max()) <= 0.1
        True
    """
    draws = strength * (2 * torch.rand(3, len(image), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = draws.to(image)
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (1 + saturation) * (image - grey)
    middle = image.mean(dim=(1, 2, 3), keepdim=True)
    return (middle + (1 + contrast) * (image - middle) + brightness).clamp(-1, 1)


def fixed_batch(
    image_set: ImageSet,
    indices: int | list[int] | Tensor,
    *,
    mask: MaskSampler | None = None,
    seed: int = 0,
) -> Batch:
    """The same pictures and masks at every call: the first so many, or those of the indices."""
    rows = slice(indices) if isinstance(indices, int) else indices
    return _masked(image_set.floats(rows), mask, stream(seed, "fixed masks"))


def _masked(
    image: Tensor, mask: MaskSampler | None, generator: torch.Generator, fill: float | Tensor = 0.0
) -> Batch:
    if mask is None:
        return Batch(image)
    return hide(image, mask(len(image), *image.shape[2:], generator=generator), fill=fill)
