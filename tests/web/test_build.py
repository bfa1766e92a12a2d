"""The page's files: complete, small, made of the notebook's own scripts and today's weights."""

import gzip
import json
import shutil
from functools import cache

import pytest

from inpaintlib.masks import SIZED
from inpaintlib.photos import shipped
from inpaintlib.studio.pictures import DRAWN

build = pytest.importorskip("web.build", reason="needs the extra `web`")

from web import export, vendor  # noqa: E402

FIRST_VISIT = 8e6  # bytes, compressed, with one network
NETWORK, FACE = 4e6, 30e3


@cache
def files() -> dict[str, bytes]:
    try:
        return build.page([build.best_network("drawn"), "unet-drawn"])
    except vendor.MissingError as missing:
        pytest.skip(str(missing))


def known() -> dict:
    return json.loads(files()["studio.json"])


def test_a_first_visit_is_small():
    assert 4e6 < build.first_visit(files()) <= FIRST_VISIT
    sizes = {name: len(content) for name, content in files().items()}
    assert max(size for name, size in sizes.items() if name.startswith("models/")) <= NETWORK
    assert max(size for name, size in sizes.items() if name.startswith("pictures/")) <= FACE
    assert max(size for name, size in sizes.items() if "/" not in name) <= 60e3


def test_every_file_that_is_named_is_there_and_no_other():
    facts = known()
    named = {row["file"] for row in facts["networks"]}
    named |= {name for names in facts["pictures"].values() for name in names}
    named |= {facts["runtime"]["script"], facts["runtime"]["wasm"], "ort/LICENSE"}
    named |= {"index.html", "studio.js", "studio.css", "studio.json", "worker.js"}
    assert named == set(files())
    assert facts["kinds"] == list(SIZED)
    assert len(facts["pictures"][DRAWN]) == build.FACES
    assert facts["runtime"]["bytes"] == len(files()[facts["runtime"]["wasm"]])


def test_networks_are_those_of_todays_weights():
    for row in known()["networks"]:
        assert row["weights"] == export.weights_hash(row["name"])
        content = files()[row["file"]]
        assert row["bytes"] == len(content)
        assert row["weights"].encode() in gzip.decompress(content)  # the graph says so too
        assert row["licence"] == shipped.card(row["name"])["licence"]


def test_two_builds_are_the_same_bytes():
    again = build.page(["unet-drawn"])
    name = "models/unet-drawn.onnx.gz"
    assert again[name] == files()[name]


def test_nothing_in_the_page_asks_another_host():
    for name in ("index.html", "studio.js", "studio.css", "worker.js"):
        text = files()[name].decode().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, name
        assert "https:" not in text, name
        assert "//cdn" not in text, name


def test_a_folder_has_nothing_left_of_an_earlier_build(tmp_path):
    stale = tmp_path / "models" / "gone.onnx.gz"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    build.write_folder(tmp_path, files())
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert written | {"ort/LICENSE"} == set(files())


def test_the_runtime_is_the_pinned_one_or_none(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="expected SHA-512"):
        vendor.check(b"another archive")
    monkeypatch.setattr(vendor, "folder", lambda: tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(vendor.MissingError, match=r"install Node\.js"):
        vendor.runtime.__wrapped__()


def test_a_scripts_scope_needs_one_default_export():
    assert (
        build.scope("const a = 1;\nexport default a;\n")
        == "(() => {\nconst a = 1;\nreturn a;\n})()"
    )
    with pytest.raises(ValueError, match="one export"):
        build.scope("const a = 1;")
