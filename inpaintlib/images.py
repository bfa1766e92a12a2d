"""Images, masks and batches: shapes, value ranges, and the two operations every inpainter needs.

* an image is float32, (B, C, H, W), in [-1, 1]; 0 is mid-grey;
* a mask is float32, (B, 1, H, W), each value 0 or 1, and **1 means hole**, one mask per sample;
* `observed` is an image with its holes filled by a constant: all that a generator may see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

HOLE_MARKER = (0.86, 0.16, 0.55)
"""Magenta: no face and few photographs contain it, so a hole is seen at once."""


@dataclass(frozen=True)
class Batch:
    """What one training step sees."""

    image: Tensor  # (B, C, H, W), [-1, 1]: the truth, which a generator never reads
    mask: Tensor | None = None  # (B, 1, H, W); None when nothing is hidden (lessons 01 and 02)
    observed: Tensor | None = None  # (B, C, H, W): the image with its holes filled

    def seen(self) -> Tensor:
        """The observed image; ValueError when nothing is hidden."""
        if self.observed is None:
            raise ValueError("expected a batch with an observed image; see images.hide")
        return self.observed

    def holes(self) -> tuple[Tensor, Tensor]:
        """The observed image and its mask: all that a generator may read; ValueError without."""
        if self.mask is None:
            raise ValueError("expected a batch with a mask; see images.hide")
        return self.seen(), self.mask

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return self.each(lambda tensor: tensor.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """A batch of what `change` makes of each tensor: `batch.each(lambda t: t[:4])`."""
        mask = None if self.mask is None else change(self.mask)
        observed = None if self.observed is None else change(self.observed)
        return Batch(change(self.image), mask, observed)


def hide(image: Tensor, mask: Tensor, *, fill: float | Sequence[float] | Tensor = 0.0) -> Batch:
    """A batch whose holes are hidden; arguments and errors as for `apply_mask`."""
    return Batch(image, mask, apply_mask(image, mask, fill=fill))


def apply_mask(
    image: Tensor, mask: Tensor, *, fill: float | Sequence[float] | Tensor = 0.0
) -> Tensor:
    """Replace the hole by a constant; outside of it the image stays, bit for bit.

    Args:
        image: (B, C, H, W), [-1, 1].
        mask: (B, 1, H, W), {0, 1}, 1 = hole.
        fill: a number, or one value per channel, (C,). 0 is mid-grey; it would be black in [0, 1].

    Raises:
        ValueError: shapes or fill do not match, or the mask holds other values than 0 and 1.

    Example:
        >>> x = torch.ones(1, 1, 2, 2)
        >>> m = torch.tensor([[[[1., 0.], [0., 0.]]]])
        >>> apply_mask(x, m, fill=-1.0)
        tensor([[[[-1.,  1.],
                  [ 1.,  1.]]]])
    """
    check_pair(image, mask)
    value = torch.as_tensor(fill, dtype=image.dtype, device=image.device).reshape(1, -1, 1, 1)
    if (got := value.shape[1]) not in (1, image.shape[1]):
        raise ValueError(f"expected a fill for all or {image.shape[1]}, one per channel, got {got}")
    return torch.where(mask.bool(), value, image)


def composite(prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Paste the prediction into the hole; every known pixel stays as it was, bit for bit.

    The same function serves every discriminator, metric and picture: a network is measured by what
    its user would get.

    Args:
        prediction: (B, C, H, W), [-1, 1].
        image: same shape: the truth, or `observed` (outside the hole they are equal).
        mask: (B, 1, H, W), {0, 1}, 1 = hole.

    Example:
        >>> p, x = torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
        >>> composite(p, x, torch.tensor([[[[1., 0.]]]]))
        tensor([[[[1., 0.]]]])
    """
    return torch.where(mask.bool(), prediction, image)


def paint_holes(image: Tensor, mask: Tensor) -> Tensor:
    """The image as (B, 3, H, W) with its holes in `HOLE_MARKER`, for showing only."""
    check_pair(image, mask)
    colour = torch.tensor(HOLE_MARKER).to(image).view(1, 3, 1, 1) * 2 - 1
    wide = image.expand(-1, 3, -1, -1)
    return composite(colour.expand_as(wide), wide, mask)


def to_unit(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1], for viewing and for metrics; values outside are clipped.

    Example:
        >>> to_unit(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return ((image + 1) / 2).clamp(0, 1)


def from_bytes(pixels: Tensor) -> Tensor:
    """uint8 0..255 to float32 [-1, 1].

    Example:
        >>> from_bytes(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([-1.,  1.])
    """
    return pixels.float() / 127.5 - 1


def to_bytes(image: Tensor) -> Tensor:
    """float [-1, 1] to uint8 0..255, rounded; the inverse of `from_bytes`.

    Example:
        >>> to_bytes(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def check_image(image: Tensor) -> None:
    """Raise ValueError unless `image` is a float (B, C, H, W) tensor with 1 or 3 channels."""
    if not torch.is_tensor(image):
        raise ValueError(f"expected an image tensor (B, C, H, W), got {type(image).__name__}")
    if image.ndim != 4 or image.shape[1] not in (1, 3):
        raise ValueError(
            f"expected an image tensor (B, C, H, W) with C 1 or 3, got shape {tuple(image.shape)}"
        )
    if not image.is_floating_point():
        raise ValueError(f"expected a float image in [-1, 1], got {image.dtype}; see from_bytes")


def check_mask(mask: Tensor) -> None:
    """Raise ValueError unless `mask` is a float (B, 1, H, W) tensor of zeros and ones."""
    if not torch.is_tensor(mask):
        raise ValueError(f"expected a mask tensor (B, 1, H, W), got {type(mask).__name__}")
    if mask.ndim != 4 or mask.shape[1] != 1:
        raise ValueError(f"expected a mask of shape (B, 1, H, W), got {tuple(mask.shape)}")
    if not mask.is_floating_point():
        raise ValueError(f"expected a float mask of zeros and ones, got {mask.dtype}")
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()  # a graph knows no values
    if not recorded and (grey := ((mask != 0) & (mask != 1)).sum().item()):
        raise ValueError(
            f"expected a mask of zeros and ones (1 = hole), got {grey} other values "
            f"between {mask.min().item():.3g} and {mask.max().item():.3g}"
        )


def check_pair(image: Tensor, mask: Tensor) -> None:
    """Raise ValueError unless image and mask are valid and fit each other."""
    check_image(image)
    check_mask(mask)
    if image.shape[0] != mask.shape[0] or image.shape[2:] != mask.shape[2:]:
        raise ValueError(
            f"mask {tuple(mask.shape)} does not fit image {tuple(image.shape)}: "
            "they need the same batch size, height and width"
        )


def check_alike(one: Tensor, other: Tensor) -> None:
    """Raise ValueError unless two tensors have one shape: others would be broadcast."""
    if one.shape != other.shape:
        raise ValueError(f"expected one shape, got {tuple(one.shape)} and {tuple(other.shape)}")


def check_comparison(prediction: Tensor, image: Tensor, mask: Tensor | None) -> None:
    """Raise ValueError unless an image, what is compared with it, and a mask if any, fit."""
    check_image(image)
    check_alike(prediction, image)
    if mask is not None:
        check_pair(image, mask)
