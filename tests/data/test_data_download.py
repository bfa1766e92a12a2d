"""MNIST by torchvision: fetched once, in the layout that the loader reads, errors in words."""

import gzip
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from torchvision.datasets import MNIST

from inpaintlib.data import download_mnist, load_digits


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A tiny MNIST in a folder, as a mirror: 5 training and 3 test digits."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    resources = []
    for part, count in (("train", 5), ("t10k", 3)):
        for kind, axes, size in (
            ("images-idx3", (count, 28, 28), 784),
            ("labels-idx1", (count,), 1),
        ):
            header = bytes([0, 0, 8, len(axes)]) + b"".join(n.to_bytes(4, "big") for n in axes)
            body = bytes(digit for digit in range(count) for _ in range(size))
            name, archive = f"{part}-{kind}-ubyte.gz", gzip.compress(header + body)
            (folder / name).write_bytes(archive)
            resources.append((name, hashlib.md5(archive).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield folder
        server.shutdown()


def test_mnist_arrives_where_the_loader_looks(mirror, tmp_path):
    assert download_mnist(tmp_path) == tmp_path / "MNIST" / "raw"
    digits = load_digits(root=tmp_path)
    assert digits.labels.tolist() == digits.images[:, 0, 3, 3].tolist() == [0, 1, 2, 3, 4]
    for archive in mirror.iterdir():
        archive.unlink()
    assert download_mnist(tmp_path) == tmp_path / "MNIST" / "raw", "nothing is fetched again"


def test_what_cannot_be_fetched_is_said_in_words(mirror, tmp_path):
    (mirror / "train-labels-idx1-ubyte.gz").write_bytes(b"an error page")
    with pytest.raises(OSError, match=r"(?s)could not fetch MNIST: .*Connect to the internet"):
        download_mnist(tmp_path)
