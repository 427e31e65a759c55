"""Where the app computes, no thread but the network's has helpers: one more, and every network takes twice as long."""

import os
import subprocess
import sys

from diffusion.runtime.precision import VARIABLE

PROGRAM = """
import gc, threading
import gradio, numpy, psutil, torch

def libraries():
    "How many threads there are that Python did not start."
    return psutil.Process().num_threads() - threading.active_count()

before, cores = libraries(), torch.get_num_threads()

def draw():
    from diffusion.settings import Request
    from ui.engine import Engine

    engine = next(thing for thing in gc.get_objects() if isinstance(thing, Engine))  # the app's
    list(engine.run(Request(label="3", num_images=64, steps=3)))
    print(libraries() - before, cores - 1)

def served(blocks, **options):
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join()
    drawing = threading.Thread(target=draw)
    drawing.start()
    drawing.join()

gradio.Blocks.launch = served
import app

app.main([])
"""


def test_only_the_networks_thread_has_helpers():
    environment = {**os.environ, VARIABLE: "auto"}  # to ask the processor for its precision is to compute, too
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    helpers, wanted = answer.stdout.split()
    assert helpers == wanted
