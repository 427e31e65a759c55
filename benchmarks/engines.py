"""A network call by each engine: torch, with its number of threads tuned as in sampling, TorchScript and OpenVINO.

For every bundled model; weights and inputs are the same, and the precision is that of sampling on this machine.
Which engine a program uses is measured there while it runs; this shows what there is to gain. The last two columns are
OpenVINO without `diffusion/runtime/flattened.py`, and without its second network, which is for the usual number of
images (here 32), over OpenVINO as it is used.

Below the table: how slow runs of 16 digits become while their network is compiled, and for how long. Once as it is,
with the work in Python done in a subprocess (`diffusion/runtime/subprocess_call.py`), and once with all of it in a
thread, in turn.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

import torch

from benchmarks.timing import ratio, summary
from diffusion import Model, load_model
from diffusion.condition import Condition
from diffusion.io.hub import bundled
from diffusion.runtime import compiled, inference
from diffusion.runtime.compiled import TORCH, engines
from diffusion.runtime.inference import InferenceNetwork
from diffusion.runtime.precision import use_bfloat16
from diffusion.runtime.subprocess_call import SubprocessFailed, call_in_subprocess

UNFLATTENED, ANY_NUMBER = "openvino without flattened pixels", "openvino for any number of images"
GAINS = {UNFLATTENED: "not flattened", ANY_NUMBER: "any number"}
SIZES = (32, 4)  # images: 16 digits with guidance, and a few
NAME, TURNS, LONGEST = "unet", 3, 60.0  # of the compiler; seconds, where no engine is faster than torch
CALLS, FIRST = 8, 4  # in a row, and how many do not count: threads of the engine before still wait for more work


def inputs(model: Model, n: int) -> tuple[torch.Tensor, torch.Tensor, Condition]:
    """x, t and condition of so many images."""
    config = model.config
    size = config.low_res_size
    low_res = torch.zeros(n, config.channels, size, size) if size else None
    labels = torch.arange(n) % (config.num_classes + 1) - 1  # -1: none
    return torch.randn(n, *config.image_shape), torch.full((n,), 500.0), model.condition(labels, low_res, 2.0)


@torch.no_grad()
def in_turn(networks: dict[str, Callable], given: tuple, rounds: int) -> dict[str, list[float]]:
    """Seconds of the calls that count, by engine."""
    seconds: dict[str, list[float]] = {engine: [] for engine in networks}
    for _ in range(rounds):
        for engine, network in networks.items():
            for call in range(CALLS):
                start = time.perf_counter()
                network(*given)
                if call >= FIRST:
                    seconds[engine].append(time.perf_counter() - start)
    return seconds


def of_model(name: str, repetitions: int) -> dict[str, dict[str, dict]]:
    """Seconds of a call, by the number of images and the engine."""
    model = load_model(name, device="cpu")
    bfloat16 = use_bfloat16(model.device)
    networks: dict[str, Callable] = {TORCH: InferenceNetwork(model.network, model.device).in_torch()}
    for engine, network in engines().items():
        networks[engine] = network(model.network, *inputs(model, SIZES[0]), bfloat16)
    if "openvino" in networks:
        with patch("diffusion.runtime.openvino_network.FlattenedPixels", nullcontext):
            networks[UNFLATTENED] = engines()["openvino"](model.network, *inputs(model, SIZES[0]), bfloat16)
        networks[ANY_NUMBER] = engines()["openvino"](model.network, *inputs(model, 1), bfloat16)
    results: dict[str, dict] = {}
    for n in SIZES:
        seconds = in_turn(networks, inputs(model, n), repetitions)
        results[str(n)] = {engine: summary(values) for engine, values in seconds.items()}
        gains = {name: ratio(seconds[name], seconds["openvino"]) for name in GAINS if name in seconds}
        results[str(n)] |= {"gains": gains}
    return results


def while_compiling(call: Callable) -> dict[str, float]:
    """Seconds of the runs of 16 digits, one after the other: the last of three before a network is compiled, the
    slowest of those until it runs by another engine, and how long that takes. ``call``: as ``call_in_subprocess``."""
    model = load_model(NAME, device="cpu")
    seconds: list[float] = []
    with patch(f"{compiled.__name__}.call_in_subprocess", call), patch.object(inference, "IN_USE", 1e9):
        while len(seconds) < 4 or (model.engine == TORCH and sum(seconds) < LONGEST):
            start = time.perf_counter()
            model.generate(16 * [5])
            seconds.append(time.perf_counter() - start)
            if len(seconds) == 3:
                inference.IN_USE = 0
    return {"before": seconds[2], "slowest": max(seconds[3:]), "until": sum(seconds[3:])}


def refused(*_: object) -> None:
    """In the place of ``call_in_subprocess``, so that the calling thread has to do the work."""
    raise SubprocessFailed("refused")


def measure(repetitions: int = 9) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    names = [name for name in bundled() if name != "classifier"]
    precision = "bfloat16" if use_bfloat16(torch.device("cpu")) else "float32"
    results = {"precision": precision, "models": {name: of_model(name, repetitions) for name in names}}
    found: dict[str, list] = {"subprocess": [], "thread": []}
    for _ in range(TURNS):
        found["subprocess"].append(while_compiling(call_in_subprocess))
        found["thread"].append(while_compiling(refused))
    compiler = {
        how: {part: summary([turn[part] for turn in turns]) for part in turns[0]} for how, turns in found.items()
    }
    return results | {"compiler": compiler}


def report(results: dict) -> str:
    """The results as a Markdown table."""
    models, most = results["models"], str(SIZES[0])
    first = next(iter(models.values()))[most]
    found = [name for name in (TORCH, "torchscript", "openvino") if name in first]
    head = [f"{n} images: {engine}" for n in SIZES for engine in found]
    head += [f"{most} images: {words}" for name, words in GAINS.items() if name in first["gains"]]
    table = [f"| {results['precision']}, ms | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name, sizes in models.items():
        cells = [f"{1000 * sizes[str(n)][engine]['median']:.1f}" for n in SIZES for engine in found]
        cells += [f"{gain:.2f}x" for gain in sizes[most]["gains"].values()]
        table.append(f"| `{name}` | {' | '.join(cells)} |")
    for how, parts in results["compiler"].items():
        before, slowest, until = (parts[part]["median"] for part in ("before", "slowest", "until"))
        table += [
            "",
            f"`{NAME}` compiled in a {how}: 16 digits take "
            f"{before:.2f} s before, {slowest:.2f} s at worst meanwhile, for {until:.1f} s in all (medians of {TURNS})",
        ]
    return "\n".join(table)
