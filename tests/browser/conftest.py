"""A browser, a JupyterLab of its own and a page in it, started once for all browser tests."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LESSONS = REPOSITORY / "notebooks"
TOKEN = "browser-tests"
CELLS = {
    "studio": "from inpaintlib.studio.studio import Studio\nstudio = Studio()\nstudio",
    "attention": """import torch
from inpaintlib.studio.attention import AttentionViewer
near = (torch.arange(64)[:, None] - torch.arange(64)).abs() <= 1
near = near / near.sum(dim=1, keepdim=True)
maps = {"next to it": near, "everywhere": torch.full((64, 64), 1 / 64)}
viewer = AttentionViewer(torch.zeros(1, 3, 128, 128), maps, place=(2, 3))
viewer""",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

READY = """async () => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  const { kernel } = sessionContext.session;
  await kernel.info;
  while (kernel.connectionStatus !== 'connected' || kernel.status !== 'idle')
    await new Promise((done) => setTimeout(done, 100));
}"""
EXECUTE = """async (code) => {
  const future = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code });
  let printed = '';
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'stream') printed += content.text;
    if (header.msg_type === 'error') printed += content.traceback.join('\\n');
  };
  await future.done;
  return printed;
}"""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running(command: list[str], address: str, folder: Path):
    """A server that is up; its log is in the message if it never comes up."""
    environment = os.environ | {
        "INPAINTLIB_DATA": "drawn",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "INPAINTLIB_PROFILE": "ci",
        "INPAINTLIB_RUNS": str(folder / "runs"),
    }
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(server, address, log)
        yield
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait_for(server: subprocess.Popen, address: str, log: Path) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.3)
    pytest.fail(f"no answer from {address}:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser():
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as control:
        path = chromium or control.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium found: install it, or run `playwright install chromium`")
        opened = control.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """The address of the notebook `studio`, in a JupyterLab on this computer.

    Beside it lie the other `CELLS` and the lessons.
    """
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for name, code in CELLS.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    for module in LESSONS.glob("*.py"):  # 07 imports what lies beside it
        shutil.copy(module, folder / "notebooks")
    for lesson in LESSONS.glob("*.ipynb"):  # twice, for JupyterLab saves by itself
        shutil.copy(lesson, folder / "notebooks")
        shutil.copy(lesson, folder / "notebooks" / f"solved_{lesson.name}")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={TOKEN}"),
        *(f"--ServerApp.root_dir={folder / 'notebooks'}", "--LabApp.expose_app_in_browser=True"),
    ]
    with running(command, f"{address}/api", folder):
        yield f"{address}/lab/tree/studio.ipynb?reset&token={TOKEN}"


@contextmanager
def notebook_page(browser, address: str):
    """A page with a notebook, its kernel ready; `page.errors` collects what fails in it."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(90_000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(address)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext")
    page.evaluate(READY)
    try:
        yield page
    finally:
        page.close()


@pytest.fixture(scope="session")
def studio(browser, lab):
    """The page with the studio, its cell run."""
    with notebook_page(browser, lab) as page:
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function("document.querySelector('.ip-under')?.naturalWidth > 0")
        yield page


@pytest.fixture(scope="session")
def kernel(studio):
    """Run code in the page's kernel; returns what it prints."""
    return lambda code: studio.evaluate(EXECUTE, code).strip()


@pytest.fixture(scope="session")
def voila(browser, tmp_path_factory):
    """The address of the studio served by `python -m inpaintlib studio`, with its token."""
    pytest.importorskip("voila", reason="Voilà is not installed: pip install 'inpaintlib[app]'")
    folder = tmp_path_factory.mktemp("voila")
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "inpaintlib", "studio", "--no-browser", f"--port={port}"]
    with running(command, f"{address}voila/static/voila.js", folder):
        yield re.search(r"http://\S+token=\w+", (folder / "log").read_text())[0]
