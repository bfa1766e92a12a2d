"""Lessons in a real JupyterLab, as a learner meets them: Run All, the widgets, the exercises."""

import pytest
from answers import right_ones
from conftest import notebook_page

from tools import lessons

MASTERS = lessons.masters([])
SOLVABLE = [path for path in MASTERS if not lessons.is_further(path)]
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
STUBS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .map((cell, index) => [index, (cell.getMetadata('tags') ?? []).join()])
  .filter(([, tags]) => tags.startsWith('exercise:'))
  .map(([index, tags]) => [index, tags.split(':')[1]])"""
CHECKS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter((cell) => (cell.getMetadata('tags') ?? []).join().startsWith('check:'))
  .map((cell) => cell.toJSON().outputs.map(({ text }) => [text].flat().join('')).join(''))"""
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


@pytest.mark.parametrize("master", [slow_but_the_first(path) for path in SOLVABLE])
def test_solutions_typed_into_the_stubs_run_the_lesson(browser, lab, master):
    right = right_ones(master)
    with notebook_page(browser, lab.replace("studio.ipynb", f"solved_{master.stem}.ipynb")) as page:
        stubs = page.evaluate(STUBS)
        assert {name for _, name in stubs} <= right.keys()
        for index, name in stubs:
            page.evaluate(SHOW, index)
            page.locator(f"{ACTIVE} .cm-content").click()
            page.keyboard.press("Control+a")
            page.keyboard.insert_text(right[name])
        cells = page.evaluate(RUN_ALL)
        assert [number for number, cell in enumerate(cells) if not cell["run"]] == []
        assert [complaint for cell in cells for complaint in cell["complaints"]] == []
        said = page.evaluate(CHECKS)
        assert 0 < len(said) == len(stubs)
        assert all("correct; the lesson goes on with yours" in text for text in said), said
        assert page.errors == []
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
