"""Training. This file offers the loop alone, so that importing it loads no data."""

from inpaintlib.training.loop import PRECISIONS, Record, eval_mode, only_training, run_phase, train
