"""Presets: one row each. ``model`` holds fields of ``ModelConfig``, ``training`` fields of ``TrainConfig``.

The size, the channels and the label names of a model come from the data set it is trained on.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "unet": {
        "model": {
            "title": "U-Net",
            "description": "The default: a small U-Net that predicts v on the cosine schedule.",
            "process": {"kind": "cosine_vp"},
            "prediction": "v",
            "network": {"kind": "unet", "patch": 2, "channels": (64, 96), "blocks": 1, "attention": (False, True)},
            "sampler": "ddim",
            "steps": 20,
            "guidance_scale": 2.0,
        },
        "training": {"dataset": "mnist", "minutes": 15, "batch_size": 64, "learning_rate": 1.5e-3},
    },
}
