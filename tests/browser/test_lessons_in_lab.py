"""Lessons in a real JupyterLab, as a learner meets them: Run All, then touch the widgets."""

import pytest
from conftest import notebook_page

from tools import lessons

MASTERS = lessons.masters([])
RUN_ALL = """async () => {
  await window.jupyterapp.commands.execute('notebook:run-all-cells');
  const { cells } = window.jupyterapp.shell.currentWidget.content.model;
  const bad = ({ output_type, name }) => output_type === 'error' || name === 'stderr';
  return [...cells].filter((cell) => cell.type === 'code' && cell.sharedModel.getSource().trim())
    .map((cell) => cell.toJSON())
    .map(({ execution_count, outputs }) => ({
      run: execution_count !== null,
      complaints: outputs.filter(bad).map(({ text, traceback }) => [text, traceback].flat().join()),
    }));
}"""
WIDGETS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .map((cell, index) => [index, cell.getMetadata('tags') ?? []])
  .filter(([, tags]) => tags.includes('widget')).map(([index]) => index)"""
SHOW = """async (index) => {
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = index;
  await content.scrollToCell(content.widgets[index], 'start');
}"""
ACTIVE = ".jp-Notebook-cell.jp-mod-active"
PICTURE = f"{ACTIVE} img.widget-image"


def slow_but_the_first(master):
    marks = [] if master.stem.startswith("00") else [pytest.mark.slow]
    return pytest.param(master, id=master.stem, marks=marks)


@pytest.mark.parametrize("master", [slow_but_the_first(master) for master in MASTERS])
def test_run_all_then_every_widget(browser, lab, master):
    with notebook_page(browser, lab.replace("studio.ipynb", f"{master.stem}.ipynb")) as page:
        cells = page.evaluate(RUN_ALL)
        assert [number for number, cell in enumerate(cells) if not cell["run"]] == []
        assert [complaint for cell in cells for complaint in cell["complaints"]] == []
        for index in page.evaluate(WIDGETS):
            page.evaluate(SHOW, index)
            try_widget(page)
        assert page.errors == []
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def try_widget(page):
    """The active cell's: move each control once; the picture must follow."""
    cell = page.locator(ACTIVE)
    page.wait_for_function(f"document.querySelector('{ACTIVE} :is(.jupyter-widgets, .inpaint)')")
    for slider in cell.locator(".widget-slider [role=slider]").all():
        expect_a_new_picture(page, lambda slider=slider: slider.press("ArrowRight"))
    for choice in cell.locator(".widget-dropdown select").all():
        expect_a_new_picture(page, lambda choice=choice: choice.select_option(index=1))
    assert "Traceback" not in cell.inner_text()


def expect_a_new_picture(page, act):
    before = page.get_attribute(PICTURE, "src")
    act()
    page.wait_for_function(f"document.querySelector('{PICTURE}')?.src !== '{before}'")
