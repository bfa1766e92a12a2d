"""What a reader can play with; the only users of ipywidgets and anywidget."""

from inpaintlib.widgets.sliders import explore

__all__ = ["explore"]
