"""What stands on the pages of the site, taken from where it is written already.

Lessons come from their notebooks and the README's table, results from the cards of the comparison.
Nothing here knows how many lessons there are, or which network is the best one.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inpaintlib.measure.cards import read_cards

ROOT = Path(__file__).resolve().parent.parent
Cell = dict[str, Any]

PROMPTS = {"solution": "Solution: try it yourself first", "check": "The checks"}
"""Tags whose cells are folded, and what stands on the fold."""
PREDICT = "What came out: predict it first"
STUDIO = "Studio()"
STILL = (
    "Interactive: run this cell"  # how a widget without a picture is noted, see tools/lessons.py
)
SEES = re.compile(r"\*\*(?:What to see|How to read it)\.?\*\*\.? *")
ALT_LENGTH = 320
SHORT = 30  # characters that say too little alone


# Lessons -------------------------------------------------------------------------------------


def lessons(root: Path = ROOT) -> list[dict[str, str]]:
    """One row a lesson: number, page, title, what one learns, minutes, alternative text.

    The order is that of the folder. A lesson without a row in the README has its title alone.
    """
    pattern = (
        r"^\| *(\d\db?) *\| *\[([^]]+)\]\(notebooks/(\w+)\.ipynb\) *\| *(.+?) *\| *(\d+) *\|(.*)$"
    )
    rows = {
        row[2]: {"title": row[1], "what": row[3], "minutes": row[4], "alt": _alt_in(row[5])}
        for row in re.findall(pattern, (root / "README.md").read_text("utf-8"), re.M)
    }
    found = []
    for path in sorted((root / "notebooks").glob("[0-9][0-9]*_*.ipynb")):
        row = {"title": title_of(json.loads(path.read_text("utf-8"))), "what": "", "minutes": ""}
        row |= {
            "alt": "",
            "number": path.stem.partition("_")[0].removeprefix("0"),
            "page": f"notebooks/{path.stem}",
        }
        has_picture = (root / "notebooks" / "pictures" / f"{path.stem}.jpg").is_file()
        found.append(row | rows.get(path.stem, {}) | {"picture": path.stem if has_picture else ""})
    return found


def _alt_in(html: str) -> str:
    found = re.search(r'alt="([^"]*)"', html)
    return found.group(1) if found else ""


def title_of(notebook: Cell) -> str:
    """The notebook's first heading, without its number."""
    for cell in notebook["cells"]:
        found = re.search(r"^# +(?:\d+b? · )?(.+)$", _text(cell), re.M)
        if cell["cell_type"] == "markdown" and found:
            return found.group(1)
    return "Untitled"


def as_page(notebook: Cell, *, studio: str | None = None) -> Cell:
    """A lesson's notebook as a page: solutions, checks and predicted outputs folded, figures told.

    Args:
        notebook: in JSON form, executed; it is changed.
        studio: the address, relative to the page, of the studio that replaces the still picture of
            a cell `Studio()`; None keeps the picture.
    """
    cells = notebook["cells"]
    for place, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        _fold(cell)
        if studio and _text(cell).strip() == STUDIO:
            cell["outputs"] = [_embedded(studio)]
        for output in cell["outputs"]:
            _explain_widget(output)
        if has_picture(cell):
            _settings(cell)["image"] = {"alt": alternative_text(cells, place)}
    return notebook


def _fold(cell: Cell) -> None:
    tags = cell["metadata"].setdefault("tags", [])
    kinds = {tag.split(":")[0] for tag in tags}
    for kind, prompt in PROMPTS.items():
        if kind in kinds:
            tags.append("hide-input")
            _settings(cell)["code_prompt_show"] = prompt
    if "elsewhere" in kinds:  # it fetches the course; a page needs nothing
        tags.append("remove-cell")
    if "predict" in kinds:
        tags.append("hide-output")
        _settings(cell)["code_prompt_show"] = PREDICT


def _settings(cell: Cell) -> Cell:
    """What MyST-NB reads in a cell."""
    return cell["metadata"].setdefault("mystnb", {})


