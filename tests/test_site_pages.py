"""What the site says about lessons and results, on made-up ones; the pages: tests/browser."""

import json
from pathlib import Path

import pytest

from tools import lessons, site_pages


def markdown(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(source: str = "1", *tags: str, kind: str = "text/plain", **metadata: object) -> dict:
    output = {"output_type": "display_data", "data": {kind: "x"}, "metadata": metadata}
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": [output],
    }


def page(*cells: dict, **how: str) -> list[dict]:
    return site_pages.as_page({"cells": list(cells)}, **how)["cells"]


@pytest.mark.parametrize(
    ("tag", "folded"),
    [
        ("solution:01-2", "hide-input"),
        ("check:01-2:4", "hide-input"),
        ("predict", "hide-output"),
        ("elsewhere", "remove-cell"),
    ],
)
def test_what_a_reader_should_not_see_at_once_is_folded(tag: str, folded: str):
    (cell,) = page(code("1", tag))
    assert cell["metadata"]["tags"] == [tag, folded]


@pytest.mark.parametrize("tag", ["exercise:01-2", "train", "widget", "picture"])
def test_the_rest_stays_open(tag: str):
    (cell,) = page(code("1", tag))
    assert cell["metadata"] == {"tags": [tag]}


def alt(*cells: dict, place: int) -> str:
    return page(*cells)[place]["metadata"]["mystnb"]["image"]["alt"]


def test_a_figure_is_told_by_what_to_see_in_it():
    figure = code(kind="image/png")
    before = markdown("## 2 · Look\n\nFour faces, $x_1$ and **bold**, by [a link](somewhere).")
    after = markdown("**What to see.** The eyes are soft.\n\nAnother thought.")
    assert alt(before, figure, after, place=1) == "Figure, Look. The eyes are soft."
    assert alt(before, figure, markdown("And so on."), place=1) == (
        "Figure, Look. Four faces, x_1 and bold, by a link."
    )
    own = code(kind="image/png", **{"image/png": {"alt": "Rows: given, truth"}})
    assert alt(before, own, after, place=1).startswith("Figure, Look. Rows: given, truth. The eyes")


def test_a_long_text_ends_with_a_sentence():
    text = "A first sentence of some length. " + "word " * 100
    assert site_pages.shortened(text, 50) == "A first sentence of some length."
    assert site_pages.shortened("word " * 100, 50).endswith("word …")


def test_the_studio_stands_in_for_its_picture():
    studio = code("Studio()\n", kind="image/jpeg")
    (cell,) = page(studio, studio="../studio/index.html")
    assert 'src="../studio/index.html"' in cell["outputs"][0]["data"]["text/html"]
    (cell,) = page(code("Studio()", kind="image/jpeg"))
    assert "image/jpeg" in cell["outputs"][0]["data"]


def test_every_figure_of_every_lesson_is_told():
    for master in lessons.masters([]):
        notebook = json.loads(lessons.notebook_path(master).read_text("utf-8"))
        cells = site_pages.as_page(notebook)["cells"]
        figures = [c for c in cells if c["cell_type"] == "code" and site_pages.has_picture(c)]
        texts = [cell["metadata"]["mystnb"]["image"]["alt"] for cell in figures]
        assert len(figures) > 3
        assert min(map(len, texts)) > 40, min(texts, key=len)
        assert len(set(texts)) > 0.8 * len(texts), "most say something of their own"


def test_lessons_are_those_of_the_folder(tmp_path: Path):
    (tmp_path / "notebooks").mkdir()
    titles = {"00_a": "# 0 · Holes", "00b_on": "# 0b · Further", "09_new": "# 9 · A new one"}
    for name, title in titles.items():
        text = json.dumps({"cells": [markdown(title)]})
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(text, "utf-8")
    picture = '<img src="x" alt="faces with holes">'
    row = f"| 00 | [Holes](notebooks/00_a.ipynb) | masks | 1 | {picture} |\n"
    (tmp_path / "README.md").write_text(row, "utf-8")
    first, further, new = site_pages.lessons(tmp_path)
    assert [row["number"] for row in (first, further, new)] == ["0", "0b", "9"]
    assert further["title"] == "Further"
    assert (first["title"], first["what"], first["alt"]) == ("Holes", "masks", "faces with holes")
    assert (new["title"], new["what"], new["page"]) == ("A new one", "", "notebooks/09_new")


def card(system: str, kind: str, psnr: float | None, parameters: int = 0) -> dict:
    facts = {"mean": psnr, "low": psnr, "high": psnr and psnr + 0.5}
    return {
        "system": system,
        "kind": kind,
        "holes": {hole: {"psnr": facts} for hole in ("centre", "half")},
        "fréchet": {"centre": 3.0},
        "parameters": parameters,
        "milliseconds": 0.1 if psnr is None else 30.0,
        "pictures": 102,
    }


def test_results_say_what_the_cards_say():
    formula = card("PCA", "classical", 18.0)
    ahead = [formula, card("unet-drawn", "network", 20.0, 687_916)]
    gain, size, limit = site_pages.results(ahead)
    assert (gain["number"], size["number"], limit["number"]) == (
        "+2.0 dB",
        "0.7 million",
        "+2.0 dB",
    )
    assert "the best network is ahead" in limit["what"]
    gain, _, limit = site_pages.results([formula, card("unet-drawn", "network", 15.0, 1)])
    assert gain["number"] == limit["number"] == "\N{MINUS SIGN}3.0 dB"
    assert "PCA, a formula, stays ahead" in limit["what"]


def test_the_table_marks_the_best_and_draws_no_bar_for_the_perfect():
    found = [
        card("truth", "control", None),
        card("grey", "control", 10.0),
        card("PCA", "classical", 18.0),
        card("unet-drawn blended", "blended", 20.0),
    ]
    rows = [row for group in site_pages.table(found) for row in group["rows"]]
    assert [row["system"] for row in rows] == ["truth", "grey", "PCA", "unet-drawn"]
    first = [row["cells"][0] for row in rows]
    assert [cell["text"] for cell in first] == ["∞", "10.0", "18.0", "20.0"]
    assert [cell["share"] for cell in first] == [0, 0, 80, 100]
    assert [cell["best"] for cell in first] == [False, False, False, True]
    assert rows[0]["time"] == "< 1"
