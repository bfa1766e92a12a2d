"""Metric cards: one JSON file per system, the tables of them, and the command that writes both.

`data/cards/drawn` and `data/cards/celeba` hold those of the shipped comparison.
"""

import csv
import io
import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inpaintlib.data import ImageSet, default_folder, load_faces
from inpaintlib.data.writing import write_whole
from inpaintlib.measure.classical import COMPONENTS
from inpaintlib.measure.comparison import (
    BAND_HOLES,
    HOLES,
    METRICS,
    best,
    chosen_holes,
    evaluate,
    paired,
    systems,
)
from inpaintlib.measure.features import features_for
from inpaintlib.measure.systems import check_names
from inpaintlib.photos import fetch, shipped

Card = dict[str, Any]
METRICS_SHOWN = {"l1": 3, "psnr": 2, "ssim": 3}
"""Metric to the digits that it is shown with."""
CROWDS = {
    "sharpness": "sharpness",
    "fréchet": "Fréchet",
    "kernel": "kernel distance",
    "told apart": "told from the truth",
}
"""What is measured of all pictures together: part of a card to the name in a table."""
LEGEND = (
    "Sharpness: 1 is the truth's; a seam counts as detail. Fréchet and kernel distance: between "
    "the fills and the true pictures as two sets, 0 is alike. Told from the truth: how often a "
    "classifier, shown one picture, knows whether it is a fill; 0.5 is guessing. *Blended*: its "
    "seam taken away, as `fill` does."
)
PRACTISED = ("square", "centre", "free-form")
"""Kinds of hole that are in the training of the shipped networks."""
SIZE = 128  # of the pictures, pixels: what the shipped networks are trained at
ORDER = {"control": 0, "classical": 1, "network": 2, "blended": 3}


def folder_of(kind: str) -> Path:
    """Where the cards of a kind of data are: `data/cards/drawn`, `data/cards/celeba`."""
    return default_folder() / "cards" / kind


def write_card(folder: Path, card: Card) -> Path:
    """Write a card as `<system>.json`, whole or not at all; returns its path."""
    name = re.sub(r"[\\/: ]+", "-", card["system"]).strip("-")  # a system may be a file
    path = folder / f"{name}.json"
    text = json.dumps(card, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, "utf-8"))
    return path


def read_cards(folder: str | Path) -> list[Card]:
    """Every card of a folder: by kind (controls first), each kind sorted by the centre hole.

    Args:
        folder: "drawn" or "celeba" for the shipped comparison, or a path.

    Raises:
        ValueError: no card there, or one that cannot be read.
    """
    place = folder_of(str(folder)) if str(folder) in ("drawn", "celeba") else Path(folder)
    cards = []
    for path in sorted(place.glob("*.json")):
        try:
            cards.append(json.loads(path.read_text("utf-8")))
            _place(cards[-1])
        except Exception as error:  # another JSON file lacks anything
            raise ValueError(f"{path}: not a metric card: {error!r}") from error
    if not cards:
        raise ValueError(f"no metric cards in {place}: `python -m inpaintlib evaluate` writes them")
    return sorted(cards, key=_place)


def main_hole(card: Card) -> str:
    """The kind of hole that a table looks at most closely: the centre, if it was measured."""
    return "centre" if "centre" in card["holes"] else next(iter(card["holes"]))


def distance(card: Card) -> float:
    """Geometric mean of the Fréchet distances over the kinds of hole that networks practise.

    Of the kinds that the card has. A large hole's distance is dozens of times a small one's: a sum
    would hear the large one alone.
    """
    found = [card["fréchet"][kind] for kind in PRACTISED if kind in card["fréchet"]]
    return statistics.geometric_mean(found)


def _place(card: Card) -> tuple[int, float]:
    """What cards are sorted by: kind, then PSNR in the main hole, the perfect control first."""
    mean = card["holes"][main_hole(card)]["psnr"]["mean"]
    return ORDER[card["kind"]], float("-inf") if mean is None else -mean


def best_classical(cards: Sequence[Card], kind: str) -> Card:
    """The classical fill that a network must beat on a kind of hole.

    Raises:
        ValueError: no classical fill among the cards.
    """
    classical = [card for card in cards if card["kind"] == "classical"]
    if not classical:
        raise ValueError("expected at least one card of a classical fill")
    return best(classical, kind)


