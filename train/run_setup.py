"""The configuration and the data set of a run: from the options of the command line, or from the run to resume."""

import math
import sys
from pathlib import Path
from typing import Any

from diffusion.errors import InputError
from train.config import BUDGETS, RunConfig, TrainConfig, preset_model, preset_network
from train.datasets import Dataset, convert, load_dataset
from train.output.run_directory import CONFIG
from train.presets import PRESETS

RESUMABLE = {"steps", "epochs", "minutes", "learning_rate", "data_dir", "precision"}  # what may change when resuming
MAX_FOLDER_SIZE = 64  # pixels; larger images of a folder are downscaled to this, unless --image-size is given


def new_training_config(options: dict[str, Any]) -> TrainConfig:
    """The preset's settings, overridden by the options. Raises ``InputError``."""
    settings = dict(PRESETS[options["preset"]]["training"])
    if any(name in options for name in BUDGETS):
        settings = {name: value for name, value in settings.items() if name not in BUDGETS}
    return TrainConfig.checked(**settings | options)


def resumed_config(run_dir: Path, options: dict[str, Any]) -> RunConfig:
    """The run's configuration; the options may change its length, but not what it learns. Raises ``InputError``."""
    config = RunConfig.read(run_dir / CONFIG)
    settings = config.training.model_dump()
    for name in options.keys() - RESUMABLE:
        if options[name] != settings[name]:
            started = {"started_with": settings[name], "given": options[name]}
            raise InputError("run.setting_is_fixed", path=run_dir, setting=name, **started, resume="resume")
    if any(name in options for name in BUDGETS):
        settings |= dict.fromkeys(BUDGETS)
    return RunConfig(training=TrainConfig.checked(**settings | options), model=config.model)


def new_run(training: TrainConfig) -> tuple[RunConfig, Dataset]:
    """The data set, and the preset's model with its image size, channels and labels. Raises ``InputError``."""
    stride = preset_network(training.preset).stride
    data = load_dataset(training.dataset, training.data_dir, "train", training.image_size)
    size = training.image_size or data.images.shape[-1]
    if training.image_size is None and training.dataset.startswith("folder:"):
        size = min(size, MAX_FOLDER_SIZE)
    size = math.ceil(size / stride) * stride
    if size != data.images.shape[-1]:
        print(f"The images are resized to {size}x{size} pixels.", file=sys.stderr)
    data = resized(data, size)
    labels = data.label_names if training.conditional else []
    model = preset_model(training.preset, size, data.images.shape[1], labels)
    return RunConfig(training=training, model=model), data


def resumed_dataset(config: RunConfig) -> Dataset:
    """The data set of a resumed run. Raises ``InputError`` where its labels have changed."""
    training, model = config.training, config.model
    data = load_dataset(training.dataset, training.data_dir, "train", training.image_size, model.channels)
    data = resized(data, model.image_size)
    if training.conditional and tuple(data.label_names) != model.label_names:
        raise InputError("run.labels_changed", dataset=training.dataset)
    return data


def resized(data: Dataset, size: int) -> Dataset:
    """The data set with images of size x size pixels."""
    return data if data.images.shape[-1] == size else convert(data.images, data.labels, data.label_names, size, None)
