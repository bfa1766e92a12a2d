"""The comparison: two pictures under one divider, the error map, the scores."""

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import anywidget
import traitlets

from inpaintlib.studio.holes import view, view_size
from inpaintlib.studio.logic import Filled
from inpaintlib.studio.painter import bytes_trait, sources_of


class Comparison(anywidget.AnyWidget):
    """Two answers under one divider. Set `left` and `right`, then `show` what they say."""

    _esm = sources_of("view.js", "comparison.js")
    _css = sources_of("look.css", "comparison.css")
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of the two menus
    left = traitlets.Unicode().tag(sync=True)  # what they stand on; the reader changes them
    right = traitlets.Unicode().tag(sync=True)
    left_picture = bytes_trait()
    right_picture = bytes_trait()
    errors = bytes_trait()
    draws = traitlets.Bool().tag(sync=True)  # whether an answer can be drawn anew
    seed = traitlets.Int().tag(sync=True)  # of such an answer: the reader asks for another one
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    scaled = traitlets.Bool().tag(sync=True)  # pictures are larger than shown: the kernel saves
    working = traitlets.Unicode().tag(sync=True)  # what is being computed
    message = traitlets.Unicode().tag(sync=True)  # what went wrong, shown in place

    def show(self, filled: Sequence[Filled], *, file: str = "") -> None:
        """Show two answers, left and right; `file` is what they are saved as, else the method."""
        left, right = filled
        with self.hold_sync():
            self.left_picture, self.right_picture = view(left.picture), view(right.picture)
            self.errors = b"" if right.errors is None else view(right.errors)
            size = tuple(right.picture.shape[2:])
            self.scaled = view_size(*size) != size
            self.rows = [_row(answer) | {"file": file or answer.method} for answer in filled]
            self.draws = left.draws or right.draws
            self.working = self.message = ""


def _row(filled: Filled) -> dict[str, Any]:
    """Numbers as the reader sees them; a dash where there is none."""
    scores = filled.scores
    return {
        "method": filled.method,
        "PSNR": f"{scores['PSNR']:.1f} dB" if scores else "–",
        "SSIM": f"{scores['SSIM']:.3f}" if scores else "–",
        "sharpness": f"{scores['sharpness']:.2f}"
        if isfinite(scores.get("sharpness", nan))
        else "–",
        "L1": f"{scores['L1']:.3f}" if scores else "–",
        "time": f"{filled.seconds * 1000:.0f} ms" if filled.seconds else "–",
    }
