"""A classifier of noisy images, which guides the sampling of another model towards labels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diffusion.denoiser import Denoise, preconditioned
from diffusion.errors import InputError
from diffusion.guidance import classifier, classifier_mean
from diffusion.process import Level, Process

if TYPE_CHECKING:
    from diffusion.config import ModelConfig


@dataclass(frozen=True)
class NoisyClassifier:
    """``network(x, t) -> logits`` (N, num_classes), trained on the noisy images of ``process``. It may guide any model
    of the same process that samples images of the same kind."""

    network: Callable[[Tensor, Tensor], Tensor]
    process: Process
    label_names: tuple[str, ...]
    image_shape: tuple[int, int, int] | None = None  # (C, H, W) that it takes; None: any

    @property
    def num_classes(self) -> int:
        return len(self.label_names)

    def logits(self, x: Tensor, level: Level) -> Tensor:
        """x (N, C, H, W) at a level (a batch of levels in training) -> (N, num_classes)."""
        return self.network(*preconditioned(self.process, x, level, torch.float32))

    def log_prob(self, x: Tensor, level: Level, labels: Tensor) -> Tensor:
        """log p(label | x), (N,); 0 for an image without a label (-1), which is not guided."""
        log_probs = self.logits(x, level).log_softmax(1)
        chosen = log_probs.gather(1, labels.clamp(min=0)[:, None])[:, 0]
        return torch.where(labels < 0, torch.zeros_like(chosen), chosen)

    def guide(self, denoise: Denoise, labels: Tensor, scale: float, levels: list[Level] | None = None) -> Denoise:
        """Guidance towards the labels (N,), -1 for none: in mean form over these levels, in score form without."""
        log_prob = partial(self.log_prob, labels=labels)
        if levels is None:
            return classifier(denoise, log_prob, scale)
        return classifier_mean(denoise, log_prob, scale, levels)

    def check_fits(self, config: "ModelConfig") -> None:
        """Raises InputError where it cannot guide such a model: labels, if the model has any, must be the same."""
        if config.process != self.process:
            raise InputError("model.classifier_process")
        if self.image_shape not in (None, config.image_shape):
            raise InputError("model.classifier_images", theirs=self.image_shape, ours=config.image_shape)
        if config.label_names not in ((), self.label_names):
            raise InputError("model.classifier_labels", theirs=self.num_classes, ours=config.num_classes)
