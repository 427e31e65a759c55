"""Many at once: eight people who ask for digits at the same time, beside the same eight one after another; and twenty.

network     the bare network on the CPU, by the size of the batch: what sharing a batch can gain there
engine      the requests in threads of one process
app         the same requests over HTTP, to ``python app.py``
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import NamedTuple

import httpx

from benchmarks.app import serving
from benchmarks.sampling import bare
from benchmarks.timing import interleaved, summary
from diffusion import load_model
from diffusion.runtime.precision import keep_to_one_core
from diffusion.settings import Request
from ui.engine import Engine

SOME, ALL = 8, 20  # people
DIGITS, STEPS = 4, 20  # of each one's request
BATCHES = (8, 16, 32, 64)  # images that the network is asked about at once

Ask = Callable[[int], Iterator[object]]  # the updates of one person's request


class Wait(NamedTuple):
    """Seconds from a request to its first update, and to its last."""

    first: float
    last: float


def request(person: int) -> dict:
    return {"label": str(person % 10), "num_images": DIGITS, "steps": STEPS, "seed": person}


def ask_engine(engine: Engine, person: int) -> Iterator[object]:
    return engine.run(Request(**request(person)))


def ask_app(http: httpx.Client, person: int) -> Iterator[object]:
    """The endpoint's events as they come. Raises RuntimeError where it answers with an error."""
    asked = request(person)
    values = [asked["label"], asked["num_images"], "", asked["steps"], None, asked["seed"], ""]
    event = http.post("/gradio_api/call/generate", json={"data": values}).json()["event_id"]
    with http.stream("GET", f"/gradio_api/call/generate/{event}") as stream:
        for line in stream.iter_lines():
            if line == "event: error":
                raise RuntimeError(next(stream.iter_lines(), "no reason given"))
            if line in ("event: generating", "event: complete"):
                yield line


def wait(ask: Ask, person: int) -> Wait:
    """One person's request, to its end."""
    start = time.perf_counter()
    updates = ask(person)
    next(updates)
    first = time.perf_counter() - start
    for _ in updates:
        pass
    return Wait(first, time.perf_counter() - start)


def one_after_another(ask: Ask, people: int) -> list[Wait]:
    return [wait(ask, person) for person in range(people)]


def at_once(ask: Ask, people: int) -> list[Wait]:
    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(partial(wait, ask), range(people)))


def shared(ask: Ask, repetitions: int) -> dict:
    """The figures of the engine or of the app."""
    work: dict[str, Callable[[], object]] = {
        "one after another": partial(one_after_another, ask, SOME),
        "at once": partial(at_once, ask, SOME),
    }
    seconds = interleaved(work, repetitions)
    ratios = [a / b for a, b in zip(seconds["at once"], seconds["one after another"], strict=True)]
    rounds = [at_once(ask, ALL) for _ in range(repetitions)]
    return {
        **{name: summary(values) for name, values in seconds.items()},
        "at once over one after another": summary(ratios),
        f"first update of {ALL}": summary([each.first for waits in rounds for each in waits]),
        f"last of {ALL} over first": summary(
            [max(each.last for each in waits) / min(each.last for each in waits) for waits in rounds]
        ),
    }


def network(repetitions: int) -> dict[str, float]:
    """Images a second of the bare network."""
    model = load_model("unet", device="cpu")
    seconds = interleaved({str(n): partial(bare, model, [n] * (64 // n)) for n in BATCHES}, repetitions)
    return {n: 64 / median(values) for n, values in seconds.items()}


def measure(repetitions: int = 9) -> dict:
    """The figures, as a dictionary that can be written as JSON."""
    with ThreadPoolExecutor(1) as pool:  # its helpers end with it: where threads outnumber the cores, OpenMP is slower
        figures: dict = {"network": pool.submit(network, repetitions).result()}
    keep_to_one_core(main_too=True)  # as in the app: with helpers of its own, who asks alone would be slowed down
    figures["engine"] = shared(partial(ask_engine, Engine()), repetitions)
    with serving("app.py", "--port") as (address, _, _), httpx.Client(base_url=address, timeout=600) as http:
        figures["app"] = shared(partial(ask_app, http), repetitions)
    return figures


def report(figures: dict) -> str:
    """The figures as Markdown tables."""
    speeds = figures["network"]
    table = [
        f"| network alone, images in a batch | {' | '.join(speeds)} |",
        "|---|" + "---|" * len(speeds),
        f"| images a second | {' | '.join(f'{speed:.0f}' for speed in speeds.values())} |",
        "",
        f"| {SOME} requests of {DIGITS} digits, {STEPS} steps | in one process | over HTTP |",
        "|---|---|---|",
    ]
    rows = {
        "one after another": ("one after another", " s"),
        "at once": ("at once", " s"),
        "at once over one after another": ("at once over one after another", "x"),
        f"{ALL} at once: first update": (f"first update of {ALL}", " s"),
        f"{ALL} at once: the last to finish over the first": (f"last of {ALL} over first", "x"),
    }
    for words, (name, unit) in rows.items():
        values = [figures[where][name] for where in ("engine", "app")]
        cells = [f"{value['median']:.2f}{unit} ({value['min']:.2f} to {value['max']:.2f})" for value in values]
        table.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(table)
