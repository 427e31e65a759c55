"""The configuration and the data set of a run: from the options of the command line, or from the run to resume."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffusion.config import MAX_LABELS
from diffusion.errors import InputError
from diffusion.io.files import user_path
from diffusion.io.guesses import hub_reference
from diffusion.io.hub import is_bundled
from diffusion.networks import UNetEncoderConfig
from train.config import BUDGETS, RunConfig, TrainConfig, preset_model, preset_network
from train.datasets import FOLDER, Dataset, Sizing, load_dataset
from train.datasets.folder import stamp
from train.datasets.kept import keep, kept
from train.output.run_directory import CONFIG
from train.presets import PRESETS

RESUMABLE = {
    "steps",
    "epochs",
    "minutes",
    "batch_size",
    "learning_rate",
    "data_dir",
    "precision",
}  # what may change when resuming
MAX_FOLDER_SIZE = 64  # pixels; larger images of a folder are downscaled to this, unless --image-size is given


def new_training_config(options: dict[str, Any]) -> TrainConfig:
    """The preset's settings, overridden by the options. Raises ``InputError``."""
    options = with_whole_paths({"data_dir": "data"} | options)
    settings = dict(PRESETS[options["preset"]]["training"])
    if any(name in options for name in BUDGETS):
        settings = {name: value for name, value in settings.items() if name not in BUDGETS}
    if options.get("conditional") is False and isinstance(preset_network(options["preset"]), UNetEncoderConfig):
        raise InputError("training.labels_needed", setting="unconditional", preset=options["preset"])
    return TrainConfig.checked(**settings | options)


def resumed_config(run_dir: Path, options: dict[str, Any]) -> RunConfig:
    """The run's configuration; the options may change its length, but not what it learns. Raises ``InputError``."""
    config = RunConfig.read(run_dir / CONFIG)
    settings = config.training.model_dump()
    options = with_whole_paths(options)
    whole = with_whole_paths(settings)  # runs of earlier versions have paths as they were given
    for name in options.keys() - RESUMABLE:
        if options[name] != whole[name]:
            started = {"started_with": settings[name], "given": options[name]}
            if name == "preset":
                raise InputError("run.preset_is_fixed", path=run_dir, **started)
            if name == "conditional":
                name, started = "unconditional", {"started_with": not settings[name], "given": not options[name]}
            raise InputError("run.setting_is_fixed", path=run_dir, setting=name, **started, resume="resume")
    if any(name in options for name in BUDGETS):
        settings |= dict.fromkeys(BUDGETS)
    return config.model_copy(update={"training": TrainConfig.checked(**settings | options)})


def with_whole_paths(options: dict[str, Any]) -> dict[str, Any]:
    """The options with their paths as seen from everywhere, so that a run can be resumed from another folder. Raises
    ``InputError``."""
    options = dict(options)
    if (name := options.get("dataset", "")).startswith(FOLDER) and name != FOLDER:
        options["dataset"] = f"{FOLDER}{user_path(name.removeprefix(FOLDER), 'dataset').absolute()}"
    for name in ("init_from", "teacher", "away_from"):
        if options.get(name) is not None:
            options[name] = whole_reference(options[name], name)
    if "data_dir" in options:
        options["data_dir"] = str(user_path(options["data_dir"], "data_dir").absolute())
    return options


def whole_reference(ref: str, setting: str) -> str:
    """A model reference as seen from everywhere. Raises ``InputError``."""
    if on_hub := hub_reference(ref):
        return on_hub
    path = user_path(ref, setting).absolute()
    return str(path) if os.path.exists(path) and not is_bundled(ref) else ref


def new_run(training: TrainConfig, run_dir: Path) -> tuple[RunConfig, Dataset]:
    """The data set, and the preset's model with its image size, channels and labels. Raises ``InputError``."""
    stride = preset_network(training.preset).stride

    def size(own: int) -> int:
        largest = MAX_FOLDER_SIZE if training.dataset.startswith(FOLDER) else own
        return math.ceil((training.image_size or min(own, largest)) / stride) * stride

    data = with_images_kept(training, run_dir, size)
    labels = data.label_names if training.conditional else []
    if len(labels) > MAX_LABELS:
        raise InputError("training.too_many_labels", count=len(labels), most=MAX_LABELS, unconditional="unconditional")
    model = preset_model(training.preset, data.images.shape[-1], data.images.shape[1], labels, training.dataset)
    return RunConfig(training=training, model=model, fingerprint=data.fingerprint), data


def resumed_dataset(config: RunConfig, run_dir: Path) -> Dataset:
    """The data set of a resumed run. Raises ``InputError`` where it has changed."""
    training, model = config.training, config.model

    def check(data: Dataset) -> None:
        if training.conditional and tuple(data.label_names) != model.label_names:
            raise InputError("run.labels_changed", dataset=training.dataset)
        if config.fingerprint and data.fingerprint != config.fingerprint:
            values = {"path": run_dir / "model", "init_from": "init_from", "output_dir": "output_dir"}
            raise InputError("run.images_changed", dataset=training.dataset, **values)

    return with_images_kept(training, run_dir, model.image_size, model.channels, check)


def with_images_kept(
    training: TrainConfig,
    run_dir: Path,
    image_size: Sizing,
    channels: int | None = None,
    check: Callable[[Dataset], None] = lambda data: None,
) -> Dataset:
    """The data set, by the copy in the run's directory where it is of a folder whose files have not changed since; what
    does not pass the check is not kept."""

    def load() -> Dataset:
        data = load_dataset(training.dataset, training.data_dir, "train", image_size, channels)
        check(data)
        return data

    if not training.dataset.startswith(FOLDER):
        return load()
    now = stamp(user_path(training.dataset.removeprefix(FOLDER), "dataset"))
    if (data := kept(now, run_dir)) is None:
        data = load()
        keep(data, now, run_dir)
    return data
