"""Prints how many MB the app would take to remember as many visitors as it may, all of whom used every control."""

import threading
import tracemalloc

import gradio
from gradio import state_holder

VISITORS = 5


def visitor(blocks: gradio.Blocks) -> state_holder.SessionState:
    session = state_holder.SessionState(blocks)  # the app's own by now
    for id in session.blocks_config.blocks:
        if id in session.config_values:
            session.config_values[id]  # copied when it is first looked at
    return session


def served(blocks: gradio.Blocks, state_session_capacity: int = 10_000, **_) -> None:
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join()
    visitor(blocks)
    tracemalloc.start()
    visitors = [visitor(blocks) for _ in range(VISITORS)]
    print(state_session_capacity * tracemalloc.get_traced_memory()[0] / len(visitors) / 1e6)


gradio.Blocks.launch = served
import app  # noqa: E402

app.main([])
