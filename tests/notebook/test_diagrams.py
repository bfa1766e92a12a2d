"""Diagrams: where boxes and arrows lie, and what is shown (how it looks a person checks)."""

import io
from itertools import combinations, pairwise

import numpy as np
import pytest
from PIL import Image

from inpaintlib.notebook import diagrams
from inpaintlib.notebook.diagrams import Box, plan, show_diagram

GAN = {
    "z": Box("noise", "100", 1, 0),
    "G": Box("generator", "100 → 3×64×64", 1, 1, "network"),
    "fake": Box("generated faces", "3×64×64", 1, 2),
    "real": Box("real faces", "3×64×64", 0, 2),
    "D": Box("discriminator", "3×64×64 → 1", 0.5, 3, "network"),
    "d_loss": Box("discriminator's loss", "", 0, 4, "loss"),
    "g_loss": Box("generator's loss", "", 1, 4, "loss"),
}
FLOWS = ["z > G > fake > D > d_loss", "real > D > g_loss"]
GRADIENTS = {"d_loss": ["d_loss > D"], "g_loss": ["g_loss > D > fake > G"]}
GAP = (0.65, 0.4)


def on_border(point: tuple, box: tuple) -> bool:
    """Whether a point lies on the border of a rectangle."""
    (x, y), (left, bottom, right, top) = point, box
    inside = left - 1e-6 <= x <= right + 1e-6 and bottom - 1e-6 <= y <= top + 1e-6
    return inside and min(abs(x - left), abs(x - right), abs(y - bottom), abs(y - top)) < 1e-6


def crosses(points: list, box: tuple) -> bool:
    """Whether some point of a way lies inside a rectangle."""
    for a, b in pairwise(points):
        way = np.linspace(a, b, 200)
        inside = (way > np.array(box[:2]) + 1e-6) & (way < np.array(box[2:]) - 1e-6)
        if inside.all(axis=1).any():
            return True
    return False


def meet(one: list, other: list) -> bool:
    """Whether two ways of upright and level parts cross, or run on top of each other."""
    return any(
        all(
            max(min(a[i], b[i]), min(c[i], d[i])) <= min(max(a[i], b[i]), max(c[i], d[i])) + 1e-6
            for i in (0, 1)
        )
        for a, b in pairwise(one)
        for c, d in pairwise(other)
    )


