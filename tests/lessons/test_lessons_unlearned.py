"""Every training cell of every lesson notices when nothing is learned."""

import os
import re

import nbformat
import pytest
from nbclient import NotebookClient

from tools import lessons

FREEZE = """
import torch

for _kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adadelta):
    _kind.step = lambda self, closure=None: None
"""
TRAINED = [m for m in lessons.masters([]) if re.search(r"tags=\[.*\"train\"", m.read_text("utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("master", TRAINED, ids=lambda path: path.stem)
def test_training_cells_fail_when_no_optimiser_makes_a_step(master, monkeypatch, tmp_path):
    monkeypatch.setenv("INPAINTLIB_PROFILE", "ci")
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(lessons.ROOT))
    cells = lessons.build(master).cells
    training = [
        place for place, cell in enumerate(cells) if "train" in cell.metadata.get("tags", [])
    ]
    said = complaints(master, frozen_from=0, last=training[-1])
    unheard = [place for place in training if said[place] == ["NameError"]]  # an earlier one spoke
    said |= {place: complaints(master, frozen_from=place, last=place)[place] for place in unheard}
    assert {cells[place]["id"]: said[place] for place in training} == {
        cells[place]["id"]: ["AssertionError"] for place in training
    }


def complaints(master, frozen_from, last):
    """Place to what it raised, of the cells up to `last`, with no optimiser's steps from one on."""
    notebook = lessons.build(master)
    del notebook.cells[last + 1 :]
    run = list(notebook.cells)
    notebook.cells.insert(frozen_from, nbformat.v4.new_code_cell(FREEZE))
    folder = {"metadata": {"path": str(lessons.NOTEBOOKS)}}
    NotebookClient(notebook, timeout=300, allow_errors=True, resources=folder).execute(
        env=os.environ
    )
    return {
        place: [output.ename for output in cell.get("outputs", []) if "ename" in output]
        for place, cell in enumerate(run)
    }
