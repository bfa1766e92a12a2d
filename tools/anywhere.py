"""Make a notebook host ready for a lesson: Colab, Kaggle, or a Jupyter of one's own.

Every lesson's first cell runs this where the package cannot be imported, in a clone of the course.
It installs what is missing and changes nothing that is there: a host pins its packages for a
reason. Then the clone's package can be imported, and the lesson runs in its folder.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
SAME_AS = {"opencv-python-headless": "cv2"}  # comes under several names, which exclude each other
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc|\.post|\.dev)\d+)*(\+[\w.]+)?")


def wanted() -> list[str]:
    """What the package requires, as pyproject.toml has it: `torch>=2.8` and so on."""
    return tomllib.loads((COURSE / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]


def missing(requirements: Iterable[str]) -> list[str]:
    """Those of which no version is here, new or old."""
    return [requirement for requirement in requirements if not is_here(name_of(requirement))]


def name_of(requirement: str) -> str:
    """`torch>=2.8` to `torch`."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def is_here(name: str) -> bool:
    """Whether a package is installed, under its own name or another."""
    if name in SAME_AS:
        return importlib.util.find_spec(SAME_AS[name]) is not None
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def installed() -> str:
    """Every package here with its version, for pip to keep."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    lines = [f"{n}=={v}" for n, v in found.items() if n and VERSION.fullmatch(v or "")]
    return "\n".join(sorted(lines)) + "\n"


def install(requirements: list[str]) -> None:
    """Install what is missing, and its own requirements, without moving what is here.

    Raises:
        OSError: pip cannot do it; its last words are in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept.txt")
        kept.write_text(installed(), "utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", str(kept)]
        done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    if done.returncode:
        raise OSError(
            f"could not install {', '.join(requirements)}. Without internet? On Kaggle it is "
            f"switched on in the notebook's settings. pip says:\n{done.stderr.strip()[-600:]}"
        )


def too_old(requirements: Iterable[str]) -> list[str]:
    """In words, what is here in a version that the course was not tested with."""
    from packaging.requirements import Requirement  # installed by now: one of them

    found = []
    for requirement in map(Requirement, requirements):
        if is_here(requirement.name) and requirement.name not in SAME_AS:
            version = metadata.version(requirement.name)
            if not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{requirement} is asked for, {version} is here and stays")
    return found


def prepare() -> None:
    """Install what is missing, make the package importable, go where the lessons are."""
    new = missing(wanted())
    if new:
        install(new)
        importlib.invalidate_caches()
    sys.path.insert(0, str(COURSE))
    paths = [str(COURSE), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for `!python -m inpaintlib`
    os.chdir(COURSE / "notebooks")
    if "google.colab" in sys.modules:  # or it shows no widgets but its own
        from google.colab import output  # ty: ignore[import-not-found]

        output.enable_custom_widget_manager()
    added = ", ".join(map(name_of, new)) or "nothing"
    print(f"The course is in {COURSE}; installed: {added}.")
    for line in too_old(wanted()):
        print(f"Note: {line}.")


if __name__ == "__main__":
    prepare()
