"""A lesson's first cell, and what it runs where the course is not installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import anywhere, lessons

ROOT = Path(__file__).resolve().parent.parent


def test_only_what_is_missing_is_missing(monkeypatch: pytest.MonkeyPatch):
    asked = ["torch>=99", "no-such-package>=1.0.2", "opencv-python-headless>=4"]
    monkeypatch.setattr(anywhere.metadata, "version", versions(torch="2.10.0"))
    assert anywhere.missing(asked) == ["no-such-package>=1.0.2"], "cv2 has several names"


def test_what_is_too_old_stays_and_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(anywhere.metadata, "version", versions(torch="2.6.0+cu124", numpy="2.1"))
    (line,) = anywhere.too_old(["torch>=2.8", "numpy>=2,<3", "no-such-package"])
    assert line == "torch>=2.8 is asked for, 2.6.0+cu124 is here and stays"


def versions(**known: str):
    def version(name: str) -> str:
        if name not in known:
            raise anywhere.metadata.PackageNotFoundError(name)
        return known[name]

    return version


def test_pip_is_told_to_keep_every_package(monkeypatch: pytest.MonkeyPatch):
    kept = dict(line.split("==") for line in anywhere.installed().splitlines())
    assert {"numpy", "torch", "ipykernel"} <= set(kept)
    seen = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        seen.append(Path(command[command.index("-c") + 1]).read_text("utf-8"))
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no such host")

    monkeypatch.setattr(anywhere.subprocess, "run", run)
    with pytest.raises(OSError, match="could not install a, b>=2") as caught:
        anywhere.install(["a", "b>=2"])
    assert seen == [anywhere.installed()]
    assert str(caught.value).endswith("ERROR: no such host")


def test_what_the_package_requires_replaces_no_part_of_a_host():
    names = {anywhere.name_of(line) for line in anywhere.wanted()}
    assert {"torch", "numpy", "ipywidgets"} <= names
    assert not {"jupyterlab", "ipykernel", "jupyter-client", "notebook"} & names


def test_in_colab_other_widgets_are_switched_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    switched = []
    output = SimpleNamespace(enable_custom_widget_manager=lambda: switched.append(True))
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(output=output))
    monkeypatch.setattr(anywhere, "COURSE", tmp_path)
    monkeypatch.setattr(anywhere, "wanted", lambda: ["torch"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "before")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    anywhere.prepare()
    assert switched == [True]
    assert Path.cwd() == tmp_path / "notebooks"
    assert os.environ["PYTHONPATH"] == f"{tmp_path}{os.pathsep}before"


# The cell, as a host runs it -----------------------------------------------------------------

RUN = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for _ in range(2):  # a reader runs it twice
    done = shell.run_cell(open(sys.argv[1]).read())
    done.raise_error()
import inpaintlib
print(json.dumps([os.getcwd(), inpaintlib.__file__, os.environ.get("PYTHONPATH")]))
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with what the cell needs of the course; its package holds one file."""
    course = tmp_path / "somewhere" / "course"
    for name in ("tools/anywhere.py", "pyproject.toml", "inpaintlib/__init__.py"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, course / name)
    (course / "notebooks").mkdir()
    (course / "notebooks" / "README").touch()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], cwd=course, check=True)
    return course


def bare_host(folder: Path) -> dict[str, str]:
    """An environment in which everything is installed but the course."""
    packages = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    (folder / "bare").mkdir()
    for entry in packages.iterdir():
        if "inpaintlib" not in entry.name and entry.suffix != ".pth":
            (folder / "bare" / entry.name).symlink_to(entry)
    home = {"HOME": str(folder), "IPYTHONDIR": str(folder / "ipython")}
    return {**os.environ, **home, "PYTHONPATH": str(folder / "bare")}


def run_cell(cell: str, folder: Path, environment: dict[str, str]) -> tuple[list, str]:
    """What `RUN` reports after the cell has run in a folder, and everything printed."""
    script, code = folder / "run.py", folder / "cell.txt"
    script.write_text(RUN)
    code.write_text(cell)
    python = [sys.executable, "-S", str(script), str(code)]
    done = subprocess.run(python, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_cell_fetches_the_course_into_an_empty_folder(clone: Path, tmp_path: Path):
    cell = lessons.ELSEWHERE.format(address=clone.as_uri())
    content = tmp_path / "content"
    content.mkdir()
    (where, package, path), shown = run_cell(cell, content, bare_host(tmp_path))
    assert Path(where) == content / "inpainting" / "notebooks"
    assert Path(package).parent == content / "inpainting" / "inpaintlib"
    assert path.split(os.pathsep)[0] == str(content / "inpainting")
    assert shown.count("installed: nothing") == 1, "the second time there is nothing to do"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_cell_uses_the_clone_that_the_notebook_lies_in(clone: Path, tmp_path: Path):
    cell = lessons.ELSEWHERE.format(address="https://example.invalid/course")
    (where, package, _), _ = run_cell(cell, clone / "notebooks", bare_host(tmp_path))
    assert Path(where) == clone / "notebooks"
    assert Path(package).parent == clone / "inpaintlib"


def test_at_home_the_cell_does_nothing(tmp_path: Path):
    cell = lessons.ELSEWHERE.format(address="https://example.invalid/course")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    (where, package, _), shown = run_cell(cell, tmp_path, environment)
    assert (Path(where), Path(package).parent) == (tmp_path, ROOT / "inpaintlib")
    assert len(shown.splitlines()) == 1


def test_the_address_is_written_in_one_place():
    address = lessons.repository()
    files = [
        *ROOT.glob("*.*"),
        *ROOT.glob("tools/*"),
        *ROOT.glob("docs/**/*"),
        *ROOT.glob("*/*.py"),
    ]
    found = {p.name for p in files if p.is_file() and address in p.read_text("utf-8", "ignore")}
    assert found == {"pyproject.toml"}
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == lessons.with_address(readme, address), "run: make address"
    assert lessons.with_address(readme, "https://github.com/You/new").count("/new/") == 2
    for master in lessons.masters([]):
        text = lessons.notebook_path(master).read_text("utf-8")
        assert re.findall(r"git clone -q --depth 1 (\S+)", text) == [address]
