"""Every training cell of every lesson notices when nothing is learned."""

import re

import nbformat
import pytest
from kernel import errors, run, tags

from tools import lessons

FREEZE = """
import torch

for _kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adadelta):
    _kind.step = lambda self, closure=None: None
"""
TRAINED = [m for m in lessons.masters([]) if re.search(r"tags=\[.*\"train\"", m.read_text("utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("master", TRAINED, ids=lambda path: path.stem)
def test_training_cells_fail_when_no_optimizer_makes_a_step(master, tmp_path):
    cells = lessons.build(master).cells
    training = [place for place, cell in enumerate(cells) if "train" in tags(cell)]
    said = complaints(master, tmp_path, frozen_from=0, last=training[-1])
    # An earlier cell spoke: a training cell, or the check of a step that the learner writes.
    earlier = (["NameError"], ["NotImplementedError"])
    unheard = [place for place in training if said[place] in earlier]
    for place in unheard:
        said[place] = complaints(master, tmp_path, frozen_from=place, last=place)[place]
    assert {cells[place]["id"]: said[place] for place in training} == {
        cells[place]["id"]: ["AssertionError"] for place in training
    }


def complaints(master, runs, frozen_from, last):
    """Place to what it raised, of the cells up to `last`, with no optimizer's steps from one on."""
    notebook = lessons.build(master)
    del notebook.cells[last + 1 :]
    cells = list(notebook.cells)
    notebook.cells.insert(frozen_from, nbformat.v4.new_code_cell(FREEZE))
    run(notebook, runs)
    return {place: errors(cell) for place, cell in enumerate(cells)}
