"""`python -m inpaintlib …`: see `inpaintlib.cli`."""

import sys

from inpaintlib.cli import main

sys.exit(main())
