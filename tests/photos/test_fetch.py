"""Weights that did not come along: the list, the sources, and that nothing wrong is kept."""

import json
import socket
import threading
from pathlib import Path

import pytest

from inpaintlib import cli
from inpaintlib.photos import fetch, shipped
from tools import weight_list

HERE = Path(__file__).resolve().parents[2] / "data" / "weights"


@pytest.fixture
def said() -> list[str]:
    """What the user was told."""
    return []


def test_the_list_is_that_of_the_files_and_cards():
    assert json.loads(weight_list.LIST.read_text("utf-8")) == weight_list.listed(), (
        "run: python tools/weight_list.py"
    )


def test_without_names_the_best_of_each_kind_comes(tmp_path, said):
    folder = fetch.fetch([], folder=tmp_path, sources=[HERE.as_uri()], say=said.append)
    names = sorted(path.stem for path in folder.glob("*"))
    known = fetch.published()
    for kind, name in zip(("celeba", "drawn"), sorted(names), strict=True):
        assert name.endswith(kind)
        rivals = [facts["fréchet"] for other, facts in known.items() if other.endswith(kind)]
        assert known[name]["fréchet"] == min(filter(None, rivals))
        assert (folder / f"{name}.safetensors").read_bytes() == (
            HERE / f"{name}.safetensors"
        ).read_bytes()
    assert any("research" in line for line in said), "its licence is told"


def test_what_is_here_is_not_fetched_again(tmp_path, said):
    sources = [HERE.as_uri()]
    fetch.fetch(["gan-mnist"], folder=tmp_path, sources=sources, say=said.append)
    fetch.fetch(["gan-mnist"], folder=tmp_path, sources=[], say=said.append)
    assert said[-1] == "gan-mnist: is here"


def test_another_file_is_not_kept_and_the_next_source_is_asked(tmp_path, said):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "unet-drawn.safetensors").write_bytes(b"something else")
    out = tmp_path / "out"
    with pytest.raises(OSError, match="another file than this version's") as caught:
        fetch.fetch(["unet-drawn"], folder=out, sources=[wrong.as_uri()], say=said.append)
    assert "\n" in str(caught.value)
    assert not list(out.glob("*"))
    sources = ["not an address", (tmp_path / "nowhere").as_uri(), wrong.as_uri(), HERE.as_uri()]
    fetch.fetch(["unet-drawn"], folder=out, sources=sources, say=said.append)
    assert [path.name for path in out.glob("*")] == ["unet-drawn.safetensors"]


def test_a_server_that_answers_with_nonsense_is_one_source_less(tmp_path, said):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        sources = [f"http://127.0.0.1:{server.getsockname()[1]}", HERE.as_uri()]
        fetch.fetch(["gan-mnist"], folder=tmp_path, sources=sources, say=said.append)
        thread.join()
    assert [path.name for path in tmp_path.glob("*")] == ["gan-mnist.safetensors"]


def test_an_unknown_name_is_refused_before_anything_is_fetched(tmp_path, said):
    with pytest.raises(ValueError, match="no weights 'magic': expected all, or blind-celeba, "):
        fetch.fetch(["unet-drawn", "magic"], folder=tmp_path, sources=[], say=said.append)
    assert said == []


def test_the_address_comes_from_the_package(monkeypatch):
    class Facts:
        def get_all(self, _):
            return ["Repository, https://example.org/course/"]

    monkeypatch.setattr(fetch.metadata, "metadata", lambda _: Facts())
    first, second = fetch.addresses()
    assert first.startswith("https://example.org/course/raw/v")
    assert second == "https://example.org/course/raw/main/data/weights"
    monkeypatch.setattr(Facts, "get_all", lambda *_: None)
    with pytest.raises(OSError, match="--source"):
        fetch.addresses()


def test_the_command(tmp_path, capsys):
    where = ["--root", str(tmp_path), "--source", HERE.as_uri()]
    assert cli.main(["download", "weights", "dcgan-drawn", *where]) == 0
    assert (tmp_path / "weights" / "dcgan-drawn.safetensors").is_file()
    assert f"weights: in {tmp_path / 'weights'}" in capsys.readouterr().out
    assert cli.main(["download", "mnist", "dcgan-drawn"]) == 2
    assert "are for weights" in capsys.readouterr().err


def test_without_a_folder_of_the_course_they_go_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shipped, "default_folder", lambda: tmp_path / "data")
    assert shipped.folder() == tmp_path / "cache" / "weights"
    (tmp_path / "data" / "weights").mkdir(parents=True)
    assert shipped.folder() == tmp_path / "data" / "weights"
