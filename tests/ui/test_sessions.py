"""Those who came and went must not fill the memory of a host: all that is remembered of them is bounded."""

import subprocess
import sys

PROGRAM = """
import threading, tracemalloc
import gradio
from gradio.state_holder import SessionState

def served(blocks, state_session_capacity=10_000, **options):
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join()
    SessionState(blocks)
    tracemalloc.start()
    visitors = [SessionState(blocks) for _ in range(5)]
    print(state_session_capacity * tracemalloc.get_traced_memory()[0] / len(visitors) / 1e6)

gradio.Blocks.launch = served
import app

app.main([])
"""


def test_sessions_take_at_most_100_mb():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert 1 < float(answer.stdout) < 100
