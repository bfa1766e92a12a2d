"""What the course stands on here: packages, device, data, weights."""

import os
import platform
import shutil
from importlib import metadata

from packaging.requirements import Requirement

from inpaintlib import __version__, data


def examine() -> int:
    """Print what the course stands on here; status 1 if a part is missing or too old."""
    problems: list[str] = []
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    _section("inpaintlib", {"version": __version__, "python": python})
    _section("packages", _packages(problems))
    _section("computing", _computing())
    _section("data", _data(problems))
    _section("weights", _weights(problems))
    _section("grading", _grading())
    for problem in problems:
        print(f"WRONG  {problem}")
    print("\nSomething is wrong." if problems else "\nAll is well.")
    return 1 if problems else 0


def _section(title: str, rows: dict[str, str]) -> None:
    """Print a title and its rows, aligned."""
    print(title)
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        print(f"  {name:<{width}}  {value}")


def _packages(problems: list[str]) -> dict[str, str]:
    """Name to version of what the package requires; adds what is missing or too old."""
    rows = {}
    try:
        required = metadata.requires("inpaintlib") or []
    except metadata.PackageNotFoundError:  # a clone that is used as it is, as in Colab
        return {"inpaintlib": "not installed: used from its folder"}
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            rows[requirement.name] = version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            rows[requirement.name] = "missing"
            problems.append(f"{requirement.name} is not installed")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement} is needed, {version} is installed")
    return rows


def _computing() -> dict[str, str]:
    """Where networks would run, and how their threads wait."""
    import torch

    from inpaintlib.training.launch import best_device

    device = best_device()
    return {
        "device": f"cuda, {torch.cuda.get_device_name()}" if device == "cuda" else device,
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "not set"),
    }


def _data(problems: list[str]) -> dict[str, str]:
    """What the lessons would learn from."""
    named = {"INPAINTLIB_DATA": os.environ.get("INPAINTLIB_DATA", "not set")}
    try:
        return named | data.found()
    except (ValueError, OSError) as error:
        problems.append(str(error))
        return named


def _weights(problems: list[str]) -> dict[str, str]:
    """The trained networks at hand: file to size; having none is a fault."""
    from inpaintlib.photos import shipped

    files = sorted(shipped.folder().glob("*.safetensors"))
    if not shipped.available():
        problems.append(shipped.nothing_here())
    rows = {file.name: f"{file.stat().st_size / 1e6:.1f} MB" for file in files}
    return {"folder": str(shipped.folder())} | rows


def _grading() -> dict[str, str]:
    """Whether students' code would run in a sandbox; only who grades needs it."""
    found = shutil.which("bwrap")
    return {"bubblewrap": found or "missing: `grade` would only watch students' code"}
