"""Ends while a network is compiled in the background, by OpenVINO, which takes longer than the rest of the run."""

import os
import threading

from diffusion import load_model
from diffusion.runtime import compiled, inference, precision

os.environ.pop(precision.VARIABLE, None)
inference.IN_USE, inference.LONGEST, inference.LONGEST_IMAGE = 0.0, 1e9, 1e9  # at the first call, however slow that is
compiled.worth_a_trial = lambda: ["openvino"]
load_model("turbo").generate([1])
assert any(thread.name == "compiler" for thread in threading.enumerate())
print("compiling")
