"""Ways to take more than one's share of ``python app.py`` by what it computes, for ``benchmarks.abuse``; ``floods`` has
those that need nothing computed."""

import time
from collections.abc import Callable

from benchmarks import floods
from benchmarks.attacker import FOUR, Attack, request

LONG = ["3", 64, "ddim", 1000]
SHORT = ["3", 4]
PICTURES = "hub:hostile/pictures"  # a model
LARGE_BUT_SHORT = ["3", 64, "ddim", 100]


def nobody(attack: Attack) -> None:
    """Nobody else"""


def long_runs(attack: Attack) -> None:
    """60 clients of 64 images in 1000 steps"""
    attack.by(60, lambda attack, _: attack.call("generate", LONG))


def short_runs(attack: Attack) -> None:
    """100 clients of four digits, again and again"""
    attack.by(100, lambda attack, _: attack.call("generate", SHORT))


def many_runs(attack: Attack) -> None:
    """300 clients of 64 images in 100 steps"""
    attack.by(300, lambda attack, _: attack.call("generate", LARGE_BUT_SHORT))


def unheard_runs(attack: Attack) -> None:
    """Long runs whose caller never fetches the result"""
    attack.by(8, lambda attack, _: attack.post("call/generate", json={"data": LONG}))


def around_the_queue(attack: Attack) -> None:
    """Plain POSTs to /run/generate"""
    attack.by(40, lambda attack, _: attack.post("run/generate", json={"data": LONG}))


def live(attack: Attack) -> None:
    """Live's server function, called by 50 in a row of sessions"""
    player = attack.component("player")
    values = {"label": "7", "num_images": 64, "model": "turbo", "sampler": "turbo", "steps": 2, "steps_by_hand": True}
    attack.by(50, lambda attack, number: attack.server_function(player, "live", values, number))


def silent_hub(attack: Attack) -> None:
    """Every event of the page, about models of a Hub that says nothing"""
    events = [each["id"] for each in attack.config["dependencies"] if each["backend_fn"]]

    def join(attack: Attack, number: int) -> None:
        values = {"model": f"hub:silent/{number}-{time.monotonic_ns()}", "hub": "silent/model"}
        body = {"data": [values], "fn_index": events[number % len(events)], "session_hash": f"s{number}"}
        attack.post("queue/join", json=body)
        time.sleep(0.1)

    attack.by(80, join)


def hostile_models(attack: Attack) -> None:
    """Models of the Hub that are too slow, too large or too much"""
    refs = ["hub:hostile/slow", "hub:hostile/large", "hub:hostile/wide", PICTURES, "hub:hostile/listed"]
    attack.by(
        12,
        lambda attack, number: attack.call("generate", ["", 64, "ddim", 20, None, 0, refs[number % len(refs)]]),
    )


def grids(attack: Attack) -> None:
    """40 clients of grids of 64 runs of 16 images"""
    values = {"rows": "seed", "row_values": "1..8", "columns": "guidance_scale", "column_values": "1..8"}
    attack.by(40, lambda attack, _: attack.call("compare", values | {"label": "3", "num_images": 16, "steps": 50}))


def forks(attack: Attack) -> None:
    """40 clients of long runs with six forks"""
    changes = [{"step": 999 - i, "label": str(i), "steps": 1000} for i in range(6)]
    attack.by(40, lambda attack, _: attack.call("fork", [changes, *LONG]))


def ideal_denoiser(attack: Attack) -> None:
    """The Noise tab's most expensive answers, to 50 in a row of sessions"""
    noise = attack.component("noise")
    functions = ("endings", "curve", "view")

    def call(attack: Attack, number: int) -> None:
        values = {"digit": str(number % 10), "seed": time.monotonic_ns() % 2**31, "t": 0.5}
        attack.server_function(noise, functions[number % len(functions)], values, number)

    attack.by(50, call)


