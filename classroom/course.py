"""The assignments as nbgrader sees them: their folder, its settings, their release to students."""

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from inpaintlib import project_root

ROOT = project_root()
ASSIGNMENTS = ROOT / "assignments"


def course(root: Path) -> Any:
    """nbgrader's interface to the course in `root`, with the settings of assignments/.

    Raises:
        ImportError: nbgrader is not installed.
    """
    try:
        from nbgrader.apps import NbGraderAPI
    except ImportError as error:
        raise ImportError("grading needs nbgrader: pip install 'inpaintlib[classroom]'") from error
    from traitlets.config.loader import PyFileConfigLoader

    # nbgrader calls `alembic`, which is found only where the environment has been activated
    os.environ["PATH"] = sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(ASSIGNMENTS)).load_config()
    settings.CourseDirectory.root = str(root)
    settings.NbGrader.log_level = 40  # what goes wrong only
    return NbGraderAPI(config=settings)


def release(folder: Path) -> None:
    """Make `folder/release`, for students, from `folder/source`: no solutions, no hidden checks.

    Raises:
        ValueError: nbgrader refuses a source.
    """
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        prepare(root, folder / "source")
        shutil.copytree(root / "release", folder / "release", dirs_exist_ok=True)


def prepare(root: Path, sources: Path = ASSIGNMENTS / "source") -> None:
    """Make a course in `root` that can grade: sources, releases and nbgrader's list of cells."""
    shutil.copytree(sources, root / "source")
    nbgrader = course(root)
    for assignment in sorted(path.name for path in sources.iterdir()):
        done = nbgrader.generate_assignment(assignment, force=True)
        if not done["success"]:
            raise ValueError(f"nbgrader refuses {assignment}: {done['log']}")
