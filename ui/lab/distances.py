"""How far the runs of a grid end from those in very many steps that they approach."""

from contextlib import closing

import numpy as np

from ui.job import Job
from ui.lab.compare import CompareLab
from ui.lab.side_by_side import Outcome, key_of


def distances(lab: CompareLab, references: dict[int, Job], outcomes: dict[int, Outcome]) -> dict[int, float]:
    """The distances of those cells, by their indices, that have images and a reference (``CompareLab.references``),
    whose runs are computed. Raises InputError where one of these cannot be."""
    wanted = {key_of(job): job for job in references.values()}
    keys = list(wanted)
    with closing(lab.run(dict(enumerate(wanted.values())), watched=False)) as runs:
        ends = {keys[outcome.place]: outcome for together in runs for outcome in together}
    found = {}
    for index, job in references.items():
        end, result = ends[key_of(job)], outcomes[index].result
        if end.problem is not None:
            raise end.problem
        if result is not None and end.result is not None:
            found[index] = distance(result.images, end.result.images)
    return found


def distance(images: np.ndarray, others: np.ndarray) -> float:
    """The root mean square difference of the pixels of two arrays, uint8 of one shape, black being 0 and white 1."""
    return float(np.sqrt(np.square((images.astype(np.float64) - others) / 255).mean()))
