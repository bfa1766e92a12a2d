"""The explorer without a browser: set a value, see what is drawn."""

import ipywidgets
import pytest

from inpaintlib.widgets import explore


def controls(box):
    return {widget.description: widget for widget in box.children[0].children}


def test_each_kind_of_control_draws_with_its_value():
    calls = []
    box = explore(
        lambda **values: calls.append(values),
        family=["square", "brush"],
        seed=range(0, 10),
        size_share=(0.0, 1.0, 0.5),
    )
    assert calls == [{"family": "square", "seed": 0, "size_share": 0.5}]
    made = controls(box)
    assert isinstance(made["family"], ipywidgets.Dropdown)
    made["family"].value = "brush"
    made["seed"].value = 9
    made["size share"].value = 1.0
    assert calls[-1] == {"family": "brush", "seed": 9, "size_share": 1.0}
    assert (made["seed"].min, made["seed"].max) == (0, 9)


def test_an_empty_control_is_refused():
    with pytest.raises(ValueError, match="'family': expected at least one value"):
        explore(print, family=[])
