"""The attention viewer in a real JupyterLab, with mouse and keyboard."""

import pytest
from conftest import EXECUTE, notebook_page


@pytest.fixture
def page(browser, lab):
    with notebook_page(browser, lab.replace("studio.ipynb", "attention.ipynb")) as page:
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function("document.querySelector('.ip-attention img')?.naturalWidth > 0")
        yield page


def note(page, beginning):
    page.locator(".ip-note", has_text=beginning).wait_for()
    return page.inner_text(".ip-note")


def test_hover_keys_click_maps_and_errors(page):
    stage = page.locator(".ip-attention .ip-stage")
    stage.scroll_into_view_if_needed()
    side = stage.bounding_box()["width"]
    stage.hover(position={"x": 0.3 * side, "y": 0.9 * side})
    note(page, "row 8, column 3")
    assert page.evaluate(EXECUTE, "print(viewer.row, viewer.column)").strip() == "7 2"
    stage.click(position={"x": 0.8 * side, "y": 0.1 * side})
    stage.hover(position={"x": 0.5 * side, "y": 0.5 * side})
    note(page, "row 1, column 7")  # the click keeps it
    stage.focus()
    stage.press("ArrowDown")
    near = note(page, "row 2, column 7")
    page.select_option(".ip-choice", "everywhere")
    page.wait_for_function(f"document.querySelector('.ip-note').textContent !== {near!r}")
    page.evaluate(EXECUTE, "viewer.row = 99")
    page.locator(".ip-attention .ip-message", has_text="expected a place").wait_for()
    assert page.errors == []