def _embedded(address: str) -> Cell:
    html = f'<iframe class="studio" src="{address}" title="Paint a hole, watch it fill"></iframe>'
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}


def _explain_widget(output: Cell) -> None:
    """Say where a widget answers: not on this page."""
    data = output.get("data", {})
    if STILL in "".join(data.get("text/markdown", "")):
        data["text/markdown"] = (
            "*Interactive: it answers where the lesson runs, in Colab, on Binder or at home "
            "(the rocket above).*"
        )


def has_picture(cell: Cell) -> bool:
    """Whether one of the outputs is a picture."""
    return any(kind.startswith("image/") for o in cell["outputs"] for kind in o.get("data", {}))


def alternative_text(cells: list[Cell], place: int) -> str:
    """What a figure shows, for who cannot see it.

    That is its section, what its output's metadata say under `alt` (if anything), and what the
    text tells the reader to see: the paragraph "What to see" after it, else the prose before it.
    """
    parts = [_section(cells, place), *_own_words(cells[place]), _told(cells, place)]
    sentences = [part.rstrip(":.") for part in dict.fromkeys(parts) if part]
    ended = [part if part[-1] in "?!…)" else f"{part}." for part in sentences]
    return shortened(" ".join(ended), ALT_LENGTH)


def _own_words(cell: Cell) -> list[str]:
    found = [
        facts["alt"]
        for output in cell["outputs"]
        for kind, facts in output.get("metadata", {}).items()
        if kind.startswith("image/") and "alt" in facts
    ]
    return [*found]


def _section(cells: list[Cell], place: int) -> str:
    for cell in reversed(cells[:place]):
        headings = re.findall(r"^#{1,4} +(?:\d+[a-z]? · )?(.+)$", _text(cell), re.M)
        if cell["cell_type"] == "markdown" and headings:
            return f"Figure, {plain(headings[-1])}"
    return "Figure"


def _told(cells: list[Cell], place: int) -> str:
    prose = [c["cell_type"] == "markdown" and _paragraphs(c) for c in cells]
    after = next(iter(prose[place + 1 :]), None) or [""]
    if SEES.match(after[0]):
        return plain(after[0])
    before = plain(next(filter(None, reversed(prose[:place])), [""])[-1])
    return before if len(before) >= SHORT else f"{before} {plain(after[0])}".strip()


def _paragraphs(cell: Cell) -> list[str]:
    """The paragraphs of prose, without headings, lists' marks, folded parts and code."""
    text = re.sub(
        r"<details.*?</details>|```.*?```|\$\$.*?\$\$|<[^>]+>", "", _text(cell), flags=re.S
    )
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text)]
    return [block for block in blocks if block and not block.startswith(("#", "|", "!["))]


def plain(markdown: str) -> str:
    """Markdown as plain words on one line."""
    text = SEES.sub("", markdown)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\$([^$]*)\$", lambda m: re.sub(r"[\\{}]", "", m[1]), text)
    return re.sub(r"\s+", " ", re.sub(r"[*`#]|\b_|_\b|^[-+] ", "", text, flags=re.M)).strip()


def shortened(text: str, length: int) -> str:
    """The text, cut after the last whole sentence or word that fits."""
    if len(text) <= length:
        return text
    cut = text[:length]
    sentence = max(cut.rfind(mark) for mark in (". ", "? ", "! "))
    return cut[: sentence + 1] if sentence > length // 2 else f"{cut.rsplit(' ', 1)[0]} …"


def _text(cell: Cell) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


# Results -------------------------------------------------------------------------------------

KINDS = {
    "control": "Controls: must be perfect, must be bad",
    "classical": "Formulas, nothing trained on faces but PCA and the mean face",
    "network": "Networks, as they are",
    "blended": "Networks, blended: their seam taken away, as the command fill does",
}


def cards(kind: str) -> list[Cell]:
    """The metric cards of a kind of data, by group and then by PSNR in the centre."""
    return read_cards(ROOT / "data" / "cards" / kind)


