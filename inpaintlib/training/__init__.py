"""Training: the loop and the average that the lessons teach, and everything around one run.

This file offers the loop alone, so that importing it loads neither data nor pictures.
"""

from inpaintlib.training.loop import PRECISIONS, Record, eval_mode, only_training, run_phase, train
