"""Muon: momentum whose update is made orthogonal, for the matrices of a network; Adam for everything else.

An update with all its singular values equal moves a weight matrix in every direction it can use, not only in the few
that dominate the gradient, so a network learns more from each image (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon). A convolution's weight counts as the matrix of its outputs by all its
inputs. Updates are scaled to the size that Adam's usually have (Liu et al. 2025, arXiv:2502.16982, section 2.2), so
one learning rate serves both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

QUINTIC = (3.4445, -4.7750, 2.0315)  # a s + b s^3 + c s^5 lifts small singular values fastest (Jordan et al. 2024)
SMALLEST = 32
CONDITIONING = {"time", "label", "embed", "modulation"}  # parts of our networks that work on embeddings alone
RMS = 0.2  # root mean square of an update over the learning rate


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for the matrices that images go through, of at least ``SMALLEST`` rows and columns;
    Adam for the rest: biases, norms, the few channels of an image, and what embeds time and label, where Muon was
    measured to gain nothing for a third of its cost.

    parameters: a network's ``named_parameters()``. betas: Adam's; momentum: Muon's. Weight decay is decoupled and
    touches the matrices alone.
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
        defaults = {"lr": lr, "betas": betas, "momentum": momentum, "weight_decay": weight_decay, "eps": eps}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closure here
        """One update of every weight that has a gradient."""
        if closure is not None:
            raise NotImplementedError("Muon takes its gradients as they are: it has no use for a closure.")
        for group in self.param_groups:
            named = zip(group["param_names"], group["params"], strict=True)
            graded = [(is_matrix(name, weight), weight) for name, weight in named if weight.grad is not None]
            for update, kind in ((self.orthogonal_step, True), (self.adam_step, False)):
                weights = [weight for is_such, weight in graded if is_such == kind]
                if weights:
                    update(weights, [weight.grad for weight in weights], group)

    def orthogonal_step(self, weights: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        """Nesterov momentum, made orthogonal."""
        momenta = self.kept("momentum", weights)
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        # the order of the columns does not matter, and so a convolution's weight is a matrix as it lies in memory
        matrices = [update.movedim(1, -1).flatten(1) for update in updates]
        for weight, direction in zip(weights, orthogonal(matrices), strict=True):
            columns_last = weight.movedim(1, -1)
            size = RMS * max(direction.shape) ** 0.5
            columns_last.add_(direction.view_as(columns_last), alpha=-group["lr"] * size)

    def adam_step(self, weights: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        """Adam (Kingma & Ba 2015, algorithm 1), as torch has it."""
        steps = [self.state[weight].setdefault("step", torch.zeros(())) for weight in weights]
        means, squares = self.kept("mean", weights), self.kept("square", weights)
        adam(
            weights,
            gradients,
            means,
            squares,
            max_exp_avg_sqs=[],
            state_steps=steps,
            fused=weights[0].is_cpu or None,  # elsewhere torch chooses
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )

    def kept(self, name: str, weights: list[Tensor]) -> list[Tensor]:
        """What is remembered of each weight's gradients under a name, 0 at first."""
        for weight in weights:
            if name not in self.state[weight]:
                self.state[weight][name] = torch.zeros_like(weight)
        return [self.state[weight][name] for weight in weights]


def is_matrix(name: str, weight: Tensor) -> bool:
    """Whether a weight's updates are made orthogonal."""
    large = weight.ndim > 1 and min(len(weight), weight[0].numel()) >= SMALLEST
    return large and CONDITIONING.isdisjoint(name.split("."))


def orthogonal(matrices: Sequence[Tensor], steps: int = 5) -> list[Tensor]:
    """Roughly U V' of each U S V', a matrix (rows, columns): singular values between 0.7 and 1.2 after five steps.

    A step takes X to p(G) X with G = X X' and p(G) = a + b G + c G^2. All these polynomials commute, so their product
    is gathered on the small side of the matrix, for all matrices with as small a side at once, and meets X at the end.
    """
    wide = [matrix if len(matrix) <= matrix.shape[1] else matrix.mT for matrix in matrices]
    alike = defaultdict(list)
    for index, x in enumerate(wide):
        alike[len(x)].append(index)
    directions = list(wide)
    for indices in alike.values():
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