def best_network(kind: str) -> str:
    """The shipped network whose fills look most like the truth, by the cards of a kind of data.

    That is the one with the smallest `distance`: PSNR would choose the network that blurs most.
    Its fill is measured as `fill` makes it, blended, where there is a card of that. Where no cards
    are (outside a clone), the list of the published weights says it.

    Args:
        kind: "drawn" or "celeba".

    Raises:
        ValueError: no card of a network whose weights are here, or no weights.
    """
    if not any(folder_of(kind).glob("*.json")):
        name = fetch.best_published(kind, shipped.available())
        if name is None:
            raise ValueError(shipped.nothing_here())
        return name
    distances = {}
    for card in read_cards(kind):  # plain before blended
        name = card["system"].removesuffix(" blended")
        if name in shipped.available():
            distances[name] = distance(card)
    if not distances:
        raise ValueError(f"no card in {folder_of(kind)} is of a network whose weights are here")
    return min(distances, key=distances.__getitem__)


def markdown(cards: Sequence[Card]) -> str:
    """The comparison as one Markdown table; intervals are 95 % over the pictures."""
    first = cards[0]
    main = main_hole(first)
    head = ["system", "parameters", *(f"PSNR, {kind}" for kind in first["holes"])]
    head += [f"{name}, {main}" for name in ("L1", "SSIM", *CROWDS.values(), "PSNR over classical")]
    head += ["ms", "MiB"]
    downloaded = any(card["lpips"] for card in cards)
    head += [f"{metric}, {main}" for metric in ("LPIPS", "FID") if downloaded]
    lines = [
        f"{first['data']}, {first['pictures']} pictures of {first['size']}×{first['size']}; masks "
        f"with seeds {', '.join(map(str, first['seeds']))}; all metrics in the hole; ± is half of "
        "a 95 % interval over the pictures.",
        "",
        LEGEND,
        "",
        row(head),
        row(["---"] + ["---:"] * (len(head) - 1)),
    ]
    return "\n".join([*lines, *(row(_cells(card, cards)) for card in cards)]) + "\n"


