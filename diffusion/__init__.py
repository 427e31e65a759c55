"""A small, exact library of diffusion: processes, parameterisations, guidance, samplers, networks, models.

What it offers here is imported when it is asked for, so that a command line can be read without waiting for torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusion.config import ModelConfig
    from diffusion.errors import InputError
    from diffusion.guidance import NoisyClassifier
    from diffusion.io.loading import load_classifier, load_model
    from diffusion.model import Model
    from diffusion.networks import FreeU
    from diffusion.samplers import SAMPLERS, Step

__all__ = [
    "SAMPLERS",
    "FreeU",
    "InputError",
    "Model",
    "ModelConfig",
    "NoisyClassifier",
    "Step",
    "load_classifier",
    "load_model",
]

if not TYPE_CHECKING:
    MODULES = {
        "SAMPLERS": "samplers",
        "FreeU": "networks",
        "InputError": "errors",
        "Model": "model",
        "ModelConfig": "config",
        "NoisyClassifier": "guidance",
        "Step": "samplers",
    }

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"diffusion.{MODULES.get(name, 'io.loading')}"), name)
