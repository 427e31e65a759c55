"""Prints how many helper threads the app has while it samples, and how many its network alone would have."""

import threading

import gradio
import psutil
import torch


def of_libraries() -> int:
    """How many threads there are that Python did not start."""
    return psutil.Process().num_threads() - threading.active_count()


before, cores = of_libraries(), torch.get_num_threads()
import app  # noqa: E402  (what it imports is measured, too)
import ui.app  # noqa: E402
from ui.request import Request  # noqa: E402

build, engines = ui.app.build, []


def building(engine, **options) -> gradio.Blocks:
    engines.append(engine)
    return build(engine, **options)


def sample() -> None:
    list(engines[0].run(Request(label="3", num_images=64, steps=3)))
    print(of_libraries() - before, cores - 1)


def served(*_, **__) -> None:
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join()
    sampling = threading.Thread(target=sample)
    sampling.start()
    sampling.join()


ui.app.build = building
gradio.Blocks.launch = served
app.main([])