def row(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _cells(card: Card, cards: Sequence[Card]) -> list[str]:
    main = main_hole(card)
    ahead = ""
    if any(other["kind"] == "classical" for other in cards):
        rival = best_classical(cards, main)
        values = [c["values"][main]["psnr"] for c in (card, rival)]
        perfect = decibels(card["holes"][main]) == "∞"
        lead = "∞" if perfect else plus_minus(paired(*values), 2, sign="+")
        ahead = "" if card is rival else lead
    return [
        card["system"],
        f"{card['parameters']:,}" if card["parameters"] else "",
        *(decibels(summary) for summary in card["holes"].values()),
        plus_minus(card["holes"][main]["l1"], 3),
        plus_minus(card["holes"][main]["ssim"], 3),
        *(_crowd(card.get(part, {}).get(main, "")) for part in CROWDS),
        ahead,
        f"{card['milliseconds']:.1f}",
        "" if card["mebibytes"] is None else f"{card['mebibytes']:.0f}",
        *(_downloaded(card, main) if any(other["lpips"] for other in cards) else []),
    ]


def _crowd(value: float | dict[str, float | None] | str | None) -> str:
    """One of `CROWDS`; – where it has no bounds, and "" stays: it was not measured."""
    if value is None or isinstance(value, str):
        return "–" if value is None else value
    return plus_minus(value, 2) if isinstance(value, dict) else f"{value:.2f}"


def _downloaded(card: Card, kind: str) -> list[str]:
    """LPIPS and FID; empty cells for a system of which they were not measured."""
    if kind not in card["lpips"]:
        return ["", ""]
    return [plus_minus(card["lpips"][kind], 3), f"{card['fid'][kind]:.1f}"]


def plus_minus(summary: dict[str, float | None], digits: int, *, sign: str = "") -> str:
    """A mean and half of its interval; – where there are none.

    Example:
        >>> plus_minus({"mean": 18.25, "low": 18.0, "high": 18.5}, 2)
        '18.25 ± 0.25'
    """
    if summary["mean"] is None or summary["high"] is None:
        return "–"
    half = summary["high"] - summary["mean"]
    return f"{summary['mean']:{sign}.{digits}f} ± {half:.{digits}f}"


def decibels(summary: dict[str, dict[str, float | None]]) -> str:
    """A hole's PSNR; ∞ where it has no mean though L1 has one: it is infinite, the fill perfect."""
    endless = summary["psnr"]["mean"] is None and summary["l1"]["mean"] is not None
    return "∞" if endless else plus_minus(summary["psnr"], 2)


def comma_separated(cards: Sequence[Card]) -> str:
    """The comparison as CSV: one line per system, kind of hole and metric."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["system", "kind", "hole", "metric", "mean", "low", "high"])
    for card in cards:
        for hole, summary in (card["holes"] | card["bands"]).items():
            for metric in METRICS:
                numbers = [summary[metric][part] for part in ("mean", "low", "high")]
                table.writerow([card["system"], card["kind"], hole, metric, *numbers])
    return text.getvalue()


def compare(
    names: Sequence[str] | None,
    kinds: Sequence[str] | None,
    *,
    root: Path | None,
    out: Path | None,
    limit: int = 102,
    downloaded: bool = False,
    say: Callable[[str], None],
) -> None:
    """Measure systems on the validation faces; a card is written as soon as it is measured.

    Args:
        names: systems, see `systems.check_names`; None for all. kinds: holes; None for all.
        root: the faces' folder, see `data.load_faces`.
        out: the cards' folder; `data/cards/<drawn or celeba>` if None.
        limit: at most so many pictures.
        downloaded: whether to measure LPIPS and FID too; see `perceptual`.
        say: takes each line for the user.

    Raises:
        ValueError: an unknown name or hole, no such pictures, or too few.
    """
    check_names(names or [])  # before the work
    chosen_holes(kinds)
    training = load_faces("train", size=SIZE, root=root)
    pictures = load_faces("validation", size=SIZE, root=root, limit=limit)
    folder = out or folder_of(training.kind)
    say(f"{pictures} · cards go to {folder}")
    check_enough(training, pictures, names, kinds)
    check_fits(folder, pictures, kinds)
    features = features_for(training)
    for system in systems(training, names):
        card = evaluate(system, pictures, kinds=kinds, features=features, downloaded=downloaded)
        write_card(folder, card)
        main = main_hole(card)
        score = decibels(card["holes"][main])
        say(f"{system.name:<24} {score:>15} dB, {main}   {card['milliseconds']:7.1f} ms a picture")
    write_tables(folder)
    say((folder / "table.md").read_text("utf-8"))


def check_enough(
    training: ImageSet,
    pictures: ImageSet,
    names: Sequence[str] | None,
    kinds: Sequence[str] | None,
) -> None:
    """Raise ValueError unless there are pictures for intervals, and for PCA to learn from."""
    bands = kinds is None or set(kinds) & set(BAND_HOLES)
    least = 4 if bands else 2  # an interval is over two; bands take half of the pictures
    if len(pictures) < least:
        raise ValueError(
            f"{pictures.name}: expected at least {least} validation pictures, which are a tenth "
            f"of a folder, got {len(pictures)}"
        )
    if (names is None or "PCA" in names) and len(training) <= COMPONENTS:
        raise ValueError(
            f"{training.name}: PCA learns from at least {COMPONENTS + 1} pictures, got "
            f"{len(training)}: name the systems to compare without it"
        )


def check_fits(folder: Path, pictures: ImageSet, kinds: Sequence[str] | None) -> None:
    """Raise ValueError if a folder's cards are of other pictures or holes: no table holds both."""
    wanted = (pictures.name, len(pictures), pictures.images.shape[-1])
    holes = set(HOLES | BAND_HOLES if kinds is None else kinds)
    for card in read_cards(folder) if any(folder.glob("*.json")) else []:
        there = (card["data"], card["pictures"], card["size"])
        if there != wanted or card["holes"].keys() | card["bands"].keys() != holes:
            raise ValueError(
                f"{folder}: the card of {card['system']} is of other pictures or holes; "
                "name another folder with -o"
            )


def write_tables(folder: Path) -> None:
    """Write `table.md` and `table.csv` beside the cards of a folder."""
    cards = read_cards(folder)
    for name, text in (("table.md", markdown(cards)), ("table.csv", comma_separated(cards))):
        write_whole(folder / name, lambda part, text=text: part.write_text(text, "utf-8"))
