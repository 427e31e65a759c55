"""Ends at the moment when a network begins to be compiled in the background."""

import os
import threading

from diffusion import load_model
from diffusion.runtime import inference, precision

os.environ.pop(precision.VARIABLE, None)
inference.IN_USE = 0.0
load_model("turbo").generate([1])
assert any(thread.name == "compiler" for thread in threading.enumerate())
print("compiling")
