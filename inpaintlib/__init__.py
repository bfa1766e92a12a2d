"""Image inpainting with GANs, from scratch: the package that the course's notebooks import.

Import it before torch. A thread that waits for another one may spin or sleep; torch's default is to
spin, and on a laptop with other work running that can make a training step ten times slower.
The choice is read once, when torch is first loaded.
"""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What an Apple GPU lacks is computed on the CPU; this too is read when torch is first loaded.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

__version__ = "0.1.0"


def project_root() -> Path:
    """The course's folder: its `data/` is read and its `runs/` is written.

    It is the folder above this package where that is the course's (a checkout, or a copy of one).
    Of a package that was installed it is the nearest folder of the course from the working
    directory upwards, and where there is none, the working directory.
    """
    own, here = Path(__file__).resolve().parents[1], Path.cwd()
    places = (own, here, *here.parents)
    return next((p for p in places if (p / "notebooks").is_dir() and (p / "data").is_dir()), here)


def __getattr__(name: str) -> object:
    """`load` and `Inpainter`, imported when first asked for: torch is not needed to be imported."""
    if name == "load":
        from inpaintlib.photos.shipped import load

        return load
    if name == "Inpainter":
        from inpaintlib.photos.inpainter import Inpainter

        return Inpainter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
