"""The site's settings for Sphinx; `make site` puts the pages together and calls it."""

import json
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tools lies beside this folder
from tools import lessons, make_site, site_pages

REPOSITORY = lessons.repository()

project = "Image inpainting with GANs, from scratch"
author = "the authors of the course"
copyright = "the authors of the course; text and figures CC BY 4.0, code Apache-2.0"
html_title = "Inpainting with GANs"
language = "en"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # lessons are shown as they were run
nb_ipywidgets_js = {}  # from elsewhere otherwise
nb_merge_streams = True
nb_code_prompt_hide = "Fold"
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_static_path = make_site.static_folders()
html_css_files = ["course.css"]
html_js_files = [("course.js", {"defer": "defer"})]
html_favicon = str(Path(__file__).with_name("static") / "favicon.svg")
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
mathjax_path = "mathjax/tex-svg-full.js"
html_sidebars = {"index": []}
html_theme_options = {
    "repository_url": REPOSITORY,
    "repository_branch": "main",
    "repository_provider": "github",
    "use_repository_button": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "toc_title": "On this page",
    "navbar_persistent": [],
    "primary_sidebar_end": [],
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
}


def prepare(app: Sphinx, page: str, source: list[str]) -> None:
    """Fold and explain a lesson; give a template what the cards and the lessons say."""
    if f"{page}.md" in make_site.TEMPLATES:
        source[0] = app.builder.templates.render_string(source[0], facts())
    elif source[0].lstrip().startswith("{"):
        studio = "../studio/index.html" if make_site.has_studio() else None
        notebook = site_pages.as_page(json.loads(source[0]), studio=studio)
        source[0] = json.dumps(notebook)


def facts() -> dict[str, object]:
    """What the pages that are templates may use."""
    drawn = site_pages.cards("drawn")
    return {
        "lessons": site_pages.lessons(),
        "results": site_pages.results(drawn),
        "tables": {kind: site_pages.table(site_pages.cards(kind)) for kind in ("drawn", "celeba")},
        "holes": list(drawn[0]["holes"]),
        "pictures": {kind: site_pages.cards(kind)[0]["pictures"] for kind in ("drawn", "celeba")},
        "repository": REPOSITORY,
        "studio": make_site.has_studio(),
    }


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", prepare)
