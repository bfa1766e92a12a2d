"""The attention viewer without a browser: what is drawn, what it says, what is refused."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintlib.studio.attention import AttentionViewer, attention_over, grid_of, in_words


def corner_weights(count, looked_at):
    """Every place looks at one place only."""
    weights = torch.zeros(count, count)
    weights[:, looked_at] = 1
    return weights


@pytest.fixture
def viewer():
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., :16, :16] = 1
    maps = {"far": corner_weights(24, 23), "fine": corner_weights(96, 0)}
    return AttentionViewer(torch.zeros(1, 3, 64, 96), maps, mask, place=(0, 0))


def shown(viewer):
    return np.asarray(Image.open(io.BytesIO(viewer.picture))).astype(float)


def test_the_place_looked_at_is_the_brightest_and_the_place_looked_from_is_framed(viewer):
    picture = shown(viewer)
    assert picture.shape == (384, 576, 3)
    cells = picture.reshape(4, 96, 6, 96, 3)[:, 20:76, :, 20:76].mean(axis=(1, 3, 4))
    assert np.unravel_index(cells.argmax(), cells.shape) == (3, 5)
    assert cells[3, 5] > 3 * np.delete(cells.ravel(), 23).max()
    framed = (picture == [87, 230, 255]).all(axis=2)
    assert framed[:96, 96:100].any()
    assert not framed[110:].any()


def test_a_hover_draws_anew_and_says_what_it_sees(viewer):
    before = viewer.picture
    viewer.set_state({"row": 2, "column": 3})
    assert viewer.picture != before
    assert viewer.note == "row 3, column 4: half of the weight on 1 of 24 places, 0 % in the hole"


def test_another_map_keeps_the_point_and_changes_the_grid(viewer):
    viewer.set_state({"row": 3, "column": 5})
    viewer.set_state({"choice": "fine"})
    assert (viewer.rows, viewer.columns) == (8, 12)
    assert (viewer.row, viewer.column) == (6, 10)
    assert viewer.note.endswith("half of the weight on 1 of 96 places, 100 % in the hole")
    viewer.set_state({"choice": "far"})
    assert (viewer.row, viewer.column) == (3, 5)


def test_what_a_browser_cannot_mean_is_shown_and_the_next_place_recovers(viewer):
    before = viewer.picture
    viewer.set_state({"row": 9})
    assert viewer.message == "expected a place within 4×6 cells, got (9, 0)"
    assert viewer.picture == before
    viewer.set_state({"row": 1})
    assert viewer.message == ""
    viewer.set_state({"choice": "near"})
    assert viewer.message == "no map 'near': expected one of far, fine"


def test_half_of_the_weight_is_counted():
    image, mask = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., :4, :] = 1
    even = torch.full((16, 16), 1 / 16)
    assert in_words(image, even, (0, 0), mask).endswith("8 of 16 places, 50 % in the hole")
    one = torch.zeros(16, 16)  # contextual attention where everything is hidden
    assert in_words(image, one, (0, 0), mask).endswith("0 % in the hole")


def test_weights_that_fit_no_grid_are_refused():
    image = torch.zeros(1, 3, 32, 48)
    assert grid_of(torch.zeros(96, 96), image) == (8, 12)
    for shape in ((10, 10), (96, 24), (7, 7)):
        with pytest.raises(ValueError, match="do not fit a picture of 32×48"):
            grid_of(torch.zeros(shape), image)
    with pytest.raises(ValueError, match="one image and a map, got 2 and 1"):
        AttentionViewer(torch.zeros(2, 3, 8, 8), {"a": torch.eye(16)})
    with pytest.raises(ValueError, match="within 4×4 cells"):
        AttentionViewer(torch.zeros(1, 3, 8, 8), {"a": torch.eye(16)}, place=(4, 0))
    with pytest.raises(ValueError, match="within 8×12 cells"):
        attention_over(image, torch.eye(96), (0, 12))


def test_where_no_browser_is_the_picture_stands_in(viewer):
    data, _ = viewer._repr_mimebundle_()
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    np.testing.assert_array_equal(picture, shown(viewer))
    assert data["text/plain"] == "AttentionViewer(far, fine)"
