"""The painter: a picture, and a mask painted over it in the browser."""

import base64
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from torch import Tensor
from torch.nn import functional

from inpaintlib.images import check_image, paint_holes
from inpaintlib.masks import SIZED, hole_fraction
from inpaintlib.studio.holes import (
    VIEW,
    as_mask,
    draw_hole,
    mask_from_bytes,
    mask_to_bytes,
    png,
    view,
    view_size,
)
from inpaintlib.studio.pictures import DRAWN, FOLDER, UPLOAD, load_picture, read_upload, sources

HERE = Path(__file__).parent
STATIC_SIDE = 384  # pixels of the picture that stands in for the widget
LARGEST_UPLOAD = 8_000_000  # bytes: a notebook server closes a connection that sends over 10 MiB


def sources_of(*names: str) -> str:
    """The text of files beside this one, one after the other: what the browser loads."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def bytes_trait() -> traitlets.Bytes:
    """Bytes shared with the browser, which sends a memoryview and needs no echo of its own."""
    return traitlets.Bytes().tag(
        sync=True, echo_update=False, from_json=lambda value, _widget: bytes(value)
    )


def _mask_for(content: Any, painter: "Painter") -> bytes:
    """A mask that the browser sends; the one here, if it was painted before the picture changed."""
    mask, size = bytes(content), [painter.height, painter.width]
    fits = len(mask) == size[0] * size[1] and painter.painted in ([], size)
    return mask if fits else painter.mask_bytes


def explain(error: Exception) -> str:
    """What a reader needs: the words of a ValueError, else also where the exception arose."""
    if isinstance(error, ValueError):
        return str(error)
    return "".join(traceback.format_exception(error, limit=-1)).strip()


def shown(callback: Callable[..., None]) -> Callable[..., None]:
    """A widget's callback whose exceptions stand in the widget's `message`, never swallowed."""

    @wraps(callback)
    def run(widget: Any, *arguments: Any) -> None:
        try:
            callback(widget, *arguments)
            widget.message = ""
        except Exception as error:
            widget.message = explain(error)

    return run


class Painter(anywidget.AnyWidget):
    """Paint a mask over a picture; drawing happens in the browser, a stroke arrives when it ends.

    End a cell with it, paint, and read `painter.mask` in another cell. Observe the traits
    `mask_bytes` and `picture` to hear of changes. Where no browser is (nbconvert, GitHub), a
    picture with the hole in it stands in.

    Example:
        >>> painter = Painter(load_picture("cat", size=64))
        >>> painter.mask = np.eye(64)
        >>> painter.mask.shape
        torch.Size([1, 1, 64, 64])
    """

    _esm = sources_of("view.js", "raster.js", "markup.js", "input.js", "painter.js")
    _css = sources_of("look.css", "painter.css")
    picture = bytes_trait()
    mask_bytes = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=_mask_for)
    painted = traitlets.List(traitlets.Int()).tag(sync=True, echo_update=False)  # browser's size
    height = traitlets.Int().tag(sync=True)  # of what is shown and painted on
    width = traitlets.Int().tag(sync=True)
    full_height = traitlets.Int().tag(sync=True)  # of the picture, and of the mask that is saved
    full_width = traitlets.Int().tag(sync=True)
    stroke = traitlets.Int().tag(sync=True)  # the browser's last change of the mask
    received = traitlets.Int().tag(sync=True)  # the last one that came here
    sources = traitlets.List(traitlets.Unicode()).tag(sync=True)
    numbered = traitlets.List(traitlets.Unicode(), [DRAWN, FOLDER]).tag(sync=True)
    kinds = traitlets.List(traitlets.Unicode(), list(SIZED)).tag(sync=True)
    largest_upload = traitlets.Int(LARGEST_UPLOAD).tag(sync=True)  # bytes
    source = traitlets.Unicode().tag(sync=True)  # of the picture; "" if the caller gave it
    number = traitlets.Int().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)  # what went wrong last, shown in the widget

    def __init__(self, image: Tensor | None = None, *, size: int = 128) -> None:
        """A painter with an empty mask.

        Args:
            image: (1, C, H, W), [-1, 1]; None for a drawn face.
            size: height and width of the pictures that the reader chooses, pixels.
        """
        super().__init__(sources=sources())
        self.size, self.upload = size, ("", b"")
        if image is None:
            self._choose(DRAWN, 0)
        else:
            self.image = image
        self.on_msg(self._asked)

    @property
    def image(self) -> Tensor:
        """The picture: (1, C, H, W), [-1, 1]. A new one of another size empties the mask."""
        return self._image

    @image.setter
    def image(self, image: Tensor) -> None:
        self._show(image, "")

    @property
    def mask(self) -> Tensor:
        """The mask: (1, 1, H, W), {0, 1}, 1 = hole. Set it to that or to an array (H, W).

        A picture too large to be shown whole is painted on as it is shown; each of its pixels is
        what the nearest one painted on is, as in the file that the browser saves.
        """
        painted = mask_from_bytes(self.mask_bytes, self.height, self.width)
        full = (self.full_height, self.full_width)
        if painted.shape[2:] == full:
            return painted
        return functional.interpolate(painted, full, mode="nearest-exact")

    @mask.setter
    def mask(self, mask: Tensor | np.ndarray) -> None:
        tensor = as_mask(mask)
        if tensor.shape[2:] != (self.full_height, self.full_width):
            raise ValueError(
                f"expected a mask of {self.full_height}×{self.full_width}, the picture's size, "
                f"got {tensor.shape[2]}×{tensor.shape[3]}"
            )
        shown = (self.height, self.width)
        self.mask_bytes = mask_to_bytes(functional.adaptive_max_pool2d(tensor, shown))

    def _show(self, image: Tensor, source: str, number: int = 0) -> None:
        check_image(image)
        if len(image) != 1:
            raise ValueError(f"expected one image (1, C, H, W), got {len(image)}")
        height, width = view_size(*image.shape[2:])
        emptied = (height, width) != (self.height, self.width)
        with self.hold_sync(), self.hold_trait_notifications():
            self._image = image.detach().float().cpu()
            self.source, self.number = source, number
            self.full_height, self.full_width = image.shape[2:]
            self.height, self.width = height, width
            if emptied:
                self.mask_bytes = bytes(height * width)
            self.picture = view(self._image)

    def _choose(self, source: str, number: int) -> None:
        if source == UPLOAD:  # the last one again
            return self._show(read_upload(*self.upload), UPLOAD)
        self._show(load_picture(source, number, size=self.size), source, number)

    @shown
    def _asked(self, _widget: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """A button in the browser."""
        match content:
            case {"request": "picture", "source": source, "number": number}:
                self._choose(source, number)
            case {"request": "upload", "name": name}:
                picture, self.upload = (
                    read_upload(name, bytes(buffers[0])),
                    (name, bytes(buffers[0])),
                )
                self._show(picture, UPLOAD)
            case {"request": "hole", "kind": kind, "size": size, "seed": seed}:
                drawn = draw_hole(kind, size, seed, self.height, self.width)
                self.mask_bytes = mask_to_bytes(drawn)
            case _:
                raise ValueError(f"expected a picture, an upload or a hole, got {content}")

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser changed: the size that it painted on before the mask, which needs it."""
        super().set_state({"painted": self.painted, **sync_data})

    @traitlets.observe("stroke")
    def _acknowledge(self, change: Any) -> None:
        self.received = change.new

    def static_picture(self) -> Tensor:
        """What stands in for the widget: (1, 3, H, W), [-1, 1], the hole coloured."""
        return paint_holes(self._image, self.mask)

    def __repr__(self) -> str:
        return f"Painter({self.height}×{self.width}, hole {hole_fraction(self.mask).item():.1%})"

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(), self.static_picture())


def with_picture(bundle: Any, image: Tensor) -> tuple[dict, dict]:
    """A widget's forms of output with a PNG as one more: what shows where no browser runs."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    longest = max(image.shape[2:])
    if longest > VIEW:
        image = functional.interpolate(image, scale_factor=VIEW / longest, mode="area")
    scale = max(1, STATIC_SIDE // image.shape[2])
    picture = base64.b64encode(png(image, scale=scale)).decode("ascii")
    return {**data, "image/png": picture}, metadata