def plans(attack: Attack) -> None:
    """Plans of grids of runs that take a budget, to 50 in a row of sessions"""
    compare = attack.component("compare")
    samplers = "ddpm, ddim, heun, unipc"
    sides = {"rows": "calls", "row_values": "393..400", "columns": "sampler", "column_values": samplers}

    def plan(attack: Attack, number: int) -> None:
        values = {**sides, "label": "3", "num_images": 4, "seed": time.monotonic_ns() % 2**31}
        attack.server_function(compare, "plan", values, number)

    attack.by(50, plan)


def views(attack: Attack) -> None:
    """Views of runs with six forks, to 50 in a row of sessions"""
    share = attack.component("share")
    forks = [{"step": 999 - i, "label": str(i), "steps": 1000} for i in range(6)]

    def view(attack: Attack, number: int) -> None:
        run = {"label": "3", "num_images": 64, "sampler": "ddim", "steps": 1000, "seed": time.monotonic_ns() % 2**31}
        attack.server_function(share, "view", {"tab": "generate", "values": {**run, "forks": forks}}, number)

    attack.by(50, view)


def endings(attack: Attack) -> None:
    """The Noise tab's endings, to 260 from four addresses"""
    noise = attack.component("noise")

    def end(attack: Attack, number: int) -> None:
        values = {"digit": str(number % 10), "seed": time.monotonic_ns() % 2**31, "t": 0.5}
        attack.server_function(noise, "endings", values, number)

    attack.by(260, end, FOUR)


def many_addresses(attack: Attack) -> None:
    """300 clients of 64 images in 1000 steps, from four addresses"""
    attack.by(300, lambda attack, _: attack.call("generate", LONG), FOUR)


def unread_runs(attack: Attack) -> None:
    """Runs of large images, from four addresses, that send more than anybody reads"""
    event = attack.event(attack.component("player"))
    values = {"label": "", "num_images": 64, "model": PICTURES, "sampler": "ddim", "steps": 10, "steps_by_hand": True}

    def begin(attack: Attack, number: int) -> None:
        session = f"{number}-{time.monotonic_ns()}"
        for run in range(4):
            named = {**values, "run": f"{session}-{run}", "seed": run}
            attack.post("queue/join", json={"data": [named], "fn_index": event, "session_hash": session})
        floods.keep(attack, [request("GET", f"/gradio_api/queue/data?session_hash={session}")])

    attack.by(80, begin, FOUR)


def unread_results(attack: Attack) -> None:
    """Results of large images that are fetched and never read"""

    def fetch(attack: Attack, number: int) -> None:
        results = attack.call("generate", ["", 64, "ddim", 2, None, number, PICTURES])
        if results:
            path = results[0]["path"]
            floods.keep(attack, [request("GET", f"/gradio_api/file={path}")] * floods.EACH)

    attack.by(20, fetch)


def refusals(attack: Attack) -> None:
    """100 clients of models that do not exist"""
    attack.by(100, lambda attack, number: attack.call("generate", ["", 1, "ddim", 1, None, 0, f"nobody's {number}"]))


def reloads(attack: Attack) -> None:
    """The list of models, anew and anew, while some are from the Hub"""
    player = attack.component("player")
    questions = ("reload", "tiles", "settings", "model")

    def call(attack: Attack, number: int) -> None:
        values = {"what": questions[number % 4], "values": {"model": PICTURES, "language": "zh"}}
        attack.server_function(player, "choose", values, number)

    attack.by(50, call)


ATTACKS: dict[str, Callable[[Attack], None]] = {
    attack.__name__: attack
    for attack in (
        *(nobody, long_runs, short_runs, many_runs, unheard_runs, around_the_queue, live, silent_hub, hostile_models),
        *(grids, forks, ideal_denoiser, refusals, reloads, plans, views, endings, many_addresses),
        *(unread_runs, unread_results),
        *floods.FLOODS,
    )
}