def _psnr(card: Cell, hole: str) -> float:
    mean = card["holes"][hole]["psnr"]["mean"]
    return float("inf") if mean is None else mean


def best(found: Iterable[Cell], hole: str, *kinds: str) -> Cell:
    """The card with the highest PSNR in a kind of hole, among some kinds of systems or all."""
    among = [card for card in found if not kinds or card["kind"] in kinds]
    return max(among, key=lambda card: _psnr(card, hole))


def results(found: list[Cell]) -> list[dict[str, str]]:
    """Three results for the front page, each a number and a sentence that holds for it.

    Args:
        found: the cards of the drawn faces.
    """
    return [_gain(found), _size(found), _limit(found)]


def decibels(value: float) -> str:
    """A difference with its sign, the minus as long as the plus."""
    return f"{value:+.1f} dB".replace("-", "\N{MINUS SIGN}")


def _gain(found: list[Cell]) -> dict[str, str]:
    network = best(found, "centre", "network", "blended")
    formula = best(found, "centre", "classical")
    gain = _psnr(network, "centre") - _psnr(formula, "centre")
    return {
        "number": decibels(gain),
        "what": f"{taught(network['system'])} against the best formula ({formula['system']}) "
        f"in a centre hole, over {network['pictures']} faces that neither has seen.",
    }


def _size(found: list[Cell]) -> dict[str, str]:
    network = min((c for c in found if c["kind"] == "network"), key=lambda c: c["parameters"])
    return {
        "number": f"{network['parameters'] / 1e6:.1f} million",
        "what": "weights are all that the smallest network has. It fills a face in "
        f"{network['milliseconds']:.0f} ms, without a GPU.",
    }


def _limit(found: list[Cell]) -> dict[str, str]:
    network = best(found, "half", "network", "blended")
    formula = best(found, "half", "classical")
    gap = _psnr(network, "half") - _psnr(formula, "half")
    ahead = f"{formula['system']}, a formula, stays ahead of every network of the course."
    behind = f"there too the best network is ahead of the best formula, {formula['system']}."
    return {
        "number": decibels(gap),
        "what": f"where half of the face is missing: {ahead if gap < 0 else behind}",
    }


def table(found: list[Cell]) -> list[dict[str, Any]]:
    """The comparison in groups: title and rows.

    Numbers are text; a bar goes from the worst number of a column to its best one, but for the
    controls that are perfect.
    """
    rivals = [card for card in found if _psnr(card, "centre") < float("inf")]
    scales = {}
    for hole in found[0]["holes"]:
        values = [_psnr(card, hole) for card in rivals]
        scales[hole] = (min(values), max(values))
    groups = []
    for kind, title in KINDS.items():
        rows = [_row(card, scales) for card in found if card["kind"] == kind]
        if rows:
            groups.append({"title": title, "rows": rows})
    return groups


def taught(system: str) -> str:
    """A network by the title of its lesson, where one is named after its family."""
    family = re.sub(r"-(drawn|celeba|mnist)$", "", system.removesuffix(" blended"))
    for lesson in lessons():
        if lesson["page"].partition("_")[2] == family.replace("-", "_"):
            return f"{lesson['title']} (lesson {lesson['number']})"
    return family


def _row(card: Cell, scales: dict[str, tuple[float, float]]) -> dict[str, Any]:
    cells = []
    for hole, (worst, top) in scales.items():
        value, summary = _psnr(card, hole), card["holes"][hole]["psnr"]
        perfect = value == float("inf")
        cells.append(
            {
                "text": "∞" if perfect else f"{value:.1f}",
                "spread": "" if perfect else f"{summary['high'] - summary['mean']:.1f}",
                "share": 0 if perfect else round(100 * (value - worst) / (top - worst)),
                "best": value == top,
            }
        )
    distance = card["fréchet"].get("centre")
    return {
        "system": card["system"].removesuffix(" blended"),
        "cells": cells,
        "distance": "" if distance is None else f"{distance:.1f}",
        "time": f"{card['milliseconds']:.0f}" if card["milliseconds"] >= 0.5 else "< 1",
    }
