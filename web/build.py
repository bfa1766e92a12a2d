"""The studio as a page: a folder for any file server, or one file.

    python -m web.build OUT                  a folder
    python -m web.build --file PAGE.html     one file; --networks says which are in it

Everything is made anew from `data/weights`, the sources beside this file and those of the
notebook's studio; nothing that is generated is kept.
"""

import argparse
import base64
import gzip
import io
import json
import logging
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from inpaintlib.data.writing import write_whole
from inpaintlib.images import to_bytes
from inpaintlib.masks import SIZED
from inpaintlib.measure.cards import best_network
from inpaintlib.notebook.viz import error_map
from inpaintlib.photos import shipped
from inpaintlib.studio.comparison import Comparison
from inpaintlib.studio.painter import Painter, sources_of
from inpaintlib.studio.pictures import DRAWN, PHOTOGRAPHS, load_picture
from inpaintlib.studio.studio import AT_START
from web import export, vendor

PAGE = Path(__file__).parent / "page"
ENGINE = (
    *("random", "holes", "resize", "tiles", "blending", "scores"),
    *("files", "networks", "inpainter", "pictures", "worker"),
)
SIMPLE = ("image mean", "harmonic")  # fills without a network: engine/inpainter.js
FACES = 16  # drawn ones, to begin with
IN_ONE_FILE = ("glcic-drawn", "unet-drawn", "deepfill-celeba", "unet-celeba")

Files = dict[str, bytes]
"""Name, as from the page, to content."""


def page(networks: Iterable[str]) -> Files:
    """Every file of the page with these networks.

    Raises:
        ValueError: no such network, or its weights are missing.
        vendor.MissingError: see `vendor.runtime`.
    """
    files = {f"ort/{name}": content for name, content in vendor.runtime().items()}
    rows = []
    for name in networks:
        content = packed(export.onnx_of(name))
        files[f"models/{name}.onnx.gz"] = content
        rows.append(network_facts(name, len(content)))
    pictures = {name: list(files_of(name, files)) for name in (DRAWN, *PHOTOGRAPHS)}
    files["studio.json"] = json.dumps(facts(rows, pictures, files), separators=(",", ":")).encode()
    files["worker.js"] = worker_script().encode()
    files["studio.js"] = studio_script().encode()
    files["studio.css"] = style().encode()
    files["index.html"] = index('<link rel="stylesheet" href="studio.css">', FOLDER).encode()
    return files


def packed(content: bytes) -> bytes:
    """Compressed, the same bytes at every build."""
    return gzip.compress(content, 9, mtime=0)


def network_facts(name: str, size: int) -> dict[str, Any]:
    """What the page must know of a network whose file has `size` bytes."""
    made, card = shipped.SHIPPED[name], shipped.card(name)
    return {
        "name": name,
        "kind": "fill",  # how it is asked: engine/networks.js
        "family": made.family,
        "drawn": made.drawn,
        "size": shipped.load(name).config.size,
        "file": f"models/{name}.onnx.gz",
        "bytes": size,
        "weights": export.weights_hash(name),
        "licence": card["licence"],
    }


def files_of(source: str, files: Files) -> Iterable[str]:
    """Add the pictures of a source to the files; their names."""
    for number in range(FACES if source == DRAWN else 1):
        pixels = to_bytes(load_picture(source, number))[0].permute(1, 2, 0).numpy()
        picture, content = Image.fromarray(pixels), io.BytesIO()
        picture.save(content, "WebP", lossless=True, quality=75, method=4)
        name = f"pictures/{source.replace(' ', '-')}-{number:02}.webp"
        files[name] = content.getvalue()
        yield name


def facts(
    rows: list[dict[str, Any]], pictures: dict[str, list[str]], files: Files
) -> dict[str, Any]:
    """What `studio.json` says."""
    wasm = f"ort/{vendor.WASM}.gz"
    names, best = [row["name"] for row in rows], best_network("drawn")
    return {
        "networks": rows,
        "best": best if best in names else names[0],  # what the page begins with
        "methods": SIMPLE,
        "kinds": list(SIZED),
        "start": dict(zip(("kind", "size", "seed"), AT_START, strict=True)),
        "pictures": pictures,
        "colours": colours(),
        "runtime": {
            "version": vendor.VERSION,
            "script": f"ort/{vendor.SCRIPT}",
            "wasm": wasm,
            "bytes": len(files[wasm]),
        },
    }


