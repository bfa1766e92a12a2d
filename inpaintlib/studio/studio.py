"""The studio: paint a hole, choose a method, see what it fills in, and how far it is off."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from inpaintlib.studio import logic
from inpaintlib.studio.comparison import Comparison
from inpaintlib.studio.holes import draw_hole
from inpaintlib.studio.logic import ORIGINAL, SIZE, Filled
from inpaintlib.studio.painter import Painter, explain, with_picture
from inpaintlib.studio.pictures import DRAWN, UPLOAD

AT_START = ("brush", 0.5, 338)  # kind, size and seed of the first hole: across a face


class Studio(ipywidgets.HBox):
    """A painter beside a comparison; a new stroke, picture or method gives a new answer.

    Fills run in a thread of their own, so painting goes on meanwhile. Where no browser is, the
    picture with its hole and the first answer stand in.

    Example:
        >>> studio = Studio()
        >>> studio.painter.mask.shape
        torch.Size([1, 1, 128, 128])
    """

    def __init__(self, image: Tensor | None = None) -> None:
        """A studio over a picture (1, 3, 128, 128), [-1, 1], or a drawn face."""
        self.painter = Painter(image, size=SIZE)
        self.painter.mask = draw_hole(*AT_START, self.painter.height, self.painter.width)
        self.comparison = Comparison(
            choices=[ORIGINAL, *logic.methods()],
            left=ORIGINAL,
            right=logic.best_method(drawn=self.painter.source in (DRAWN, "")),
        )
        super().__init__([self.painter, self.comparison])
        self.add_class("inpaint-studio")
        self._newest = logic.Newest()
        self._loop = _running_loop()
        self.answers = self._request()()
        self.comparison.show(self.answers)
        self.painter.observe(self._changed, ["mask_bytes", "picture"])
        self.comparison.observe(self._changed, ["left", "right"])

    def _request(self) -> Callable[[], list[Filled]]:
        """The work to do for what the reader sees now."""
        names = (self.comparison.left, self.comparison.right)
        image = self.painter.image.expand(-1, 3, -1, -1)
        work = partial(
            logic.fill,
            image=image,
            mask=self.painter.mask,
            truth_known=self.painter.source != UPLOAD,
        )
        return lambda: [work(name) for name in names]

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
                deliver = partial(self._show, request())
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

    def _show(self, answers: list[Filled]) -> None:
        self.answers = answers
        self.comparison.show(answers)

    def _fail(self, message: str) -> None:
        self.comparison.working, self.comparison.message = "", message

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        pictures = torch.cat([self.painter.static_picture(), self.answers[-1].picture], dim=3)
        return with_picture(super()._repr_mimebundle_(**options), pictures)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
