"""The images of a run, kept in its directory: so that resuming it does not decode hundreds of thousands of files again,
and notices when they have changed.

    RUN/images/pixels.npy      (N, C, H, W) uint8
    RUN/images/dataset.json    labels, their names, and fingerprints of the files
"""

import logging
import secrets
import shutil
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel

from diffusion.io.files import replace, write_atomically
from train.datasets.dataset import Dataset

log = logging.getLogger(__name__)

KEPT = "images"
PIXELS, FACTS = "pixels.npy", "dataset.json"


class Facts(BaseModel):
    """All but the pixels."""

    stamp: str  # of the files' names, sizes and times
    fingerprint: str  # of their contents
    labels: list[int]
    label_names: list[str]


def keep(data: Dataset, stamp: str, run_dir: Path) -> None:
    """Where the disk is too full for it, the run goes on without."""
    directory = run_dir / KEPT
    temporary = directory / f".{secrets.token_hex(8)}.tmp"  # of several processes, each writes its own
    facts = Facts(stamp=stamp, fingerprint=data.fingerprint, labels=data.labels.tolist(), label_names=data.label_names)
    try:
        directory.mkdir(exist_ok=True)
        (directory / FACTS).unlink(missing_ok=True)
        with open(temporary, "wb") as file:
            np.save(file, data.images.numpy())
        replace(temporary, directory / PIXELS)
        write_atomically(directory / FACTS, facts.model_dump_json().encode())  # last: what is there is whole
    except OSError as error:
        log.warning("%s: the images are not kept for --resume (%s).", directory, error.strerror)
        shutil.rmtree(directory, ignore_errors=True)


def kept(stamp: str, run_dir: Path) -> Dataset | None:
    """The images of a run, where their files are still the same; mapped from the disk, so that they take memory only
    as they are used."""
    directory = run_dir / KEPT
    try:
        facts = Facts.model_validate_json((directory / FACTS).read_bytes())
        if facts.stamp != stamp:
            return None
        images = torch.from_numpy(np.lib.format.open_memmap(directory / PIXELS, mode="c"))
    except (OSError, ValueError, EOFError):
        return None
    if images.ndim != 4 or images.dtype != torch.uint8 or len(images) != len(facts.labels):
        return None
    return Dataset(images, torch.tensor(facts.labels), facts.label_names, facts.fingerprint)
