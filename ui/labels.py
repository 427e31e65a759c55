"""A request's label, which may be several: images take them in turn, as on the command line."""

import re
from collections.abc import Sequence

from diffusion.condition import label_index

ALL = "all"
MOST_COLUMNS = 32  # of a sheet with a column for each label


def labels_in_turn(label: str, names: Sequence[str]) -> list[str]:
    """The names that a text is made of: one, several with commas between them, each of ``names`` for "all", or "" for
    any. A name may have commas of its own. Raises InputError where a part is no name."""
    if label in ("", *names):
        return [label]
    if label == ALL and names:
        return list(names)
    found: list[str] = []
    rest = label.strip()
    while rest or not found:
        fitting = [name for name in names if re.match(rf"{re.escape(name)}\s*(,|$)", rest)]
        if not fitting:
            return [names[label_index(label, names)]]  # which raises, and says which there are
        found.append(max(fitting, key=len))
        rest = rest[len(found[-1]) :].lstrip(" ,")
    return found


def repeated(labels: Sequence[str], count: int) -> list[str]:
    """The label of each of so many images."""
    return [labels[i % len(labels)] for i in range(count)]


def columns_for(labels: Sequence[str]) -> int | None:
    """The columns of a sheet: one for each label where that makes a sensible one, or None for as square as may be."""
    return len(labels) if 1 < len(labels) <= MOST_COLUMNS else None