def test_boxes_keep_apart_and_arrows_go_from_box_to_box_around_the_others():
    boxes, arrows = plan(GAN, FLOWS, GRADIENTS, GAP)
    for a, b in combinations(boxes.values(), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
    assert len(arrows) == 4 + 2 + 1 + 3
    for arrow in arrows:
        assert on_border(arrow.points[0], boxes[arrow.start]), arrow
        assert on_border(arrow.points[-1], boxes[arrow.end]), arrow
        for box in boxes.values():
            assert not crosses(arrow.points, box), arrow
    ends = [point for arrow in arrows for point in (arrow.points[0], arrow.points[-1])]
    assert len(set(ends)) == len(ends), "two arrows meet in one point"


def test_a_box_between_two_others_is_gone_around():
    row = {name: Box(name, column=column) for column, name in enumerate("abc")}
    boxes, (direct, around) = plan(row, ["a > b", "a > c"], {}, GAP)
    assert [y for _, y in direct.points] == [0, 0]
    assert not crosses(around.points, boxes["b"])
    assert on_border(around.points[-1], boxes["c"])


def test_wider_ways_around_run_outside_the_narrower_and_cross_nothing():
    row = {name: Box(name, column=column) for column, name in enumerate("abcde")}
    _, arrows = plan(row, ["a > d", "a > e", "b > d", "e > a"], {}, GAP)
    heights = {f"{arrow.start}{arrow.end}": arrow.points[1][1] for arrow in arrows}
    assert heights["bd"] < heights["ad"] < heights["ea"] < heights["ae"]
    assert not any(meet(a.points, b.points) for a, b in combinations(arrows, 2))


def test_an_arrow_to_what_is_near_turns_inside_those_to_what_is_far():
    boxes = {name: Box(name, "", 0.5, column) for column, name in enumerate("abc", 1)}
    boxes |= {"upper": Box("upper"), "lower": Box("lower", row=1)}
    flows = ["a > b > c", "upper > a", "upper > c", "lower > a", "lower > b", "lower > c"]
    _, arrows = plan(boxes, flows, {}, (0.4, 0.5))
    assert not any(meet(a.points, b.points) for a, b in combinations(arrows, 2))


def test_a_way_that_is_asked_for_is_taken_and_gradients_run_beside_it():
    boxes = {"a": Box("a"), "b": Box("b", column=1), "loss": Box("L1", row=1, column=1)}
    back = {"loss": ["loss > a"]}
    _, (aside, _) = plan(boxes, ["a > loss"], back, GAP)
    assert aside.points[0][1] == pytest.approx(aside.points[1][1], abs=1e-6)  # to the right first
    ways = dict.fromkeys(("a > loss", "loss > a"), "down")
    rectangles, (forward, gradient) = plan(boxes, ["a > loss"], back, GAP, ways)
    assert forward.points[0][1] == rectangles["a"][1]
    assert forward.points[-1][1] == rectangles["loss"][3]
    assert not meet(forward.points, gradient.points)
    for complaint, wrong in {"no arrow": {"b > a": "over"}, "no way": {"a > loss": "up"}}.items():
        with pytest.raises(ValueError, match=f"{complaint} is called"):
            plan(boxes, ["a > loss"], {}, GAP, wrong)


def test_arrows_run_straight_down_between_rows():
    column = {"a": Box("upper"), "b": Box("lower", row=1)}
    boxes, (arrow, back) = plan(column, ["a > b"], {"b": ["b > a"]}, GAP)
    assert [y for _, y in arrow.points] == [boxes["a"][1], boxes["b"][3]]
    assert arrow.points[0][0] == arrow.points[1][0] < back.points[0][0]


@pytest.mark.parametrize(
    ("change", "flows", "complaint"),
    [
        ({"z": Box("noise", "100", 1, 1)}, FLOWS, "'z' and 'G' overlap"),
        ({}, ["z > generator"], r"no box is called \['generator'\]"),
    ],
)
def test_mistakes_are_named(change: dict, flows: list, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        plan(GAN | change, flows, GRADIENTS, GAP)


def test_the_picture_is_sharp_on_white_with_colours_of_gradients_and_words(monkeypatch):
    shown = []
    monkeypatch.setattr(diagrams, "display", shown.append)
    show_diagram(GAN, FLOWS, GRADIENTS, alt="noise to faces", labels={"z > G": "drawn"})
    (image,) = shown
    assert (image.format, image.alt) == ("png", "noise to faces")
    pixels = np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB")).astype(int)
    assert pixels.shape[1] == pytest.approx(2 * image.width, abs=2)
    assert (pixels[[0, -1]] == 255).all()
    for colour in (diagrams.GREEN, diagrams.RED):  # the discriminator's and the generator's
        wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (abs(pixels - wanted).max(axis=2) < 12).sum() > 300


def test_more_losses_than_pens_are_refused():
    boxes = {key: Box(key, column=place) for place, key in enumerate("abcde")}
    with pytest.raises(ValueError, match="4 losses at most"):
        show_diagram(boxes, [], dict.fromkeys("abcde", ()), alt="")


def test_what_a_notebook_would_shrink_is_refused():
    boxes = {str(place): Box("discriminator", column=place) for place in range(9)}
    with pytest.raises(
        ValueError, match=r"expected 9\.8 inches at most, got 1\d\.\d: use more rows"
    ):
        show_diagram(boxes, [], alt="")


def test_a_loss_has_its_part_s_colour_in_every_diagram_and_others_what_is_left():
    names = {"g": "generator's loss", "l": "L1 in the hole", "d": "discriminator's loss"}
    pens = diagrams._pens({key: Box(name) for key, name in names.items()})
    colours = {key: colour for key, (colour, _) in pens.items()}
    assert colours == {"g": diagrams.RED, "l": diagrams.BLUE, "d": diagrams.GREEN}
    assert len({line for _, line in pens.values()}) == 3


def test_green_is_left_to_a_discriminator():
    pens = diagrams._pens({key: Box(key) for key in ("L1", "adversarial loss", "Dice")})
    colours = [colour for colour, _ in pens.values()]
    assert colours == [diagrams.BLUE, diagrams.RED, diagrams.PURPLE]


def test_a_legend_wider_than_its_diagram_takes_more_lines(monkeypatch):
    shown = []
    monkeypatch.setattr(diagrams, "display", shown.append)
    losses = {key: Box(f"{key} loss", column=place) for place, key in enumerate("abc")}
    for count in (1, 3):
        show_diagram(losses, [], dict.fromkeys(list("abc")[:count], ()), alt="", gap=(1, 0.4))
    one, three = (Image.open(io.BytesIO(image.data)).size for image in shown)
    assert one[0] == three[0]
    assert one[1] < three[1]
