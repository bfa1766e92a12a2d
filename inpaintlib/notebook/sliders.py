"""Controls over a function that draws: the same function a lesson also draws as a static grid."""

import base64
import html
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from IPython.utils.capture import capture_output

Control = Sequence[Any] | range
STYLE = {"description_width": "7em"}


def explore(draw: Callable[..., None], **controls: Control) -> ipywidgets.VBox:
    """Controls above a picture; each change draws anew. An exception of `draw` is shown in place.

    The picture is an image widget, not an output widget: programs that run notebooks without a
    browser now and then wait for ever on an output widget (nbclient, issue 312).

    Args:
        draw: called with one keyword a control; shows one figure, may print, returns nothing.
        controls: name to its values. A `range` becomes a slider over whole numbers, three floats
            (low, high, step) a slider over numbers, any other sequence a drop-down list. Every
            control starts at its first value, a float slider in its middle.
    """
    widgets = {name: _control(name, values) for name, values in controls.items()}
    picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%"))
    text = ipywidgets.HTML()

    def update(_change: object = None) -> None:
        message = ""
        with capture_output() as captured:
            try:
                draw(**{name: widget.value for name, widget in widgets.items()})
            except Exception:  # shown to the reader, who may have edited `draw`
                message = traceback.format_exc(limit=-1)
        pictures = [png for shown in captured.outputs if (png := _png(shown.data))]
        if pictures:
            picture.value = pictures[-1]
        text.value = f"<pre>{html.escape(captured.stdout + message)}</pre>"

    for widget in widgets.values():
        widget.observe(update, names="value")
    update()
    row = ipywidgets.Layout(flex_flow="row wrap")
    return ipywidgets.VBox([ipywidgets.HBox(list(widgets.values()), layout=row), picture, text])


def _png(data: dict[str, Any] | None) -> bytes | None:
    """The PNG among an output's forms, which holds it as bytes or as base64 text."""
    png = (data or {}).get("image/png")
    return base64.b64decode(png) if isinstance(png, str) else png


def _control(name: str, values: Control) -> ipywidgets.ValueWidget:
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
            value=(low + high) / 2, min=low, max=high, step=step, continuous_update=False, **common
        )
    return ipywidgets.Dropdown(options=list(values), **common)
