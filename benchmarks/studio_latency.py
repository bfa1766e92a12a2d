"""The studio's answer times in a real browser: from a stroke's end to the mask, to the picture.

    python benchmarks/studio_latency.py [--method unet-drawn] [--strokes 200] [--json FILE]

Serves the studio through Voilà, paints with Chromium's mouse, and listens in the page. Times count
from the pointer's release: until the kernel has acknowledged the mask (there and back), and until
the new picture is decoded. Then many strokes follow each other without waiting, and the page's
frames are timed while they are drawn. Needs Playwright, Chromium and Voilà.
"""

import contextlib
import itertools
import math
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

from measure import arguments, report
from playwright.sync_api import Page, sync_playwright

LISTEN = """() => {
  const painter = document.querySelector('.ip-painter');
  const seen = (window.seen = { up: [], mask: [], picture: [], frames: [] });
  const note = (name) => seen[name].push(performance.now());
  document.querySelector('.ip-stage').addEventListener('pointerup', () => note('up'), true);
  document.querySelector('.ip-under').addEventListener('load', () => note('picture'));
  new MutationObserver(() => note('mask')).observe(painter, { attributeFilter: ['data-received'] });
  const frame = () => { note('frames'); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__.splitlines()[0], repeats=30)
    parser.add_argument("--method", help="the studio's first choice if not given")
    parser.add_argument("--strokes", type=int, default=200, help="in a row")
    options = parser.parse_args()
    with sync_playwright() as playwright, served() as address:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = open_studio(browser.new_page(viewport={"width": 1440, "height": 900}), address)
        if options.method:
            page.select_option(".ip-right", options.method)
            page.wait_for_timeout(5000)  # its weights load
        method = page.input_value(".ip-right")
        rows = [
            {"measured": f"{name}, ms", **values}
            for name, values in {
                "stroke to mask in kernel and back": one_by_one(page, "mask", options.repeats),
                f"stroke to picture by {method}": one_by_one(page, "picture", options.repeats),
                **in_a_row(page, options.strokes),
            }.items()
        ]
        browser.close()
    report(rows, options)


@contextlib.contextmanager
def served():
    """The studio's address while it is served."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "inpaintlib", "studio", "--no-browser", f"--port={port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}voila/static/voila.js", timeout=10).close()
                break
            time.sleep(0.3)
        yield address
    finally:
        server.terminate()
        server.wait()


def open_studio(page: Page, address: str) -> Page:
    """The page, when its first answer is there, with listeners."""
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function("document.querySelector('.ip-under')?.naturalWidth > 0")
    page.evaluate(LISTEN)
    return page


def paint(page: Page, number: int, steps: int = 12) -> None:
    """One short stroke; another one for every number."""
    box = page.locator(".ip-stage").bounding_box()
    assert box is not None
    angle = 2.4 * number
    x = box["x"] + box["width"] * (0.5 + 0.3 * math.cos(angle))
    y = box["y"] + box["height"] * (0.5 + 0.3 * math.sin(angle))
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, steps):
        page.mouse.move(x + 3 * step, y + 6 * math.sin(step))
    page.mouse.up()


def one_by_one(page: Page, event: str, repeats: int) -> dict[str, float]:
    """Milliseconds from the release of one stroke to an event, each waited for."""
    times = []
    for number in range(repeats):
        page.click("[data-do=clear]")
        page.wait_for_timeout(500)  # its answer has come, nothing is under way
        page.evaluate("Object.values(window.seen).forEach((times) => (times.length = 0))")
        paint(page, number)
        page.wait_for_function(f"window.seen.{event}.some((at) => at > window.seen.up.at(-1))")
        seen = page.evaluate("window.seen")
        times.append(min(at for at in seen[event] if at > seen["up"][-1]) - seen["up"][-1])
    return summary(times)


def in_a_row(page: Page, strokes: int) -> dict[str, dict[str, float]]:
    """Many strokes without waiting: when the last picture came, and the frames meanwhile."""
    page.evaluate("Object.values(window.seen).forEach((times) => (times.length = 0))")
    for number in range(strokes):
        if number % 10 == 0:
            page.click("[data-do=clear]")
        paint(page, number)
    page.wait_for_function("window.seen.picture.some((at) => at > window.seen.up.at(-1))")
    page.wait_for_timeout(1500)
    seen = page.evaluate("window.seen")
    frames = [at for at in seen["frames"] if at < seen["up"][-1]]
    gaps = [b - a for a, b in itertools.pairwise(frames)]
    last = [seen["picture"][-1] - seen["up"][-1]]
    return {
        f"last of {strokes} strokes in a row to the last picture": summary(last),
        "one frame while they are drawn (60 a second: 16.7)": summary(gaps),
    }


def summary(times: list[float]) -> dict[str, float]:
    """Median, 95th percentile and largest."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)]
    return {"median": statistics.median(ordered), "95 %": late, "largest": ordered[-1]}


if __name__ == "__main__":
    main()
