"""onnxruntime-web, which runs networks in a browser: fetched once with npm, checked, kept.

    python -m web.vendor

fetches it ahead of a journey without a network.
"""

import base64
import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

from inpaintlib import project_root
from inpaintlib.data.writing import write_whole

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
LICENCE = Path(__file__).parent / "page" / "onnxruntime-web.LICENSE"
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


class MissingError(RuntimeError):
    """onnxruntime-web is not here and cannot be fetched."""


def folder() -> Path:
    """Where the fetched files are kept."""
    return project_root() / "build" / "vendor" / f"onnxruntime-web-{VERSION}"


@cache
def runtime() -> dict[str, bytes]:
    """The files of the page's folder `ort`: script, compressed WebAssembly, licence.

    Raises:
        MissingError: they are not here, and npm is missing or cannot fetch them.
        ValueError: what npm fetched is not the file that is pinned here.
    """
    script, wasm = folder() / SCRIPT, folder() / f"{WASM}.gz"
    if not (script.is_file() and wasm.is_file()):
        fetch()
    return {
        SCRIPT: script.read_bytes(),
        f"{WASM}.gz": wasm.read_bytes(),
        "LICENSE": LICENCE.read_bytes(),
    }


def fetch() -> None:
    """Fetch and unpack what `runtime` gives."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("the page needs onnxruntime-web, which npm fetches: install Node.js")
    with tempfile.TemporaryDirectory() as place:
        command = [npm, "pack", "--silent", "--prefer-offline", f"onnxruntime-web@{VERSION}"]
        done = subprocess.run(command, cwd=place, text=True, capture_output=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MissingError(f"npm cannot fetch onnxruntime-web {VERSION}: {reason}")
        (archive,) = Path(place).glob("*.tgz")
        check(archive.read_bytes())
        with tarfile.open(archive) as opened:
            files = {name: member(opened, name) for name in (SCRIPT, WASM)}
    packed = gzip.compress(files[WASM], 9, mtime=0)
    write_whole(folder() / f"{WASM}.gz", lambda part: part.write_bytes(packed))
    write_whole(folder() / SCRIPT, lambda part: part.write_bytes(files[SCRIPT]))


def check(archive: bytes) -> None:
    """ValueError unless this is the archive that is pinned here."""
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != SHA512:
        raise ValueError(f"onnxruntime-web {VERSION}: expected SHA-512 {SHA512}, got {found}")


def member(opened: tarfile.TarFile, name: str) -> bytes:
    """The content of a file of the package's folder `dist`."""
    file = opened.extractfile(f"package/dist/{name}")
    if file is None:
        raise ValueError(f"onnxruntime-web {VERSION} has no file dist/{name}")
    return file.read()


if __name__ == "__main__":
    runtime()
    print(folder())
