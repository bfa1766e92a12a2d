"""Lesson 05 begins in a host like Colab: its packages stay as they are, the missing one comes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import lessons

ROOT = Path(__file__).resolve().parent.parent
LESSON, CELLS = "05_deepfill", 8  # to its first result, from shipped weights
TORCH = ("torch", "torch-*", "torchgen", "functorch", "torchvision*", "triton*", "nvidia*")
# As googlecolab/backend-info lists them in pip-freeze.gpu.txt, commit 4647a1d (February 2026); its
# torch is 2.10, and here it is this environment's.
PINS = """
anywidget==0.9.21 filelock==3.24.3 fsspec==2025.3.0 ipykernel==6.17.1 ipython==7.34.0
ipywidgets==7.7.1 jinja2==3.1.6 jupyter_client==7.4.9 matplotlib==3.10.0 nbclient==0.10.4
nbformat==5.10.4 networkx==3.6.1 numpy==2.0.2
opencv-python-headless==4.13.0.92 packaging==26.0 pillow==11.3.0 pip==24.1.2 psutil==5.9.5
pyzmq==26.2.1 safetensors==0.7.0 scikit-image==0.25.2 scipy==1.16.3 setuptools==75.2.0
sympy==1.14.0 tifffile==2026.2.20 tornado==6.5.1 tqdm==4.67.3 traitlets==5.7.1
typing_extensions==4.15.0 wheel==0.46.3
"""
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
print(json.dumps([["".join(o.get("text", "") for o in cell.outputs) for cell in cells],
                  sum("image/png" in o.get("data", {}) for cell in cells for o in cell.outputs)]))
"""


def frozen(python: Path) -> set[str]:
    """Every package with its version."""
    listed = [str(python), "-m", "pip", "list", "--format=freeze"]
    return set(subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split())


@pytest.fixture
def colab(tmp_path: Path) -> Path:
    """The Python of an environment with Colab's versions and this environment's torch."""
    uv, python = [sys.executable, "-m", "uv"], tmp_path / "colab" / "bin" / "python"
    subprocess.run([*uv, "venv", "-q", "-p", sys.executable, tmp_path / "colab"], check=True)
    install = [*uv, "pip", "install", "-q", "--python", python, *PINS.split()]
    if subprocess.run(install).returncode:
        pytest.skip("needs the network: Colab's versions could not be installed")
    packages = next((tmp_path / "colab" / "lib").glob("*/site-packages"))
    ours = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    for entry in {path for pattern in TORCH for path in ours.glob(pattern)}:
        (packages / entry.name).symlink_to(entry)
    return python


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Colab runs on Linux")
def test_a_lesson_begins_in_colab(colab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lessons, "repository", lambda: ROOT.as_uri())
    notebook = lessons.build(ROOT / "notebooks" / "source" / f"{LESSON}.py")
    code = [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    del notebook.cells[code[CELLS] :]
    content = tmp_path / "content"
    content.mkdir()
    lessons.nbformat.write(notebook, content / "lesson.ipynb")
    before = frozen(colab)
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "VIRTUAL"))}
    environment |= {"INPAINTLIB_PROFILE": "ci", "INPAINTLIB_DATA": "drawn"}
    environment["PATH"] = f"{colab.parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [str(colab), "-c", RUN, "lesson.ipynb"],
        cwd=content,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed, pictures = json.loads(done.stdout.splitlines()[-1])
    assert f"The course is in {content / 'inpainting'}; installed: jpeglib." in printed[0]
    assert "psutil" not in printed[0], "its version is one that the course accepts"
    assert "profile ci" in "".join(printed)
    assert pictures
    after = frozen(colab)
    assert before <= after, f"replaced: {before - after}"
    assert {line.split("==")[0] for line in after - before} == {"jpeglib"}
