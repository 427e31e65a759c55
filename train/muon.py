"""Muon: momentum whose update is made orthogonal, for the matrices of a network; Adam for everything else.

An update with all its singular values equal moves a weight matrix in every direction it can use, not only in the few
that dominate the gradient, so a network learns more from each image (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon). A convolution's weight counts as the matrix of its outputs by all its
inputs. Updates are scaled to the size that Adam's usually have (Liu et al. 2025, arXiv:2502.16982, section 2.2), so
one learning rate serves both.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # a s + b s^3 + c s^5 lifts small singular values fastest (Jordan et al. 2024)
SMALLEST = 32
RMS = 0.2  # root mean square of an update over the learning rate


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for what is a matrix of at least ``SMALLEST`` rows and columns, Adam for the rest:
    biases, norms, label embeddings, the few channels of an image.

    betas: Adam's; momentum: Muon's. Weight decay is decoupled and touches the matrices alone.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ):
        parameters = list(parameters)
        matrices = [weight for weight in parameters if is_matrix(weight)]
        others = [weight for weight in parameters if not is_matrix(weight)]
        groups = [{"params": matrices, "matrices": True}, {"params": others, "matrices": False}]
        defaults = {"lr": lr, "betas": betas, "momentum": momentum, "weight_decay": weight_decay, "eps": eps}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure=None):  # type: ignore[no-untyped-def, override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [weight for weight in group["params"] if weight.grad is not None]
            if parameters:
                (self._orthogonal_step if group["matrices"] else self._adam_step)(parameters, group)
        return loss

    def _orthogonal_step(self, parameters: list[nn.Parameter], group: dict) -> None:
        momentum, lr = group["momentum"], group["lr"]
        gradients = [weight.grad for weight in parameters]
        buffers = []
        for weight in parameters:
            state = self.state[weight]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
            buffers.append(state["momentum"])
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        updates = torch._foreach_lerp(gradients, buffers, momentum)

        alike = defaultdict(list)  # matrices of one shape go through the iteration together
        for weight, update in zip(parameters, updates, strict=True):
            matrix = update.reshape(len(update), -1)
            alike[matrix.shape].append((weight, matrix))
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        for shape, members in alike.items():
            scale = RMS * max(shape) ** 0.5
            for (weight, _), direction in zip(members, orthogonal(torch.stack([m for _, m in members])), strict=True):
                weight.add_(direction.view_as(weight), alpha=-lr * scale)

    def _adam_step(self, parameters: list[nn.Parameter], group: dict) -> None:
        beta1, beta2 = group["betas"]
        gradients = [weight.grad for weight in parameters]
        for weight in parameters:
            state = self.state[weight]
            if "step" not in state:
                state.update(step=torch.zeros(()), mean=torch.zeros_like(weight), square=torch.zeros_like(weight))
            state["step"] += 1
        means = [self.state[weight]["mean"] for weight in parameters]
        squares = [self.state[weight]["square"] for weight in parameters]
        step = self.state[parameters[0]]["step"].item()
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_div_(denominators, (1 - beta2**step) ** 0.5)
        torch._foreach_add_(denominators, group["eps"])
        torch._foreach_addcdiv_(parameters, means, denominators, -group["lr"] / (1 - beta1**step))


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is large enough in both directions for its update to be made orthogonal."""
    return weight.ndim > 1 and min(len(weight), weight[0].numel()) >= SMALLEST


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V' of each U S V', for (N, rows, columns): singular values between 0.7 and 1.2 after five steps."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    a, b, c = QUINTIC
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
