"""What the page's own ways gain beside the usual ones; a way that gains less than a tenth is not worth its code.

png      a sheet of noise as PNG: `ui/fast_png.py`, beside Pillow at its fastest
session  a new visitor's session of the page, made in the server's only thread: `Session` (`ui/gradio_workarounds.py`),
         beside Gradio's own
page     the page, fetched: from memory (`ui/hosting/ready_responses.py`), and made anew by Gradio
import   a Python that imports Gradio, with `ui/hosting/gradio_stubs.py` and without
idle     share of a core that a server without visitors takes: with `poll_queue_less` (`ui/gradio_workarounds.py`), and
         with Gradio's own interval

Sessions and the page are timed four times a round, the idle server three times in all.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import httpx
import numpy as np
from gradio.state_holder import SessionState

from benchmarks.app import ROOT, serving
from benchmarks.timing import interleaved, ratio, summary
from diffusion.io.images import png_bytes, sheet
from ui.app import build
from ui.engine import Engine
from ui.fast_png import fast_png
from ui.gradio_workarounds import Session

SHEETS = 200  # in one measurement
IDLE_SECONDS = 10.0
PROGRAM = "benchmarks/idle_server.py"
IMPORT = "import gradio"
IMPORT_OURS = f"from ui.hosting.gradio_stubs import leave_stubs_alone; leave_stubs_alone(); {IMPORT}"


def encode(function, picture: np.ndarray) -> None:
    for _ in range(SHEETS):
        function(picture)


def run(program: str) -> None:
    """A Python that executes it, from its start to its end."""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def idle_share(poll: str) -> float:
    """Of a core, while nobody visits."""
    with serving(PROGRAM, poll) as (_, process, _):
        time.sleep(8)  # the example and the thumbnails
        before, start = process.cpu_times(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        after = process.cpu_times()
        return (after.user + after.system - before.user - before.system) / (time.perf_counter() - start)


def fetched_page(http: httpx.Client, **headers: str) -> None:
    assert len(http.get("/", headers=headers).raise_for_status().content) > 1000


def page(repetitions: int) -> dict[str, list[float]]:
    """Seconds to fetch the page; whoever has a copy already gets it made anew."""
    with serving("app.py", "--port") as (address, *_), httpx.Client(base_url=address) as http:
        time.sleep(8)  # the example and the thumbnails
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(fetched_page, http),
            "gradio": partial(fetched_page, http, **{"If-None-Match": "none"}),
        }
        return interleaved(ways, repetitions)


def measure(repetitions: int) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1), dtype=np.uint8)
    picture = sheet(noise)
    png = interleaved(
        {"ours": partial(encode, fast_png, picture), "pillow": partial(encode, png_bytes, picture)}, repetitions
    )
    blocks = build(Engine())
    session = interleaved({"ours": partial(Session, blocks), "gradio": partial(SessionState, blocks)}, 4 * repetitions)
    pages = page(4 * repetitions)
    imports = interleaved({"ours": partial(run, IMPORT_OURS), "gradio": partial(run, IMPORT)}, repetitions)
    idle = {poll: [idle_share(poll) for _ in range(min(3, repetitions))] for poll in ("ours", "gradio")}
    return {
        "png": {name: summary([s / SHEETS for s in seconds]) for name, seconds in png.items()}
        | {
            "pillow over ours": ratio(png["pillow"], png["ours"]),
            "bytes": len(fast_png(picture)) / len(png_bytes(picture)),
        },
        "session": {name: summary(seconds) for name, seconds in session.items()}
        | {"gradio over ours": ratio(session["gradio"], session["ours"])},
        "page": {name: summary(seconds) for name, seconds in pages.items()}
        | {"gradio over ours": ratio(pages["gradio"], pages["ours"])},
        "import": {name: summary(seconds) for name, seconds in imports.items()}
        | {"gradio over ours": ratio(imports["gradio"], imports["ours"])},
        "idle": {name: summary(shares) for name, shares in idle.items()}
        | {"gradio over ours": ratio(idle["gradio"], idle["ours"])},
    }


def report(results: dict) -> str:
    """The results as a Markdown table."""
    png, session, page, imports, idle = (results[name] for name in ("png", "session", "page", "import", "idle"))
    rows = [
        (
            "a sheet of 16 noisy digits as PNG",
            f"{1000 * png['ours']['median']:.2f} ms",
            f"{1000 * png['pillow']['median']:.2f} ms",
            png["pillow over ours"],
        ),
        (
            "a new session",
            f"{1000 * session['ours']['median']:.2f} ms",
            f"{1000 * session['gradio']['median']:.2f} ms",
            session["gradio over ours"],
        ),
        (
            "the page, fetched",
            f"{1000 * page['ours']['median']:.2f} ms",
            f"{1000 * page['gradio']['median']:.2f} ms",
            page["gradio over ours"],
        ),
        (
            "Gradio, imported",
            f"{imports['ours']['median']:.2f} s",
            f"{imports['gradio']['median']:.2f} s",
            imports["gradio over ours"],
        ),
        (
            "an idle server, share of a core",
            f"{idle['ours']['median']:.1%}",
            f"{idle['gradio']['median']:.1%}",
            idle["gradio over ours"],
        ),
    ]
    lines = ["| what | ours | usual | usual over ours |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {ours} | {usual} | {times:.2f}x |" for what, ours, usual, times in rows)])
