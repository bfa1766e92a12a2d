"""`ImageSet`: the pictures of one data set, in memory as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from inpaintlib.images import from_bytes


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one size, with what is known about them.

    `kind` decides which trained networks fit, and which cards; `name` decides nothing.

    Example:
        >>> images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
        >>> print(ImageSet(images, "blanks", "no restriction: zeros"))
        blanks · 2 images · 28×28 · no restriction
    """

    images: Tensor  # (N, C, H, W), uint8, 0..255, maybe mapped from the disk
    name: str  # "CelebA", "drawn faces", …, or the folder's name
    licence: str  # the terms in a few words, a colon, and the sentence with the source
    kind: str = "own"  # "drawn" (by the course), "celeba", "mnist", or "own" for anybody's folder
    labels: Tensor | None = None  # (N,), int64: the digit
    attributes: dict[str, Tensor] = field(default_factory=dict)  # CelebA's name to (N,), bool
    names: list[str] = field(default_factory=list)  # of the files, relative to their folder
    skipped: list[str] = field(default_factory=list)  # files that could not be read

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 3):
            raise ValueError(
                f"{self.name}: expected uint8 images (N, C, H, W) with C 1 or 3, "
                f"got {self.images.dtype} {shape}"
            )
        lengths = {f"attribute {key}": len(value) for key, value in self.attributes.items()}
        if self.labels is not None:
            lengths["labels"] = len(self.labels)
        if self.names:
            lengths["names"] = len(self.names)
        for what, length in lengths.items():
            if length != shape[0]:
                raise ValueError(f"{self.name}: {shape[0]} images, but {length} of {what}")

    def __len__(self) -> int:
        return len(self.images)

    def __str__(self) -> str:
        """One line for a lesson's set-up cell."""
        height, width = self.images.shape[2:]
        terms = self.licence.partition(":")[0]
        line = f"{self.name} · {len(self):,} images · {height}×{width} · {terms}"
        return f"{line} · {len(self.skipped)} unreadable" if self.skipped else line

    def floats(self, indices: Tensor | Sequence[int] | slice | None = None) -> Tensor:
        """All pictures or some, as a network takes them: (n, C, H, W), float32, [-1, 1]."""
        return from_bytes(self.images if indices is None else self.images[indices])

    def take(self, indices: Tensor | Sequence[int] | slice) -> "ImageSet":
        """A part of the set: `faces.take(slice(64))`, `faces.take(faces.attributes["Smiling"])`."""
        positions = torch.arange(len(self))[indices].tolist()
        return replace(
            self,
            images=self.images[indices],
            labels=None if self.labels is None else self.labels[indices],
            attributes={key: value[indices] for key, value in self.attributes.items()},
            names=[self.names[position] for position in positions] if self.names else [],
        )
