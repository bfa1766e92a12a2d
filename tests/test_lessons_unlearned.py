"""Every training cell of every lesson notices when nothing is learned."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from tools import lessons

FREEZE = """
import torch

for _kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adadelta):
    _kind.step = lambda self, closure=None: None
"""
TRAINED = [master for master in lessons.masters([]) if '"train"' in master.read_text("utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("master", TRAINED, ids=lambda path: path.stem)
def test_training_cells_fail_when_no_optimiser_makes_a_step(master, tmp_path):
    notebook = lessons.build(master)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FREEZE))
    place = {"metadata": {"path": str(lessons.NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=300, allow_errors=True, resources=place)
    client.execute(
        env=os.environ
        | {
            "INPAINTLIB_PROFILE": "ci",
            "INPAINTLIB_DATA": "drawn",
            "INPAINTLIB_RUNS": str(tmp_path),
            "PYTHONPATH": str(lessons.ROOT),
        }
    )
    said = {
        cell["id"]: [output.ename for output in cell.outputs if output.output_type == "error"]
        for cell in notebook.cells
        if "train" in cell.metadata.get("tags", [])
    }
    assert said
    assert [name for name, errors in said.items() if errors != ["AssertionError"]] == []
