"""``python -m train.run`` with one more preset, ``tiny``, that trains in seconds; for tests that need a process."""

import os
import sys
import time

from train import schedule as pace
from train.presets import PRESETS
from train.run import main

TINY = {
    "model": {
        "network": {"kind": "unet", "channels": (8,), "blocks": 1, "attention": (False,)},
        "steps": 2,
        "guidance_scale": 2.0,
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
    """Let each step take so long, and a checkpoint follow each: for tests that must catch a run half-way."""
    update = pace.Pace.update

    def slow_update(self: pace.Pace, step: int) -> None:
        time.sleep(seconds)
        update(self, step)

    pace.Pace.update = slow_update  # type: ignore[method-assign]
    pace.SHARE = 1.0


if __name__ == "__main__":
    PRESETS["tiny"] = TINY
    if seconds := os.environ.get("TINY_STEP_SECONDS"):
        slow_down(float(seconds))
    code = main()
    assert "gradio" not in sys.modules, "training must not wait for the web page"
    sys.exit(code)
