"""Ends while a network is compiled in the background, by OpenVINO, which takes longer than the rest of the run."""

import os
import threading

from diffusion import load_model
from diffusion.runtime import compiled, inference, precision

os.environ.pop(precision.VARIABLE, None)
inference.IN_USE, compiled.worth_a_trial = 0.0, lambda: ["openvino"]
load_model("turbo").generate([1])
assert any(thread.name == "compiler" for thread in threading.enumerate())
print("compiling")
