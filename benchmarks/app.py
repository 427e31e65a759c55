"""The app from outside: how soon it answers, what it holds on to, and what the way to the browser costs.

start       ``python app.py`` to the first page, beside a bare program with torch and Gradio that serves an empty page
memory      of the serving process after 5 and after 200 generations
streaming   from the click in a headless Chromium to the last frame on its screen, beside sampling alone
live        new sheets a second while the guidance slider is dragged (`benchmarks/live.py`): in the browser; and over
            HTTP alone, also beside a busy process

Browser, clients and server share the machine's cores.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from gradio_client import Client
from playwright.sync_api import Page, sync_playwright

from benchmarks.busy import busy_processes
from benchmarks.live import answers_a_second, sheets_a_second
from benchmarks.timing import ratio, summary
from diffusion import load_model
from tests import browser as chromium

ROOT = Path(__file__).parents[1]
BARE = "import sys, torch, gradio as gr\nwith gr.Blocks() as page: pass\npage.launch(server_port=int(sys.argv[1]))"
FEW, MANY = 5, 200  # generations
DIGITS, STEPS, SAMPLER = 16, (20, 100, 1000), "ddim"
LIVE_ROUNDS = 3
FINISHED = "An independent network classifies"

# From the click on Generate to the last step's picture on the screen. The page reports it: polling, as
# Playwright's own waiting does, would slow down what is measured.
RUN = """(steps) => new Promise((tell) => {
  const player = document.querySelector(".digit-player");
  const start = performance.now();
  new MutationObserver((_, observer) => {
    if (player.dataset.phase !== "finished" || player.dataset.step !== String(steps)) return;
    observer.disconnect();
    requestAnimationFrame(() => tell((performance.now() - start) / 1000));
  }).observe(player, { attributes: true });
  document.querySelector("#generate").click();
})"""


@contextmanager
def serving(*command: str, folder: str | Path = ROOT) -> Iterator[tuple[str, psutil.Process, float]]:
    """A server on a free port, the last of the command: its address, its process, and seconds to the first page.
    ``folder``: that it is started in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, start = f"http://127.0.0.1:{port}", time.perf_counter()
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    process = psutil.Popen(
        [sys.executable, *command, str(port)], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(address)
        yield address, process, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()


def wait_for(address: str, seconds: float = 120) -> None:
    """Until something answers there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    raise TimeoutError(f"{address} does not answer")


def starts(repetitions: int) -> dict[str, list[float]]:
    """Seconds to the first page of both programs, in turn, after one round that does not count."""
    programs = {"app": ("app.py", "--port"), "bare": ("-c", BARE)}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for round_number in range(repetitions + 1):
        for name, command in programs.items():
            with serving(*command) as (_, _, taken):
                if round_number:
                    seconds[name].append(taken)
    return seconds


def memory(address: str, process: psutil.Process) -> dict[str, float]:
    """Resident MB of the server after some generations, each of other digits."""
    client, held = Client(address, verbose=False), {}
    for number in range(1, MANY + 1):
        client.predict(label=str(number % 10), num_images=DIGITS, seed=number, api_name="/generate")
        if number in (FEW, MANY):
            held[str(number)] = process.memory_info().rss / 1e6
    return held


def streaming(page: Page, repetitions: int) -> dict[str, dict]:
    """Seconds in the browser and alone, for each number of steps, in turn."""
    model, results = load_model("unet", device="cpu"), {}
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name="DDIM", exact=True).click()
    for steps in STEPS:
        field = page.get_by_role("spinbutton", name="Steps")
        field.fill(str(steps))
        field.press("Tab")
        seconds: dict[str, list[float]] = {"browser": [], "alone": []}
        for round_number in range(max(min(3, repetitions), repetitions * STEPS[0] // steps) + 1):
            in_browser = page.evaluate(RUN, steps)
            start = time.perf_counter()
            model.generate([9] * DIGITS, sampler=SAMPLER, steps=steps, seed=round_number)
            if round_number:
                seconds["browser"].append(in_browser)
                seconds["alone"].append(time.perf_counter() - start)
        results[str(steps)] = {name: summary(values) for name, values in seconds.items()} | {
            "browser over alone": ratio(seconds["browser"], seconds["alone"])
        }
    return results


def measure(repetitions: int = 9) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    start = starts(repetitions)
    with serving("app.py", "--port") as (address, process, _):
        held, answers = memory(address, process), {}
        for count in (0, 1):
            with busy_processes(count):
                answers[str(count)] = [answers_a_second(address) for _ in range(LIVE_ROUNDS)]
    with serving("app.py", "--port") as (address, _, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.get_by_text(FINISHED).wait_for(timeout=60_000)  # the example
        streamed = streaming(page, repetitions)
        live = [sheets_a_second(page) for _ in range(LIVE_ROUNDS)]
        browser.close()
    return {
        "start": {name: summary(values) for name, values in start.items()}
        | {"app over bare": ratio(start["app"], start["bare"])},
        "memory": held | {"growth": held[str(MANY)] / held[str(FEW)]},
        "streaming": streamed,
        "live": summary(live),
        "answers": {count: summary(values) for count, values in answers.items()},
    }


def report(results: dict) -> str:
    """The results as a Markdown table."""
    start, held = results["start"], results["memory"]
    rows = [
        ("`python app.py` to the first page", f"{start['app']['median']:.1f} s"),
        ("a bare program with torch and an empty page", f"{start['bare']['median']:.1f} s"),
        ("app over bare program", f"{start['app over bare']:.2f}x"),
        (f"memory after {FEW} generations of {DIGITS} digits", f"{held[str(FEW)]:.0f} MB"),
        (f"memory after {MANY}", f"{held[str(MANY)]:.0f} MB ({held['growth']:.2f}x)"),
    ]
    for steps, row in results["streaming"].items():
        alone, browser = row["alone"]["median"], row["browser"]["median"]
        what = f"{DIGITS} digits, {steps} steps: click to last frame, beside sampling alone"
        rows.append((what, f"{browser:.2f} s, {alone:.2f} s ({row['browser over alone']:.2f}x)"))
    answers = results["answers"]
    sheets = f"Live: new sheets of {DIGITS} digits a second"
    for what, rate in (
        (f"{sheets} while the guidance slider moves", results["live"]),
        (f"{sheets} over HTTP, without a browser", answers["0"]),
        (f"{sheets} over HTTP beside a busy process", answers["1"]),
    ):
        rows.append((what, f"{rate['median']:.1f} ({rate['min']:.1f} to {rate['max']:.1f})"))
    return "\n".join(["| what | median |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])
