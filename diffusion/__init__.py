"""A small, exact library of diffusion: processes, parameterisations, guidance, samplers, networks, models."""

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.model import Model, load_model
from diffusion.samplers import SAMPLERS, Step

__all__ = ["SAMPLERS", "InputError", "Model", "ModelConfig", "Step", "load_model"]
