"""Fetching the shipped weights where they did not come along: outside a clone of the course.

`weights.json` beside this file says which there are: name to size, SHA-256 and, for a network that
fills holes, the Fréchet distance on its metric card (`make weights` renews it). What comes is
checked against it, so it does not matter from where it comes.
"""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from typing import Any

from inpaintlib import __version__
from inpaintlib.data.writing import write_whole
from inpaintlib.photos import shipped


def published() -> dict[str, dict[str, Any]]:
    """Name to what is known of its file: "bytes", "sha256", "fréchet" (None if it fills none)."""
    return json.loads(Path(__file__).with_name("weights.json").read_text("utf-8"))


def best_published(kind: str, among: Sequence[str]) -> str | None:
    """Of some names, the network whose fills look most like the truth; None without one.

    Args:
        kind: "drawn" or "celeba".
    """
    distances = {
        name: facts["fréchet"]
        for name, facts in published().items()
        if name in among and name.endswith(f"-{kind}") and facts["fréchet"] is not None
    }
    return min(distances, key=distances.__getitem__, default=None)


def addresses() -> list[str]:
    """Where the files lie: in the course's repository, at this version or else at the newest.

    Raises:
        OSError: the package does not say where that is.
    """
    try:
        urls = metadata.metadata("inpaintlib").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        urls = []
    named = dict(url.split(", ", 1) for url in urls)
    if "Repository" not in named:
        raise OSError("the course's address is not known here: name one with --source")
    home = named["Repository"].rstrip("/")
    return [f"{home}/raw/{place}/data/weights" for place in (f"v{__version__}", "main")]


def fetch(
    names: Sequence[str],
    *,
    folder: Path | None = None,
    sources: Sequence[str] | None = None,
    say: Callable[[str], None],
) -> Path:
    """Fetch weights that are not here yet; returns their folder.

    Args:
        names: of `published`; none: the best network for drawn faces and the best one for
            photographs; "all".
        folder: where to put them; `shipped.folder()` if None.
        sources: addresses to try, in order; `addresses()` if None.
        say: takes each line for the user.

    Raises:
        ValueError: no such name.
        OSError: no source has the file that is expected.
    """
    known, folder = published(), folder or shipped.folder()
    best = [best_published(kind, list(known)) for kind in ("drawn", "celeba")]
    wanted = list(known) if list(names) == ["all"] else list(names) or list(filter(None, best))
    strange = [name for name in wanted if name not in known]
    if strange:
        raise ValueError(f"no weights {strange[0]!r}: expected all, or {', '.join(known)}")
    for name in wanted:
        path, facts = folder / f"{name}.safetensors", known[name]
        if path.is_file() and _is(path.read_bytes(), facts):
            say(f"{name}: is here")
            continue
        content = _read(path.name, facts, addresses() if sources is None else sources)
        write_whole(path, lambda part, content=content: part.write_bytes(content))
        licence = shipped.card(path)["licence"] if name in shipped.SHIPPED else ""
        say(f"{name}: {facts['bytes'] / 1e6:.1f} MB" + (f"; {licence}" if licence else ""))
    return folder


def _is(content: bytes, facts: dict[str, Any]) -> bool:
    return hashlib.sha256(content).hexdigest() == facts["sha256"]


def _read(file: str, facts: dict[str, Any], sources: Sequence[str]) -> bytes:
    """The file from the first source that has it as it should be."""
    complaints = []
    for source in sources:
        address = f"{source.rstrip('/')}/{file}"
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                content = answer.read(facts["bytes"] + 1)
        except (OSError, ValueError, HTTPException) as error:  # ValueError: the address is none
            complaints.append(f"{address}: {getattr(error, 'reason', error)}")
            continue
        if _is(content, facts):
            return content
        complaints.append(f"{address}: another file than this version's")
    raise OSError(f"could not fetch {file}:\n" + "\n".join(complaints))
