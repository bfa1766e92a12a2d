"""The rooms of CONTRIBUTING.md, proven by reading the sources and, for the core, by running it."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "inpaintlib"
ONLY_IN = {
    "matplotlib": {"notebook.viz", "notebook.diagrams"},
    "ipywidgets": {"notebook.sliders", "studio"},
    "anywidget": {"studio"},
}
CORE = {"images", "seeding", "filters", "layers", "masks", "losses", "metrics", "models"} | {
    f"training.{file}" for file in ("__init__", "loop", "ema")
}
"""What the lessons teach. It may import nothing else of the package but `training.distributed`, for
several processes: without torchrun its functions do nothing, and no lesson teaches it."""
CORE_LINES = 3_715  # with docstrings: read in an afternoon; 3,200 before lessons 09 and 10
LINES = 13_540  # 9,000 when the rooms were formed; photos, checks, after GANs; refusals, twice
AT_THE_ROOT = 10
HEAVY = ("matplotlib", "scipy", "cv2", "skimage", "IPython", "ipywidgets", "jupyter_core", "PIL")


def rooms_of(table: str) -> dict[str, int]:
    """Room, or file at the package's root, to floor: rows `| 2 | `losses` | … |` of Markdown."""
    rows = re.findall(r"^\| *(\d+) *\| *(`[^|]+`) *\|", table, re.M)
    return {name: int(floor) for floor, cell in rows for name in re.findall(r"`(\w+)/?`", cell)}


def sources(package: Path = PACKAGE) -> dict[str, str]:
    """Dotted name inside the package (`data.faces`, `data.__init__`) to source."""
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in package.rglob("*.py")
    }


def imported(module: str, source: str) -> set[str]:
    """Every dotted name that a module imports, relative ones resolved, lazy ones included."""
    names: set[str] = set()
    package = ["inpaintlib", *module.split(".")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{start}.{alias.name}" for alias in node.names}
    return names


def arrows(files: dict[str, str]) -> dict[str, set[str]]:
    """Module to the modules of the package that it imports."""
    found: dict[str, set[str]] = {}
    for module, source in files.items():
        names = {
            name.removeprefix("inpaintlib.")
            for name in imported(module, source)
            if name.startswith("inpaintlib.")
        }
        found[module] = {file for name in names if (file := file_of(name, files))} - {module}
    return found


def file_of(name: str, files: dict[str, str]) -> str | None:
    """The file that an imported name comes from: `losses.l1` is in `losses`, `data.x` in `data`."""
    for candidate in (name, name.rpartition(".")[0]):
        for file in (candidate, f"{candidate}.__init__"):
            if candidate and file in files:
                return file
    return None


def violations(files: dict[str, str], rooms: dict[str, int]) -> list[str]:
    """What breaks the rules, in words: one line for each import that does."""
    found = []
    for module, source in sorted(files.items()):
        home = module.split(".")[0]
        if home in ("__init__", "__main__"):
            continue  # the package's first file imports nothing; the other only starts the cli
        if home not in rooms:
            found.append(f"{module} has no room in CONTRIBUTING.md")
            continue
        complaints = (complaint(module, name, rooms) for name in imported(module, source))
        found += sorted({text for text in complaints if text})
    return found


def complaint(module: str, name: str, rooms: dict[str, int]) -> str | None:
    """Why `module` may not import `name`; None where it may."""
    home = module.split(".")[0]
    top, *rest = name.split(".")
    if not {module, home} & ONLY_IN.get(top, {home}):
        return f"{module} imports {top}, which belongs in {', '.join(sorted(ONLY_IN[top]))}"
    if top != "inpaintlib" or not rest or rest[0] not in rooms:
        return None
    target = rest[0]
    if target != home:
        points_down = rooms[target] < rooms[home]
        return None if points_down else f"{module} (floor {rooms[home]}) imports {target}"
    if home == "models" and module != "models.__init__" and rest[1:2] != ["contract"]:
        return f"{module} imports another model"
    return None


def in_core(module: str) -> bool:
    """Whether a file belongs to what the lessons teach."""
    return module in CORE or module.split(".")[0] in CORE


ROOMS = rooms_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def test_imports_only_point_downwards():
    assert violations(sources(), ROOMS) == []


def test_no_circle():
    try:
        TopologicalSorter(arrows(sources())).prepare()
    except CycleError as error:
        pytest.fail(f"files that import each other: {' -> '.join(error.args[1])}")


def test_table_names_exactly_the_rooms_on_disk():
    homes = {module.split(".")[0] for module in sources()} - {"__init__", "__main__"}
    assert set(ROOMS) == homes


def test_the_core_imports_the_core_alone():
    found = arrows(sources())
    up = {target for module in found if in_core(module) for target in found[module]}
    assert {module for module in up if not in_core(module)} == {"training.distributed"}


def test_the_package_is_small():
    lines = {module: len(source.splitlines()) for module, source in sources().items()}
    core = sum(count for module, count in lines.items() if in_core(module))
    assert core <= CORE_LINES
    assert sum(lines.values()) <= LINES
    assert len([module for module in lines if "." not in module]) <= AT_THE_ROOT


def test_first_file_of_the_package_imports_nothing_before_it_is_asked():
    tree = ast.parse(sources()["__init__"])
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in at_once] == ["import os", "from pathlib import Path"]


@pytest.mark.parametrize("package", ["drawings", "classroom"])
def test_the_other_packages_use_little_of_this_one(package: str):
    allowed = {
        "drawings": (),
        "classroom": ("project_root", "data.writing", "data.cache", "notebook"),
    }[package]
    for module, source in sources(ROOT / package).items():
        for name in imported(module, source):
            if name.startswith("inpaintlib."):
                used = name.removeprefix("inpaintlib.")
                assert used.startswith(allowed or "nothing"), f"{package}.{module} imports {name}"


def test_the_core_loads_nothing_heavy():
    """In effect, in a fresh process: a learner's import waits for torch and for nothing else."""
    core = sorted(f"inpaintlib.{m}".removesuffix(".__init__") for m in sources() if in_core(m))
    code = f"import sys, {', '.join(core)}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("masks", "from inpaintlib.losses import l1", "masks (floor 1) imports losses"),
        ("losses", "import inpaintlib.metrics", "losses (floor 2) imports metrics"),
        ("losses", "from . import metrics", "losses (floor 2) imports metrics"),
        ("models.gan", "from .. import training", "models.gan (floor 3) imports training"),
        ("models.gan", "from .unet import UNet", "models.gan imports another model"),
        ("models.gan", "from inpaintlib.models import unet", "models.gan imports another model"),
        ("masks", "def f():\n    import matplotlib", "masks imports matplotlib, which belongs"),
        ("notebook.viz", "import ipywidgets", "notebook.viz imports ipywidgets, which belongs in"),
        ("colours", "", "colours has no room"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, complaint: str):
    (found,) = violations({module: source}, ROOMS)
    assert found.startswith(complaint)


def test_allowed_imports_pass():
    files = {
        "notebook.viz": "import matplotlib.pyplot as plt\nfrom inpaintlib.images import to_unit",
        "models.gan": "import torch\nfrom inpaintlib.models.contract import Phase",
        "models.__init__": "from inpaintlib.models.gan import Gan",
        "data.faces": "from inpaintlib.data.pictures import load",
    }
    assert violations(files, ROOMS) == []


def test_a_circle_is_found():
    files = {"a.__init__": "from inpaintlib.b import x", "b": "from inpaintlib.a import y"}
    with pytest.raises(CycleError):
        TopologicalSorter(arrows(files)).prepare()
