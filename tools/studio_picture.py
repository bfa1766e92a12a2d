"""Take the README's picture of the studio: served by `inpaintlib studio`, as a browser shows it.

    python -m tools.studio_picture [-o OUT]

Needs Playwright and Chromium, as the browser tests do.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from inpaintlib.data.writing import write_whole
from inpaintlib.measure.cards import best_network
from tools.fill_examples import SAMPLES, made_by

OUT = SAMPLES / "studio.jpg"
WINDOW: ViewportSize = {"width": 1250, "height": 900}
PORT = 8931  # or the next free one
DONE = """() => document.querySelector('.ip-under')?.naturalWidth > 0
  && !document.querySelector('.ip-status').textContent.includes('…')"""


def address(server: subprocess.Popen[str]) -> str:
    """Where the studio is, with its token, as the server says."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"http://\S+token=\w+", line):
            return found[0]
    raise OSError(f"the studio did not start: status {server.wait()}")


def picture(browser: Browser, place: str) -> Image.Image:
    """The studio at a place, its first fill done twice: then no time counts the loading."""
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(120_000)
    page.goto(place)
    page.wait_for_function(DONE)
    first = page.locator(".ip-right").input_value()
    for method in ("Telea", first):
        page.select_option(".ip-right", method)
        page.locator(".ip-name-right", has_text=method).wait_for()
    return Image.open(io.BytesIO(page.locator(".inpaint-studio").screenshot()))


def main(arguments: list[str] | None = None) -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "inpaintlib", "studio", "--no-browser", f"--port={PORT}"]
    server = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"INPAINTLIB_DATA": "drawn"}
    )
    try:
        with sync_playwright() as control:
            chromium = shutil.which("chromium") or control.chromium.executable_path
            browser = control.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            shown = picture(browser, address(server)).convert("RGB")
            browser.close()
    finally:
        server.terminate()
        server.wait()
    comment = made_by(best_network("drawn"))
    write_whole(options.out, lambda part: shown.save(part, "JPEG", quality=90, comment=comment))
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
