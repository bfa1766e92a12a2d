"""The command line: statuses, one-line errors, and what doctor reports."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inpaintlib import cli, data, doctor
from inpaintlib.measure.comparison import BAND_HOLES, HOLES
from inpaintlib.photos import shipped


def test_doctor_on_the_drawn_sets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    assert cli.main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "drawn digits" in shown
    assert "drawn faces" in shown
    assert "torchvision" in shown
    assert "bubblewrap" in shown
    assert shown.endswith("All is well.\n")


def test_doctor_finds_real_data(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("INPAINTLIB_DATA", str(real_data))
    assert cli.main(["doctor"]) == 0
    assert f"MNIST in {real_data}" in capsys.readouterr().out


def test_doctor_names_a_missing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "nowhere"))
    assert cli.main(["doctor"]) == 1
    assert f"{tmp_path / 'nowhere'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        ("numpy>=99", "numpy>=99 is needed"),
        ("no-such-package", "no-such-package is not installed"),
        ("no-such-package; extra == 'data'", None),
    ],
)
def test_doctor_checks_the_requirements(
    requirement: str,
    problem: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: [requirement])
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    assert cli.main(["doctor"]) == (1 if problem else 0)
    assert (problem or "All is well") in capsys.readouterr().out


def test_doctor_calls_missing_networks_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    assert cli.main(["doctor"]) == 1
    fault = f"WRONG  no trained networks in {tmp_path}: `python -m inpaintlib download weights`"
    assert fault in capsys.readouterr().out


def test_download_passes_folder_and_limit_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    asked = []
    for name in ("mnist", "celeba"):
        fetch = lambda root, name=name, **how: asked.append((name, how)) or root / name  # noqa: E731
        monkeypatch.setattr(data, f"download_{name}", fetch)
    assert cli.main(["download", "celeba", "--root", str(tmp_path), "--limit", "7"]) == 0
    assert cli.main(["download", "mnist", "--root", str(tmp_path)]) == 0
    assert asked == [("celeba", {"limit": 7}), ("mnist", {})]
    assert str(tmp_path / "celeba") in capsys.readouterr().out
    assert cli.main(["download", "mnist", "--limit", "7"]) == 2
    assert "--limit is for celeba" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [OSError("no mirror answered"), ValueError("limit"), ImportError("kagglehub")]
)
def test_an_expected_error_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def fail(*_: object, **__: object) -> Path:
        raise error

    monkeypatch.setattr(data, "download_celeba", fail)
    assert cli.main(["download", "celeba"]) == 2
    assert capsys.readouterr().err == f"inpaintlib: {error}\n"


def test_the_holes_that_help_names_are_those_that_evaluate_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("COLUMNS", "200")  # else a line may end in "free-"
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{', '.join(HOLES)}; " in shown
    named = set(re.findall(r"'([^']* %)'", shown))
    assert named
    assert named <= set(BAND_HOLES)


def test_output_into_a_file_of_few_letters_goes_on(monkeypatch: pytest.MonkeyPatch):
    """As `evaluate > file` under Windows, whose table says ∞."""
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="cp1252"))
    monkeypatch.setattr(cli, "examine", lambda: sys.stdout.write("∞ dB") - 4)
    assert cli.main(["doctor"]) == 0
    sys.stdout.flush()
    assert file.getvalue().split() == [b"?", b"dB"]


def test_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "inpaintlib", "frobnicate"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_names_the_device_that_a_run_would_take(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert doctor._computing()["device"] == "mps"
