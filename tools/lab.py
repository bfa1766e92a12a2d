"""Open JupyterLab on the lessons.

    python tools/lab.py [what JupyterLab takes: --no-browser, --port 8899, --ip …]

Run it with the Python of `.venv`; `make lab` does.
"""

import os
import subprocess
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def command(arguments: list[str]) -> list[str]:
    """The JupyterLab command line: rooted in notebooks/, opening on the first lesson."""
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.ipynb"))
    landing = f"/lab/tree/{lessons[0].name}" if lessons else "/lab"
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        *(sys.executable, "-m", "jupyterlab"),
        "--Application.log_level=WARN",  # the address is still printed, without forty lines before
        f"--ServerApp.root_dir={NOTEBOOKS}",
        f"--LabApp.default_url={landing}",
        *root,
        *arguments,
    ]


def main() -> int:
    """Run JupyterLab until it is stopped."""
    # Read when torch is loaded: waiting threads sleep instead of spinning (see inpaintlib).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    server = subprocess.Popen(command(sys.argv[1:]))
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab got it too and asks whether to stop
            continue


if __name__ == "__main__":
    sys.exit(main())
