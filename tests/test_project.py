"""The files around the code agree with each other: versions, lock, commands, lesson table."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from PIL import Image

from inpaintlib.measure.cards import best_network
from tools import bootstrap, fill_examples, lessons, make_site

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHONS = SpecifierSet(PYPROJECT["project"]["requires-python"])


def pinned() -> dict[str, set[str]]:
    """Name to the versions the lock gives it; two where they depend on the Python."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.M):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for: core, extras, development."""
    project = PYPROJECT["project"]
    groups = [*project["optional-dependencies"].values(), *PYPROJECT["dependency-groups"].values()]
    return [Requirement(line) for group in [project["dependencies"], *groups] for line in group]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_lock_satisfies_pyproject(requirement: Requirement):
    versions = pinned()[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(v, prereleases=True) for v in versions)


def test_lock_pins_every_package_by_hash_and_names_no_address():
    blocks = re.split(r"\n(?=[\w])", LOCK.strip())
    assert len(blocks) > 100
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in LOCK
    assert "--index-url" not in LOCK


def test_lock_holds_what_the_set_up_needs():
    assert {"uv", "setuptools"} <= set(pinned())


def test_environment_yml_is_the_same_set():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    (version,) = re.findall(r"^ +- python=([\d.]+)$", text, re.M)
    assert PYTHONS.contains(version)
    others = re.findall(r"^ +- (?!python=)(.+)$", text, re.M)
    # conda brings nothing that the lock pins
    assert others == ["conda-forge", "pip", "pip:", "-r requirements.lock"]


def test_set_up_and_pyproject_name_the_same_pythons():
    minors = [minor for minor in range(6, 30) if PYTHONS.contains(f"3.{minor}")]
    assert (bootstrap.OLDEST[1], bootstrap.NEWEST[1]) == (minors[0], minors[-1])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"not (3, {minors[0]}) <= sys.version_info[:2] <= (3, {minors[-1]})" in makefile


