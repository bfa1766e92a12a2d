"""Files that appear whole or not at all."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Call `write` on a neighbouring name, then rename it: the file is complete or absent.

    Raises:
        OSError: it cannot be written; an older file of that name is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}-{threading.get_ident()}"  # others may write it too
    part = path.with_name(f".{path.name}.{writer}.part")
    try:
        part.touch()
        mode = part.stat().st_mode  # any new file's here; safetensors' is for its owner alone
        write(part)
        if part.stat().st_mode != mode:
            part.chmod(mode)
        os.replace(part, path)
    except (RuntimeError, SafetensorError) as error:  # what torch and safetensors make of OSError
        if isinstance(error, RuntimeError) and "inline_container" not in str(error):
            raise  # not from torch's writer of files: a GPU's, mostly
        raise OSError(f"{path} cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        part.unlink(missing_ok=True)
