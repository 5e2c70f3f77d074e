"""The command on a rank with a fault: `FAULT` says which, rank 1 has it."""

import os
import signal
import sys
import time

import torch

from course.parallel.__main__ import main
from course.training.trainer import Trainer

fault, at = os.environ["FAULT"], 14
argv = sys.argv[1:]
has_it = os.environ["RANK"] == "1"

if fault == "kill" and has_it and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    whole_step = Trainer.step

    def step(trainer):
        if trainer.step_count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        whole_step(trainer)

    Trainer.step = step  # type: ignore[method-assign]
elif fault == "kill" and not has_it and os.environ["TORCHELASTIC_RESTART_COUNT"] == "1":
    time.sleep(4)  # so that the other rank could meet what this one left behind
elif fault == "torch" and has_it:
    torch.__version__ = "1.0"
elif fault == "recipe" and has_it:
    argv[1] = os.environ["OTHER_RECIPE"]
elif fault == "steps" and has_it:
    argv += ["--steps", "3"]
sys.exit(main(argv))
