"""What a denoiser is conditioned on, as one object: it passes through guidance, batching and network as a whole.

A label of -1 is none: the unconditional twin of a condition has no other. Networks have a place of their own for it in
their table of labels, so it may also be given as the index after the last label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

NULL_LABEL = -1


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
        return tuple(getattr(self, field.name) for field in fields(self))

    @staticmethod
    def cat(conditions: Sequence[Condition]) -> Condition:
        """Of several batches one after another. All must be of the same kind: the same fields None."""
        columns = zip(*(condition.tensors() for condition in conditions), strict=True)
        return Condition(*(None if column[0] is None else torch.cat(column) for column in columns))
