"""Networks compute the same with pixels as one axis, and what the compiler is slow at has that axis."""

from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from diffusion import Condition
from diffusion.runtime.flattened import FlattenedPixels, group_norm
from tests.tiny import NETWORK, tiny_model

ORDERS = [{"order": "norm_first", "scale_shift": True}, {"order": "conv_first", "scale_shift": False}]
X, T, LABELS = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.rand(3), torch.arange(3)


class Seen(TorchFunctionMode):
    """Notes the sizes of the images that each function is called with."""

    def __init__(self):
        super().__init__()
        self.sizes = defaultdict(list)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        tensors = [each for each in args if isinstance(each, Tensor)]
        self.sizes[function].append([tuple(each.shape[2:]) for each in tensors if each.ndim > 2])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("order", ORDERS)
@torch.no_grad()
def test_a_network_computes_the_same(order):
    network = tiny_model(network=NETWORK | order).network
    with FlattenedPixels():
        found = network(X, T, Condition(LABELS))
    torch.testing.assert_close(found, network(X, T, Condition(LABELS)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
@torch.no_grad()
def test_no_activation_sees_rows_and_columns(order):
    network = tiny_model(network=NETWORK | order).network
    with Seen() as seen, FlattenedPixels():  # the inner one is asked first, and asks the outer
        network(X, T, Condition(LABELS))
    assert nn.functional.group_norm not in seen.sizes
    activations = [sizes for sizes in seen.sizes[nn.functional.silu] if sizes]
    assert activations
    assert all(len(size) == 1 for sizes in activations for size in sizes)
    sums = seen.sizes[Tensor.add] + seen.sizes[Tensor.__add__] + seen.sizes[torch.add]
    with_channels = seen.sizes[torch.addcmul] if order["scale_shift"] else [each for each in sums if (1,) in each]
    assert with_channels
    assert all(set(sizes) == {(1,), (4,)} for sizes in with_channels)
    assert [(2, 2), (2, 2)] in sums  # two images keep rows and columns


ROWS, COLUMNS, IMAGE = torch.ones(4, 4, 5, 1), torch.ones(4, 4, 1, 5), torch.ones(4, 4, 5, 5)
VALUES = torch.arange(4.0)[:, None, None]


@pytest.mark.parametrize(
    "compute",
    [
        lambda: ROWS + COLUMNS,
        lambda: IMAGE + ROWS,
        lambda: torch.ones(5, 5, 5, 5) + torch.ones(1, 5, 1, 1),
        lambda: IMAGE + VALUES,
        lambda: torch.addcmul(VALUES, IMAGE, IMAGE[..., :1, :1]),
        lambda: torch.addcmul(IMAGE[..., :1, :1], IMAGE, tensor2=IMAGE[..., :1, :1], value=2),
        lambda: torch.add(IMAGE, IMAGE[..., :1, :1], alpha=3),
        lambda: nn.functional.silu(torch.arange(6.0)),
        lambda: nn.functional.group_norm(IMAGE + ROWS, 2),
    ],
)
def test_whatever_is_broadcast_it_computes_what_torch_does(compute):
    with FlattenedPixels():
        found = compute()
    torch.testing.assert_close(found, compute(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 12, 7, 5), (2, 12, 9)])
def test_its_group_norm_is_torchs(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight, bias = torch.rand(2, 12, dtype=torch.float64)
    expected = nn.functional.group_norm(x, 3, weight, bias, 1e-5)
    torch.testing.assert_close(group_norm(x, 3, weight, bias, 1e-5), expected, rtol=0, atol=1e-12)
