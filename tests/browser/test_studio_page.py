"""The studio in a real JupyterLab and through Voilà, with mouse and keyboard."""

import base64
import io
import json

import numpy as np
import pytest
from painting import BOX, SIDE, clear, drag, polygon, same, stroke, tool, touch
from PIL import Image

ZIGZAG = [(20, 20), (60, 35), (25, 70), (100, 90), (104, 30)]


@pytest.fixture
def mask(studio, kernel):
    """Reads the mask in the kernel, once every stroke has arrived there."""
    painter = "document.querySelector('.ip-painter').dataset"

    def read():
        studio.wait_for_function(f"{painter}.sent === {painter}.received")
        code = "import base64; print(base64.b64encode(studio.painter.mask_bytes).decode())"
        content = base64.b64decode(kernel(code))
        return np.frombuffer(content, np.uint8).reshape(SIDE, SIDE) == 1

    return read


@pytest.fixture(autouse=True)
def fresh(request):
    """Every test begins with an empty mask and the brush."""
    if "studio" in request.fixturenames:
        page = request.getfixturevalue("studio")
        clear(page)
        tool(page, "brush")


def result(page):
    """The right picture's file."""
    script = "fetch(document.querySelector('.ip-under').src).then((answer) => answer.text())"
    return page.evaluate(script)


def shown_share(page):
    return float(page.inner_text(".ip-hole strong").rstrip(" %")) / 100


def test_a_stroke_reaches_the_kernel_to_the_pixel(studio, mask):
    path = drag(studio, ZIGZAG)
    drawn = mask()
    assert same(drawn, *stroke(path, 13))
    assert shown_share(studio) == pytest.approx(drawn.mean(), abs=0.0006)


def test_brush_size_eraser_undo_and_redo(studio, mask):
    studio.click(".ip-stage", position={"x": 5, "y": 5})
    studio.keyboard.press("]")
    studio.mouse.wheel(0, 100)  # one less again
    for _ in range(5):
        studio.keyboard.press("[")
    clear(studio)
    path = drag(studio, ZIGZAG)
    first = mask()
    assert same(first, *stroke(path, 8))
    tool(studio, "eraser")
    rubbed, edge = stroke(drag(studio, [(10, 30), (110, 60)]), 8)
    second = mask()
    assert same(second, first & ~rubbed, edge)
    tool(studio, "undo")
    assert (mask() == first).all()
    studio.keyboard.press("Control+Shift+Z")  # the button has the focus, not the canvas
    assert (mask() == second).all()
    studio.locator(".ip-painter .ip-number").focus()
    studio.keyboard.press("Control+z")  # of the field
    assert (mask() == second).all()
    studio.locator(".ip-stage").focus()
    studio.keyboard.press("Control+z")
    assert (mask() == first).all()
    studio.keyboard.press("Control+y")
    assert (mask() == second).all()
    for _ in range(5):
        studio.keyboard.press("]")


def test_rectangle_and_lasso(studio, mask):
    tool(studio, "rectangle")
    (ax, ay), (bx, by) = drag(studio, [(90, 40), (30, 20)])
    expected = np.zeros((SIDE, SIDE), bool)
    expected[int(by) : int(ay) + 1, int(bx) : int(ax) + 1] = True
    assert (mask() == expected).all()
    tool(studio, "lasso")
    inside = polygon(drag(studio, [(64, 60), (100, 120), (20, 80), (110, 75), (30, 115)]))
    difference = mask() != (expected | inside)
    assert difference.sum() <= 2  # even-odd here, non-zero there: the same but for shared corners


def test_everything_with_the_keyboard_alone(studio, mask):
    studio.locator(".ip-stage").focus()
    for key in ("r", "ArrowRight", " ", *["ArrowDown"] * 9, *["Shift+ArrowRight"] * 2, " "):
        studio.keyboard.press(key)
    rows, columns = np.nonzero(mask())
    assert (np.ptp(rows), np.ptp(columns)) == (9, 16)
    assert mask().sum() == 10 * 17
    studio.keyboard.press("Delete")
    assert mask().sum() == 0
    for key in ("r", " ", "ArrowDown"):
        studio.keyboard.press(key)
    studio.locator(".ip-source").focus()  # the stroke ends where the keyboard leaves it
    assert mask().sum() == 2


def test_zoomed_in_the_stroke_lands_under_the_pointer(studio, mask):
    tool(studio, "in")
    tool(studio, "in")
    path = drag(studio, [(50, 50), (70, 60)])
    assert same(mask(), *stroke(path, 13))
    studio.locator(".ip-stage").focus()
    studio.keyboard.press("0")


def test_a_finger_paints_and_two_fingers_zoom(studio, mask):
    path = touch(studio, ZIGZAG)
    drawn = mask()
    assert same(drawn, *stroke(path, 13))
    side = studio.evaluate(BOX)[2]
    touch(studio, [(60, 60), (40, 60)], [(70, 60), (90, 60)])
    assert studio.evaluate(BOX)[2] > 1.5 * side
    assert (mask() == drawn).all()
    studio.locator(".ip-stage").focus()
    studio.keyboard.press("0")


