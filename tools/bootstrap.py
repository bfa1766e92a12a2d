"""Make `.venv`, or bring it up to date: everything the course needs, at the locked versions.

    python tools/bootstrap.py

`make lab` and `make test` call it first; when nothing has changed it returns at once. Standard
library only, and it must parse under Python 3.6: an old Python gets a sentence, not a SyntaxError.
"""

import hashlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
GIGABYTES = 8 if sys.platform.startswith("linux") else 4  # Linux wheels of torch bring CUDA along
UNFINISHED = "unfinished"  # what the stamp says while packages are being installed

# No news pop-up and no update check in the course's JupyterLab; the user's own stays as it is.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}


def main():
    """Check the machine, then create, update or accept `.venv`."""
    venv = ROOT / ".venv"
    try:
        check_python(sys.version_info[:2])
        if not is_current(venv):
            set_up(venv)
    except KeyboardInterrupt:
        raise SystemExit("\nset-up: stopped; the same command takes it up again") from None


def set_up(venv):
    """Install everything; the stamp is written last, so that an interrupted set-up is redone."""
    started = time.monotonic()
    version = usable_version(venv)
    if not (venv / package_folder(version) / "torch").is_dir():
        check_disk(ROOT)
    if version is None:
        check_venv_module()
        say("creating .venv with Python {}.{}".format(*sys.version_info))
        show([sys.executable, "-m", "venv", "--clear", venv])
        version = sys.version_info[:2]

    install_uv(venv_python(venv))
    install_packages(venv)
    settings = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(LAB_SETTINGS, indent=2))
    (venv / ".stamp").write_text(fingerprint(version))
    say(f"ready after {time.monotonic() - started:.0f} s")


def check_python(version):
    """Stop unless `version` (major, minor) is one that every package of the lock supports."""
    if not OLDEST <= tuple(version) <= NEWEST:
        raise SystemExit(
            f"set-up: Python 3.11, 3.12 or 3.13 is needed, and this is {version[0]}.{version[1]} "
            f"({sys.executable}). Install one from python.org or with your package manager; with "
            "make, PYTHON=/path/to/python chooses it"
        )


def check_venv_module():
    """Stop when Python cannot make a virtual environment: Debian and Ubuntu split that part off."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"set-up: this Python lacks {' and '.join(missing)}; on Debian or Ubuntu: "
            "sudo apt install python{}.{}-venv".format(*sys.version_info)
        )


def check_disk(folder):
    """Stop when the disk cannot hold the packages, rather than halfway through."""
    free = shutil.disk_usage(str(folder)).free / 1e9
    if free < GIGABYTES:
        raise SystemExit(
            f"set-up: {GIGABYTES} GB of free disk space are needed for the packages in .venv, "
            f"and {folder} has {free:.1f} GB"
        )


def is_current(venv):
    """Whether the last set-up finished and nothing that it depended on has changed since."""
    try:
        stamp = (venv / ".stamp").read_text()
        return venv_python(venv).exists() and stamp == fingerprint(recorded_version(venv))
    except OSError:
        return False


def fingerprint(version):
    """What a finished set-up depended on: both files, the Python, and the place of the clone."""
    content = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "requirements.lock")]
    place = f"{tuple(version)} {ROOT} {LAB_SETTINGS}".encode()
    return hashlib.sha256(b"\0".join([*content, place])).hexdigest()


def recorded_version(venv):
    """The (major, minor) that pyvenv.cfg names: cheaper than asking the interpreter."""
    text = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^version\w* *= *(\d+)\.(\d+)", text, re.M)
    return (int(found.group(1)), int(found.group(2))) if found else None


def usable_version(venv):
    """The (major, minor) of an existing environment that runs and has pip; None: make a new one."""
    question = "import pip, sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [str(venv_python(venv)), "-c", question],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = tuple(int(part) for part in answer.split())
    return version if OLDEST <= version <= NEWEST else None


def venv_python(venv):
    """The interpreter inside a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def package_folder(version):
    """Where an environment of that version keeps its packages, relative to it."""
    if os.name == "nt" or version is None:
        return Path("Lib", "site-packages")
    return Path("lib", "python{}.{}".format(*version), "site-packages")


def install_uv(python):
    """Install uv, at the lock's version and hashes, by pip; uv is five times faster than pip."""
    block = uv_requirement((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    wanted = block.split()[0].replace("uv==", "")
    have = subprocess.run(
        [str(python), "-m", "uv", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if have.stdout.decode().split()[1:2] == [wanted]:
        return
    say(f"fetching uv {wanted}, which fetches the rest")
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text(block)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--retries", "1"]
        wheel = ["--quiet", "--require-hashes", "-r", requirement]
        call([*pip, *wheel], "uv could not be fetched", "PIP_INDEX_URL")


def uv_requirement(lock):
    """The lines of the lock that pin uv: its version and its hashes."""
    start = lock.index("\nuv==") + 1
    lines = lock[start:].splitlines(keepends=True)
    hashes = itertools.takewhile(lambda line: line.startswith("    --hash"), lines[1:])
    return "".join([lines[0], *hashes])


def install_packages(venv):
    """Install the lock with uv, checking hashes, then the course's own package in place."""
    python, stamp = venv_python(venv), venv / ".stamp"
    install = [python, "-m", "uv", "pip", "install", "--python", python]
    locked = [*install, "--require-hashes", "-r", ROOT / "requirements.lock"]
    call([*locked, "--dry-run"], "the package index cannot be used", "UV_DEFAULT_INDEX")

    say("installing the locked packages (the first time: several GB to fetch on Linux)")
    # uv takes a half-copied package for an installed one, so after an interruption all are redone
    unfinished = stamp.is_file() and stamp.read_text() == UNFINISHED
    stamp.write_text(UNFINISHED)
    show([*locked, "--reinstall"] if unfinished else locked)
    show([*install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT])


def call(command, complaint, variable):
    """Run a command that needs the network; when it fails, stop with one line that says why."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise SystemExit(
            f"set-up: {complaint} ({lines[-1].strip()}). Offline? Connect and run the same command "
            f"again. Behind a proxy or a mirror? Set HTTPS_PROXY or {variable}"
        )


def show(command):
    """Run a command with its progress shown; stop when it fails."""
    if subprocess.run([str(part) for part in command], cwd=str(ROOT)).returncode:
        raise SystemExit(
            "set-up: the packages were not all installed; the reason stands above. The same "
            "command takes it up again"
        )


def say(line):
    print(f"set-up: {line}", flush=True)


if __name__ == "__main__":
    main()
