"""A network compiled by OpenVINO, Intel's inference compiler: it fuses the norms, activations and layout casts between
the convolutions, which take half of the time in torch.

It is converted directly from the torch module and compiled twice: for any number of images, and for as many as a core
usually gets, which is faster (``benchmarks.run engines``). It computes what the module computes: in float32 to 1e-5, in
bfloat16 to that type's rounding. Each core takes some of the images through all layers. The embeddings of time, label
and guidance scale stay in torch, in float32: OpenVINO would round the angles of their sines to bfloat16, whose numbers
near 1000 are 4 apart. Where the package is missing, ``installed`` says so.
"""

import copy
import importlib
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.runtime.flattened import FlattenedPixels
from diffusion.runtime.threads import available_cores, limited, rounds, shares
from diffusion.runtime.traced_network import kinds

MOST_AT_ONCE = 16  # images of a core: OpenVINO keeps memory for as many as it has ever computed; more gain nothing


def installed() -> bool:
    """Whether the package is there."""
    try:
        return importlib.util.find_spec("openvino") is not None
    except ValueError:  # hidden: sys.modules has None for it
        return False


@cache
def openvino() -> Any:
    """The package, which does not report its use."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


class OpenVINONetwork:
    """``compiled(x, t, condition)``, from any thread: what ``network(x, t, condition)`` returns, without gradients.

    network: a ``Conditioned`` one on the CPU, in evaluation mode, whose weights do not change any more. x, t,
    condition: an example of its inputs. Others must be of the same kinds (``takes``), and may be of any number of
    images; calls of as many are the fastest. Converting takes some seconds; ``in_subprocess``, like
    ``call_in_subprocess``, moves that to a subprocess. Raises what torch or OpenVINO raises where that fails.
    """

    def __init__(
        self,
        network: Any,
        x: Tensor,
        t: Tensor,
        condition: Condition,
        bfloat16: bool,
        in_subprocess: Callable[..., Any] | None = None,
    ):
        self.embed = network.embed
        inputs = self.arrays(x, t, condition)
        given = network, inputs, condition
        model = read(*in_subprocess(converted_and_saved, *given)) if in_subprocess else converted(*given)
        self.usual = usual_share(len(x))
        self.any_number, self.usual_number = (
            compiled(model, {port: [n, *a.shape[1:]] for port, a in zip(model.inputs, inputs, strict=True)}, bfloat16)
            for n in (-1, self.usual)
        )
        self.kinds = kinds(x, condition)
        self.own = threading.local()  # each thread has its own requests, which hold the inputs and the output of a call

    def takes(self, x: Tensor, condition: Condition) -> bool:
        """Whether the inputs are of the kinds of the example."""
        return kinds(x, condition) == self.kinds

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        parts = rounds(len(x), MOST_AT_ONCE)
        if len(parts) == 1:
            return self.at_once(x, t, condition)
        return torch.cat([self.at_once(x[part], t[part], condition.rows(part)) for part in parts])

    def at_once(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """What a call returns; all images are shared out among the cores."""
        parts, arrays = shares(len(x)), self.arrays(x, t, condition)
        # taken for the time of the call: those of one that is interrupted may go on, and are not used again
        requests: dict[tuple[int, bool], Any] = self.own.__dict__.pop("requests", {})
        places = [(place, length(part) == self.usual) for place, part in enumerate(parts)]
        for place, usual in set(places) - set(requests):
            requests[place, usual] = (self.usual_number if usual else self.any_number).create_infer_request()
        used = [requests[place] for place in places]
        inputs = [[array[part] for array in arrays] for part in parts]
        for request, given in zip(used, inputs, strict=True):
            request.start_async(given, share_inputs=True)
        for request in used:
            request.wait()
        outputs = [torch.from_numpy(request.get_output_tensor().data) for request in used]
        output = torch.cat(outputs).to(x.dtype)  # a copy: the requests will compute again
        self.own.requests = requests
        return output

    @torch.no_grad()
    def arrays(self, x: Tensor, t: Tensor, condition: Condition) -> list:
        """The inputs of ``AfterEmbedding`` as NumPy arrays."""
        with torch.autocast("cpu", enabled=False), limited(1):  # torch's other threads would go on spinning for a while
            tensors = (x, *self.embed(t, condition), condition.low_res)
            return [tensor.float().contiguous().numpy() for tensor in tensors if tensor is not None]


def usual_share(images: int) -> int:
    """How many a core has at once of so many images that are computed by all cores."""
    cores = available_cores()
    part = rounds(images, MOST_AT_ONCE, cores)[0]
    return length(shares(length(part), cores)[0])


def length(part: slice) -> int:
    """Of how many images a part is."""
    return part.stop - part.start


@torch.no_grad()
def converted(network: Any, inputs: list[np.ndarray], condition: Condition) -> Any:
    """The network after its embedding as an OpenVINO model of such inputs."""
    with warnings.catch_warnings(), torch.autocast("cpu", enabled=False):
        warnings.simplefilter("ignore")  # of what a trace does not see, and of its age
        rest = AfterEmbedding(copy.deepcopy(network), condition)
        with FlattenedPixels():
            traced = torch.jit.trace(rest, tuple(map(torch.from_numpy, inputs)), check_trace=False)
        return openvino().convert_model(traced)


def converted_and_saved(*given: Any) -> tuple[bytes, bytes]:
    """The same as bytes: its layers and its weights."""
    model = converted(*given)
    with TemporaryDirectory() as folder:
        layers, weights = Path(folder, "model.xml"), Path(folder, "model.bin")
        openvino().serialize(model, layers, weights)
        return layers.read_bytes(), weights.read_bytes()


def read(layers: bytes, weights: bytes) -> Any:
    """The model of what ``converted_and_saved`` returns."""
    return openvino_core(os.getpid()).read_model(layers, openvino().Tensor(np.frombuffer(weights, np.uint8)))


@cache
def openvino_core(process: int) -> Any:
    """The ``openvino.Core`` of a process, one for all its networks. A ``Core`` replaces the signal stack of the thread
    that makes it, and restores the one before when it is deleted. Of two that are deleted in the order in which they
    were made, the second restores the first one's, whose memory is freed: the thread crashes at its next signal."""
    return openvino().Core()


def compiled(model: Any, shapes: dict, bfloat16: bool) -> Any:
    """An OpenVINO model for inputs of such shapes, where -1 is any number. Changes the model's own shapes."""
    model.reshape(shapes)
    return openvino_core(os.getpid()).compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            # as many streams as cores, with a thread each, which is not bound to one: others may be using it
            "NUM_STREAMS": available_cores(),
            "INFERENCE_NUM_THREADS": available_cores(),
            "ENABLE_HYPER_THREADING": True,  # a core that is granted may be half of a physical one
            "ENABLE_CPU_PINNING": False,
        },
    )


class AfterEmbedding(nn.Module):
    """A network as a function of tensors alone: x, the embedding, and the context and the images in low resolution
    where there are any."""

    def __init__(self, network: Any, condition: Condition):
        super().__init__()
        self.network, self.has_low_res = network, condition.low_res is not None

    def forward(self, x: Tensor, *tensors: Tensor) -> Tensor:
        embedding, *others = tensors
        low_res = others.pop() if self.has_low_res else None
        context = others.pop() if others else None
        self.network.embed = lambda t, condition: (embedding, context)  # computed already
        any_t = x[:, 0, 0, 0]  # only the embedding depends on it
        return self.network(x, any_t, Condition(None, low_res))
