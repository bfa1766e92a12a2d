"""Pictures of pictures: grids, labelled rows, error maps, curves. Diagrams are next door.

Every `show_…` draws one figure and shows it; it returns nothing, so a cell ends with it quietly. A
width is the figure's, in inches. Colours are Okabe and Ito's, which colour-blind readers can tell
apart; maps use perceptually uniform colour scales.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from inpaintlib.images import check_image, to_unit

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
RED, PURPLE, SKY = "#d55e00", "#cc79a7", "#56b4e9"
SIGNS = "osD^vP"
PARTS = {"discriminator": GREEN, "generator": RED, "reconstruction": BLUE, "on new faces": PURPLE}
TEXT, GAP = 0.26, 0.05  # inches for a line of text, and between pictures


def use_style() -> None:
    """The course's look: white card, thin axes, readable at a lecture hall's last row."""
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.titleweight": "normal",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.prop_cycle": plt.cycler(color=[BLUE, RED, GREEN, ORANGE, PURPLE, SKY]),
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.interpolation": "nearest",
            "savefig.bbox": "tight",
        }
    )


def as_picture(image: Tensor) -> np.ndarray:
    """One image (C, H, W), [-1, 1], as an array for imshow: (H, W, 3) or (H, W), [0, 1]."""
    array = to_unit(image.detach().float().cpu()).permute(1, 2, 0).numpy()
    return array[..., 0] if array.shape[-1] == 1 else array


def show_images(
    images: Tensor,
    *,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    width: float = 8.0,
    heading: str = "",
) -> None:
    """Show a batch as a grid.

    Args:
        images: (B, C, H, W), [-1, 1].
        titles: one per picture, above it.
        columns: pictures a row.
    """
    check_image(images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    heights = [(width / columns) * images.shape[2] / images.shape[3]] * rows
    above = [TEXT if titles else 0.0] * rows
    figure, axes = _grid(columns, heights, width=width, above=above)
    for number, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        _draw(axis, as_picture(image), title=titles[number] if titles else "")
    _head(figure, heading, titles)
    plt.show()


def show_rows(
    rows: Mapping[str, Tensor],
    *,
    titles: Sequence[str] | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
    width: float = 8.0,
    label_width: float = 1.1,
    heading: str = "",
) -> None:
    """Show labelled rows of pictures, one column per sample: truth, observed, fills, errors.

    Args:
        rows: label to (B, C, H, W) images in [-1, 1], all of one batch size.
        titles: one a column, above the first row.
        notes: label to one short text a picture, written below it: numbers, mostly.
        label_width: inches kept for the labels at the left.
        heading: what the figure shows, as one sentence above it.
    """
    counts = {label: len(images) for label, images in rows.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"expected rows of one length, got {counts}")
    columns = next(iter(counts.values()))
    notes = notes or {}
    cell = (width - label_width) / columns
    heights = [cell * images.shape[2] / images.shape[3] for images in rows.values()]
    above = [TEXT if titles else 0.0] + [0.0] * (len(rows) - 1)
    below = [TEXT if label in notes else 0.0 for label in rows]
    figure, axes = _grid(columns, heights, width=width, left=label_width, above=above, below=below)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)
        for axis, image in zip(line, images, strict=True):
            _draw(axis, as_picture(image))
        for axis, note in zip(line, notes.get(label, ()), strict=False):
            axis.set_xlabel(note, labelpad=3, fontsize=9)
    for axis, title in zip(axes[0], titles or (), strict=False):
        axis.set_title(title, pad=4)
    _head(figure, heading, titles)
    plt.show()


def error_map(prediction: Tensor, image: Tensor, *, largest: float = 0.5) -> Tensor:
    """Absolute error as a colour picture (B, 3, H, W), [-1, 1], for a row of `show_rows`.

    Black where equal, through purple and orange to pale yellow at `largest`, on the [0, 1] scale.
    """
    check_image(image)
    error = (to_unit(prediction) - to_unit(image)).abs().mean(dim=1) / largest
    colours = plt.get_cmap("inferno")(error.clamp(0, 1).cpu().numpy())[..., :3]
    return torch.from_numpy(colours).float().permute(0, 3, 1, 2) * 2 - 1


def show_curves(
    curves: Mapping[str, Sequence[float]],
    *,
    xlabel: str = "step",
    ylabel: str = "loss",
    x: Sequence[float] | None = None,
    levels: Mapping[str, float] | None = None,
    smooth: int = 1,
    shaded: tuple[float, float, str] | None = None,
    legend: str = "inside",
    heading: str = "",
    width: float = 7.0,
    height: float = 2.8,
) -> None:
    """Show curves over a common axis.

    Args:
        curves: name to values, NaN where there is none.
        x: where the values belong; their index if missing.
            Values that stand alone, between NaNs, are dots, joined and never averaged.
        levels: name to a height at which a thin dashed line is drawn, with the name beside it; in
            the colour of the curve with whose name its own begins.
        smooth: over how many values each is averaged, itself in the middle; the raw curve stays
            visible, pale.
        shaded: from where to where the background is grey, and what that part is called.
        legend: "inside" the axes, or "beside" them where it would cover a curve.
        heading: what the figure shows, as one sentence above it.
    """
    _figure, axis = plt.subplots(figsize=(width, height))
    colours = {name: PARTS.get(name, f"C{number}") for number, name in enumerate(curves)}
    for name, colour in colours.items():
        places = np.arange(len(curves[name])) if x is None else np.asarray(x)
        raw = np.asarray(curves[name], dtype=float)
        known = ~np.isnan(raw)
        beside = np.pad(known, 1)
        if (known & ~beside[:-2] & ~beside[2:]).any():
            axis.plot(places[known], raw[known], "o-", color=colour, markersize=5, label=name)
            continue
        if smooth > 1:
            axis.plot(places, raw, color=colour, alpha=0.18, linewidth=0.8)
        axis.plot(places, _moving_average(raw, smooth), color=colour, label=name)
    for name, level in (levels or {}).items():
        colour = next((colours[curve] for curve in curves if name.startswith(curve)), "0.35")
        axis.axhline(level, color=colour, linestyle="--", linewidth=1)
        right = axis.get_yaxis_transform()
        axis.text(1.01, level, textwrap.fill(name, 14), transform=right, va="center", color=colour)
    if smooth > 1:
        xlabel += f"  (bold: mean of {smooth}; pale: each)"
    if shaded is not None:
        axis.axvspan(*shaded[:2], color="0.91", linewidth=0, label=shaded[2], zorder=0)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set_title(heading, loc="left", fontsize=11)
    if len(curves) > 1 and legend == "beside":
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    elif len(curves) > 1:
        axis.legend()
    plt.show()


def show_points(
    points: Mapping[str, tuple[float, float]],
    *,
    xlabel: str,
    ylabel: str,
    aims: tuple[str, str] = ("", ""),
    heading: str = "",
    width: float = 6.5,
    height: float = 4.4,
) -> None:
    """Show named points in a plane, the name beside each: left of it where a point is at the right.

    Args:
        points: name to (x, y).
        aims: what to write at the right end of the x axis and at the top of the y axis, such as
            "sharper →".
        heading: what the figure shows, as one sentence above it.
    """
    _figure, axis = plt.subplots(figsize=(width, height))
    wide, high = np.ptp(np.array(list(points.values())), axis=0)
    for name, (x, y) in points.items():
        axis.plot(x, y, "o", color=BLUE, markersize=7)
        others = [place for place in points.values() if place != (x, y)]
        crowded = any(0 <= u - x < 0.3 * wide and abs(v - y) < 0.04 * high for u, v in others)
        place, align = ((-7, 0), "right") if crowded else ((7, 0), "left")
        looks: dict[str, Any] = {"ha": align, "va": "center", "fontsize": 9.5}
        axis.annotate(name, (x, y), place, textcoords="offset points", **looks)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    small: dict[str, Any] = {"transform": axis.transAxes, "color": "0.4", "fontsize": 9}
    axis.text(1.0, 0.02, aims[0], ha="right", va="bottom", **small)
    axis.text(0.01, 1.0, aims[1], ha="left", va="top", **small)
    axis.set_title(heading, loc="left", fontsize=11)
    axis.margins(x=0.18, y=0.15)
    plt.show()


def show_map(
    values: Tensor,
    *,
    label: str,
    beside: Tensor | None = None,
    titles: Sequence[str] = ("", ""),
    heading: str = "",
) -> None:
    """Show numbers over the picture plane as colours, with a bar that says what a colour means.

    Args:
        values: (H, W), on the scale of `label`; nan stays grey.
        beside: (C, H, W), [-1, 1], drawn to the left: the picture that the map belongs to.
        titles: of the picture and of the map.
        heading: what the figure shows, as one sentence above it.
    """
    columns = 1 if beside is None else 2
    figure, axes = plt.subplots(1, columns, figsize=(3.4 * columns + 0.6, 3.2), squeeze=False)
    if beside is not None:
        _draw(axes[0, 0], as_picture(beside), title=titles[0])
    axis = axes[0, -1]
    axis.set_facecolor("0.8")
    drawn = axis.imshow(values.detach().cpu().numpy(), cmap="inferno", vmin=0)
    axis.set_title(titles[-1], pad=4)
    figure.colorbar(drawn, ax=axes[0, :].tolist(), label=label, shrink=0.9, pad=0.02)
    for one in axes[0]:
        one.set(xticks=[], yticks=[])
        one.spines[:].set_visible(False)
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes[0, 0].annotate(heading, (0, 1), (0, 24), fontsize=11, **above)
    plt.show()


def outlined(
    image: Tensor, boxes: Mapping[str, tuple[int, int, int, int]], *, thickness: int = 1
) -> Tensor:
    """A copy of pictures with frames around places.

    Args:
        image: (B, C, H, W), [-1, 1]; grey ones become (B, 3, H, W).
        boxes: colour, such as `BLUE`, to (top, left, height, width); the frame lies just outside.
    """
    check_image(image)
    framed = image.expand(-1, 3, -1, -1).clone()
    for colour, (top, left, height, width) in boxes.items():
        code = [int(colour[place : place + 2], 16) / 127.5 - 1 for place in (1, 3, 5)]
        pen = torch.zeros(image.shape[2:], dtype=torch.bool)
        outer = slice(max(top - thickness, 0), top + height + thickness)
        pen[outer, max(left - thickness, 0) : left + width + thickness] = True
        pen[top : top + height, left : left + width] = False
        framed[..., pen] = torch.tensor(code).to(image)[:, None]
    return framed


def show_bars(
    values: Mapping[str, float],
    *,
    ylabel: str,
    errors: Mapping[str, float] | None = None,
    level: tuple[str, float] | None = None,
    heading: str = "",
    width: float = 8.0,
    height: float = 2.6,
) -> None:
    """Show one bar per name, its value on top, with an optional spread, level and heading."""
    _figure, axis = plt.subplots(figsize=(width, height))
    spread = None if errors is None else [errors[name] for name in values]
    bars = axis.bar(
        list(values), list(values.values()), color=BLUE, yerr=spread, capsize=3, width=0.6
    )
    axis.bar_label(bars, fmt=lambda value: f"{value:#.3g}".rstrip("."), padding=2)
    if level is not None:
        axis.axhline(level[1], color="0.45", linestyle="--", linewidth=1, label=level[0])
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    axis.set(ylabel=ylabel)
    axis.set_title(heading, loc="left", fontsize=11)
    axis.tick_params(axis="x", labelsize=9)
    axis.margins(y=0.15)
    plt.show()


def show_intervals(
    summaries: Mapping[str, Mapping[str, float | None]],
    *,
    xlabel: str,
    level: tuple[str, float] | None = None,
    heading: str = "",
) -> None:
    """Show one dot and one interval a name, under each other, the first on top.

    Args:
        summaries: name to "mean", "low" and "high"; names without a mean are left out.
        level: name and place of a thin dashed line, such as a rival's mean.
        heading: what the figure shows, as one sentence above it.
    """
    rows = {name: row for name, row in summaries.items() if row["mean"] is not None}
    _figure, axis = plt.subplots(figsize=(7.0, 0.6 + 0.28 * len(rows)))
    places = np.arange(len(rows))
    low, mean, high = np.array(
        [[row[part] for row in rows.values()] for part in ("low", "mean", "high")], dtype=float
    )
    axis.hlines(places, low, high, color=BLUE, linewidth=2.5, alpha=0.45)
    axis.plot(mean, places, "o", color=BLUE)
    if level is not None:
        axis.axvline(level[1], color="0.45", linestyle="--", linewidth=1, label=level[0])
        axis.legend(loc="best")
    axis.set(xlabel=xlabel, yticks=places, yticklabels=list(rows))
    axis.set_title(heading, loc="left", fontsize=11)
    axis.set_ylim(len(rows) - 0.5, -0.5)  # the first one on top
    axis.tick_params(axis="y", length=0)
    plt.show()


def show_dots(
    groups: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    ylabel: str,
    level: tuple[str, float] | None = None,
    heading: str = "",
    width: float = 7.0,
    height: float = 2.8,
) -> None:
    """Show every value as a dot, such as one per seed, and each mean as a line.

    Args:
        groups: name, which has a colour and a sign of its own, to a label on the horizontal axis
            to its values. All have the same labels, and stand side by side there.
        level: name and height of a thin dashed line.
        heading: what the figure shows, as one sentence above it.
    """
    _figure, axis = plt.subplots(figsize=(width, height))
    labels = list(next(iter(groups.values())))
    for number, (name, values) in enumerate(groups.items()):
        aside = 0.22 * (number - (len(groups) - 1) / 2)
        for place, label in enumerate(labels):
            dots, x = np.asarray(values[label], dtype=float), place + aside
            look: dict[str, Any] = {
                "color": f"C{number}",
                "alpha": 0.75,
                "label": None if place else name,
            }
            axis.plot(np.full(len(dots), x), dots, SIGNS[number], markersize=6, **look)
            axis.hlines(dots.mean(), x - 0.09, x + 0.09, color=f"C{number}")
    if level is not None:
        axis.axhline(level[1], color="0.45", linestyle="--", linewidth=1, label=level[0], zorder=0)
    axis.set(ylabel=ylabel, xticks=range(len(labels)), xticklabels=labels)
    axis.set_title(heading, loc="left", fontsize=11)
    axis.set_xlim(-0.5, len(labels) - 0.5)
    axis.margins(y=0.12)
    if len(groups) > 1:
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()


def show_planes(
    groups: Mapping[str, Mapping[str, Sequence[float]]],
    pairs: Sequence[tuple[str, str]],
    *,
    heading: str = "",
    width: float = 8.0,
    height: float = 3.0,
) -> None:
    """Show two measures of the same things against each other, a plane for each pair.

    Args:
        groups: name, which has a colour and a sign of its own, to a measure to its values, such as
            one per seed: a dot each.
        pairs: the measures on the horizontal and the vertical axis of each plane.
        heading: what the figure shows, as one sentence above it.
    """
    figure, axes = plt.subplots(1, len(pairs), figsize=(width, height), squeeze=False)
    for axis, (across, up) in zip(axes[0], pairs, strict=True):
        for number, (name, values) in enumerate(groups.items()):
            look: dict[str, Any] = {
                "color": f"C{number}",
                "alpha": 0.85,
                "markersize": 7,
                "linestyle": "",
            }
            axis.plot(values[across], values[up], SIGNS[number], label=name, **look)
        axis.set(xlabel=across, ylabel=up)
        axis.margins(0.12)
    axes[0][0].set_title(heading, loc="left", fontsize=11)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(1, 0.55))
    plt.show()


def _moving_average(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of `length` values around each place, fewer at the ends and at gaps; NaN in gaps."""
    known = ~np.isnan(values)
    sums, counts = (
        np.convolve(part, np.ones(length))[(length - 1) // 2 :][: len(values)]
        for part in (np.where(known, values, 0.0), known.astype(float))
    )
    return np.where(known, sums / np.maximum(counts, 1), np.nan)


def _head(figure: plt.Figure, heading: str, titles: Sequence[str] | None) -> None:
    """Write a sentence above a figure, and above its pictures' titles of one or more lines."""
    room = 0.08 + 0.17 * max((title.count("\n") for title in titles or ()), default=0)
    if heading:
        figure.text(0, 1 + room / figure.get_figheight(), heading, fontsize=11)


def _grid(
    columns: int,
    heights: Sequence[float],
    *,
    width: float,
    left: float = 0.0,
    above: Sequence[float],
    below: Sequence[float] | None = None,
) -> tuple[plt.Figure, np.ndarray]:
    """Bare axes in rows of the given heights, with room left, above and below; all in inches."""
    below = below or [0.0] * len(heights)
    total = sum(heights) + sum(above) + sum(below) + GAP * (len(heights) - 1)
    figure = plt.figure(figsize=(width, total))
    axes = np.empty((len(heights), columns), dtype=object)
    cell, top = (width - left) / columns, total
    for row, height in enumerate(heights):
        bottom = top - above[row] - height
        for column in range(columns):
            x = left + column * cell
            place = (x / width, bottom / total, (cell - GAP) / width, height / total)
            axis = axes[row, column] = figure.add_axes(place, xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        top = bottom - below[row] - GAP
    return figure, axes


def _draw(axis: Axes, picture: np.ndarray, *, title: str = "") -> None:
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, pad=4)
