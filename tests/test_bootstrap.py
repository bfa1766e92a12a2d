"""The set-up's checks and its stamp. The set-up itself is what every `make` has just run."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import bootstrap, lab

SOURCE = Path(bootstrap.__file__).read_text(encoding="utf-8")


def test_parses_under_an_old_python():
    ast.parse(SOURCE, feature_version=(3, 6))


def test_imports_nothing_but_the_standard_library():
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Import)]
    names = {alias.name.split(".")[0] for node in imports for alias in node.names}
    assert names <= sys.stdlib_module_names


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 14), (2, 7), (4, 0)])
def test_an_unsuitable_python_is_named(version: tuple[int, int]):
    with pytest.raises(SystemExit, match=r"3\.11, 3\.12 or 3\.13 is needed") as caught:
        bootstrap.check_python(version)
    assert f"this is {version[0]}.{version[1]} " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_suitable_python_passes(version: tuple[int, int]):
    bootstrap.check_python(version)


def test_debian_without_venv_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"sudo apt install python3\.\d+-venv"):
        bootstrap.check_venv_module()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = SimpleNamespace(free=1.5e9)
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(SystemExit, match=r"GB of free disk space are needed.* has 1\.5 GB"):
        bootstrap.check_disk(tmp_path)


@pytest.fixture
def clone(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose `.venv` is finished, as far as its stamp says."""
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(repository / name, tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    venv = tmp_path / ".venv"
    bootstrap.venv_python(venv).parent.mkdir(parents=True)
    bootstrap.venv_python(venv).touch()
    (venv / "pyvenv.cfg").write_text("home = somewhere\nversion = 3.12.4\n")
    (venv / ".stamp").write_text(bootstrap.fingerprint((3, 12)))
    return tmp_path


def test_a_finished_environment_is_left_alone(clone: Path):
    assert bootstrap.is_current(clone / ".venv")


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_a_changed_file_makes_it_out_of_date(clone: Path, name: str):
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    assert not bootstrap.is_current(clone / ".venv")


@pytest.mark.parametrize("stamp", ["", bootstrap.UNFINISHED])
def test_an_unfinished_set_up_is_out_of_date(clone: Path, stamp: str):
    (clone / ".venv" / ".stamp").write_text(stamp)
    assert not bootstrap.is_current(clone / ".venv")


def test_another_python_makes_it_out_of_date(clone: Path):
    (clone / ".venv" / "pyvenv.cfg").write_text("version = 3.13.0\n")
    assert not bootstrap.is_current(clone / ".venv")


def test_a_moved_clone_is_out_of_date(clone: Path, monkeypatch: pytest.MonkeyPatch):
    moved = clone.parent / "moved"
    shutil.copytree(clone, moved)
    monkeypatch.setattr(bootstrap, "ROOT", moved)
    assert not bootstrap.is_current(moved / ".venv")


def test_a_missing_interpreter_is_noticed(clone: Path):
    bootstrap.venv_python(clone / ".venv").unlink()
    assert not bootstrap.is_current(clone / ".venv")
    assert bootstrap.usable_version(clone / ".venv") is None


def test_uv_is_pinned_with_its_hashes(repository: Path):
    lock = (repository / "requirements.lock").read_text(encoding="utf-8")
    first, *hashes = bootstrap.uv_requirement(lock).splitlines()
    assert first.startswith("uv==")
    assert len(hashes) > 5
    assert all(line.strip().startswith("--hash=sha256:") for line in hashes)
    assert not hashes[-1].endswith("\\")


def test_a_failed_fetch_is_one_line_with_its_reason():
    command = [sys.executable, "-c", "import sys; sys.exit('first\\ncause: no such host')"]
    with pytest.raises(SystemExit) as caught:
        bootstrap.call(command, "uv could not be fetched", "PIP_INDEX_URL")
    assert str(caught.value).startswith(
        "set-up: uv could not be fetched (cause: no such host). Off"
    )
    assert "\n" not in str(caught.value)


def test_the_course_s_jupyterlab_shows_no_news(repository: Path):
    if not (repository / ".venv" / ".stamp").exists():
        pytest.skip("not set up by tools/bootstrap.py")
    settings = repository / ".venv/share/jupyter/lab/settings/overrides.json"
    assert json.loads(settings.read_text()) == bootstrap.LAB_SETTINGS


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_prefers_a_python_that_runs(tmp_path: Path, repository: Path):
    for name, body in {"python3.13": "exit 127", "python3.12": "exit 1"}.items():
        shim = tmp_path / name
        shim.write_text(f"#!/bin/sh\n{body}\n")
        shim.chmod(0o755)
    (tmp_path / "python3.11").symlink_to(sys.executable)
    shown = subprocess.run(
        ["make", "--dry-run", "setup"],
        cwd=repository,
        env={**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 'python="python3.11"' in shown


# tools/lab.py --------------------------------------------------------------------------------


def test_jupyterlab_lands_on_the_first_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("01_second.ipynb", "00_first.ipynb", "README.ipynb"):
        (tmp_path / name).touch()
    monkeypatch.setattr(lab, "NOTEBOOKS", tmp_path)
    command = lab.command(["--no-browser", "--port", "8899"])
    assert "--LabApp.default_url=/lab/tree/00_first.ipynb" in command
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert command[-3:] == ["--no-browser", "--port", "8899"]


@pytest.mark.parametrize(("user", "expected"), [(0, True), (1000, False)])
def test_root_is_let_in_only_as_root(user: int, expected: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lab.os, "geteuid", lambda: user, raising=False)
    assert ("--allow-root" in lab.command([])) is expected
