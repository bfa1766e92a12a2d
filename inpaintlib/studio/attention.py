"""The attention viewer: point at a place of a picture and see where a network looks from there."""

from collections.abc import Mapping
from typing import Any

import anywidget
import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from inpaintlib.images import HOLE_MARKER, check_image, composite
from inpaintlib.masks import dilate
from inpaintlib.notebook.viz import error_map
from inpaintlib.studio.holes import as_mask, png
from inpaintlib.studio.painter import STATIC_SIDE, bytes_trait, shown, sources_of, with_picture

DIM = 0.45  # of the picture's light where nothing looks
COVER = 0.85  # of the glow over the picture, where most looks


class AttentionViewer(anywidget.AnyWidget):
    """Hover over a picture, or click, or use the arrow keys: the places looked at light up.

    The picture must be the one whose tokens the weights belong to; every map may have a grid of its
    own. Where no browser is (nbconvert, GitHub) the picture of the first place stands in.

    Example:
        >>> viewer = AttentionViewer(torch.zeros(1, 3, 16, 16), {"itself": torch.eye(16)})
        >>> viewer.row, viewer.column, viewer.note
        (2, 2, 'row 3, column 3: half of the weight on 1 of 16 places, 0 % in the hole')
    """

    _esm = sources_of("view.js", "attention.js")
    _css = sources_of("look.css", "attention.css")
    picture = bytes_trait()
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)  # the maps' names
    choice = traitlets.Unicode().tag(sync=True)
    row = traitlets.Int().tag(sync=True)  # the place looked from, in cells of the map's grid
    column = traitlets.Int().tag(sync=True)
    rows = traitlets.Int().tag(sync=True)  # of that grid
    columns = traitlets.Int().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)  # what the map says there, in words
    message = traitlets.Unicode().tag(sync=True)  # what went wrong last, shown in the widget

    def __init__(
        self,
        image: Tensor,
        maps: Mapping[str, Tensor],
        mask: Tensor | None = None,
        *,
        place: tuple[int, int] | None = None,
    ) -> None:
        """A viewer of one picture.

        Args:
            image: (1, C, H, W), [-1, 1].
            maps: name to weights (N, N); row i, row-major, is where place i looks.
            mask: (1, 1, H, W), {0, 1}: its outline is drawn.
            place: (row, column) to begin with; the middle if None.
        """
        check_image(image)
        if len(image) != 1 or not maps:
            raise ValueError(f"expected one image and a map, got {len(image)} and {len(maps)}")
        self._image = image.detach().float().cpu()
        self._mask = torch.zeros_like(self._image[:, :1]) if mask is None else as_mask(mask)
        self._maps = {name: weights.detach().float().cpu() for name, weights in maps.items()}
        self._grids = {name: grid_of(w, self._image) for name, w in self._maps.items()}
        first = next(iter(maps))
        rows, columns = self._grids[first]
        row, column = place or (rows // 2, columns // 2)
        super().__init__(choices=list(maps), choice=first, row=row, column=column)
        self._show()
        if self.message:
            raise ValueError(self.message)
        self.observe(self._show, ["choice", "row", "column"])

    @shown
    def _show(self, _change: object = None) -> None:
        """Draw what is chosen; a place outside a smaller grid is refused."""
        if self.choice not in self._maps:
            raise ValueError(f"no map {self.choice!r}: expected one of {', '.join(self._maps)}")
        weights, (rows, columns) = self._maps[self.choice], self._grids[self.choice]
        place = self.row, self.column
        if (self.rows, self.columns) not in ((0, 0), (rows, columns)):  # the same point, other grid
            place = self.row * rows // self.rows, self.column * columns // self.columns
        drawn = attention_over(self._image, weights, place, mask=self._mask)
        with self.hold_trait_notifications():
            self.rows, self.columns = rows, columns
            self.row, self.column = place
            self.picture = png(drawn)
            self.note = in_words(self._image, weights, place, self._mask)
        self._drawn = drawn

    def __repr__(self) -> str:
        return f"AttentionViewer({', '.join(self._maps)})"

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(), self._drawn)


def grid_of(weights: Tensor, image: Tensor) -> tuple[int, int]:
    """Rows and columns of the places of (N, N) weights over a picture; ValueError if none fit."""
    height, width = image.shape[2:]
    cell = (height * width / max(len(weights), 1)) ** 0.5
    rows, columns = round(height / cell), round(width / cell)
    if weights.shape != (rows * columns, rows * columns) or height % rows or width % columns:
        raise ValueError(
            f"weights of shape {tuple(weights.shape)} do not fit a picture of {height}×{width}: "
            "expected (N, N), one place for each square cell"
        )
    return rows, columns


def attention_over(
    image: Tensor, weights: Tensor, place: tuple[int, int], *, mask: Tensor | None = None
) -> Tensor:
    """One row of an attention map as light on the picture; the place looked from is framed.

    Args:
        image: (1, C, H, W), [-1, 1].
        weights: (N, N), at least 0; scaled so that the strongest of the row is brightest.
        place: (row, column) in cells.
        mask: (1, 1, H, W), {0, 1}: the hole's outline is drawn.

    Returns:
        (1, 3, H·s, W·s), [-1, 1], enlarged by a whole s so that lines are thin.
    """
    rows, columns = grid_of(weights, image)
    row, column = place
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"expected a place within {rows}×{columns} cells, got {place}")
    scale = max(1, STATIC_SIDE // image.shape[2])
    light = F.interpolate((image.expand(-1, 3, -1, -1) + 1) / 2, scale_factor=scale)
    size = light.shape[2:]
    heat = weights[row * columns + column].view(1, 1, rows, columns)
    heat = F.interpolate(heat / heat.max().clamp(min=1e-12), size)
    glow = error_map(2 * heat - 1, -torch.ones_like(heat), largest=1.0)
    share = COVER * heat.sqrt()
    shown = share * glow + (1 - share) * (2 * DIM * light.mean(1, keepdim=True) - 1)
    if mask is not None:
        large = F.interpolate(mask, size)
        shown = _paint(shown, dilate(large, 2) - large, HOLE_MARKER)
    frame = torch.zeros(1, 1, rows, columns)
    frame[..., row, column] = 1
    frame = F.interpolate(frame, size)
    shown = _paint(shown, dilate(frame, 8) - frame, (0.0, 0.0, 0.0))
    return _paint(shown, dilate(frame, 5) - frame, (0.34, 0.9, 1.0))


def _paint(image: Tensor, where: Tensor, colour: tuple[float, float, float]) -> Tensor:
    return composite(2 * torch.tensor(colour).view(1, 3, 1, 1).expand_as(image) - 1, image, where)


def in_words(image: Tensor, weights: Tensor, place: tuple[int, int], mask: Tensor) -> str:
    """What a row of the map says: how few places hold half of its weight, how much is hidden."""
    rows, columns = grid_of(weights, image)
    looks = weights[place[0] * columns + place[1]]
    strongest = looks.sort(descending=True).values.cumsum(0)
    few = int((strongest < strongest[-1] / 2).sum()) + 1
    hidden = F.adaptive_avg_pool2d(mask, (rows, columns)).flatten()
    share = float((looks * hidden).sum() / looks.sum().clamp(min=1e-12))
    return (
        f"row {place[0] + 1}, column {place[1] + 1}: half of the weight on {few} of "
        f"{len(looks)} places, {share:.0%} in the hole".replace("%", " %")
    )
