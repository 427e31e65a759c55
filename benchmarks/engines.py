"""A network call by each engine: torch, with its number of threads tuned as in sampling, TorchScript and OpenVINO.

For every bundled model; weights and inputs are the same, and the precision is that of sampling on this machine.
Which engine a program uses is measured there while it runs; this shows what there is to gain. The last two columns are
OpenVINO without `diffusion/runtime/flattened.py`, and without its second network, which is for the usual number of
images (here 32), over OpenVINO as it is used.
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
from diffusion.runtime.compiled import TORCH, engines
from diffusion.runtime.inference import InferenceNetwork
from diffusion.runtime.precision import use_bfloat16

UNFLATTENED, ANY_NUMBER = "openvino without flattened pixels", "openvino for any number of images"
GAINS = {UNFLATTENED: "not flattened", ANY_NUMBER: "any number"}
SIZES = (32, 4)  # images: 16 digits with guidance, and a few
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
    for engine, compiled in engines().items():
        networks[engine] = compiled(model.network, *inputs(model, SIZES[0]), bfloat16)
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


def measure(repetitions: int = 9) -> dict:
    """The results, as a dictionary that can be written as JSON."""
    names = [name for name in bundled() if name != "classifier"]
    precision = "bfloat16" if use_bfloat16(torch.device("cpu")) else "float32"
    return {"precision": precision, "models": {name: of_model(name, repetitions) for name in names}}


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
    return "\n".join(table)