def test_a_new_stroke_and_a_new_method_each_give_a_new_picture(studio, kernel, mask):
    drag(studio, ZIGZAG)
    drawn = mask()
    studio.select_option(".ip-right", "Telea")
    studio.wait_for_function("document.querySelector('.ip-name-right').textContent === 'Telea'")
    studio.wait_for_function("document.querySelector('.ip-working').hidden")
    expected = "import io, PIL.Image, json, numpy as np; p = studio.answers[-1]; "
    expected += "print(json.dumps([p.method, (p.picture != studio.painter.image)"
    expected += ".any(dim=1)[0].flatten().nonzero().flatten().tolist()]))"
    method, changed = json.loads(kernel(expected))
    assert method == "Telea"
    assert set(changed) <= set(np.flatnonzero(drawn))
    before = result(studio)
    studio.select_option(".ip-right", "image mean")
    studio.wait_for_function(
        "document.querySelector('.ip-name-right').textContent === 'image mean'"
    )
    assert result(studio) != before


def test_a_mask_set_in_the_kernel_is_shown_and_can_be_undone(studio, kernel, mask):
    kernel("import numpy as np; studio.painter.mask = np.eye(128)")
    studio.wait_for_function("document.querySelector('.ip-hole strong').textContent === '0.8 %'")
    tool(studio, "undo")
    assert mask().sum() == 0


def test_a_kind_draws_by_button(studio, mask):
    studio.click(".ip-draw summary")
    studio.click("[data-kind=centre]")
    studio.wait_for_function("document.querySelector('.ip-hole strong').textContent === '25.0 %'")
    drawn = mask()
    assert drawn[32:96, 32:96].all()
    assert drawn.sum() == 64 * 64
    studio.click(".ip-draw summary")


def test_the_saved_mask_is_black_and_white(studio, mask):
    drag(studio, ZIGZAG)
    with studio.expect_download() as download:
        studio.click(".ip-painter [data-do=save]")
    saved = np.asarray(Image.open(download.value.path()).convert("L"))
    assert set(np.unique(saved)) == {0, 255}
    assert ((saved == 255) == mask()).all()


def test_an_upload_that_is_no_picture_is_explained_and_a_picture_is_taken(studio, kernel):
    message = studio.locator(".ip-painter .ip-message")
    files = [("notes.txt", b"no picture"), ("dot.png", png(1, 1)), ("large.png", b"0" * 9_000_000)]
    complaints = ["this is no picture", "1×1 pixels", "9.0 MB; expected at most 8 MB"]
    for (name, content), complaint in zip(files, complaints, strict=True):
        upload(studio, name, content)
        message.get_by_text(complaint).wait_for()
    upload(studio, "blue.png", png(200, 150))
    studio.wait_for_function("document.querySelector('.ip-source').value === 'upload'")
    assert kernel("print(studio.painter.image[0, 2].min().item())") == "1.0"
    assert message.is_hidden()
    studio.select_option(".ip-source", "drawn faces")
    studio.wait_for_function("!document.querySelector('.ip-number').hidden")


def png(width, height):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "blue").save(file, "PNG")
    return file.getvalue()


def upload(page, name, content):
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    page.set_input_files(".ip-file", files=[file])


def test_every_control_has_a_name_and_nothing_failed_on_the_page(studio):
    nameless = """[...document.querySelectorAll('.inpaint :is(button, select, input)')]
      .filter((element) => !element.hidden && !element.ariaLabel)
      .filter((element) => !element.labels?.length && !element.textContent)
      .map((element) => element.outerHTML)"""
    assert studio.evaluate(nameless) == []
    assert studio.errors == []


def test_what_is_saved_is_no_alarm_and_tools_have_no_boxes(studio, kernel):
    kernel("studio.comparison.message = 'Saved: face-filled.png'")
    message = studio.locator(".ip-comparison .ip-message")
    message.get_by_text("Saved").wait_for()
    assert message.get_attribute("role") == "status"
    kernel("studio.comparison.message = ''")
    border = "getComputedStyle(document.querySelector('[data-do=eraser]')).borderTopColor"
    assert studio.evaluate(border) == "rgba(0, 0, 0, 0)"


def test_the_same_studio_through_voila(browser, voila):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    page.goto(voila)
    page.wait_for_function("document.querySelector('.ip-under')?.naturalWidth > 0")
    page.select_option(".ip-right", "Telea")
    page.wait_for_function("document.querySelector('.ip-name-right').textContent === 'Telea'")
    clear(page)
    page.wait_for_function("document.querySelector('tbody td').textContent === '–'")
    before = result(page)
    expected, _ = stroke(drag(page, ZIGZAG), 13)
    page.wait_for_function("document.querySelector('tbody td').textContent !== '–'")
    assert shown_share(page) == pytest.approx(expected.mean(), abs=0.0006)
    assert result(page) != before
    page.close()


def test_a_restarted_kernel_is_noticed_and_the_mask_is_kept(studio):
    """The last test: the page is of no use after it."""
    drag(studio, ZIGZAG)
    studio.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    studio.locator(".ip-painter .ip-message").get_by_text("run this cell again").wait_for()
    share = shown_share(studio)
    drag(studio, [(100, 100), (120, 120)])
    grown = "(share) => parseFloat(document.querySelector('.ip-hole strong').textContent) > share"
    studio.wait_for_function(grown, arg=100 * share)
    assert share > 0.1
