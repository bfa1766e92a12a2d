"""Running a lesson for a test: in a kernel of its own, profile ci, on drawn data."""

import contextlib
import os
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tools import lessons


def run(notebook: NotebookNode, runs: Path, *, past_errors: bool = True) -> None:
    """Execute the cells; the outputs stand in the notebook then.

    Args:
        runs: the folder for what the lesson saves.
        past_errors: whether to go on with the cells after one that raises.
    """
    settings = {
        "INPAINTLIB_PROFILE": "ci",
        "INPAINTLIB_DATA": "drawn",
        "INPAINTLIB_RUNS": str(runs),
        "PYTHONPATH": str(lessons.ROOT),
    }
    folder = {"metadata": {"path": str(lessons.NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=1200, allow_errors=past_errors, resources=folder)
    with contextlib.suppress(CellExecutionError):
        client.execute(env=os.environ | settings)


def errors(cell: NotebookNode) -> list[str]:
    """The names of the exceptions that a cell raised: none, or one."""
    return [output.ename for output in cell.get("outputs", []) if "ename" in output]


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])
