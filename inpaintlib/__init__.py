"""Image inpainting with GANs, from scratch: the package that the course's notebooks import.

Import it before torch. A thread that waits for another one may spin or sleep; torch's default is to
spin, and on a laptop with other work running that can make a training step ten times slower.
The choice is read once, when torch is first loaded.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`load` and `Inpainter`, imported when first asked for: torch is not needed to be imported."""
    if name == "load":
        from inpaintlib.photos.shipped import load

        return load
    if name == "Inpainter":
        from inpaintlib.photos.inpainter import Inpainter

        return Inpainter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
