"""The studio: paint a hole, choose a method, see what it fills in, and how far it is off."""

import asyncio
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

import ipywidgets
import torch
from PIL import Image
from torch import Tensor

from inpaintlib.images import to_bytes
from inpaintlib.measure.classical import CLASSICAL
from inpaintlib.photos import shipped
from inpaintlib.photos.reading import read_photo
from inpaintlib.photos.saving import save_photo
from inpaintlib.studio import logic
from inpaintlib.studio.comparison import Comparison
from inpaintlib.studio.holes import draw_hole, mask_to_bytes
from inpaintlib.studio.logic import ORIGINAL, SIZE, Filled
from inpaintlib.studio.painter import Painter, explain, with_picture
from inpaintlib.studio.pictures import DRAWN, UPLOAD

AT_START = ("brush", 0.5, 314)  # kind, size and seed of the first hole: across a face


class Studio(ipywidgets.HBox):
    """A painter beside a comparison; a new stroke, picture or method gives a new answer.

    Fills run in a thread of their own, so painting goes on meanwhile. Where no browser is, the
    picture with its hole and the first answer stand in.

    Example:
        >>> studio = Studio()
        >>> studio.painter.mask.shape
        torch.Size([1, 1, 128, 128])
    """

    def __init__(self, image: Tensor | None = None, *, models: Sequence[str] = ()) -> None:
        """A studio over a picture (1, 3, H, W), [-1, 1], or a drawn face.

        Args:
            models: files of weights, offered beside the course's own methods.
        """
        self.painter = Painter(image, size=SIZE)
        hole = draw_hole(*AT_START, self.painter.height, self.painter.width)
        self.painter.mask_bytes = mask_to_bytes(hole)
        self.comparison = Comparison(
            choices=[ORIGINAL, *models, *logic.methods()],
            left=ORIGINAL,
            right=(*models, logic.best_method(drawn=self.painter.source in (DRAWN, "")))[0],
        )
        super().__init__([self.painter, self.comparison])
        self.add_class("inpaint-studio")
        self._newest = logic.Newest()
        self._loop = _running_loop()
        self._lacks_networks = not models and set(logic.methods()) <= set(CLASSICAL)
        self._show(*self._request()())
        self.painter.observe(self._changed, ["mask_bytes", "picture"])
        self.painter.observe(self._follow, ["source"])
        self.comparison.observe(self._changed, ["left", "right", "seed"])
        self.comparison.on_msg(self._asked)

    def _request(self) -> Callable[[], tuple[list[Filled], tuple[str, bytes], Tensor]]:
        """The work to do for what the reader sees now; its answers come with what they are of."""
        names = (self.comparison.left, self.comparison.right)
        image = self.painter.image.expand(-1, 3, -1, -1)
        mask, uploaded = self.painter.mask, self.painter.source == UPLOAD
        upload = self.painter.upload if uploaded else ("", b"")
        work = partial(
            logic.fill,
            image=image,
            mask=mask,
            truth_known=not uploaded,
            seed=self.comparison.seed,
        )
        return lambda: ([work(name) for name in names], upload, mask)

    def _follow(self, change: Any) -> None:
        """Pictures of another kind: the family's network that learned from such, if offered."""
        given = (DRAWN, "")
        was, now = ("-drawn" if s in given else "-celeba" for s in (change.old, change.new))
        name = self.comparison.right.removesuffix(was) + now
        if name in self.comparison.choices:
            self.comparison.right = name

    def _changed(self, _change: object = None) -> Future[None] | None:
        """Ask for a new answer; the newest request wins."""
        try:
            request = self._request()
        except ValueError as error:  # the browser sent a mask that is none
            self.comparison.message = explain(error)
            return None
        self.comparison.working = self.comparison.right

        def job(stale: Callable[[], bool]) -> None:
            try:
                deliver = partial(self._show, *request())
            except logic.StaleError:
                raise
            except Exception as error:
                deliver = partial(self._fail, explain(error))
            if not stale():
                self._post(lambda: None if stale() else deliver())

        return self._newest.submit(job)

    def _post(self, deliver: Callable[[], Any]) -> None:
        """Call in the kernel's own thread, where widgets are used; here if there is no kernel."""
        if self._loop is None:
            deliver()
        else:
            self._loop.call_soon_threadsafe(deliver)

    def _show(self, answers: list[Filled], upload: tuple[str, bytes], mask: Tensor) -> None:
        # Kept together: the painter may show another picture before the next answer comes.
        self.answers, self._upload, self._mask = answers, upload, mask
        self.comparison.show(answers, file=f"{Path(upload[0]).stem}-filled" * bool(upload[1]))
        if self._lacks_networks:
            self.comparison.message = f"Only formulas answer: {shipped.nothing_here()}"

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """A button in the browser: save the right picture, too large to go through it."""
        try:
            self.comparison.message = f"Saved: {self.save()}"
        except Exception as error:
            self.comparison.message = explain(error)

    def save(self) -> Path:
        """Write the right picture beside where the kernel runs, with what belongs to the upload.

        Returns:
            The new file, UPLOAD-filled or studio-filled.png; no file is overwritten.

        Raises:
            ValueError: see `photos.saving.save_photo`.
            OSError: it cannot be written.
        """
        pixels = to_bytes(self.answers[-1].picture)[0].permute(1, 2, 0).numpy()
        name, content = self._upload if self._upload[1] else ("studio.png", b"")
        if content:
            photo = read_photo(io.BytesIO(content))
        if not content or photo.pixels.shape != pixels.shape or photo.deep:
            photo, name = read_photo(Image.fromarray(pixels)), f"{Path(name).stem}.png"
        out = free_name(Path.cwd() / f"{Path(name).stem}-filled{Path(name).suffix}")
        mask = self._mask[0, 0].byte().numpy()
        save_photo(photo.filled(pixels, mask), out, mask)
        return out

    def _fail(self, message: str) -> None:
        it = self.comparison  # no older answer stands there as if it were this one
        with it.hold_sync():
            it.left_picture = it.right_picture = it.errors = b""
            it.rows, it.working, it.message = [], "", message

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        pictures = torch.cat([self.painter.static_picture(), self.answers[-1].picture], dim=3)
        return with_picture(super()._repr_mimebundle_(**options), pictures)


def free_name(path: Path) -> Path:
    """The path, or with the first number from 2 on that makes it a new one."""
    tries = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(one for one in chain([path], tries) if not one.exists())


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
