"""The model card: README.md of a model directory, with front matter as the Hugging Face Hub reads it."""

import os
import platform
import shlex
from pathlib import Path
from typing import Any

import torch
import yaml

from diffusion.errors import InputError
from diffusion.model import Model
from train.config import BUDGETS, RunConfig, TrainConfig
from train.evaluation.metrics import COLUMNS, METRICS, cell, columns_of, how, metrics_of
from train.presets import PRESETS

HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}
OPTIONS = (
    "dataset",
    "image_size",
    *BUDGETS,
    "init_from",
    "teacher",
    "away_from",
    "away_scale",
    "optimizer",
    "batch_size",
    "learning_rate",
    "times",
    "seed",
    "precision",
)
FIGURES = "## Figures"
TASKS = {  # a model's task -> the Hub's name of it, and how to use the model in Python
    "generation": (
        "unconditional-image-generation",
        'drawn from in Python with `load_model("path/to/this/directory").generate({what})`',
    ),
    "super-resolution": (
        "image-to-image",
        'used in Python as `load_model("path/to/this/directory").generate(low_res=small)`, with small images '
        "(N, C, h, h) in [-1, 1]",
    ),
    "classification": (
        "image-classification",
        'used in Python to steer a model of the same process, as in `load_model("dit").generate(labels=[0], '
        'classifier=load_classifier("path/to/this/directory"))`',
    ),
}


def model_card(
    config: RunConfig, step: int, seconds: float, loss: float | None, num_images: int, trained: Model, processes: int
) -> str:
    """The card of a model after ``step`` steps and ``seconds`` of wall time on a data set of ``num_images``.

    ``loss`` is that of the last line of metrics; ``trained`` tells the model's size and its device.
    """
    training, model = config.training, config.model
    task, usage = TASKS[model.task]
    usage = usage.replace("{what}", "labels=[0]" if model.num_classes else "num_images=16")
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    front: dict[str, Any] = {
        "license": "mit",
        "library_name": "pytorch",
        "pipeline_tag": task,
        "tags": ["diffusion", "pytorch", "safetensors", f"image-{model.task}", training.preset],
    }
    if training.dataset in HUB_DATASETS:
        front["datasets"] = [HUB_DATASETS[training.dataset]]
    labels = ", ".join(model.label_names[:20]) + (", ..." if model.num_classes > 20 else "")
    rows = {
        "Data": f"{data_name(training)}, {num_images:,} images of {model.image_size}x{model.image_size} pixels",
        "Labels": labels or "none (unconditional)",
        "Preset": training.preset,
        "Parameters": f"{parameters:,}",
        "Steps": f"{step:,} of batch {training.batch_size}",
        "Images seen": f"{step * training.batch_size:,}",
        "Time": f"{seconds:,.0f} s on {hardware(trained.device, processes)}",
        "Loss": f"{loss:.5f}" if loss is not None else "not measured yet",
    }
    if model.task != "classification":
        rows["Sampling"] = f"{model.sampler}, {model.steps} steps, guidance scale {model.guidance_scale:g}"
        if model.skip_scale:
            rows["Sampling"] += f", skip scale {model.skip_scale:g}"
        if (model.guidance_t_min, model.guidance_t_max) != (0, 1):
            rows["Sampling"] += f" from t = {model.guidance_t_max:g} to {model.guidance_t_min:g}"
        if model.guidance_power:
            rows["Sampling"] += f", guidance power {model.guidance_power:g}"
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
{command(training)}
```

and {usage}. The weights are the
power-function average over the last stretch of the run.
"""


def with_figures(card: str, name: str, result: dict[str, Any], neighbours: str | None = None) -> str:
    """The card with what train.evaluate found: for the Hub as ``model-index``, for people as a table at the end.

    name: the model's own, not where it lies here. result: as ``train.evaluate`` writes it. neighbours: the name of a
    picture beside the card, of images and the training images nearest to them. Figures that the card already has are
    replaced.
    """
    data, body = card_parts(card)
    generated, columns, names = result["generated"], columns_of(result), metrics_of(result)
    metrics = [
        {
            "type": metric,
            "name": f"{METRICS[metric].title} ({generated['n']} images; {how(result)})",
            "value": generated[metric],
        }
        for metric in names
    ]
    index = {
        "task": {"type": data.get("pipeline_tag", "unconditional-image-generation")},
        "dataset": {"type": HUB_DATASETS.get(result["dataset"], result["dataset"]), "name": result["dataset"]},
        "metrics": metrics,
    }
    data["model-index"] = [{"name": name, "results": [index]}]
    rows = [[METRICS[name].title, *(cell(result, column, name) for column in columns)] for name in names]
    header = [["", *(COLUMNS[name] for name in columns)], ["---"] * (1 + len(columns))]
    table = "\n".join(f"| {' | '.join(row)} |" for row in header + rows)
    meanings = "".join(f"- {METRICS[name].title}: {METRICS[name].meaning}\n" for name in names if METRICS[name].meaning)
    paragraphs = [
        f"{body.partition(FIGURES)[0].strip()}",
        FIGURES,
        f"By `train.evaluate`, of {generated['n']:,} images: {how(result)}; beside {result['real']['n']:,} real ones.",
        table,
        meanings.strip(),
        f"Images, each with the training image nearest to it at its right:\n\n![]({neighbours})" if neighbours else "",
    ]
    front = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(filter(None, paragraphs)) + "\n"


def card_parts(card: str) -> tuple[dict[str, Any], str]:
    """The front matter of a card, and what comes after it. Raises ``InputError`` where there is none."""
    parts = card.split("---\n", 2)
    try:
        data = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError:
        data = None
    if not isinstance(data, dict):
        raise InputError(
            "the model's README.md has no front matter, which the figures go into: YAML between two lines of ---."
        )
    return data, parts[2]


def data_name(training: TrainConfig) -> str:
    """The data set's name; of a folder only the last part of its path, as the rest is nobody's business."""
    kind, colon, path = training.dataset.partition(":")
    return f"{kind}{colon}{Path(path).name}"


def hardware(device: torch.device, processes: int) -> str:
    """The machine in words, as in "2 CPU cores (x86_64)" or "NVIDIA A100"; of several processes each has as much."""
    if device.type == "cuda":
        words = torch.cuda.get_device_name(device)
        return f"{processes} x {words}" if processes > 1 else words
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = f"{cores} CPU core{'' if cores == 1 else 's'} ({platform.machine()})"
    return words if device.type == "cpu" else f"{device.type.upper()}, {words}"


def command(training: TrainConfig) -> str:
    """The command line that trains the same: the preset and what is different from it."""
    usual = TrainConfig.model_construct(**PRESETS[training.preset]["training"])
    words = ["python", "-m", "train.run", training.preset]
    for name in OPTIONS:
        value = getattr(training, name)
        if value is not None and value != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", data_name(training) if name == "dataset" else str(value)]
    return shlex.join(words)
