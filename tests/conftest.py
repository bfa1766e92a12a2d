"""What every test gets: fixed threads, no user settings, the real data where it is at hand."""

import os
from pathlib import Path

# Read when torch is first loaded, so it stands above every import of it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture
def generator() -> torch.Generator:
    """A freshly seeded random generator."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder with MNIST and CelebA, INPAINTLIB_DATA or ../shared/data; skips without one."""
    named = os.environ.get("INPAINTLIB_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real data: set INPAINTLIB_DATA")
    return folder
