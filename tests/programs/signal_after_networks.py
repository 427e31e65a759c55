"""Receives a signal after two networks of OpenVINO have gone, in the order in which they were made."""

import signal

from diffusion import load_model
from diffusion.runtime.compiled import engines
from tests.diffusion.runtime.test_compiled_networks import inputs

signal.signal(signal.SIGINT, lambda *_: print("received"))
model = load_model("turbo")
networks = [engines()["openvino"](model.network, *inputs(model.config, 2), bfloat16=False) for _ in range(2)]
while networks:
    del networks[0]
signal.raise_signal(signal.SIGINT)
