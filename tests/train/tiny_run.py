"""``python -m train.run`` with one more preset, ``tiny``, that trains in seconds; for tests that need a process."""

import sys

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

if __name__ == "__main__":
    PRESETS["tiny"] = TINY
    code = main()
    assert "gradio" not in sys.modules, "training must not wait for the web page"
    sys.exit(code)
