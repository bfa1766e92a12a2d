"""Controls over a function that draws: the same function a lesson also draws as a static grid."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

Control = Sequence[Any] | range
STYLE = {"description_width": "7em"}


def explore(draw: Callable[..., None], **controls: Control) -> ipywidgets.VBox:
    """Controls above a picture; each change draws anew. An exception of `draw` is shown in place.

    Args:
        draw: called with one keyword a control; shows a figure and returns nothing.
        controls: name to its values. A `range` becomes a slider over whole numbers, three floats
            (low, high, step) a slider over numbers, any other sequence a drop-down list. Every
            control starts at its first value, a float slider in its middle.

    Returns:
        The widget; end a cell with it.

    Raises:
        ValueError: a control has no values.
    """
    widgets = {name: _control(name, values) for name, values in controls.items()}
    picture = ipywidgets.interactive_output(draw, widgets)
    row = ipywidgets.Layout(flex_flow="row wrap")
    return ipywidgets.VBox([ipywidgets.HBox(list(widgets.values()), layout=row), picture])


def _control(name: str, values: Control) -> ipywidgets.Widget:
    label = name.replace("_", " ")
    common = {"description": label, "style": STYLE, "layout": ipywidgets.Layout(width="21em")}
    if len(values) == 0:
        raise ValueError(f"control {name!r}: expected at least one value")
    if isinstance(values, range):
        low, high = values[0], values[-1]
        return ipywidgets.IntSlider(
            value=low, min=low, max=high, step=values.step, continuous_update=False, **common
        )
    if len(values) == 3 and all(isinstance(value, float) for value in values):
        low, high, step = values
        return ipywidgets.FloatSlider(
            value=(low + high) / 2,
            min=low,
            max=high,
            step=step,
            continuous_update=False,
            **common,
        )
    return ipywidgets.Dropdown(options=list(values), **common)
