"""The model card: README.md of a model directory, with front matter as the Hugging Face Hub reads it."""

import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import torch
import yaml

from diffusion.model import Model
from train.config import RunConfig

HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}


def model_card(
    config: RunConfig, step: int, seconds: float, loss: float | None, num_images: int, trained: Model, processes: int
) -> str:
    """The card of a model after ``step`` steps and ``seconds`` of wall time on a data set of ``num_images``.

    ``loss`` is that of the last line of metrics; ``trained`` tells the model's size and its device.
    """
    training, model = config.training, config.model
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    folder = training.dataset.startswith("folder:")
    data = Path(training.dataset.removeprefix("folder:")).name if folder else training.dataset
    front: dict[str, Any] = {
        "license": "mit",
        "library_name": "pytorch",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["diffusion", "pytorch", "safetensors", "image-generation", training.preset],
    }
    if training.dataset in HUB_DATASETS:
        front["datasets"] = [HUB_DATASETS[training.dataset]]
    labels = ", ".join(model.label_names[:20]) + (", ..." if model.num_classes > 20 else "")
    rows = {
        "Data": f"{data}, {num_images:,} images of {model.image_size}x{model.image_size}, {model.channels} channel(s)",
        "Labels": labels or "none (unconditional)",
        "Preset": training.preset,
        "Parameters": f"{parameters:,}",
        "Steps": f"{step:,} of batch {training.batch_size}",
        "Images seen": f"{step * training.batch_size:,}",
        "Time": f"{seconds:,.0f} s on {hardware(trained.device, processes)}",
        "Loss": f"{loss:.5f}" if loss is not None else "not measured yet",
        "Sampling": f"{model.sampler}, {model.steps} steps, guidance scale {model.guidance_scale:g}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip()}
---

# {model.title or model.name}

{model.description}

| | |
|---|---|
{table}

Trained with

```
{command(training.preset)}
```

and drawn from in Python with `load_model("path/to/this/directory").generate(labels=[0])`. The weights are the
power-function average over the last stretch of the run.
"""


def hardware(device: torch.device, processes: int) -> str:
    """The machine in words, as in "2 CPU cores (x86_64)" or "NVIDIA A100"; of several processes each has as much."""
    if device.type == "cuda":
        words = torch.cuda.get_device_name(device)
        return f"{processes} x {words}" if processes > 1 else words
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = f"{cores} CPU cores ({platform.machine()})"
    return words if device.type == "cpu" else f"{device.type.upper()}, {words}"


def command(preset: str) -> str:
    """The command line that started this process, as one would type it; absolute paths are shortened to their ends."""
    if not Path(sys.argv[0]).name.startswith("run"):
        return f"python -m train.run {preset}"
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "train.run", *words])
