"""``python -m train.run`` with another preset, ``tiny``, that trains in seconds: for tests that need a process."""

import os
import sys
import time

from train import schedule
from train.presets import PRESETS
from train.run import main

TINY = {
    "model": {
        "network": {"kind": "unet", "channels": (8,), "blocks": 1, "attention": (False,)},
        "sampling": {"steps": 2, "guidance_scale": 2.0},
    },
    "training": {
        "dataset": "mnist",
        "steps": 100,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "warmup_steps": 5,
        "log_every": 5,
        "save_seconds": 0,
        "sheet_seconds": 1,
        "precision": "fp32",
    },
}


def slow_down(seconds: float) -> None:
    """Make each step take so long, with a checkpoint after each: for tests that must catch a run half-way."""
    update = schedule.Schedule.update

    def slow_update(self: schedule.Schedule, step: int, images: int) -> None:
        time.sleep(seconds)
        update(self, step, images)

    schedule.Schedule.update = slow_update  # type: ignore[method-assign]
    schedule.MAX_TASK_SHARE = 1.0


if __name__ == "__main__":
    PRESETS["tiny"] = TINY
    if seconds := os.environ.get("TINY_STEP_SECONDS"):
        slow_down(float(seconds))
    code = main()
    assert "gradio" not in sys.modules, "training must not import the web page"
    sys.exit(code)
