"""Pictures: what is drawn, not how it looks (that a person checks)."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from inpaintlib.notebook import viz


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def axes():
    return plt.gcf().axes


def test_a_grid_shows_every_picture_in_order_at_fixed_brightness():
    images = torch.linspace(-1, 1, 10).view(10, 1, 1, 1).expand(10, 1, 4, 4)
    viz.show_images(images, columns=4, titles=[str(i) for i in range(10)])
    shown = [axis.images[0] for axis in axes() if axis.images]
    assert len(shown) == 10
    means = [float(np.mean(picture.get_array())) for picture in shown]
    assert means == pytest.approx([(v + 1) / 2 for v in torch.linspace(-1, 1, 10).tolist()])
    assert all(picture.get_clim() == (0, 1) for picture in shown)
    assert axes()[9].get_title() == "9"


def test_rows_are_labelled_and_must_be_of_one_length():
    batch = torch.zeros(3, 3, 8, 8)
    viz.show_rows({"truth": batch, "filled": batch}, notes={"filled": ["a", "b", "c"]})
    assert [axes()[0].get_ylabel(), axes()[3].get_ylabel()] == ["truth", "filled"]
    assert axes()[4].get_xlabel() == "b"
    with pytest.raises(ValueError, match="'filled': 2"):
        viz.show_rows({"truth": batch, "filled": batch[:2]})


def test_error_map_is_black_where_equal_and_brighter_where_worse():
    image = torch.zeros(1, 3, 2, 2)
    prediction = image.clone()
    prediction[..., 0, 1] = 0.2
    prediction[..., 1, 1] = 0.9
    brightness = viz.error_map(prediction, image).mean(dim=1)[0]
    assert brightness[0, 0] < -0.95
    assert brightness[0, 0] < brightness[0, 1] < brightness[1, 1]


def test_curves_are_smoothed_around_each_value_and_say_so():
    viz.show_curves({"loss": [6.0, 3.0, 0.0, 3.0]}, smooth=3, levels={"floor": 1.0})
    raw, smooth = axes()[0].lines[:2]
    assert list(raw.get_ydata()) == [6, 3, 0, 3]
    assert list(smooth.get_ydata()) == [4.5, 3, 2, 1.5]
    assert axes()[0].get_xlabel() == "step  (bold: mean of 3; pale: each)"


def test_a_smoothed_curve_keeps_its_gap_and_all_values_beside_it():
    viz.show_curves({"filled": [2.0, 4.0, np.nan, np.nan, np.nan, 1.0, 3.0]}, smooth=3)
    smooth = axes()[0].lines[1].get_ydata()
    assert np.isnan(smooth[2:5]).all()
    assert smooth[[0, 1, 5, 6]].tolist() == [3, 3, 2, 2]


def test_values_that_stand_alone_are_joined_dots_and_never_averaged():
    viz.show_curves({"checked": [np.nan, 1.0, np.nan, 3.0]}, smooth=4)
    (line,) = axes()[0].lines
    assert (line.get_marker(), line.get_xdata().tolist()) == ("o", [1, 3])
    assert line.get_ydata().tolist() == [1, 3]


def test_a_level_has_the_colour_of_its_curve():
    viz.show_curves({"generator": [0.0, 1.0]}, levels={"generator if fooled": 0.5, "half": 0.5})
    assert [line.get_color() for line in axes()[0].lines[1:]] == [viz.PARTS["generator"], "0.35"]


def test_bars_carry_their_values():
    viz.show_bars({"a": 1.0, "b": 2.5}, ylabel="dB", errors={"a": 0.1, "b": 0.2})
    assert [text.get_text() for text in axes()[0].texts] == ["1.00", "2.50"]


def test_dots_show_every_value_and_the_mean_side_by_side():
    groups = {
        "fixed": {"old": [1.0, 3.0], "new": [5.0, 5.0]},
        "redrawn": {"old": [2.0], "new": [4.0]},
    }
    viz.show_dots(groups, ylabel="dB")
    axis = axes()[0]
    drawn = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axis.lines]
    heights = [y for _, y in drawn]
    assert heights == [[1, 3], [5, 5], [2], [4]]
    assert drawn[0][0][0] < 0 < drawn[2][0][0]  # one group left of its label, one right of it
    means = [segments.get_segments()[0][0, 1] for segments in axis.collections]
    assert means == [2, 5, 2, 4]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["fixed", "redrawn"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["old", "new"]


def test_planes_pair_measures_of_the_same_thing():
    groups = {
        "soft": {"dB": [20.0, 21.0], "sharp": [0.3, 0.4]},
        "loud": {"dB": [19.0], "sharp": [0.9]},
    }
    viz.show_planes(groups, [("dB", "sharp"), ("sharp", "dB")])
    first, second = axes()
    soft, loud = first.lines
    assert list(zip(soft.get_xdata(), soft.get_ydata(), strict=True)) == [(20, 0.3), (21, 0.4)]
    assert (soft.get_marker(), soft.get_color()) != (loud.get_marker(), loud.get_color())
    assert (second.get_xlabel(), second.get_ylabel()) == ("sharp", "dB")
    (legend,) = plt.gcf().legends
    assert [text.get_text() for text in legend.get_texts()] == ["soft", "loud"]


def test_intervals_stand_in_order_and_leave_out_what_has_no_mean():
    none = {"mean": None, "low": None, "high": None}
    rows = {"b": {"mean": 2.0, "low": 1.0, "high": 3.0}, "perfect": none}
    viz.show_intervals(rows | {"a": {"mean": 1.0, "low": 0.5, "high": 1.5}}, xlabel="dB")
    axis = axes()[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b", "a"]
    assert list(axis.lines[0].get_xdata()) == [2.0, 1.0]
    assert axis.collections[0].get_segments()[1].tolist() == [[0.5, 1], [1.5, 1]]
    assert axis.yaxis_inverted()


def test_a_part_of_the_axis_is_shaded_and_a_legend_stands_beside():
    curves = {"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]}
    viz.show_curves(curves, shaded=(0.5, 1.5, "the gap"), legend="beside")
    (axis,) = axes()
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names == ["a", "b", "the gap"]
    (grey,) = [patch for patch in axis.patches if patch.get_label() == "the gap"]
    assert grey.get_extents().transformed(axis.transData.inverted()).x0 == pytest.approx(0.5)
    plt.gcf().canvas.draw()
    assert axis.get_legend().get_window_extent().x0 >= axis.get_window_extent().x1


def test_points_stand_where_they_belong_with_their_names():
    viz.show_points({"a": (1.0, 20.0), "b": (0.5, 17.0)}, xlabel="x", ylabel="y")
    (axis,) = axes()
    assert [line.get_xydata().tolist() for line in axis.lines] == [[[1.0, 20.0]], [[0.5, 17.0]]]
    assert [text.get_text() for text in axis.texts][:2] == ["a", "b"]
    assert [text.get_ha() for text in axis.texts][:2] == ["left", "left"]


def test_a_name_goes_to_the_left_where_a_point_is_at_the_right():
    points = {"a": (0.1, 1.0), "b": (0.2, 1.02), "c": (1.0, 3.0)}
    viz.show_points(points, xlabel="x", ylabel="y")
    assert [text.get_ha() for text in axes()[0].texts][:3] == ["right", "left", "left"]


def test_a_map_has_a_bar_that_begins_at_zero():
    viz.show_map(torch.tensor([[0.1, 0.4]]), label="error", beside=torch.zeros(3, 1, 2))
    picture, heat, bar = axes()
    assert picture.images[0].get_clim() == (0, 1)
    assert heat.images[0].get_clim() == pytest.approx((0, 0.4))
    assert bar.get_ylabel() == "error"


def test_a_frame_lies_just_outside_its_box():
    image = torch.zeros(1, 1, 9, 9)
    framed = viz.outlined(image, {"#ff0000": (3, 4, 2, 3)})
    assert framed.shape == (1, 3, 9, 9)
    changed = (framed != 0).any(dim=1)[0]
    assert changed.sum() == 4 * 5 - 2 * 3
    assert not changed[3:5, 4:7].any()
    assert framed[0, :, 2, 3].tolist() == [1, -1, -1]
    assert image.abs().max() == 0


def test_a_network_has_its_colour_in_every_lesson_s_curves():
    viz.show_curves({"reconstruction": [1.0], "discriminator": [2.0], "L1": [3.0]})
    assert [line.get_color() for line in axes()[0].lines] == [viz.BLUE, viz.GREEN, "C2"]


def test_a_heading_stands_above_its_figure():
    batch, told = torch.zeros(2, 3, 8, 8), "left is nearer"
    viz.show_rows({"truth": batch}, heading=told)
    (text,) = plt.gcf().texts
    assert (text.get_text(), text.get_position()[1] > 1) == (told, True)
    for show in (
        lambda: viz.show_curves({"loss": [1.0]}, heading=told),
        lambda: viz.show_bars({"a": 1.0}, ylabel="y", heading=told),
        lambda: viz.show_dots({"a": {"b": [1.0]}}, ylabel="y", heading=told, level=("coin", 0.5)),
        lambda: viz.show_planes({"a": {"b": [1.0], "c": [2.0]}}, [("b", "c")], heading=told),
        lambda: viz.show_points({"a": (1.0, 2.0)}, xlabel="x", ylabel="y", heading=told),
    ):
        plt.figure()
        show()
        assert axes()[0].get_title(loc="left") == told
    plt.figure()
    viz.show_map(torch.zeros(2, 2), label="error", titles=("", "where"), heading=told)
    assert [text.get_text() for text in axes()[0].texts] == [told]
    plt.figure()
    viz.show_dots({"a": {"b": [1.0]}}, ylabel="y", level=("coin", 0.5))
    assert any(list(line.get_ydata()) == [0.5, 0.5] for line in axes()[0].lines)
