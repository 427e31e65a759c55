"""A small, exact library of diffusion: processes, parameterisations, guidance, samplers, networks, models.

What it offers here is imported when it is used, so that a command line can be parsed without waiting for torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusion.condition import Condition
    from diffusion.config import ModelConfig
    from diffusion.errors import InputError
    from diffusion.io.loading import load_classifier, load_model
    from diffusion.model import Model
    from diffusion.networks import FreeU
    from diffusion.noisy_classifier import NoisyClassifier
    from diffusion.samplers import SAMPLERS, Step
    from diffusion.settings import SamplingSettings

__all__ = [
    "SAMPLERS",
    "Condition",
    "FreeU",
    "InputError",
    "Model",
    "ModelConfig",
    "NoisyClassifier",
    "SamplingSettings",
    "Step",
    "load_classifier",
    "load_model",
]
__version__ = "0.2.0"

if not TYPE_CHECKING:
    MODULES = {
        "SAMPLERS": "samplers",
        "Condition": "condition",
        "FreeU": "networks",
        "InputError": "errors",
        "Model": "model",
        "ModelConfig": "config",
        "NoisyClassifier": "noisy_classifier",
        "SamplingSettings": "settings",
        "Step": "samplers",
        "load_classifier": "io.loading",
        "load_model": "io.loading",
    }

    def __getattr__(name):
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"diffusion.{MODULES[name]}"), name)
