"""Prints how many MB the app would take to remember as many visitors as it may."""

import threading
import tracemalloc

import gradio
from gradio.state_holder import SessionState

VISITORS = 5


def served(blocks: gradio.Blocks, state_session_capacity: int = 10_000, **_) -> None:
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join()
    SessionState(blocks)
    tracemalloc.start()
    visitors = [SessionState(blocks) for _ in range(VISITORS)]
    print(state_session_capacity * tracemalloc.get_traced_memory()[0] / len(visitors) / 1e6)


gradio.Blocks.launch = served
import app  # noqa: E402

app.main([])
