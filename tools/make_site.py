"""Build the course as a site that asks no other computer for anything.

    python tools/make_site.py [OUT] [--networks NAME …]      into build/site, with all networks

The pages are put together in build/pages, from the notebooks, the README, the cards and docs/.
Lessons are not run: what their notebooks hold is shown. MathJax comes from npm, once. The studio
is the page that web/ makes; a checkout without web/ shows a picture of it.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PAGES, VENDOR = BUILD / "pages", BUILD / "vendor"
TEMPLATES = ("index.md", "results.md")
THUMBNAIL = (560, 300)
MATHJAX = "mathjax@3.2.2"
MATHJAX_FILES = {
    "es5/tex-svg-full.js": "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6",
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
}
LARGEST = {"site": 120.0, "network": 4.5, "first visit": 8.0}
"""Budgets in MB: the site on disk; one network; what the front page loads until its first fill,
compressed, which tests/site measures in a browser."""


class SiteError(Exception):
    """The site cannot be built, or is too large."""


def build(out: Path, networks: Sequence[str] = ()) -> None:
    """Put the pages together and let Sphinx make the site; a warning is an error.

    Args:
        networks: those that the studio offers; all if none is named.

    Raises:
        SiteError: Sphinx complains, MathJax cannot be fetched, the studio cannot be made, or a
            budget is exceeded.
    """
    assemble()
    shutil.rmtree(out, ignore_errors=True)
    sphinx = ["sphinx", "-b", "html", "-W", "--keep-going", "-q", "-c", ROOT / "docs"]
    run([*sphinx, "-d", BUILD / "doctrees", PAGES, out], "the pages have faults")
    drop_second_icons(out)
    if has_studio():
        choice = ["--networks", *networks] if networks else []
        run(["web.build", out / "studio", *choice], "the studio cannot be made")
    (out / ".nojekyll").touch()  # GitHub leaves out folders that begin with _ otherwise
    check_sizes(out)


def drop_second_icons(out: Path) -> None:
    """The theme brings its icons twice; the font is enough, and the script has 1.7 MB."""
    script = re.compile(r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>')
    for page in out.rglob("*.html"):
        page.write_text(script.sub("", page.read_text("utf-8")), "utf-8")
    for file in (out / "_static" / "scripts").glob("fontawesome.js*"):
        file.unlink()


def run(module: Sequence[str | Path], complaint: str) -> None:
    """Run a Python module on this Python; what it prints is shown.

    Raises:
        SiteError: it fails.
    """
    if subprocess.run([sys.executable, "-m", *map(str, module)], cwd=ROOT).returncode:
        raise SiteError(f"{complaint}: the reason stands above")


def has_studio() -> bool:
    """Whether this checkout can make the studio as a page."""
    return (ROOT / "web" / "build.py").is_file()


def assemble() -> None:
    """Write build/pages: the sources of all pages, and what they show."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for page in TEMPLATES:
        copy(ROOT / "docs" / page, PAGES / page)
    notebooks = ROOT / "notebooks"
    for page in [*notebooks.glob("[0-9][0-9]*_*.ipynb"), *notebooks.glob("*.md")]:
        copy(page, PAGES / "notebooks" / page.name)
    copy(ROOT / "assignments" / "README.md", PAGES / "assignments" / "README.md")
    shutil.copytree(notebooks / "pictures", PAGES / "notebooks" / "pictures")
    static = PAGES / "static"
    shutil.copytree(ROOT / "docs" / "static", static)
    for picture in (notebooks / "pictures").glob("*.jpg"):
        thumbnail(picture, static / "pictures" / picture.name)
    shutil.copytree(ROOT / "data" / "samples", static / "samples")
    shutil.copytree(mathjax(), static / "mathjax")


def copy(source: Path, target: Path) -> None:
    """Copy a file into a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def thumbnail(source: Path, target: Path) -> None:
    """The top of a lesson's picture, for the front page: at most `THUMBNAIL` pixels."""
    width, height = THUMBNAIL
    picture = Image.open(source).convert("RGB")
    picture = picture.resize((width, round(picture.height * width / picture.width)))
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.crop((0, 0, width, min(height, picture.height))).save(target, quality=76)


def static_folders() -> list[str]:
    """What Sphinx copies to `_static`."""
    return [str(PAGES / "static")]


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


def check_sizes(out: Path) -> None:
    """Print what the site and its networks weigh.

    Raises:
        SiteError: more than `LARGEST`.
    """
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"{out}: {size:.1f} MB, {len(list(out.rglob('*.html')))} pages")
    if size > LARGEST["site"]:
        raise SiteError(f"the site has {size:.1f} MB, at most {LARGEST['site']:.0f} are allowed")
    for path in sorted((out / "studio" / "models").glob("*")):
        network = path.stat().st_size / 1e6
        print(f"  {path.name.split('.')[0]:<24} {network:4.1f} MB")
        if network > LARGEST["network"]:
            raise SiteError(f"{path.name}: {network:.1f} MB, at most {LARGEST['network']} allowed")


def main() -> int:
    """Build it; an expected failure is a message, not a traceback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=BUILD / "site", metavar="OUT")
    parser.add_argument("--networks", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args()
    try:
        build(options.out.resolve(), options.networks)
    except SiteError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
