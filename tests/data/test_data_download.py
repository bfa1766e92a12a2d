import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import MNIST

from inpaintlib.data import download_mnist, load_digits
from inpaintlib.data.download import ROUNDS, fetch

NOISE = hashlib.shake_128(b"a file of 300,000 bytes that cannot be compressed").digest(300_000)
MD5 = hashlib.md5(NOISE).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `files`; a path may break off early (`cut`) or not know ranges (`no_ranges`)."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        first = 0
        if asked and self.path not in self.server.no_ranges:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= len(content):
                return self.send_error(416)
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first : self.server.cut.pop(self.path, None)])

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.cut, server.no_ranges, server.requests = {"/file": NOISE}, {}, set(), []
    server.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_comes_whole_and_only_once(server, tmp_path):
    for _ in range(2):
        fetch([f"{server.address}/file"], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE
    assert server.requests == [("/file", None)]
    assert list(tmp_path.iterdir()) == [tmp_path / "got"]


def test_a_broken_off_transfer_is_resumed(server, tmp_path):
    server.cut["/file"] = 120_000
    fetch([f"{server.address}/file"], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE
    assert server.requests == [("/file", None), ("/file", "bytes=120000-")]


def test_what_an_earlier_run_left_is_used(server, tmp_path):
    (tmp_path / "got.part").write_bytes(NOISE[:250_000])
    fetch([f"{server.address}/file"], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE
    assert server.requests == [("/file", "bytes=250000-")]


def test_a_part_that_is_already_whole_only_needs_its_name(server, tmp_path):
    (tmp_path / "got.part").write_bytes(NOISE)
    fetch([f"{server.address}/file"], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.no_ranges.add("/file")
    (tmp_path / "got.part").write_bytes(NOISE[:1000])
    fetch([f"{server.address}/file"], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE
    assert len(server.requests) == 1, "and what it sends replaces the part"


def test_a_wrong_checksum_and_a_dead_mirror_lead_to_the_next(server, tmp_path):
    server.files["/wrong/file"] = b"an error page"
    (tmp_path / "got").write_bytes(b"damaged")
    addresses = ["http://127.0.0.1:9", f"{server.address}/wrong", f"{server.address}/gone"]
    fetch([f"{a}/file" for a in [*addresses, server.address]], tmp_path / "got", MD5)
    assert (tmp_path / "got").read_bytes() == NOISE


def test_when_nothing_helps_the_message_says_what_to_do(server, tmp_path):
    server.files["/file"] = b"an error page"
    dead = "http://127.0.0.1:9/file"
    with pytest.raises(OSError, match="could not reach a good copy of got:") as caught:
        fetch([dead, f"{server.address}/file"], tmp_path / "got", MD5)
    message = str(caught.value)
    assert f"{dead}: <urlopen error" in message
    assert f"/file: wrong checksum {hashlib.md5(b'an error page').hexdigest()}" in message
    assert f"put the file there yourself as {tmp_path / 'got'}" in message
    assert len(server.requests) == ROUNDS
    assert list(tmp_path.iterdir()) == [], "nothing wrong stays"


@pytest.fixture
def mirror(server, monkeypatch) -> ThreadingHTTPServer:
    """A tiny MNIST: 5 training and 3 test digits."""
    resources = []
    for part, count in (("train", 5), ("t10k", 3)):
        for kind, axes, size in (
            ("images-idx3", (count, 28, 28), 784),
            ("labels-idx1", (count,), 1),
        ):
            header = bytes([0, 0, 8, len(axes)]) + b"".join(n.to_bytes(4, "big") for n in axes)
            body = bytes(digit for digit in range(count) for _ in range(size))
            name, archive = f"{part}-{kind}-ubyte.gz", gzip.compress(header + body)
            server.files[f"/mnist/{name}"] = archive
            resources.append((name, hashlib.md5(archive).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", [f"{server.address}/mnist/"])
    return server


def test_mnist_arrives_in_torchvisions_layout(mirror, tmp_path):
    assert download_mnist(tmp_path) == tmp_path / "MNIST" / "raw"
    assert MNIST(str(tmp_path), train=True).targets.tolist() == [0, 1, 2, 3, 4]
    digits = load_digits(root=tmp_path)
    assert digits.labels.tolist() == digits.images[:, 0, 3, 3].tolist() == [0, 1, 2, 3, 4]
    assert len(mirror.requests) == 4
    download_mnist(tmp_path)
    assert len(mirror.requests) == 4, "the second time nothing is fetched"


def test_a_limit_keeps_the_first_digits(mirror, tmp_path):
    download_mnist(tmp_path, limit=4)
    assert load_digits(root=tmp_path).images[:, 0, 27, 27].tolist() == [0, 1, 2, 3]
    assert MNIST(str(tmp_path), train=False).targets.tolist() == [0, 1, 2]
    download_mnist(tmp_path)
    assert len(load_digits(root=tmp_path)) == 5
    with pytest.raises(ValueError, match="at least 1 digit, got 0"):
        download_mnist(tmp_path, limit=0)


def test_mirrors_can_be_named(mirror, tmp_path):
    download_mnist(tmp_path, mirrors=["http://127.0.0.1:9/", MNIST.mirrors[0]])
    assert len(load_digits("test", root=tmp_path)) == 1


def test_a_download_goes_on_where_it_was_cut(mirror, tmp_path):
    name = "/mnist/train-images-idx3-ubyte.gz"
    mirror.cut[name] = 40
    download_mnist(tmp_path)
    assert (name, "bytes=40-") in mirror.requests
    assert not list(Path(tmp_path).rglob("*.part"))
