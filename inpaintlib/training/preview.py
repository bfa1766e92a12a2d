"""What a generator in training can do: shown and measured on pictures and holes that never change.

Nothing here moves the training: weights, buffers, modes and the global random stream stay.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter

import torch
from torch import Tensor

from inpaintlib import metrics
from inpaintlib.images import Batch, paint_holes
from inpaintlib.models.contract import Model
from inpaintlib.seeding import stream
from inpaintlib.training.ema import EMA, refresh_statistics
from inpaintlib.training.loop import eval_mode

SHOWN = 8  # pictures of a preview


@dataclass(frozen=True)
class Viewer:
    """Looks at a model's averaged generator."""

    model: Model
    ema: EMA  # of its generator
    fixed: Batch  # the pictures, with their holes if the model fills any
    refreshing: Callable[[], Iterable[Batch]]  # batches to measure BatchNorm's statistics on
    damaged: bool = False  # whether the holes show a damage that the model must find

    @contextmanager
    def averaged(self) -> Generator[None]:
        """The generator as it is shipped: averaged weights, and statistics that belong to them."""
        source = stream("refresh")
        with self.ema.applied(), eval_mode(self.model):
            refresh_statistics(self.model.generator, self._generate(source), self.refreshing())
            yield

    def complete(self, size: int) -> Tensor:
        """The fixed pictures filled, or as many new ones, (B, C, H, W), `size` at a time.

        To be called within `averaged`.
        """
        generate = self._generate(stream("preview"))
        places = range(0, len(self.fixed.image), size)
        parts = [self.fixed.each(itemgetter(slice(first, first + size))) for first in places]
        return torch.cat([generate(part).cpu() for part in parts])

    def scores(self, completed: Tensor) -> dict[str, float]:
        """Mean "psnr", decibels, and median "sharpness" in the holes; nothing without holes."""
        image, mask = self.fixed.image, self.fixed.mask
        if mask is None:
            return {}
        psnr = metrics.psnr(completed, image, mask)
        # Of a picture that is flat behind its hole the sharpness has no bounds: no mean.
        sharpness = metrics.sharpness(completed, image, mask).nanmedian()
        return {"psnr": psnr[psnr.isfinite()].mean().item(), "sharpness": sharpness.item()}

    def rows(self, completed: Tensor) -> list[Tensor]:
        """What a preview shows: observed (or with its holes marked), completed, truth."""
        if self.fixed.mask is None:
            return list(completed[: 4 * SHOWN].split(SHOWN))
        image, mask = self.fixed.image[:SHOWN], self.fixed.mask[:SHOWN]
        before = self.fixed.seen()[:SHOWN] if self.damaged else paint_holes(image, mask)
        return [before, completed[:SHOWN], image]

    def _generate(self, source: torch.Generator) -> Callable[[Batch], Tensor]:
        return lambda batch: self.model.generate(batch.to(self.model.device), generator=source)
