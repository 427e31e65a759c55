"""A network compiled by OpenVINO for the CPU: converted from the torch module in memory, for any number of images.

An inference compiler fuses norms and activations into the convolutions between which torch takes half of the time, and
its threads do not wait at a barrier after each layer, so that a busy neighbour on the cores costs its share and no
more.
"""

import functools
import sys
import threading
import warnings
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.condition import Condition
from diffusion.runtime.threads import available_cores

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}  # ours and OpenVINO's name


@functools.cache
def openvino() -> ModuleType | None:
    """The library, or None where it is not installed. It reports its use to its maker when it is imported, unless its
    package for that cannot be: so here it cannot."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
        import openvino.frontend.pytorch.ts_decoder
    except (ImportError, OSError):
        return None
    return openvino


class OpenVINONetwork:
    """``network(x, t, condition)`` on the CPU, as the torch module computes it: to rounding in fp32, and each image the
    same alone or among others. Its weights are those of the moment; calls from several threads take turns."""

    def __init__(self, network: nn.Module, x: Tensor, t: Tensor, condition: Condition, precision: str):
        """x (N, C, H, W), t (N,), condition: an example, whose kind of condition it will take. Raises RuntimeError
        where the network cannot be converted."""
        library = openvino()
        assert library is not None
        self.given = tuple(tensor is not None for tensor in condition.tensors())
        inputs = self._inputs(x, t, condition)
        model = _convert(_Positional(network, self.given), inputs)
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": available_cores(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self.request = _core().compile_model(model, "CPU", settings).create_infer_request()
        self.lock = threading.Lock()

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        arrays = [tensor.detach().contiguous().numpy() for tensor in self._inputs(x, t, condition)]
        with self.lock:
            output = self.request.infer(arrays, share_inputs=True)[0]
        return torch.from_numpy(output)

    def takes(self, condition: Condition) -> bool:
        """Whether it was compiled for this kind of condition."""
        return self.given == tuple(tensor is not None for tensor in condition.tensors())

    @staticmethod
    def _inputs(x: Tensor, t: Tensor, condition: Condition) -> list[Tensor]:
        return [x, t, *(tensor for tensor in condition.tensors() if tensor is not None)]


class _Positional(nn.Module):
    """The network with the parts of its condition as inputs of their own."""

    def __init__(self, network: nn.Module, given: tuple[bool, ...]):
        super().__init__()
        self.network, self.given = network, given

    def forward(self, x: Tensor, t: Tensor, *parts: Tensor) -> Tensor:
        rest = iter(parts)
        return self.network(x, t, Condition(*(next(rest) if given else None for given in self.given)))


@torch.no_grad()
def _convert(network: nn.Module, inputs: list[Tensor]) -> Any:
    """An OpenVINO model with a batch of any size. Raises RuntimeError."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that are fixed by the trace, as a network's are
        traced = torch.jit.trace(network, tuple(inputs), check_trace=False)
        decoder = TorchScriptPythonDecoder(traced, example_input=tuple(inputs))  # has to outlive the conversion
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
    model.reshape({port: [-1, *tensor.shape[1:]] for port, tensor in zip(model.inputs, inputs, strict=True)})
    return model


@functools.cache
def _core() -> Any:
    library = openvino()
    assert library is not None
    return library.Core()
