"""A small, exact library of diffusion: processes, parameterisations, guidance, samplers, networks, models."""

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.guidance import NoisyClassifier
from diffusion.model import Model, load_classifier, load_model
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
