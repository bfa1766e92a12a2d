"""The layers of CONTRIBUTING.md, proven by reading the sources."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "inpaintlib"
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"
ONLY_IN = {"matplotlib": "viz", "ipywidgets": "widgets", "anywidget": "widgets"}
LONGEST_FILE = 300


def layers_of(table: str) -> dict[str, int]:
    """Module to layer, from the rows `| 2 | `losses` | … |` of a Markdown table."""
    rows = re.findall(r"^\| *(\d) *\| *(`[^|]+`) *\|", table, re.M)
    return {name: int(layer) for layer, cell in rows for name in re.findall(r"`(\w+)`", cell)}


def sources() -> dict[str, str]:
    """Dotted name inside the package (`data.faces`, `data.__init__`) to source."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
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


def violations(files: dict[str, str], layers: dict[str, int]) -> list[str]:
    """What breaks the rules, in words: one line for each import that does."""
    found = []
    for module, source in sorted(files.items()):
        home = module.split(".")[0]
        if home in ("__init__", "__main__"):
            continue  # the package's first file imports nothing; the other only starts the cli
        if home not in layers:
            found.append(f"{module} has no layer in CONTRIBUTING.md")
            continue
        complaints = (complaint(module, name, layers) for name in imported(module, source))
        found += sorted({text for text in complaints if text})
    return found


def complaint(module: str, name: str, layers: dict[str, int]) -> str | None:
    """Why `module` may not import `name`; None where it may."""
    home = module.split(".")[0]
    top, *rest = name.split(".")
    if ONLY_IN.get(top, home) != home:
        return f"{module} imports {top}, which belongs in {ONLY_IN[top]}"
    if top != "inpaintlib" or not rest or rest[0] not in layers:
        return None
    target = rest[0]
    if target != home:
        points_down = layers[target] < layers[home]
        return None if points_down else f"{module} (layer {layers[home]}) imports {target}"
    if home == "models" and module != "models.__init__":
        return f"{module} imports another model"
    return None


LAYERS = layers_of(CONTRIBUTING.read_text(encoding="utf-8"))


def test_imports_only_point_downwards():
    assert violations(sources(), LAYERS) == []


def test_table_names_exactly_the_modules_on_disk():
    homes = {module.split(".")[0] for module in sources()} - {"__init__", "__main__"}
    assert set(LAYERS) == homes


def test_first_file_of_the_package_imports_nothing_before_it_is_asked():
    tree = ast.parse(sources()["__init__"])
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in at_once] == ["import os"]


@pytest.mark.parametrize("module", sorted(sources()))
def test_file_is_short_enough_to_read(module: str):
    assert len(sources()[module].splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("masks", "from inpaintlib.losses import l1", "masks (layer 1) imports losses"),
        ("losses", "import inpaintlib.metrics", "losses (layer 2) imports metrics"),
        ("losses", "from . import metrics", "losses (layer 2) imports metrics"),
        ("training", "from inpaintlib.models.gan import G", "training (layer 3) imports models"),
        ("models.gan", "from .. import training", "models.gan (layer 3) imports training"),
        ("models.gan", "from .unet import UNet", "models.gan imports another model"),
        ("models.gan", "from inpaintlib.models import unet", "models.gan imports another model"),
        ("masks", "def f():\n    import matplotlib", "masks imports matplotlib, which belongs"),
        ("viz", "from ipywidgets import HBox", "viz imports ipywidgets, which belongs in widgets"),
        ("colours", "", "colours has no layer"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, complaint: str):
    (found,) = violations({module: source}, LAYERS)
    assert found.startswith(complaint)


def test_allowed_imports_pass():
    files = {
        "viz": "import matplotlib.pyplot as plt\nfrom inpaintlib.images import to_unit",
        "models.gan": "import torch\nfrom inpaintlib.models.contract import Phase",
        "models.__init__": "from inpaintlib.models.gan import Gan",
        "data.faces": "from inpaintlib.data.pictures import load",
    }
    assert violations(files, LAYERS) == []
