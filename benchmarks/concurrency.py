"""Many at once: eight requests at the same time, beside the same eight one after another; and twenty at once.

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
from diffusion.runtime import configure
from diffusion.runtime.threads import use_one_core
from ui.engine import Engine
from ui.request import Request

SOME, ALL = 8, 20  # people
DIGITS, STEPS = 4, 20  # of each one's request
BATCHES = (8, 16, 32, 64)  # images

Call = Callable[[int], Iterator[object]]  # the updates of one person's request


class Wait(NamedTuple):
    """Seconds from a request to its first update, and to its last."""

    first: float
    last: float


def request(person: int) -> dict:
    return {"label": str(person % 10), "num_images": DIGITS, "steps": STEPS, "seed": person}


def call_engine(engine: Engine, person: int) -> Iterator[object]:
    return engine.run(Request(**request(person)))


def call_app(http: httpx.Client, person: int) -> Iterator[object]:
    """The endpoint's events as they come. Raises RuntimeError where it returns an error."""
    asked = request(person)
    values = [asked["label"], asked["num_images"], "", asked["steps"], None, asked["seed"], ""]
    event = http.post("/gradio_api/call/generate", json={"data": values}).json()["event_id"]
    with http.stream("GET", f"/gradio_api/call/generate/{event}") as stream:
        for line in stream.iter_lines():
            if line == "event: error":
                raise RuntimeError(next(stream.iter_lines(), "no reason given"))
            if line in ("event: generating", "event: complete"):
                yield line


def wait(call: Call, person: int) -> Wait:
    """One person's request, to its end."""
    start = time.perf_counter()
    updates = call(person)
    next(updates)
    first = time.perf_counter() - start
    for _ in updates:
        pass
    return Wait(first, time.perf_counter() - start)


def one_after_another(call: Call, people: int) -> list[Wait]:
    return [wait(call, person) for person in range(people)]


def at_once(call: Call, people: int) -> list[Wait]:
    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(partial(wait, call), range(people)))


def shared(call: Call, repetitions: int) -> dict:
    """The results of the engine or of the app."""
    work: dict[str, Callable[[], object]] = {
        "one after another": partial(one_after_another, call, SOME),
        "at once": partial(at_once, call, SOME),
    }
    seconds = interleaved(work, repetitions)
    ratios = [a / b for a, b in zip(seconds["at once"], seconds["one after another"], strict=True)]
    rounds = [at_once(call, ALL) for _ in range(repetitions)]
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
    """The results, as a dictionary that can be written as JSON."""
    with ThreadPoolExecutor(1) as pool:  # its helpers end with it: where threads outnumber the cores, OpenMP is slower
        results: dict = {"network": pool.submit(network, repetitions).result()}
    configure()
    use_one_core(main_thread=True)  # as in the app: with OpenMP helpers of its own, a lone request would be slowed down
    results["engine"] = shared(partial(call_engine, Engine()), repetitions)
    with serving("app.py", "--port") as (address, _, _), httpx.Client(base_url=address, timeout=600) as http:
        results["app"] = shared(partial(call_app, http), repetitions)
    return results


def report(results: dict) -> str:
    """The results as Markdown tables."""
    speeds = results["network"]
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
        values = [results[where][name] for where in ("engine", "app")]
        cells = [f"{value['median']:.2f}{unit} ({value['min']:.2f} to {value['max']:.2f})" for value in values]
        table.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(table)
