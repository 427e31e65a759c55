"""Prints the modules that are there once the library has sampled."""

import sys

from diffusion import load_model

load_model("unet").generate([7], steps=1)
print(*sys.modules)
