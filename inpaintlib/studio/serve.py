"""The studio as a page of its own: Voilà runs its one cell, for this computer only."""

import importlib.util
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from inpaintlib.photos import shipped
from inpaintlib.photos.inpainter import Inpainter

CELL = """import os

os.chdir({here!r})  # where the command was given, and where pictures are saved
from inpaintlib.studio.studio import Studio

Studio(models={models!r})"""


def serve(
    *, port: int = 8866, browser: bool = True, theme: str = "light", models: Sequence[str] = ()
) -> None:
    """Serve the studio at http://127.0.0.1:`port`, or the next free port, until Ctrl-C.

    Only the address with the token that is printed opens it: others may use this computer too.

    Args:
        browser: whether to open it.
        theme: "light" or "dark".
        models: files of weights, offered beside the course's own methods.
    """
    if not 0 < port < 65536:
        raise ValueError(f"expected a port from 1 to 65535, got {port}")
    if importlib.util.find_spec("voila") is None:
        raise ImportError("the studio needs Voilà: pip install 'inpaintlib[app]'")
    from voila.app import Voila  # an extra

    class Studio(Voila):
        def launch_browser(self) -> None:
            """Open the address with its token, which Voilà's own method leaves out.

            Not by a file with a redirection, as Jupyter does: packaged browsers (Snap, Flatpak,
            Windows beside WSL) cannot read it.
            """
            webbrowser.open(f"{self.connection_url}?token={self.identity_provider.token}")

    if not (shipped.available() or models):
        print(f"Only formulas will answer: {shipped.nothing_here()}", flush=True)

    for model in models:
        Inpainter(model)  # before the page is there
    with TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder), [str(Path(model).resolve()) for model in models])
        Studio.launch_instance(arguments(notebook, port=port, browser=browser, theme=theme))


def write_notebook(folder: Path, models: Sequence[str] = ()) -> Path:
    """The notebook that Voilà shows: one cell."""
    import nbformat  # Voilà brings it

    cell = CELL.format(here=str(Path.cwd()), models=list(models))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    path = folder / "Inpainting studio.ipynb"
    nbformat.write(notebook, path)
    return path


def arguments(notebook: Path, *, port: int, browser: bool, theme: str) -> list[str]:
    """Voilà's command line."""
    return [
        str(notebook),
        "--Voila.ip=127.0.0.1",
        "--Voila.auto_token=True",
        f"--port={port}",
        f"--theme={theme}",
        "--show_tracebacks=True",
        *([] if browser else ["--no-browser"]),
    ]
