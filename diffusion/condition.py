"""What a denoiser is conditioned on, as one object: it passes through guidance, batching and network as a whole.

A label of -1 is none: the unconditional twin of a condition has no other. Networks have a place of their own for it in
their table of labels, so it may also be given as the index after the last label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diffusion.errors import InputError

if TYPE_CHECKING:
    from diffusion.config import ModelConfig

NULL_LABEL = -1
MANY_LABELS = 12  # of more labels, a message lists only so many


@dataclass(frozen=True)
class Condition:
    """One row an image in each tensor; None is no such condition."""

    labels: Tensor | None = None  # (N,) int64, class indices or NULL_LABEL
    low_res: Tensor | None = None  # (N, C, h, h) in [-1, 1]: what super-resolution enlarges
    guidance_scale: Tensor | None = None  # (N,): for networks that take it as an input

    @classmethod
    def of(cls, value: Condition | Tensor | None) -> Condition:
        """A condition as it is; labels (N,) alone, or nothing, as one."""
        return value if isinstance(value, Condition) else cls(labels=value)

    def null(self) -> Condition:
        """The unconditional twin: without labels, and with all the rest."""
        return self if self.labels is None else replace(self, labels=torch.full_like(self.labels, NULL_LABEL))

    @property
    def is_null(self) -> bool:
        """Whether no image has a label."""
        return self.labels is None or bool((self.labels < 0).all())

    def rows(self, part: slice) -> Condition:
        """The condition of some of the images."""
        return Condition(*(None if tensor is None else tensor[part] for tensor in self.tensors()))

    def tensors(self) -> tuple[Tensor | None, ...]:
        """What it consists of, in the order of the fields."""
        return (self.labels, self.low_res, self.guidance_scale)

    @staticmethod
    def cat(conditions: Sequence[Condition]) -> Condition:
        """Of several batches one after another. All must be of the same kind: the same fields None."""
        columns = zip(*(condition.tensors() for condition in conditions), strict=True)
        return Condition(*(None if all(part is None for part in parts) else torch.cat(parts) for parts in columns))


def label_indices(labels: Sequence[int] | None, num_images: int | None, num_classes: int) -> list[int]:
    """The label of each image, 0 to num_classes - 1 or -1 for none; without labels ``num_images`` of these, or one.
    Raises InputError."""
    if labels is None:
        return [NULL_LABEL] * at_least("num_images", 1 if num_images is None else num_images, 1)
    try:
        indices = [index(label) for label in labels]
    except TypeError:
        raise InputError("labels.not_integers", given=labels) from None
    if not indices:
        raise InputError("labels.none_given")
    for label in indices:
        if not NULL_LABEL <= label < num_classes:
            if num_classes:
                raise InputError("labels.unknown_index", given=label, count=num_classes, last=num_classes - 1)
            raise InputError("labels.unconditional", given=label)
    return indices


def label_index(label: str, label_names: Sequence[str]) -> int:
    """The index of a label by its name; -1 for "", unconditional. Raises InputError that names the known ones."""
    if label == "":
        return NULL_LABEL
    if label in label_names:
        return list(label_names).index(label)
    if not label_names:
        raise InputError("labels.model_has_none", setting="label", given=label)
    values = {"setting": "label", "known": ", ".join(label_names[:MANY_LABELS]), "given": label}
    if len(label_names) > MANY_LABELS:
        raise InputError("labels.unknown_name_of_many", count=len(label_names), **values)
    raise InputError("labels.unknown_name", **values)


def at_least(setting: str, value: int, low: int) -> int:
    """A whole number. Raises InputError where it is none, or too small."""
    try:
        number = index(value)
    except TypeError:
        number = low - 1
    if number < low:
        raise InputError("settings.at_least", setting=setting, low=low, given=value)
    return number


def check_low_res(config: ModelConfig, low_res: Tensor | None) -> Tensor | None:
    """The images that a model for super-resolution enlarges, (N, C, low_res_size, low_res_size) in [-1, 1], as they
    are; None for other models. Raises InputError where they are missing, superfluous or wrong."""
    if config.low_res_size is None:
        if low_res is not None:
            raise InputError("model.low_res_superfluous", setting="low_res", model=config.name)
        return None
    wanted = {"size": config.low_res_size, "channels": config.channels}
    if low_res is None:
        raise InputError("model.low_res_missing", model=config.name, **wanted)
    if low_res.ndim != 4 or low_res.shape[1:] != (config.channels, config.low_res_size, config.low_res_size):
        raise InputError("model.low_res_shape", **wanted, given=tuple(low_res.shape))
    if not bool((low_res.abs() <= 1).all()):
        raise InputError("model.low_res_range")
    return low_res
