"""Muon: its direction against a singular value decomposition, and which weights AdamW updates."""

import math

import pytest
import torch
from torch import nn

from train.optim.muon import QUINTIC, RMS, Muon, is_matrix, orthogonalised


def test_the_direction_has_the_same_singular_vectors_and_nearly_equal_values():
    generator = torch.Generator().manual_seed(0)
    shapes = [(48, 48), (40, 144), (144, 40), (40, 44), (48, 48)]  # those with equal small sides are batched
    matrices = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]
    a, b, c = QUINTIC
    for matrix, direction in zip(matrices, orthogonalised(matrices), strict=True):
        u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
        values = s / s.norm()
        for _ in range(5):
            values = a * values + b * values**3 + c * values**5
        torch.testing.assert_close(direction, u @ values.diag() @ vt, atol=1e-10, rtol=0)
        assert values[: len(values) // 2].min() > 0.6
        assert values.max() < 1.3


def test_a_convolution_is_treated_as_the_matrix_of_its_outputs_by_all_its_inputs():
    weight, matrix = nn.Parameter(torch.zeros(32, 8, 3, 3)), nn.Parameter(torch.zeros(32, 72))
    gradient = torch.randn(32, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    last = nn.Parameter(weight.detach().to(memory_format=torch.channels_last))
    for parameter in (weight, last, matrix):
        parameter.grad = gradient.reshape(parameter.shape).clone()
        Muon([("conv.weight", parameter)], lr=1.0).step()
    torch.testing.assert_close(weight, matrix.view_as(weight))
    torch.testing.assert_close(last, matrix.view_as(last))


def test_an_update_has_the_usual_size_of_adams():
    weight = nn.Parameter(torch.zeros(64, 256))
    weight.grad = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    Muon([("conv.weight", weight)], lr=0.1).step()
    assert weight.square().mean().sqrt().item() == pytest.approx(0.1 * RMS, rel=0.2)


def test_the_momentum_is_nesterovs():
    gradients = torch.randn(3, 32, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight = nn.Parameter(torch.zeros(32, 40, dtype=torch.float64))
    optimizer = Muon([("conv.weight", weight)], lr=1.0, momentum=0.9)
    momentum, expected = torch.zeros(32, 40, dtype=torch.float64), torch.zeros(32, 40, dtype=torch.float64)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        expected -= RMS * 40**0.5 * orthogonalised([0.1 * gradient + 0.9 * momentum])[0]
    torch.testing.assert_close(weight.detach(), expected)


def test_what_is_no_matrix_is_updated_by_adam_without_weight_decay():
    generator = torch.Generator().manual_seed(0)
    shapes = {"bias": (96,), "output.weight": (4, 64, 3, 3), "input.weight": (64, 3, 3, 3), "0.embed.weight": (64, 128)}
    named = [(name, nn.Parameter(torch.randn(shape, generator=generator))) for name, shape in shapes.items()]
    ours = [weight for _, weight in named]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    assert not any(is_matrix(name, weight) for name, weight in named)
    matrix = nn.Parameter(torch.ones(32, 40))
    muon = Muon([*named, ("conv.weight", matrix)], lr=0.01, betas=(0.9, 0.99), weight_decay=0.5)
    optimizers = [muon, torch.optim.Adam(theirs, lr=0.01, betas=(0.9, 0.99))]
    for step in range(5):
        matrix.grad = torch.zeros_like(matrix)
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = 0.01 / (step + 1)  # as a schedule does
            optimizer.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
    decayed = math.prod(1 - 0.5 * 0.01 / (step + 1) for step in range(5))
    torch.testing.assert_close(matrix, torch.full_like(matrix, decayed))


def test_it_continues_from_its_state_exactly():
    def fresh():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(4, 32, 3), nn.Flatten(), nn.Linear(32 * 36, 40))
        return network, Muon(network.named_parameters(), lr=0.01)

    def train(network, optimizer, steps):
        for step in steps:
            x = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            network(x).square().mean().backward()
            optimizer.step()

    network, optimizer = fresh()
    train(network, optimizer, range(6))
    first, its = fresh()
    train(first, its, range(3))
    second, resumed = fresh()
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(its.state_dict())
    train(second, resumed, range(3, 6))
    for one, other in zip(network.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
