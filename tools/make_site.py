"""Build the course as a site that asks no other computer for anything.

    python tools/make_site.py [OUT]          build/site, if OUT is not named

The pages are put together in build/pages, from the notebooks, the README, the cards and docs/.
Lessons are not run: what their notebooks hold is shown. MathJax comes from npm, once. The studio
is the page of web/, where that has been built.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PAGES, VENDOR = BUILD / "pages", BUILD / "vendor"
MATHJAX = "mathjax@3.2.2"
MATHJAX_FILES = {
    "es5/tex-svg-full.js": "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6",
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
}
LARGEST = {"site": 60.0, "network": 4.5, "first visit": 8.0}
"""Budgets in MB: the site on disk, one network, and what the front page loads with one network,
compressed. The last one is measured in a browser, by tests/site/test_site.py."""


class SiteError(Exception):
    """The site cannot be built, or is too large."""


def build(out: Path) -> None:
    """Put the pages together and let Sphinx make the site; a warning is an error.

    Raises:
        SiteError: Sphinx complains, MathJax cannot be fetched, or a budget is exceeded.
    """
    assemble()
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    folders = ["-c", ROOT / "docs", "-d", BUILD / "doctrees", PAGES, out]
    if subprocess.run([*command, *map(str, folders)], cwd=ROOT).returncode:
        raise SiteError("the pages have faults: they stand above")
    shutil.rmtree(out / ".doctrees", ignore_errors=True)
    if has_studio():
        shutil.copytree(studio_folder(), out / "studio")
    (out / ".nojekyll").touch()  # GitHub leaves out folders that begin with _ otherwise
    check_sizes(out)


def assemble() -> None:
    """Write build/pages: the sources of all pages, and what they show."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for page in (ROOT / "docs").glob("*.md"):
        copy(page, PAGES / page.name)
    notebooks = ROOT / "notebooks"
    for page in [*notebooks.glob("[0-9][0-9]_*.ipynb"), *notebooks.glob("*.md")]:
        copy(page, PAGES / "notebooks" / page.name)
    copy(ROOT / "assignments" / "README.md", PAGES / "assignments" / "README.md")
    shutil.copytree(notebooks / "pictures", PAGES / "notebooks" / "pictures")
    static = PAGES / "static"
    shutil.copytree(ROOT / "docs" / "static", static)
    shutil.copytree(notebooks / "pictures", static / "pictures")
    shutil.copytree(ROOT / "data" / "samples", static / "samples")
    shutil.copytree(mathjax(), static / "mathjax")


def copy(source: Path, target: Path) -> None:
    """Copy a file into a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def static_folders() -> list[str]:
    """What Sphinx copies to `_static`."""
    return [str(PAGES / "static")]


# The studio ----------------------------------------------------------------------------------


def studio_folder() -> Path:
    """Where web/ puts the studio as a page."""
    return BUILD / "studio"


def has_studio() -> bool:
    """Whether the studio has been built."""
    return (studio_folder() / "index.html").is_file()


# MathJax -------------------------------------------------------------------------------------


def mathjax() -> Path:
    """The folder with MathJax, fetched through npm if it is not here yet, and checked.

    Raises:
        SiteError: there is no npm, or no network, or what came is something else.
    """
    folder = VENDOR / MATHJAX
    if not all((folder / Path(name).name).is_file() for name in MATHJAX_FILES):
        fetch_mathjax(folder)
    return folder


def fetch_mathjax(folder: Path) -> None:
    """Take what the site needs out of MathJax's npm package."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(f"npm is needed once, to fetch {MATHJAX}: install Node.js (nodejs.org)")
    command = [npm, "pack", MATHJAX, "--silent"]
    done = subprocess.run(command, cwd=VENDOR, capture_output=True, text=True)
    if done.returncode:
        raise SiteError(f"{MATHJAX} could not be fetched: {done.stderr.strip()}")
    archive = VENDOR / done.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as opened:
        for name, digest in MATHJAX_FILES.items():
            file = opened.extractfile(f"package/{name}")
            content = file.read() if file else b""
            if hashlib.sha256(content).hexdigest() != digest:
                raise SiteError(f"{MATHJAX}: {name} is not the file that was expected")
            folder.mkdir(exist_ok=True)
            (folder / Path(name).name).write_bytes(content)
    archive.unlink()


# Sizes ---------------------------------------------------------------------------------------


def megabytes(files: Iterator[Path]) -> float:
    """The size of some files."""
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def check_sizes(out: Path) -> None:
    """Print what the site and its networks weigh.

    Raises:
        SiteError: more than `LARGEST`.
    """
    site = megabytes(out.rglob("*"))
    print(f"{out}: {site:.1f} MB, {len(list(out.rglob('*.html')))} pages")
    networks = {path.stem: path.stat().st_size / 1e6 for path in sorted(out.rglob("*.onnx"))}
    for name, size in networks.items():
        print(f"  {name:<24} {size:4.1f} MB")
    if site > LARGEST["site"]:
        raise SiteError(f"the site has {site:.1f} MB, at most {LARGEST['site']:.0f} are allowed")
    large = [name for name, size in networks.items() if size > LARGEST["network"]]
    if large:
        raise SiteError(f"larger than {LARGEST['network']} MB: {', '.join(large)}")


def main() -> int:
    """Build it; an expected failure is a message, not a traceback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=BUILD / "site", metavar="OUT")
    try:
        build(parser.parse_args().out.resolve())
    except SiteError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
