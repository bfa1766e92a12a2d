"""The studio as a page of its own: Voilà runs its one cell, for this computer only."""

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

CELL = "from inpaintlib.studio.studio import Studio\n\nStudio()"


def serve(*, port: int = 8866, browser: bool = True, theme: str = "light") -> None:
    """Serve the studio at http://127.0.0.1:`port`, or the next free port, until Ctrl-C.

    Args:
        browser: whether to open it.
        theme: "light" or "dark".
    """
    if importlib.util.find_spec("voila") is None:
        raise ImportError("the studio needs Voilà: pip install 'inpaintlib[app]'")
    from voila.app import Voila  # an extra

    with TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder))
        Voila.launch_instance(arguments(notebook, port=port, browser=browser, theme=theme))


def write_notebook(folder: Path) -> Path:
    """The notebook that Voilà shows: one cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    path = folder / "Inpainting studio.ipynb"
    nbformat.write(notebook, path)
    return path


def arguments(notebook: Path, *, port: int, browser: bool, theme: str) -> list[str]:
    """Voilà's command line."""
    return [
        str(notebook),
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        f"--theme={theme}",
        "--show_tracebacks=True",
        *([] if browser else ["--no-browser"]),
    ]
