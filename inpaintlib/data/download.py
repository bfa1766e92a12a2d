"""Fetching MNIST into torchvision's layout: several mirrors, resumed, verified. Never unasked."""

import gzip
import hashlib
import os
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm.auto import tqdm

ROUNDS = 3  # every mirror is tried so often; each try goes on where the last one broke off
TIMEOUT = 30  # seconds without a byte


def download_mnist(
    root: str | Path, *, limit: int | None = None, mirrors: Sequence[str] | None = None
) -> Path:
    """Fetch MNIST (11 MB) from torchvision's mirrors and unpack it; what is there is not fetched.

    Args:
        root: MNIST/raw/ is made in it.
        limit: unpack only the first so many of the training and of the test digits.
        mirrors: addresses that the files' names are added to; torchvision's list if None.

    Returns:
        The folder of the unpacked files.

    Raises:
        ValueError: `limit` is less than 1.
        OSError: no mirror gave a file whose checksum is right; run again to go on.
    """
    from torchvision.datasets import MNIST  # slow to import, and only its lists are wanted

    if limit is not None and limit < 1:
        raise ValueError(f"expected a limit of at least 1 digit, got {limit}")
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, md5 in MNIST.resources:
        archive = raw / name
        fetch([mirror + name for mirror in mirrors or MNIST.mirrors], archive, md5)
        _unpack(archive, limit)
    return raw


def fetch(addresses: Sequence[str], target: Path, md5: str) -> None:
    """Fetch one file from the first address that has it whole.

    What has arrived waits in `target`.part: the next try, at any address, asks for the rest only.

    Args:
        addresses: where the same file is found.
        target: appears when it is complete and its checksum is right.
        md5: the checksum, hexadecimal.

    Raises:
        OSError: all tries at all addresses failed.
    """
    if target.is_file() and _md5(target) == md5:
        return
    part = target.with_name(target.name + ".part")
    problems = {}
    for address in [*addresses] * ROUNDS:
        try:
            _receive(address, part)
        except (OSError, HTTPException) as error:
            problems[address] = str(error) or type(error).__name__
            continue
        if _md5(part) == md5:
            part.replace(target)
            return
        problems[address] = f"wrong checksum {_md5(part)}, expected {md5}"
        part.unlink()
    tried = "\n".join(f"  {address}: {problem}" for address, problem in problems.items())
    raise OSError(
        f"could not reach a good copy of {target.name}:\n{tried}\n"
        f"Connect to the internet and run this again, or put the file there yourself as {target}"
    )


def _receive(address: str, part: Path) -> None:
    """Append the rest of a file to `part`.

    Raises:
        OSError, HTTPException: no connection, no such file, or it broke off.
    """
    have = part.stat().st_size if part.is_file() else 0
    request = Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416:  # nothing beyond what is here: the checksum decides
            return
        raise
    with response:
        if response.status != 206:  # the server sends the whole file again
            have = 0
        size = have + int(response.headers.get("Content-Length", 0))
        name = part.name.removesuffix(".part")
        bar = tqdm(desc=name, initial=have, total=size or None, unit="B", unit_scale=True)
        with bar, part.open("ab" if have else "wb") as file:
            while block := response.read(1 << 16):
                file.write(block)
                bar.update(len(block))
    if part.stat().st_size < size:
        raise OSError(f"broke off after {part.stat().st_size:,} of {size:,} bytes")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _unpack(archive: Path, limit: int | None) -> None:
    """Unpack a .gz beside itself; with a limit, only its first entries."""
    content = gzip.decompress(archive.read_bytes())
    if limit is not None:  # the format: see digits.read_idx
        start = 4 + 4 * content[3]
        count = int.from_bytes(content[4:8], "big")
        kept = min(limit, count)
        end = start + (len(content) - start) // count * kept
        content = content[:4] + kept.to_bytes(4, "big") + content[8:end]
    new = archive.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, archive.with_suffix(""))
