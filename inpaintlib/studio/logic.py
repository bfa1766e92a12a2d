"""What the studio computes: fills by name, their scores, and only the newest request's answer.

Plain Python, without a widget: the studio hands over picture and mask and shows what comes back.
"""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from inpaintlib.images import composite, from_bytes, hide, to_bytes
from inpaintlib.measure.cards import best_network
from inpaintlib.measure.classical import CLASSICAL, Fill
from inpaintlib.metrics import l1, psnr, sharpness, ssim
from inpaintlib.notebook.viz import error_map
from inpaintlib.photos import shipped
from inpaintlib.photos.inpainter import Inpainter

SIZE = 128  # pixels: what the shipped networks are trained at
ORIGINAL = "original"


class StaleError(Exception):
    """The picture being made is no longer wanted."""


_stale: ContextVar[Callable[[], bool]] = ContextVar("stale", default=lambda: False)


@dataclass(frozen=True, eq=False)
class Filled:
    """One method's answer."""

    method: str
    picture: Tensor  # (1, 3, H, W), [-1, 1]: known pixels as they were
    seconds: float = 0.0  # that the fill took
    errors: Tensor | None = None  # (1, 3, H, W), as colours; None where the truth is not known
    scores: dict[str, float] = field(default_factory=dict)  # L1, PSNR (dB), SSIM, sharpness
    draws: bool = False  # whether another seed gives another fill


def methods() -> list[str]:
    """Every classical fill, then every shipped network that fills holes."""
    return [*CLASSICAL, *(name for name in shipped.available() if shipped.is_inpainter(name))]


def best_method(*, drawn: bool) -> str:
    """The method to begin with: the best network by the cards of such pictures, if one is here."""
    try:
        return best_network("drawn" if drawn else "celeba")
    except ValueError:
        return "biharmonic"


def fill_of(method: str) -> Fill:
    """The fill of a name; a network stops early when it is no longer wanted."""
    return CLASSICAL.get(method) or partial(_fill_as_photo, inpainter_of(method))


def inpainter_of(method: str) -> Inpainter:
    """The network of a name or of a file, loaded once, and anew when the file has changed."""
    if method not in methods() and not Path(method).is_file():
        raise ValueError(f"no method {method!r}: expected one of {', '.join(methods())}")
    file = shipped.path(method)
    return _loaded(method, file.stat().st_mtime_ns if file.is_file() else 0)


@cache
def _loaded(method: str, _changed: int) -> Inpainter:
    inpainter = Inpainter(method)
    for module in inpainter.model.modules():
        module.register_forward_pre_hook(_stop_if_stale)
    return inpainter


def _fill_as_photo(inpainter: Inpainter, observed: Tensor, mask: Tensor) -> Tensor:
    """What `fill` would write for this picture: the same windows, the same seam, in whole bytes."""
    photo = to_bytes(observed)[0].permute(1, 2, 0).numpy()
    filled = inpainter.fill(photo, mask[0, 0].bool().numpy())
    return from_bytes(torch.from_numpy(filled).permute(2, 0, 1)[None])


def fill(
    method: str, image: Tensor, mask: Tensor, *, truth_known: bool = True, seed: int = 0
) -> Filled:
    """Fill the hole and score the result.

    Args:
        method: one of `methods()`, or "original" for the picture as it is.
        image: (1, 3, H, W), [-1, 1]; a method never sees what is in the hole.
        mask: (1, 1, H, W), {0, 1}, 1 = hole.
        truth_known: whether what `image` shows in the hole is what should be there.
        seed: of a network that draws its fills: another one, another fill.

    Raises:
        ValueError: no such method, or what the method raises (an all-hole mask, mostly).
        StaleError: a newer request came meanwhile.
    """
    if method == ORIGINAL:
        return Filled(ORIGINAL, image)
    run = fill_of(method)  # loaded outside the clock
    draws = method not in CLASSICAL and inpainter_of(method).model.draws
    if draws:
        inpainter_of(method).seed = seed
    start = time.perf_counter()
    with torch.no_grad():
        picture = run(hide(image, mask).seen(), mask) if mask.any() else image.clone()
    seconds = time.perf_counter() - start
    picture = composite(picture, image, mask)
    if not truth_known:
        return Filled(method, picture, seconds, draws=draws)
    metrics = {"L1": l1, "PSNR": psnr, "SSIM": ssim, "sharpness": sharpness} if mask.any() else {}
    scores = {name: metric(picture, image, mask).item() for name, metric in metrics.items()}
    return Filled(method, picture, seconds, error_map(picture, image), scores, draws)


def _stop_if_stale(*_arguments: object) -> None:
    """Before each layer of a network: give up if a newer request came."""
    if _stale.get()():
        raise StaleError


class Newest:
    """Runs jobs in one background thread; a newer job cancels the older ones.

    One that waits is never begun. One that runs raises `StaleError` at its next layer; a classical
    fill cannot be interrupted, it ends and its answer is dropped.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="studio")
        self._number = 0
        self._last: Future[None] | None = None

    def submit(self, job: Callable[[Callable[[], bool]], None]) -> Future[None]:
        """Run `job(stale)` soon, where `stale()` says whether a newer job was submitted since."""
        if self._last is not None:
            self._last.cancel()
        self._number += 1
        self._last = self._pool.submit(self._run, job, self._number)
        return self._last

    def _run(self, job: Callable[[Callable[[], bool]], None], number: int) -> None:
        def stale() -> bool:
            return number != self._number

        _stale.set(stale)  # until the thread's next job sets its own
        with contextlib.suppress(StaleError):
            job(stale)
