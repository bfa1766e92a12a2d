"""What stops the site: too large, no npm, a MathJax that is not the one expected."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tools import make_site


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what npm fetches."""
    monkeypatch.setattr(make_site, "VENDOR", tmp_path / "vendor")
    return tmp_path / "vendor"


def test_without_npm_it_is_said(vendor: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(make_site.shutil, "which", lambda _: None)
    with pytest.raises(make_site.SiteError, match=r"npm is needed once, to fetch mathjax@3\.2\.2"):
        make_site.mathjax()


def test_another_mathjax_is_not_kept(vendor: Path, monkeypatch: pytest.MonkeyPatch):
    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess:
        with tarfile.open(cwd / "mathjax.tgz", "w:gz") as archive:
            for name in make_site.MATHJAX_FILES:
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = 5
                archive.addfile(entry, io.BytesIO(b"other"))
        return subprocess.CompletedProcess(command, 0, "mathjax.tgz\n", "")

    monkeypatch.setattr(make_site.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(make_site.subprocess, "run", run)
    with pytest.raises(make_site.SiteError, match="is not the file that was expected"):
        make_site.mathjax()
    assert not list(vendor.rglob("*.js"))


def test_no_network_is_said(vendor: Path, monkeypatch: pytest.MonkeyPatch):
    failed = subprocess.CompletedProcess([], 1, "", "npm error ENOTFOUND")
    monkeypatch.setattr(make_site.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(make_site.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(make_site.SiteError, match="could not be fetched: npm error ENOTFOUND"):
        make_site.mathjax()


@pytest.mark.parametrize(
    ("budget", "complaint"),
    [("site", "the site has 2.0 MB"), ("network", "unet.onnx.gz: 2.0 MB"), (None, None)],
)
def test_a_budget_is_held(
    budget: str | None, complaint: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "studio" / "models").mkdir(parents=True)
    (tmp_path / "studio" / "models" / "unet.onnx.gz").write_bytes(bytes(2_000_000))
    if budget is None:
        return make_site.check_sizes(tmp_path)
    monkeypatch.setitem(make_site.LARGEST, budget, 1.0)
    with pytest.raises(make_site.SiteError, match=complaint):
        make_site.check_sizes(tmp_path)
