"""The model card: README.md of a model directory, with the front matter that the Hugging Face Hub expects."""

import os
import platform
import re
import shlex
from pathlib import Path
from typing import Any

import torch
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from diffusion.errors import InputError
from diffusion.model import Model
from diffusion.settings import SamplingSettings
from train.config import BUDGETS, RunConfig, TrainConfig, data_name
from train.evaluation.metrics import COLUMNS, METRICS, available_columns, available_metrics, cell, settings_text
from train.output.run_directory import MODEL
from train.presets import PRESETS

HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}
OPTIONS = (  # of train.run: those that change what is learned
    "dataset",
    "image_size",
    *BUDGETS,
    "init_from",
    "teacher",
    "adversarial_from",
    "away_from",
    "away_scale",
    "optimizer",
    "batch_size",
    "learning_rate",
    "times",
    "seed",
    "precision",
)
TASKS = {  # a model's task -> the Hub's name of it, and how to use the model in Python
    "generation": (
        "unconditional-image-generation",
        'Generate images in Python with `load_model("path/to/this/directory").generate({arguments})`.',
    ),
    "super-resolution": (
        "image-to-image",
        'Enlarge images in Python with `load_model("path/to/this/directory").generate(low_res=images)`, of images '
        "(N, C, h, h) in [-1, 1].",
    ),
    "classification": (
        "image-classification",
        'Guide a model of the same process in Python with `load_model("dit").generate(labels=[0], '
        'classifier=load_classifier("path/to/this/directory"))`.',
    ),
}
HEADING = "## Metrics"
MARKUP = re.compile(r"[\\`*\[\]<>#|]")
METRICS_SECTION = re.compile(r"^## (Metrics|Figures)$.*", re.MULTILINE | re.DOTALL)  # Figures: of earlier versions


def model_card(
    config: RunConfig,
    step: int,
    seen: int,
    seconds: float,
    loss: float | None,
    num_images: int,
    trained: Model,
    processes: int,
) -> str:
    """The card of a model after ``step`` steps, on ``seen`` images of a data set of ``num_images``, and ``seconds`` of
    wall time.

    ``loss`` is the last one logged; ``trained`` gives the number of parameters and the device.
    """
    training, model = config.training, config.model
    task, usage = TASKS[model.task]
    usage = usage.replace("{arguments}", "labels=[0]" if model.num_classes else "num_images=16")
    front_matter = ModelCardData(
        license="mit",
        library_name="pytorch",
        pipeline_tag=task,
        tags=["diffusion", "pytorch", "safetensors", f"image-{model.task}", training.preset],
        datasets=[HUB_DATASETS[training.dataset]] if training.dataset in HUB_DATASETS else None,
    )
    labels = plain(", ".join(model.label_names[:20]) + (", ..." if model.num_classes > 20 else ""))
    size = f"{model.image_size}x{model.image_size}"
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    rows = {
        "Data": f"{plain(data_name(training.dataset))}, {num_images:,} images of {size} pixels",
        "Labels": labels or "none (unconditional)",
        "Preset": training.preset,
        "Parameters": f"{parameters:,}",
        "Steps": f"{step:,} of batch size {training.batch_size}",
        "Images seen": f"{seen:,}",
        "Time": f"{seconds:,.0f} s on {hardware(trained.device, processes)}",
        "Loss": f"{loss:.5f}" if loss is not None else "not measured yet",
    }
    if model.task != "classification":
        record = SamplingSettings().resolve(model).record(model)
        rows["Sampling"] = settings_text({name: value for name, value in record.items() if name != "seed"})
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    own_words = plain(model.description)
    return f"""---
{front_matter.to_yaml()}
---

# {model.title or model.name}

{own_words}

| | |
|---|---|
{table}

Trained with

```
{command(training)}
```

{usage} The weights are the power-function average over the last part of the run.
"""


def with_metrics(card: str, name: str, result: dict[str, Any], neighbours: str | None = None) -> str:
    """The card with the metrics of ``train.evaluate``: for the Hub as ``model-index``, for people as a table at the
    end. Metrics that the card already has are replaced.

    name: the model's own name, not its path. result: as ``train.evaluate`` writes it. neighbours: the name of an image
    beside the card that shows samples and the training images nearest to them.
    """
    parsed = parse_card(card)
    generated, columns, names = result["generated"], available_columns(result), available_metrics(result)
    settings = settings_text(result)
    parsed.data["model_name"] = name
    parsed.data["eval_results"] = [
        EvalResult(
            task_type=parsed.data.get("pipeline_tag", "unconditional-image-generation"),
            dataset_type=HUB_DATASETS.get(result["dataset"], result["dataset"]),
            dataset_name=result["dataset"],
            metric_type=metric,
            metric_name=f"{METRICS[metric].title} ({generated['n']} images; {settings})",
            metric_value=generated[metric],
        )
        for metric in names
    ]
    rows = [[METRICS[name].title, *(cell(result, column, name) for column in columns)] for name in names]
    header = [["", *(COLUMNS[name] for name in columns)], ["---"] * (1 + len(columns))]
    table = "\n".join(f"| {' | '.join(row)} |" for row in header + rows)
    meanings = "".join(f"- {METRICS[name].title}: {METRICS[name].meaning}\n" for name in names if METRICS[name].meaning)
    paragraphs = [
        METRICS_SECTION.sub("", parsed.text).strip(),
        HEADING,
        f"By `train.evaluate`, {generated['n']:,} images: {settings}; beside {result['real']['n']:,} real ones.",
        table,
        meanings.strip(),
        f"Samples, each with the nearest training image to its right:\n\n![]({neighbours})" if neighbours else "",
    ]
    parsed.text = "\n" + "\n\n".join(filter(None, paragraphs)) + "\n"
    return str(parsed)


def plain(text: str) -> str:
    """A text that means nothing in Markdown: the names of folders may hold anything."""
    return MARKUP.sub(r"\\\g<0>", text)


def parse_card(card: str) -> ModelCard:
    """A card's front matter and text. Raises ``InputError`` where there is no front matter."""
    try:
        parsed = ModelCard(card) if card.startswith("---\n") else None
    except (ValueError, RecursionError, yaml.YAMLError):
        parsed = None
    if parsed is None or not parsed.data.to_dict():
        raise InputError("evaluation.card_front_matter")
    return parsed


def hardware(device: torch.device, processes: int) -> str:
    """The machine in words, as in "2 CPU cores (x86_64)" or "NVIDIA A100"; of several processes each has as much."""
    if device.type == "cuda":
        words = torch.cuda.get_device_name(device)
        return f"{processes} x {words}" if processes > 1 else words
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = f"{cores} CPU core{'' if cores == 1 else 's'} ({platform.machine()})"
    return words if device.type == "cpu" else f"{device.type.upper()}, {words}"


def public(name: str, value: str) -> str:
    """An option's value as it may be published: of a path the last part, as the rest is private."""
    if name == "dataset":
        return data_name(value)
    path = Path(value)
    if path.is_absolute():
        return f"{path.parent.name}/{path.name}" if path.name == MODEL else path.name
    return value


def command(training: TrainConfig) -> str:
    """The command line that repeats the training: the preset and the options that differ from it."""
    preset = TrainConfig.model_construct(**PRESETS[training.preset]["training"])
    words = ["python", "-m", "train.run", training.preset]
    for name in OPTIONS:
        value = getattr(training, name)
        if value is not None and value != getattr(preset, name):
            words += [f"--{name.replace('_', '-')}", public(name, str(value))]
    if preset.conditional and not training.conditional:
        words.append("--unconditional")
    return shlex.join(words)
