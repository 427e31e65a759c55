"""The lab's replies: how long an eye waits for what a hand does.

t moves     the slider of *Noise*: from its event to the frame in which the noisy digit and its plots are painted
stroke      on the drawing pad: from the lifted pen to the frame with the network's and the ideal denoiser's guesses
ideal       one guess of the ideal denoiser of 60,000 digits, alone
first page  from the navigation to the first words painted, and to the example that can be played, with an empty cache;
            with --beside FOLDER, a checkout of another version, that one's in turn

Browser and server share the machine's cores.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app import ROOT, serving
from benchmarks.timing import interleaved, ratio, summary
from diffusion.ideal_denoiser import IdealDenoiser
from diffusion.process import Level
from tests import browser as chromium

DIGITS = 60_000  # of MNIST's training set
MOVES = 60
SETTLED = 1000  # ms after the example, in which the page fetches what it needs later

# Seconds from a slider's events to the frames that show their effect: what follows a message that was sent in a frame
# comes after that was painted.
PAINTED = """const painted = () => new Promise((tell) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => tell(performance.now());
  channel.port2.postMessage(null);
}));"""
MOVE = f"""async (places) => {{
  {PAINTED}
  const slider = document.querySelector('.noise-lab [part="slider"]');
  const seconds = [];
  for (const place of places) {{
    await painted();
    const start = performance.now();
    slider.value = place;
    slider.dispatchEvent(new Event("input"));
    seconds.push((await painted() - start) / 1000);
  }}
  return seconds;
}}"""
# From the next time that the pen is lifted, seconds to the frame with all guesses; in window.answered.
LIFTED = f"""() => {{
  {PAINTED}
  const lab = document.querySelector(".noise-lab");
  const paper = document.querySelector('.pad [part="paper"]');
  window.answered = new Promise((tell) => paper.addEventListener("pointerup", () => {{
    const start = performance.now();
    const look = async () => {{
      if (lab.dataset.asking) return requestAnimationFrame(look);
      tell((await painted() - start) / 1000);
    }};
    requestAnimationFrame(() => requestAnimationFrame(look)); // the pad tells at the next frame what was drawn
  }}, {{ once: true }}));
}}"""
# Of a page that is being opened; in window.opened.
OPENED = """window.opened = new Promise((tell) => {
  const look = () => {
    if (!(document.querySelector(".digit-player")?.dataset.frames > 1)) return requestAnimationFrame(look);
    const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    tell({ painted: painted / 1000, ready: performance.now() / 1000 });
  };
  look();
});"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="rounds that count (default 9)")
    parser.add_argument("--beside", metavar="FOLDER", help="another version of the app, whose first page is timed, too")


def first_page(browser: Browser, address: str) -> dict[str, float]:
    """Seconds to the first words, and until the example can be played, with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.add_init_script(OPENED)
        page.goto(address, wait_until="commit")
        return page.evaluate("window.opened")
    finally:
        context.close()


def first_pages(browser: Browser, addresses: dict[str, str], repetitions: int) -> dict[str, dict]:
    """Of several versions, in turn, after a round that does not count."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in addresses}
    for round_number in range(repetitions + 1):
        for name, address in addresses.items():
            times = first_page(browser, address)
            if round_number:
                seen[name].append(times)
    results: dict[str, dict] = {}
    for what in ("painted", "ready"):
        seconds = {name: [times[what] for times in rounds] for name, rounds in seen.items()}
        results[what] = {name: summary(values) for name, values in seconds.items()}
        if "beside" in seconds:
            results[what]["ratio"] = ratio(seconds["here"], seconds["beside"])
    return results


def open_noise(page: Page, address: str) -> None:
    """The *Noise* tab, with all that it shows at rest."""
    page.goto(address)
    page.wait_for_timeout(SETTLED)
    page.get_by_role("tab", name="Noise").click()
    page.locator('.noise-lab [part="errors"] polyline').nth(2).wait_for()
    page.locator(".noise-lab:not([data-asking])").wait_for()


def strokes(page: Page, repetitions: int) -> list[float]:
    """Seconds from the lifted pen to the guesses, for one stroke after another, after one that does not count."""
    page.locator('.noise-lab [part="draw"]').click()
    paper = page.locator('.pad [part="paper"]')
    paper.wait_for()
    box = paper.bounding_box()
    assert box is not None
    seconds = []
    for number in range(repetitions + 1):
        page.evaluate(LIFTED)
        x = box["x"] + box["width"] * (0.3 + 0.4 * number / repetitions)
        page.mouse.move(x, box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(x, box["y"] + 0.8 * box["height"], steps=8)
        page.mouse.up()
        seconds.append(page.evaluate("window.answered"))
        page.wait_for_timeout(SETTLED)  # the curve of all noise levels follows when the pen rests
    return seconds[1:]


def ideal(repetitions: int) -> list[float]:
    """Seconds of a guess. Which digits they are makes no difference."""
    generator = torch.Generator().manual_seed(0)
    digits = torch.rand(DIGITS, 1, 28, 28, generator=generator) * 2 - 1
    denoise, x = IdealDenoiser(digits), torch.randn(1, 1, 28, 28, generator=generator)
    level = Level(0.5, 0.7, 0.7)
    return interleaved({"ideal": lambda: denoise(x, level)}, repetitions)["ideal"]


def measure(repetitions: int = 9, beside: str | None = None) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    results: dict = {"ideal": summary(ideal(repetitions))}
    folders: dict[str, str | Path] = {"here": ROOT, **({"beside": beside} if beside else {})}
    with ExitStack() as stack:
        addresses = {
            name: stack.enter_context(serving("app.py", "--port", folder=folder))[0] for name, folder in folders.items()
        }
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        results |= first_pages(browser, addresses, repetitions)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_noise(page, addresses["here"])
        results["moves"] = summary(page.evaluate(MOVE, [(37 * i) % 101 for i in range(MOVES)]))
        results["stroke"] = summary(strokes(page, repetitions))
        browser.close()
    return results


def report(results: dict) -> str:
    """The results as a Markdown table."""
    rows = {
        f"t moves in Noise, {MOVES} times: event to painted picture": "moves",
        "a stroke on the pad: pen lifted to painted guesses": "stroke",
        f"one guess of the ideal denoiser of {DIGITS:,} digits": "ideal",
    }
    table = [(what, results[name]) for what, name in rows.items()]
    for what, name in {"first page: first words": "painted", "first page: example ready": "ready"}.items():
        table.append((what, results[name]["here"]))
        if "beside" in results[name]:
            table.append((f"{what}, in the other version ({results[name]['ratio']:.2f}x)", results[name]["beside"]))
    cells = [
        f"| {what} | {1000 * value['median']:.0f} ms ({1000 * value['min']:.0f} to {1000 * value['max']:.0f}) |"
        for what, value in table
    ]
    return "\n".join(["| what | median |", "|---|---|", *cells])
