"""What a run trains, and on what: from the options of a command line, or from the run that goes on."""

import math
import sys
from pathlib import Path
from typing import Any

from diffusion.errors import InputError
from train.config import BUDGETS, RunConfig, TrainConfig, preset_model, preset_network
from train.datasets import Dataset, conform, load_dataset
from train.presets import PRESETS
from train.run_directory import CONFIG

RESUMABLE = {"steps", "epochs", "minutes", "learning_rate", "data_dir", "precision"}  # what may change on the way
LARGEST_OWN_SIZE = 64  # pixels; larger pictures of one's own are brought to this unless --image-size says otherwise


def new_config(options: dict[str, Any]) -> TrainConfig:
    """The preset's settings, with the options in their place. Raises InputError."""
    settings = dict(PRESETS[options["preset"]]["training"])
    if any(name in options for name in BUDGETS):
        settings = {name: value for name, value in settings.items() if name not in BUDGETS}
    return TrainConfig.checked(**settings | options)


def resumed_config(run_dir: Path, options: dict[str, Any]) -> RunConfig:
    """The run's settings; the options may make it longer, but not another run. Raises InputError."""
    config = RunConfig.read(run_dir / CONFIG)
    settings = config.training.model_dump()
    for name in options.keys() - RESUMABLE:
        if options[name] != settings[name]:
            raise InputError(
                f"{run_dir} was started with {name.replace('_', ' ')} {settings[name]!r}, which --resume cannot change "
                f"to {options[name]!r}: start a new run."
            )
    if any(name in options for name in BUDGETS):
        settings |= dict.fromkeys(BUDGETS)
    return RunConfig(training=TrainConfig.checked(**settings | options), model=config.model)


def same_data(config: RunConfig) -> Dataset:
    """The data set of a run that goes on. Raises InputError where it has changed."""
    training, model = config.training, config.model
    data = load_dataset(training.dataset, training.data_dir, "train", training.image_size, model.channels)
    data = brought_to(model.image_size, data)
    if training.conditional and tuple(data.label_names) != model.label_names:
        raise InputError(f"The labels of {training.dataset} are no longer those that the run was started with.")
    return data


def brought_to(size: int, data: Dataset) -> Dataset:
    """The data set with images of size x size pixels."""
    return data if data.images.shape[-1] == size else conform(data.images, data.labels, data.label_names, size, None)


def fitted(training: TrainConfig) -> tuple[RunConfig, Dataset]:
    """The data set, and the preset's model with its size, channels and labels. Raises InputError."""
    stride = preset_network(training.preset).stride
    data = load_dataset(training.dataset, training.data_dir, "train", training.image_size)
    size = training.image_size or data.images.shape[-1]
    if training.image_size is None and training.dataset.startswith("folder:"):
        size = min(size, LARGEST_OWN_SIZE)
    size = math.ceil(size / stride) * stride
    if size != data.images.shape[-1]:
        print(f"The images are brought to {size}x{size} pixels.", file=sys.stderr)
    data = brought_to(size, data)
    labels = data.label_names if training.conditional else []
    model = preset_model(training.preset, size, data.images.shape[1], labels)
    return RunConfig(training=training, model=model), data
