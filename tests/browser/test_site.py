"""The site in a browser: every page stands alone, folded, told and rendered, also on a phone."""

import functools
import gzip
import http.server
import json
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from inpaintlib.photos import fetch
from tools import lessons, make_site, site_pages

REPOSITORY = Path(__file__).resolve().parents[2]
PACKED = {".gz", ".jpg", ".jpeg", ".png", ".webp", ".woff2"}
LOOK = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  return {
    untold: all(".bd-article img").filter((i) => i.alt.trim().length < 10).map((i) => i.src),
    broken: all("img").filter((img) => img.complete && !img.naturalWidth).map((img) => img.src),
    formulas: all(".math").length,
    rendered: all(".math:has(mjx-container svg)").length,
    faults: all("mjx-merror, [data-mjx-error]").length,
    open: all("details[open]").filter((one) => one.closest(".bd-article")).length,
    icons: all(".btn__icon-container i, .theme-switch").filter(seen)
      .filter((i) => !getComputedStyle(i, "::before").content.startsWith('"')).length,
    searches: all(".search-button__button, .search-button").filter(seen).length,
    recoloured: all(".bd-article img").filter((i) => getComputedStyle(i).filter !== "none").length,
  };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line for each."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The built site; its studio has one network, the one that all of them would begin with."""
    folder = tmp_path_factory.mktemp("site") / "site"
    try:
        make_site.mathjax()
    except make_site.SiteError as error:
        pytest.skip(str(error))
    first = fetch.best_published("drawn", list(fetch.published()))
    make_site.build(folder, [first])
    return folder


@pytest.fixture(scope="session")
def address(site: Path):
    """Where the site is served: plain files, no special headers."""
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def visit(browser, address):
    """Open a page in a fresh profile; `faults` and `asked` collect what it does wrong and loads."""
    opened = []

    def open_page(name: str, **how: object):
        how = {"viewport": {"width": 1440, "height": 900}} | how
        page = browser.new_context(**how).new_page()
        opened.append(page)
        page.set_default_timeout(120_000)
        page.faults, page.asked = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and page.faults.append(said.text))
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("response", lambda got: got.ok or page.faults.append(f"{got.status} {got.url}"))
        page.goto(address + name, wait_until="load")
        return page

    yield open_page
    for page in opened:
        page.context.close()


def names(site: Path) -> list[str]:
    """Every page but the studio's own, and a part of the theme that is none."""
    found = [path.relative_to(site).as_posix() for path in site.rglob("*.html")]
    return sorted(name for name in found if not name.startswith(("studio/", "_static/")))


def test_every_page(site: Path, address: str, visit):
    """One visit a page, in the dark; a phone's width at the end of it."""
    expected = {f"{row['page']}.html" for row in site_pages.lessons()}
    assert expected | {"index.html", "results.html", "notebooks/sources.html"} <= set(names(site))
    for name in names(site):
        page = visit(name, color_scheme="dark")
        page.wait_for_function("!document.querySelector('.math:not(:has(mjx-container))')")
        seen = page.evaluate(LOOK)
        assert page.faults == [], name
        assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []
        wrong = {
            part: seen[part]
            for part in ("untold", "broken", "faults", "open", "icons", "recoloured")
        }
        assert not any(wrong.values()), (name, wrong)
        assert seen["searches"] == (0 if name == "index.html" else 1), name
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        page.context.close()


def test_a_lesson_shows_no_solution_and_can_be_taken_elsewhere(site: Path, visit):
    lesson = site_pages.lessons()[-1]["page"]
    page = visit(f"{lesson}.html")
    solutions = page.locator(".cell.tag_hide-input details")
    assert solutions.count() >= 2
    assert not any(solutions.nth(n).locator("pre").is_visible() for n in range(solutions.count()))
    assert "git clone" not in page.locator("body").inner_text()
    path = lessons.repository().removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{path}/blob/main/{lesson}.ipynb"
    links = page.locator("a").evaluate_all("all => all.map((a) => a.href)")
    assert colab in links
    assert any(link.startswith(f"https://mybinder.org/v2/gh/{path}/main") for link in links)
    (download,) = [link for link in links if link.endswith(".ipynb") and "_sources" in link]
    copy = site / unquote(urlsplit(download).path).lstrip("/")
    assert copy.read_bytes() == (REPOSITORY / f"{lesson}.ipynb").read_bytes()
    assert page.locator(".prev-next-area a.left-prev").count() == 1


def test_the_search_finds_a_word_of_a_lesson(visit):
    page = visit("search.html?q=checkerboard")
    page.wait_for_selector("#search-results li a")


def test_the_front_page_and_its_first_fill_are_small(site: Path, address: str, visit):
    page = visit("index.html")
    assert page.locator(".front .result").count() == 3
    assert page.locator(".front a.lesson").count() == len(site_pages.lessons())
    assert page.locator(".front .shot:not(:has(img))").count() == 0, "a box without a picture"
    if make_site.has_studio():
        frame = page.frame_locator("iframe.studio")
        frame.locator(".ip-comparison tbody td").first.wait_for()
        inside = frame.locator("body").bounding_box()
        assert page.locator("iframe.studio").bounding_box()["height"] == pytest.approx(
            inside["height"], abs=2
        ), "nothing to scroll in the frame"
    page.wait_for_load_state("networkidle")
    assert page.faults == []
    sizes = {url: size(site, url) for url in set(page.asked) if url.startswith(address)}
    largest = json.dumps(dict(sorted(sizes.items(), key=lambda row: -row[1])[:8]), indent=1)
    assert 0.5 < sum(sizes.values()) / 1e6 <= make_site.LARGEST["first visit"], largest


def size(site: Path, url: str) -> int:
    """Bytes of a file on the wire, as a server sends it that compresses text."""
    path = unquote(urlsplit(url).path).lstrip("/")
    content = (site / path).read_bytes()
    return len(content) if Path(path).suffix in PACKED else len(gzip.compress(content))
