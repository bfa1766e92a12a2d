"""The explorer without a browser: set a value, see what is drawn."""

import sys

import ipywidgets
import pytest

from inpaintlib.notebook.sliders import explore

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8ffff3f0300080002fe3b2b0d0e0000000049454e44ae426082"
)


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


def test_prints_and_exceptions_are_shown_in_place_and_the_next_change_recovers():
    def draw(number):
        sys.stdout.write(f"<{number}>\n")
        if number == 2:
            raise ValueError("no number two")

    box = explore(draw, number=range(1, 4))
    text = box.children[2]
    assert text.value == "<pre>&lt;1&gt;\n</pre>"
    controls(box)["number"].value = 2
    assert "ValueError: no number two" in text.value
    controls(box)["number"].value = 3
    assert text.value == "<pre>&lt;3&gt;\n</pre>"


def test_the_picture_is_the_figure_that_a_kernel_displays():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import Image, display

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        box = explore(lambda place: display(Image(data=PNG)), place=[1])
        assert box.children[1].value == PNG
    finally:
        shell.history_manager.end_session()
        InteractiveShell.clear_instance()


def test_an_empty_control_is_refused():
    with pytest.raises(ValueError, match="'family': expected at least one value"):
        explore(print, family=[])
