"""What a student's samples are judged beside (``train.adversarial``): images that its teacher has sampled, with the
noise from which it did, the labels of the data set, some of them dropped, and a guidance scale each.

Not the data set's own images: those are of guidance scale 1, and where a student with more guidance is asked for them,
it loses the clearness that its teacher's guidance is there for.
"""

import random
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save
from torch import Tensor
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.io.files import write_atomically
from diffusion.losses import drop_labels
from diffusion.model import Model
from train.datasets import Dataset
from train.output.run_directory import TEACHER_SAMPLES

MOST = 16_000
BATCH = 64  # images of one guidance scale
LEAST_GUIDANCE = 1.0


def teacher_samples(
    teacher: Model,
    data: Dataset,
    label_dropout: float,
    max_guidance: float | None,
    run_dir: Path,
    accelerator: Accelerator,
) -> Dataset:
    """As many images as the data set has, at most ``MOST``, sampled with the teacher's own settings; where it takes a
    guidance scale, with random ones from 1 to the largest. Sampled once a run, by its main process. Raises InputError
    where the file that they are kept in is damaged."""
    path = run_dir / TEACHER_SAMPLES  # a run that goes on has the same ones
    with accelerator.main_process_first():
        if not path.exists():
            labels = drop_labels(data.labels[:MOST], label_dropout, torch.Generator().manual_seed(0))
            write_atomically(path, save(sampled(teacher, labels, max_guidance)))
        try:
            kept = load_file(path)
            images, labels, noise = kept["images"], kept["labels"], kept["noise"]
        except Exception as error:  # of many kinds, from safetensors
            raise InputError("training.teacher_samples", path=path, reason=str(error)) from None
    return Dataset(images, labels, data.label_names, guidance_scales=kept.get("scales"), noise=noise)


def sampled(teacher: Model, labels: Tensor, max_guidance: float | None) -> dict[str, Tensor]:
    """Images (N, C, H, W) uint8, the noise from which they were sampled, float32, their labels (N,), and their scales
    (N,) where there are any."""
    images, scales, choose = [], [], random.Random(0)
    shape = len(labels), *teacher.config.image_shape
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    about = "sampling the teacher"
    with tqdm(total=len(labels), desc=about, unit=" images", leave=False, disable=None, file=sys.stderr) as bar:
        for first in range(0, len(labels), BATCH):
            part = labels[first : first + BATCH]
            scale = None if max_guidance is None else choose.uniform(LEAST_GUIDANCE, max_guidance)
            given = {} if scale is None else {"guidance_scale": scale}
            start = noise[first : first + BATCH].to(teacher.device)
            wanted = part.tolist() if teacher.config.num_classes else [-1] * len(part)
            x = teacher.generate(wanted, start=start, seed=first, **given)
            images.append(x.add(1).mul(127.5).round().to(torch.uint8).cpu())
            scales += [] if scale is None else [scale] * len(part)
            bar.update(len(part))
    found = {"images": torch.cat(images).contiguous(), "labels": labels, "noise": noise}
    return found if max_guidance is None else found | {"scales": torch.tensor(scales)}
