"""Muon: momentum with orthogonalised updates for the matrices of a network; AdamW for everything else.

An update whose singular values are all equal changes a weight matrix in every direction, not only in the few that
dominate the gradient, so a network learns more from each image (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon). A convolution's weight is treated as the matrix of its outputs by all its
inputs. Updates are scaled to the usual size of AdamW's (Liu et al. 2025, arXiv:2502.16982, section 2.2), so that one
learning rate is right for both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # a s + b s^3 + c s^5 lifts small singular values fastest (Jordan et al. 2024)
SMALLEST = 32
CONDITIONING = {"time", "label", "embed", "modulation"}  # modules of our networks that act on embeddings only
RMS = 0.2  # root mean square of an update over the learning rate


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for the matrices of at least ``SMALLEST`` rows and columns that act on images; AdamW
    for the rest: biases, norms, the few channels of an image, and the embeddings of time and label, where Muon was
    measured to gain nothing for a third of its cost.

    parameters: a network's ``named_parameters()``. betas: AdamW's; momentum: Muon's. Weight decay is decoupled and
    applies to the matrices only.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, nn.Parameter]],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ):
        by_kind: dict[bool, list[tuple[str, nn.Parameter]]] = {True: [], False: []}
        for name, weight in parameters:
            by_kind[is_matrix(name, weight)].append((name, weight))
        groups = [{"params": named, "orthogonal": kind} for kind, named in by_kind.items() if named]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.adamw: torch.optim.AdamW | None = None
        if others := [group for group in self.param_groups if not group["orthogonal"]]:
            others[0]["weight_decay"] = 0.0
            fused = others[0]["params"][0].is_cpu or None  # on other devices torch chooses
            self.adamw = torch.optim.AdamW(others, lr=lr, betas=betas, eps=eps, fused=fused)
            self._share_with_adamw()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share_with_adamw()

    def _share_with_adamw(self) -> None:
        """AdamW's state and settings are part of this optimiser's: they are saved, loaded and changed as one."""
        if self.adamw is not None:
            self.adamw.state = self.state
            self.adamw.param_groups = [group for group in self.param_groups if not group["orthogonal"]]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closure here
        """One update of every weight that has a gradient."""
        if closure is not None:
            raise NotImplementedError("Muon does not support closures")
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if group["orthogonal"] and weights:
                self.orthogonal_step(weights, group)
        if self.adamw is not None:
            self.adamw.step()

    def orthogonal_step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Nesterov momentum, orthogonalised."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        for weight in weights:
            if "momentum" not in self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        momenta = [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        # the order of the columns does not matter, so a convolution's weight is a matrix as it lies in memory
        matrices = [update.movedim(1, -1).flatten(1) for update in updates]
        for weight, direction in zip(weights, orthogonalised(matrices), strict=True):
            columns_last = weight.movedim(1, -1)
            size = RMS * max(direction.shape) ** 0.5
            columns_last.add_(direction.view_as(columns_last), alpha=-group["lr"] * size)


def is_matrix(name: str, weight: Tensor) -> bool:
    """Whether a weight's updates are orthogonalised."""
    large = weight.ndim > 1 and min(len(weight), weight[0].numel()) >= SMALLEST
    return large and CONDITIONING.isdisjoint(name.split("."))


def orthogonalised(matrices: Sequence[Tensor], steps: int = 5) -> list[Tensor]:
    """Roughly U V' of each U S V', a matrix (rows, columns): singular values between 0.7 and 1.2 after five steps.

    A step takes X to p(G) X with G = X X' and p(G) = a + b G + c G^2. All these polynomials commute, so their product
    is computed first, on the small side of the matrix and for all matrices of equal small side at once, and X is
    multiplied by it at the end.
    """
    wide = [matrix if len(matrix) <= matrix.shape[1] else matrix.mT for matrix in matrices]
    by_side = defaultdict(list)
    for index, x in enumerate(wide):
        by_side[len(x)].append(index)
    directions = list(wide)
    for indices in by_side.values():
        norms = torch.stack([wide[i].norm().clamp(min=1e-7) for i in indices]).view(-1, 1, 1)
        grams = torch.stack([wide[i] @ wide[i].mT for i in indices]) / norms**2
        for i, product in zip(indices, product_of_steps(grams, steps) / norms, strict=True):
            directions[i] = product @ wide[i]
    pairs = zip(directions, matrices, strict=True)
    return [direction if direction.shape == matrix.shape else direction.mT for direction, matrix in pairs]


def product_of_steps(gram: Tensor, steps: int) -> Tensor:
    """p(G) of all steps multiplied, for each G of (N, side, side)."""
    a, b, c = QUINTIC
    product = gram
    for step in range(steps):
        p = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        p.diagonal(dim1=-2, dim2=-1).add_(a)
        product = p @ product if step else p
        if step + 1 < steps:
            gram = p @ (gram @ p)
    return product