def colours() -> list[int]:
    """The 256 colours of the error map, red, green, blue after one another."""
    error = (torch.arange(256.0) + 0.5) / 256 / 2
    truth = torch.full((1, 3, 1, 256), -1.0)
    return to_bytes(error_map(truth + 2 * error, truth))[0, :, 0].T.flatten().tolist()


def worker_script() -> str:
    """All that computes, with the painter's own strokes."""
    parts = [(PAGE / "engine" / f"{name}.js").read_text("utf-8") for name in ENGINE]
    return "\n".join([sources_of("raster.js"), *parts])


def studio_script() -> str:
    """The notebook's painter and comparison, each in a scope of its own, and the page's script."""
    views = {"painterView": Painter._esm, "comparisonView": Comparison._esm}
    parts = [f"const {name} = {scope(str(script))};" for name, script in views.items()]
    return "\n".join(
        [*parts, *((PAGE / f"{name}.js").read_text("utf-8") for name in ("model", "studio"))]
    )


def scope(module: str) -> str:
    """A module's text as an expression: its default export.

    Example:
        >>> scope("const a = 1;\\nexport default a;")
        '(() => {\\nconst a = 1;\\nreturn a;\\n})()'
    """
    before, export_default, after = module.partition("export default ")
    if not export_default or "export " in after:
        raise ValueError("expected a module with one export, the default one")
    return f"(() => {{\n{before}return {after.rstrip()}\n}})()"


def style() -> str:
    """The notebook's styles and the page's."""
    return "\n".join(
        [str(Painter._css), sources_of("comparison.css"), (PAGE / "studio.css").read_text("utf-8")]
    )


FOLDER = """<script type="module">
import { mount } from "./studio.js";
mount(document.getElementById("studio"));
</script>"""


def index(head: str, script: str) -> str:
    """The page on its own, with its styles in the head and its script at the end."""
    text = (PAGE / "index.html").read_text("utf-8")
    return text.replace("<!-- style -->", head).replace("<!-- script -->", script)


def one_file(files: Files) -> str:
    """The page with everything inside: it opens by double click."""
    outside = ("studio.js", "studio.css", "index.html")
    inside = {
        name: base64.b64encode(content).decode()
        for name, content in files.items()
        if name not in outside
    }
    studio = files["studio.js"].decode()
    script = (
        f'<script type="application/json" id="inside">{json.dumps(inside)}</script>\n'
        f'<script type="module">\n{studio}\n'
        'const inside = JSON.parse(document.getElementById("inside").textContent);\n'
        'mount(document.getElementById("studio"), { base: "", inside });\n</script>'
    )
    return index(f"<style>\n{files['studio.css'].decode()}</style>", script)


def write_folder(out: Path, files: Files) -> None:
    """Write the page into a folder; what an earlier build left in its folders goes."""
    for name in ("models", "pictures", "ort"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name, content in files.items():
        write_whole(out / name, lambda part, content=content: part.write_bytes(content))


def first_visit(files: Files) -> int:
    """Bytes that a browser fetches until the first fill is shown, the texts compressed."""
    known = json.loads(files["studio.json"])
    large = [
        known["runtime"]["wasm"],
        f"models/{known['best']}.onnx.gz",
        known["pictures"][DRAWN][0],
    ]
    texts = ["index.html", "studio.js", "studio.css", "worker.js", "studio.json"]
    texts.append(known["runtime"]["script"])
    return sum(len(files[name]) for name in large) + sum(len(packed(files[name])) for name in texts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page, and say how large it is."""
    parser = argparse.ArgumentParser(description="the studio as a page")
    parser.add_argument("out", type=Path, nargs="?", help="a folder")
    parser.add_argument("--file", type=Path, help="the page as one file")
    parser.add_argument("--networks", nargs="+", help="default: all, or four of them in one file")
    options = parser.parse_args(arguments)
    if (options.out is None) == (options.file is None):
        parser.error("expected a folder or --file PAGE.html")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    if options.out:
        files = page(options.networks or export.names())
        write_folder(options.out, files)
        size = sum(map(len, files.values()))
        print(
            f"{options.out}  {size / 1e6:.1f} MB, a first visit {first_visit(files) / 1e6:.1f} MB"
        )
    else:
        text = one_file(page(options.networks or IN_ONE_FILE))
        write_whole(options.file, lambda part: part.write_text(text, "utf-8"))
        print(f"{options.file}  {len(text) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
