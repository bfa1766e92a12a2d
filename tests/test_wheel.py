"""The package as a wheel, in an empty folder: what it lacks it says, and it writes nowhere else."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent

WITHOUT_WEIGHTS = """
import json
from inpaintlib import cli
status = [cli.main(["doctor"]), cli.main(["fill", "photo.png", "--mask", "mask.png"])]
from inpaintlib.studio.studio import Studio
print(json.dumps([status, Studio().comparison.message]))
"""
WITH_WEIGHTS = """
import json, sys
import inpaintlib
from inpaintlib import cli
from inpaintlib.notebook import session
status = [
    cli.main(["download", "weights", "unet-drawn", "unet-celeba", "--source", sys.argv[1]]),
    cli.main(["doctor"]),
    cli.main(["fill", "photo.png", "--mask", "mask.png"]),
]
inpaintlib.load("unet-drawn")
session.start().save_card("lesson", {"a": 1})
from inpaintlib.studio.studio import Studio
studio = Studio()
print(json.dumps([status, studio.comparison.message, studio.comparison.right]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from what belongs into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("inpaintlib", "drawings", "classroom"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "."]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory) -> Path:
    """A Python with the wheel; the packages that it requires are those of this environment."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    packages = next(folder.glob("lib/*/site-packages"), folder / "Lib" / "site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "required.pth").write_text("\n".join(ours))  # .pth files in there are not read
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A folder with a photo and its mask, nothing of the course."""
    folder = tmp_path_factory.mktemp("empty")
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    mask = np.zeros((128, 128), np.uint8)
    mask[40:80, 40:80] = 255
    Image.fromarray(pixels).save(folder / "photo.png")
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


def run(python: Path, folder: Path, code: str, *arguments: str) -> tuple[list, str]:
    """What the code prints last, and everything that was printed."""
    home = {"INPAINTLIB_CACHE": str(folder / "cache"), "INPAINTLIB_DATA": "drawn"}
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    environment.pop("INPAINTLIB_RUNS", None)
    done = subprocess.run(
        [str(python), "-c", code, *arguments],
        cwd=folder,
        env=environment | home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def test_the_wheel_holds_what_it_needs_and_no_weights(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"inpaintlib/photos/weights.json", "inpaintlib/studio/painter.js"} <= names
    assert not [name for name in names if name.endswith(".safetensors")]
    assert wheel.stat().st_size < 500_000


def test_outside_a_clone(python: Path, empty: Path):
    fetches = "`python -m inpaintlib download weights` fetches them"
    (status, message), shown = run(python, empty, WITHOUT_WEIGHTS)
    assert status == [1, 2]
    assert f"WRONG  no trained networks in {empty / 'cache' / 'weights'}" in shown
    assert f"inpaintlib: no trained networks in {empty / 'cache' / 'weights'}: {fetches}" in shown
    assert message.endswith(fetches)

    source = (ROOT / "data" / "weights").as_uri()
    (status, message, method), shown = run(python, empty, WITH_WEIGHTS, source)
    assert status == [0, 0, 0], shown
    assert "All is well." in shown
    assert (message, method) == ("", "unet-drawn")
    photo, filled = (np.array(Image.open(empty / f"photo{end}.png")) for end in ("", "-filled"))
    hole = np.array(Image.open(empty / "mask.png")) > 0
    assert (photo[~hole] == filled[~hole]).all()
    assert (photo[hole] != filled[hole]).any()
    written = {path.name for path in empty.iterdir()}
    assert written == {"photo.png", "mask.png", "photo-filled.png", "cache", "runs"}
    assert (empty / "runs" / "cards" / "lesson.json").is_file()
    installed = next(python.parents[1].rglob("inpaintlib/__init__.py")).parents[1]
    assert not (installed / "runs").exists()