def test_commands_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?=`|\n| +#| ARGS| LESS)", README))
    assert {"lab", "test"} <= named <= targets
    for tool in re.findall(r"tools[/\\](\w+\.py)", README):
        assert (ROOT / "tools" / tool).is_file()


def test_ci_runs_the_readme_s_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.rstrip().endswith("make test")


def test_readme_links_to_what_exists():
    for target in re.findall(r"(?:\]\(|src=\")([^)\"#:]+)[)\"]", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize(
    ("name", "kind"), [("fill_examples.jpg", "celeba"), ("studio.jpg", "drawn")]
)
def test_a_picture_of_the_readme_shows_the_network_that_is_offered_first(name: str, kind: str):
    with Image.open(fill_examples.SAMPLES / name) as picture:
        assert picture.info["comment"].decode() == fill_examples.made_by(best_network(kind))


def test_lesson_table_has_a_row_for_each_lesson():
    linked = re.findall(r"^\| *\d\db? *\|.*\(notebooks/(\d\db?_\w+)\.ipynb\)", README, re.M)
    assert linked == [master.stem for master in lessons.masters([])]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_file_tells_whose_machine_it_was_written_on():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]
    home = re.compile(rb"(?<![\w.])/(?:home|root|Users|work)/[\w.-]+|[A-Z]:\\+Users\\")
    found = {
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in paths
        if b"\0" not in (content := path.read_bytes())
        for match in home.finditer(content)
    }
    assert found == set()


def test_the_site_is_published_by_the_command_that_is_tested():
    workflow = (ROOT / ".github" / "workflows" / "pages.yml").read_text("utf-8")
    assert "- run: make site\n" in workflow
    assert "path: build/site" in workflow
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "site: setup\n\t$(RUN) tools/make_site.py $(OUT)\n" in makefile


def test_the_site_s_budgets_are_stated_as_they_are_held():
    text = (ROOT / "docs" / "README.md").read_text("utf-8")
    stated = [float(number) for number in re.findall(r"^\|.* \| ([\d.]+) MB \|$", text, re.M)]
    assert sorted(stated) == sorted(make_site.LARGEST.values())


# The project's root ----------------------------------------------------------------------------

ASK = "import inpaintlib; print(inpaintlib.project_root())"


def root_seen(folder: Path, packages: Path) -> Path:
    """What `project_root()` says to a program that runs in `folder` with these packages."""
    environment = os.environ | {"PYTHONPATH": str(packages)}
    run = subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, env=environment, text=True, capture_output=True
    )
    assert run.returncode == 0, run.stderr
    return Path(run.stdout.strip())


def course(folder: Path, *, package: bool) -> Path:
    """A folder that looks like the course's, with its own copy of the package or without."""
    for name in ("notebooks", "data"):
        (folder / name).mkdir(parents=True)
    if package:
        (folder / "inpaintlib").mkdir()
        shutil.copy(ROOT / "inpaintlib" / "__init__.py", folder / "inpaintlib")
    return folder


def test_the_root_is_that_of_the_checkout_or_of_its_copy(tmp_path):
    assert root_seen(tmp_path, ROOT) == ROOT
    copy = course(tmp_path / "copy", package=True)
    assert root_seen(tmp_path, copy) == copy
    assert root_seen(copy / "notebooks", copy) == copy


def test_the_root_of_an_installed_package_is_the_course_that_is_worked_in(tmp_path):
    installed = tmp_path / "site-packages"
    (installed / "inpaintlib").mkdir(parents=True)
    shutil.copy(ROOT / "inpaintlib" / "__init__.py", installed / "inpaintlib")
    here = course(tmp_path / "course", package=False)
    assert root_seen(here / "notebooks", installed) == here
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert root_seen(elsewhere, installed) == elsewhere, "never inside of site-packages"


# Licences and citation -------------------------------------------------------------------------


def test_the_licence_is_there_and_named_everywhere():
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "license: Apache-2.0" in citation
    assert f"version: {PYPROJECT['project']['version']}" in citation
    for word in ("Apache-2.0", "CC BY 4.0", "non-commercial"):
        assert word in README.split("## Licences")[1].split("##")[0]


def test_every_source_that_code_or_lessons_name_is_on_the_page_of_sources():
    page = (ROOT / "notebooks" / "sources.md").read_text(encoding="utf-8")
    files = [*ROOT.glob("inpaintlib/**/*.py"), *ROOT.glob("notebooks/source/*.py")]
    named = {n for path in files for n in re.findall(r"[Ss]ource (00\d)", path.read_text("utf-8"))}
    assert named == set(re.findall(r"## Source (00\d)", page))


def rows_of_features() -> list[tuple[str, str, str]]:
    """Feature, place and test of every row of the tables about the sources' documents."""
    page = (ROOT / "notebooks" / "sources.md").read_text(encoding="utf-8")
    tables = re.findall(r"\| its description says .*?\n\|[-|]+\n(.*?)(?:\n\n|\Z)", page, re.S)
    assert len(tables) == 5, "one table per source"
    rows = [line.strip("| ").split(" | ") for table in tables for line in table.splitlines()]
    assert all(len(row) == 3 for row in rows), [row for row in rows if len(row) != 3]
    return [(feature, place, test) for feature, place, test in rows]


@pytest.mark.parametrize(
    ("feature", "place", "test"), rows_of_features(), ids=lambda text: text[:40]
)
def test_every_feature_of_a_source_is_where_the_page_says(feature: str, place: str, test: str):
    number, _, section = place.partition(" · ")
    (master,) = lessons.masters([number])
    headings = re.findall(r"^# #{2,3} (?:\d+ · )?(.+)$", master.read_text("utf-8"), re.M)
    assert section in headings, f"lesson {number} has no section {section!r}"
    named = re.fullmatch(r"`([\w/]+\.py)(?:::(\w+))?`", test)
    if named is None:
        assert "`" not in test, "a test is `file.py::name`"
        assert len(test.split()) >= 4, f"{feature}: neither a test nor a reason"
        return
    source = (ROOT / "tests" / named[1]).read_text(encoding="utf-8")
    assert named[2] is None or f"def {named[2]}(" in source, test


def test_no_code_of_a_defect_points_to_a_list_that_is_not_here():
    files = [*ROOT.glob("inpaintlib/**/*.py"), *ROOT.glob("notebooks/*.py")]
    found = [
        f"{path.name}: {code}"
        for path in files
        for code in re.findall(
            r"\((?:GL|DF|[SUVWF])\d{1,2}\)|defects? (?:GL|DF|[SUVWF])\d", path.read_text("utf-8")
        )
    ]
    assert found == []
