"""Training losses, one value per image.

    loss          squared error    bound's weight, for a chain of T steps
    mse           yes              1       where the variance is learned; otherwise none
    rescaled_mse  yes              T/1000  where the variance is learned; otherwise none
    kl            no               1       the mean term of the bound
    rescaled_kl   no               T       an estimate of the whole bound

    cross_entropy  for a classifier of noisy images

Beside a squared error the bound sees the mean detached and trains the variance alone (Nichol & Dhariwal 2021, section
3.1: L_hybrid with lambda = 0.001). Names and weights are guided-diffusion's; the bound is in bits per dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from diffusion.condition import NULL_LABEL, Condition
from diffusion.denoiser import Denoiser
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.parameterisation import Prediction
from diffusion.process import Level, Process, like
from diffusion.vlb import clipped_transition, decoder_nll, transition_kl


def stratified_times(n: int, t_min: float, generator: torch.Generator | None = None) -> Tensor:
    """n times in [t_min, 1], one in each n-th of the range: uniform each, and together of low variance (Kingma et al.
    2021, appendix I.1). Float64, (n,), on the generator's device."""
    device = generator.device if generator is not None else None
    u = (torch.arange(n, device=device) + torch.rand(n, dtype=torch.float64, generator=generator, device=device)) / n
    return t_min + (1 - t_min) * u


def drop_labels(labels: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Drop each label with probability p: what classifier-free guidance needs (Ho & Salimans 2022, algorithm 1). labels
    (N,) int64 -> the same, NULL_LABEL where dropped."""
    dropped = torch.rand(len(labels), generator=generator, device=labels.device) < p
    return torch.where(dropped, NULL_LABEL, labels)


@dataclass(frozen=True)
class Loss:
    """A row: ``loss(denoiser, x0, condition, t, eps)``."""

    squared_error: bool
    bound_weight: Callable[[int], float]

    def __call__(
        self, denoiser: Denoiser, x0: Tensor, condition: Condition | Tensor | None, t: Tensor, eps: Tensor
    ) -> Tensor:
        """x0, eps (N, C, H, W), a condition or labels (N,), t (N,) in [t_min, 1] -> (N,) float32.

        The squared error is that of the parameterisation's target: for ``eps`` Ho et al. 2020, eq. 14, for ``score``
        denoising score matching weighted by sigma^2. The bound is defined at the chain's own times only, so where it
        has a part t is moved to one of them.
        """
        bounded = not self.squared_error or denoiser.variance.learned
        t = on_chain(t, denoiser.process) if bounded else t
        x, level = noised(denoiser.process, x0, t, eps)
        output, variance = denoiser.output(x, level, condition)

        loss = x0.new_zeros(len(x0), dtype=torch.float32)
        if self.squared_error:
            target = denoiser.parameterisation.target(x0, eps, level, denoiser.process)
            loss = (output.float() - target.float()).square().flatten(1).mean(1)
            output = output.detach()
        if bounded:
            prediction = denoiser.interpret(x, level, output, variance)
            term = bound_term(denoiser.process, x0, x, t.view(-1, 1, 1, 1), prediction).float()
            loss = loss + self.bound_weight(denoiser.process.steps) * term
        return loss


def cross_entropy(
    classifier: NoisyClassifier, x0: Tensor, condition: Condition | Tensor | None, t: Tensor, eps: Tensor
) -> Tensor:
    """-log p(label | x_t), (N,) float32 (Dhariwal & Nichol 2021, section 4); arguments as those of a ``Loss``."""
    labels = Condition.of(condition).labels
    assert labels is not None, "a classifier learns from labels"
    logits = classifier.logits(*noised(classifier.process, x0, t, eps))
    return nn.functional.cross_entropy(logits.float(), labels, reduction="none")


LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": Loss(True, lambda steps: 1.0),
    "rescaled_mse": Loss(True, lambda steps: steps / 1000),
    "kl": Loss(False, lambda steps: 1.0),
    "rescaled_kl": Loss(False, lambda steps: float(steps)),
    "cross_entropy": cross_entropy,
}


def noised(process: Process, x0: Tensor, t: Tensor, eps: Tensor) -> tuple[Tensor, Level]:
    """Images x0 (N, C, H, W) with noise eps added at times t (N,): x like x0, and the batch's level."""
    level = process.level(t.view(-1, 1, 1, 1))
    return like(level.alpha, x0) * x0 + like(level.sigma, x0) * eps, level


def bound_term(process: Process, x0: Tensor, x: Tensor, t: Tensor, prediction: Prediction) -> Tensor:
    """The bound's term for each image, (N,) in bits per dimension; x is x0 at the chain's own times t (N, 1, 1, 1)."""
    n = (t * process.steps).round()
    levels = [process.level((n + offset).clamp(max=process.steps) / process.steps) for offset in (0, -1, 1)]
    step = clipped_transition(*levels)
    first = (n == 1).flatten().to(x0.device)
    return torch.where(first, decoder_nll(x0, x, prediction, step), transition_kl(x0, x, prediction, step))


def on_chain(t: Tensor, process: Process) -> Tensor:
    """Times in [t_min, 1] brought to the process's n / steps, n = 1 to steps, so that each gets an equal share."""
    share = (t - process.t_min) / (1 - process.t_min)
    return ((share * process.steps).floor().clamp(max=process.steps - 1) + 1) / process.steps
