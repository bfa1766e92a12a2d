"""Diagrams of networks and losses: boxes on a grid, what flows forward, which gradient flows back.

One call draws one diagram, at twice the screen's resolution, on a white card that reads in light
and dark themes. Chains are written with `>`: `"noise > generator > fakes"` is two arrows.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from types import MappingProxyType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextPath

from inpaintlib.notebook.viz import BLUE, GREEN, PARTS, PURPLE, RED

PENS = {  # green, the discriminator's, is the last that another loss gets
    BLUE: (0, (4, 1.6)),
    RED: (0, (1.6, 1.1)),
    PURPLE: (0, (4, 1.2, 1.2, 1.2, 1.2, 1.2)),
    GREEN: (0, (6, 1.5, 1.5, 1.5)),
}
INK, LANE, HEAD, MARGIN = "#2b3138", 0.18, 0.12, 0.15  # a colour; then inches
WIDEST = 9.8  # inches: a notebook's column shrinks what is wider, and its letters with it
WAYS = ("late", "early", "down", "drop", "over", "under")  # see `show_diagram`
Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Box:
    """A box at a place of the grid; row 0 is the top one, and half rows and columns exist."""

    name: str
    shape: str = ""  # a second line, in smaller letters
    row: float = 0.0
    column: float = 0.0
    kind: str = "data"  # or "network", or "loss"
    height: float = 0.62  # inches


@dataclass
class Arrow:
    """An arrow between two boxes, and the corners of its way."""

    start: str
    end: str
    loss: str = ""  # the loss whose gradient it is; what flows forward has none
    way: str = ""
    points: list[Point] = field(default_factory=list)


def show_diagram(
    boxes: Mapping[str, Box],
    flows: Sequence[str],
    gradients: Mapping[str, Sequence[str]] | None = None,
    *,
    alt: str,
    labels: Mapping[str, str] | None = None,
    gap: Point = (0.65, 0.4),
    ways: Mapping[str, str] | None = None,
) -> None:
    """Show a diagram.

    Args:
        boxes: key to box.
        flows: chains of keys, `"z > G > fakes"`: solid arrows.
        gradients: a loss's key to the chains along which its gradient flows: dashed, coloured.
        alt: the picture in words, for who does not see it.
        labels: an arrow, `"z > G"`, to a short text beside it.
        gap: inches between columns and between rows.
        ways: an arrow to its way, where the first free one is not the best: from side to side, with
            a turn near the end ("late") or the start ("early"); from row to row, with a turn near
            the end ("down") or the start ("drop"); around ("over", "under").

    Raises:
        ValueError: a chain or a way names no box, boxes overlap, an arrow finds no free way, or it
            all is too wide for a notebook.
    """
    if gradients and len(gradients) > len(PENS):
        raise ValueError(f"expected {len(PENS)} losses at most, got {list(gradients)}")
    rectangles, arrows = plan(boxes, flows, gradients or {}, gap, ways or {})
    pens: dict[str, Any] = {"": (INK, "-")} | _pens({key: boxes[key] for key in gradients or {}})
    figure = plt.figure()
    axis = figure.add_axes((0, 0, 1, 1))
    axis.axis("off")
    for key, box in boxes.items():
        _draw_box(axis, box, rectangles[key], pens.get(key, pens[""])[0])
    for arrow in arrows:
        pen = pens[arrow.loss]
        _draw_arrow(axis, arrow.points, *pen)
        if text := (labels or {}).get(f"{arrow.start} > {arrow.end}"):
            _draw_label(axis, arrow.points, text, pen[0], below=bool(arrow.loss))
    corners = [*rectangles.values(), *((x, y, x, y) for arrow in arrows for x, y in arrow.points)]
    left, bottom = (min(corner[side] for corner in corners) - MARGIN for side in (0, 1))
    right, top = (max(corner[side] for corner in corners) + MARGIN for side in (2, 3))
    if gradients:
        names = {"": "flows forward"} | {key: f"gradient: {boxes[key].name}" for key in gradients}
        place = _draw_legend(axis, names, pens, (left, bottom, right, top))
        left, bottom, right, top = place
    if right - left > WIDEST:
        plt.close(figure)
        raise ValueError(f"expected {WIDEST} inches at most, got {right - left:.1f}: use more rows")
    axis.set(xlim=(left, right), ylim=(bottom, top))
    figure.set_size_inches(right - left, top - bottom)
    sharp, small = io.BytesIO(), io.BytesIO()
    figure.savefig(sharp, dpi=200, facecolor="white", bbox_inches=figure.bbox_inches)
    plt.close(figure)
    PIL.Image.open(sharp).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
    display(Image(small.getvalue(), width=round(100 * (right - left)), alt=alt))


def plan(
    boxes: Mapping[str, Box],
    flows: Sequence[str],
    gradients: Mapping[str, Sequence[str]],
    gap: Point,
    ways: Mapping[str, str] = MappingProxyType({}),
) -> tuple[dict[str, Rectangle], list[Arrow]]:
    """Where boxes lie, and the ways of arrows, in inches."""
    rectangles = _places(boxes, gap)
    arrows = []
    for loss, chains in {"": flows, **gradients}.items():
        for start, end in (pair for chain in chains for pair in pairwise(chain.split(" > "))):
            if unknown := {start, end, *gradients} - set(boxes):
                raise ValueError(f"no box is called {sorted(unknown)}; there are {sorted(boxes)}")
            arrows.append(Arrow(start, end, loss))
    if unknown := set(ways) - {f"{arrow.start} > {arrow.end}" for arrow in arrows}:
        raise ValueError(f"no arrow is called {sorted(unknown)}")
    if unknown := set(ways.values()) - set(WAYS):
        raise ValueError(f"no way is called {sorted(unknown)}; there are {WAYS}")
    for arrow in arrows:
        arrow.way = _free_way(arrow, rectangles, gap, ways.get(f"{arrow.start} > {arrow.end}"))
    _assign_ports(arrows, rectangles, gap)
    for arrow in arrows:
        if not _is_free(arrow, arrow.points, rectangles):  # in its lane
            raise ValueError(f"the arrow {arrow.start} > {arrow.end} crosses a box: widen the gap")
    return rectangles, arrows


def _places(boxes: Mapping[str, Box], gap: Point) -> dict[str, Rectangle]:
    """Where boxes lie: columns as wide as their widest text, rows as high as the highest box."""
    high = gap[1] + max(box.height for box in boxes.values())
    wide: dict[float, float] = {}
    for b in boxes.values():
        texts = _width(b.name, 10, _weight(b)), _width(b.shape, 9)
        wide[b.column] = max(wide.get(b.column, 0), *texts)
    wide = {column: width + 0.28 for column, width in sorted(wide.items())}
    whole = [column for column in wide if column == int(column)]  # the others lie between them
    steps = [(wide[a] + wide[b]) / 2 + gap[0] * (b - a) for a, b in pairwise(whole)]
    places = np.cumsum([0.0, *steps])
    rectangles = {}
    for key, b in boxes.items():
        x, y, half = np.interp(b.column, whole, places), -b.row * high, wide[b.column] / 2
        rectangles[key] = (x - half, y - b.height / 2, x + half, y + b.height / 2)
    for (one, a), (other, b) in combinations(rectangles.items(), 2):
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
            raise ValueError(f"boxes {one!r} and {other!r} overlap")
    return rectangles


def _pens(losses: Mapping[str, Box]) -> dict[str, tuple]:
    """A colour and a line for each loss: that of the part whose it is, or one that is left."""
    taken = {key: PARTS.get(box.name.split("'s ")[0], "") for key, box in losses.items()}
    left = (colour for colour in PENS if colour not in taken.values())
    return {key: (c, PENS[c]) for key, c in ((k, t or next(left)) for k, t in taken.items())}


def _free_way(
    arrow: Arrow, rectangles: Mapping[str, Rectangle], gap: Point, wanted: str | None
) -> str:
    """The way that is wanted, or the first that crosses no box: aside, up or down, around."""
    a, b = rectangles[arrow.start], rectangles[arrow.end]
    aside = ("late", "early") if a[2] < b[0] or b[2] < a[0] else ()
    upright = ("down", "drop") if a[1] > b[3] or b[1] > a[3] else ()
    for way in (wanted,) if wanted else (*aside, *upright, "over", "under"):
        if _is_free(arrow, _corners(way, a, b, (0, 0), gap), rectangles):
            return way
    raise ValueError(f"the arrow {arrow.start} > {arrow.end} finds no way that crosses no box")


def _is_free(arrow: Arrow, points: list[Point], rectangles: Mapping[str, Rectangle]) -> bool:
    """Whether a way crosses no box but those at its ends."""
    others = [r for key, r in rectangles.items() if key not in (arrow.start, arrow.end)]
    return not any(
        min(x, u) < right and max(x, u) > left and min(y, v) < top and max(y, v) > bottom
        for (x, y), (u, v) in pairwise(points)
        for left, bottom, right, top in others
    )


def _corners(
    way: str, a: Rectangle, b: Rectangle, lanes: Point, gap: Point, shift: float = 0
) -> list[Point]:
    """The corners of a way from a to b; its ends lie so far from the middles of the sides.

    The part between its corners is shifted, or that of a way around, outwards.
    """
    (ax, ay), (bx, by) = _middle(a), _middle(b)
    start, end = lanes
    if way in ("late", "early"):
        ay, by, forward = ay + start, by + end, 1 if a[2] < b[0] else -1
        x, u = (a[2], b[0]) if forward == 1 else (a[0], b[2])
        turn = u - forward * gap[0] / 2 if way == "late" else x + forward * gap[0] / 2
        turn += shift if (by < ay) == (forward == 1) else -shift
        bends = [(turn, ay), (turn, by)] if abs(ay - by) > 1e-6 else []
        return [(x, ay), *bends, (u, by)]
    ax, bx = ax + start, bx + end
    if way in ("down", "drop"):
        y, v, forward = (a[1], b[3], -1) if ay > by else (a[3], b[1], 1)
        turn = v - forward * gap[1] / 2 if way == "down" else y + forward * gap[1] / 2
        turn += shift if (bx > ax) == (ay > by) else -shift
        bends = [(ax, turn), (bx, turn)] if abs(ax - bx) > 1e-6 else []
        return [(ax, y), *bends, (bx, v)]
    side, outwards = (3, 1) if way == "over" else (1, -1)
    turn = max(outwards * a[side], outwards * b[side]) + gap[1] / 2 + shift
    return [(ax, a[side]), (ax, outwards * turn), (bx, outwards * turn), (bx, b[side])]


def _levels(arrows: Sequence[Arrow], boxes: Mapping[str, Rectangle], gap: Point) -> dict[int, int]:
    """How many lanes out each way around runs: wider ones around the narrower."""
    levels: dict[int, int] = {}
    around: dict[int, tuple] = {}  # left, right, height
    for number, arrow in enumerate(arrows):
        if arrow.way in ("over", "under"):
            points = _corners(arrow.way, boxes[arrow.start], boxes[arrow.end], (0, 0), gap)
            left, right = sorted((points[0][0], points[-1][0]))
            around[number] = left, right, points[1][1]
    for number, (left, right, high) in sorted(
        around.items(), key=lambda p: (p[1][1] - p[1][0], -p[0])
    ):
        inside = (
            levels[other]
            for other, (start, end, height) in around.items()
            if other in levels and start < right and end > left and abs(height - high) < LANE
        )
        levels[number] = 1 + max(inside, default=-1)
    return levels


def _assign_ports(arrows: Sequence[Arrow], boxes: Mapping[str, Rectangle], gap: Point) -> None:
    """Give every end of an arrow a lane of its own on its side of the box; set the corners."""
    levels = _levels(arrows, boxes, gap)
    sides: dict[tuple, list[tuple]] = {}
    for number, arrow in enumerate(arrows):
        for key, other in ((arrow.start, arrow.end), (arrow.end, arrow.start)):
            (x, y), (u, v) = _middle(boxes[key]), _middle(boxes[other])
            upright = arrow.way in ("late", "early")
            side = u > x if upright else {"over": True, "under": False}.get(arrow.way, v > y)
            away = y - v if upright else u - x  # lanes go from top to bottom, from left to right
            far = abs(u - x) if upright else abs(v - y)
            order = (round(away, 6), -far if away > 0 else far, number)  # the near one turns inside
            if number in levels:  # the outer one starts farther from what it goes to
                order = (1, -levels[number], 0) if u > x else (-1, levels[number], 0)
            sides.setdefault((key, upright, side), []).append((order, number, abs(away) < 1e-6))
    for ends in sides.values():
        ends.sort()
    lanes, turns = _lanes(sides, boxes, gap)
    for number, arrow in enumerate(arrows):
        both = [(number, arrow.start), (number, arrow.end)]
        shift = sum(turns[end] for end in both) / 2  # those that turn together keep apart
        if number in levels:
            shift = LANE * levels[number]
        rectangles = boxes[arrow.start], boxes[arrow.end]
        ends = lanes[both[0]], lanes[both[1]]
        arrow.points = _corners(arrow.way, *rectangles, ends, gap, shift)


def _lanes(
    sides: Mapping[tuple, list[tuple]], boxes: Mapping[str, Rectangle], gap: Point
) -> tuple[dict[tuple, float], dict[tuple, float]]:
    """Inches from a side's middle to each end; and from a gap's middle to where its arrow turns.

    Straight arrows have the middle, and their sides equal steps, or they would not be straight.
    """
    lanes, turns, middles, steps, equal = {}, {}, {}, {}, {True: LANE, False: LANE}
    for name, ends in sides.items():
        straight = [place for place, end in enumerate(ends) if end[2]]
        middles[name] = middle = np.mean(straight or range(len(ends)))
        left, bottom, right, top = boxes[name[0]]
        side = top - bottom if name[1] else right - left
        steps[name] = min(LANE, 0.42 * side / max(middle, len(ends) - 1 - middle, 0.5))
        if straight:
            equal[name[1]] = min(equal[name[1]], steps[name])
    for name, ends in sides.items():
        bent = [place for place, end in enumerate(ends) if not end[2]] or [0]
        room = max(0.02, gap[not name[1]] / 2 - 1.2 * HEAD)  # nothing turns in an arrow's head
        step = steps[name] if len(bent) == len(ends) else equal[name[1]]
        for place, (_, number, _) in enumerate(ends):
            sign = -step if name[1] else step
            lanes[number, name[0]] = sign * (place - middles[name])
            part = (place - np.mean(bent)) / max(1, bent[-1] - bent[0])  # -1/2 to 1/2
            turns[number, name[0]] = 2 * part * np.sign(sign) * min(room, 0.05 * (len(bent) - 1))
    return lanes, turns


def _draw_box(axis: Axes, box: Box, place: Rectangle, edge: str) -> None:
    left, bottom, right, top = place
    (x, y), pad = _middle(place), 0.06
    looks: dict[str, dict[str, Any]] = {
        "data": {"facecolor": "white", "edgecolor": "#8b949e", "linewidth": 1.0},
        "network": {"facecolor": "#dfe6ed", "edgecolor": INK, "linewidth": 1.4},
        "loss": {"facecolor": "white", "edgecolor": edge, "linewidth": 1.8},
    }
    round_ = (top - bottom) / 2 - pad if box.kind == "loss" else 0.02
    shape = f"round,pad={pad},rounding_size={round_ + 0.02}"
    inner = (left + pad, bottom + pad), right - left - 2 * pad, top - bottom - 2 * pad
    axis.add_patch(FancyBboxPatch(*inner, boxstyle=shape, **looks[box.kind], zorder=2))
    text: dict[str, Any] = {"ha": "center", "color": INK, "zorder": 3}
    lift = 0.1 if box.shape else 0
    axis.text(x, y + lift, box.name, va="center", fontsize=10, fontweight=_weight(box), **text)
    axis.text(x, y - 0.11, box.shape, va="center", fontsize=9, **text)


def _draw_arrow(axis: Axes, points: list[Point], colour: str, style: Any) -> None:
    (x, y), (u, v) = points[-2:]
    length = ((u - x) ** 2 + (v - y) ** 2) ** 0.5
    dx, dy = HEAD * (u - x) / length, HEAD * (v - y) / length
    xs, ys = zip(*points[:-1], (u - 0.8 * dx, v - 0.8 * dy), strict=True)
    axis.plot(xs, ys, color=colour, linewidth=1.5, linestyle=style, solid_joinstyle="round")
    tip = [(u, v), (u - dx - 0.4 * dy, v - dy + 0.4 * dx), (u - dx + 0.4 * dy, v - dy - 0.4 * dx)]
    axis.fill(*zip(*tip, strict=True), color=colour, linewidth=0)


def _draw_legend(
    axis: Axes, names: Mapping[str, str], pens: Mapping[str, Any], place: Rectangle
) -> Rectangle:
    """What the arrows mean, in lines below a diagram; the place that both take."""
    left, bottom, right, top = place
    x, bottom = left + MARGIN, bottom - 0.3
    for key, name in names.items():
        end = x + 0.54 + _width(name, 9)
        if end > right and x > left + MARGIN:
            x, end, bottom = left + MARGIN, end - x + left + MARGIN, bottom - 0.24
        _draw_arrow(axis, [(x, bottom + 0.2), (x + 0.46, bottom + 0.2)], *pens[key])
        axis.text(x + 0.54, bottom + 0.19, name, va="center", fontsize=9, color=INK)
        x, right = end + 0.3, max(right, end)
    return left, bottom, right, top


def _draw_label(axis: Axes, points: list[Point], text: str, colour: str, *, below: bool) -> None:
    (x, y), (u, v) = max(pairwise(points), key=lambda p: abs(p[0][0] - p[1][0]))
    if x == u:
        axis.text(x + 0.07, (y + v) / 2, text, va="center", fontsize=9, color=colour)
        return
    y, place = (y - 0.05, "top") if below else (y + 0.04, "bottom")
    axis.text((x + u) / 2, y, text, ha="center", va=place, fontsize=9, color=colour)


def _width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a text takes."""
    font = FontProperties(weight=weight)
    return TextPath((0, 0), text or " .", size=size, prop=font).get_extents().width / 72


def _weight(box: Box) -> str:
    """The weight of a box's name."""
    return "bold" if box.kind == "network" else "normal"


def _middle(r: Rectangle) -> Point:
    return (r[0] + r[2]) / 2, (r[1] + r[3]) / 2
