"""What would make ``train.evaluate`` fail after the work, found before it."""

import argparse

from diffusion.errors import InputError
from diffusion.io.files import check_writable
from diffusion.io.hub import resolve
from diffusion.io.model_directory import CARD, read_config
from diffusion.model import Model
from diffusion.settings import SETTINGS, SamplingSettings
from train.evaluation.classifier import CLASSIFIERS, matching_dataset
from train.output.model_card import HUB_DATASETS, parse_card

DIRE_STEPS = 20  # where none are given
OF_BITS_PER_DIM = ("seed", "respacing")  # the settings that it has
OF_WRITE_REFERENCE = ("dataset", "data_dir")  # the options that it has
WITHOUT_SAMPLES = ("write_card", "two_sample", "neighbours", "dire", "classifier")  # flags that it has not


def check_reference(options: argparse.Namespace, defaults: argparse.ArgumentParser) -> None:
    """Options of --write-reference that do not apply to it, and its data set. Raises ``InputError``."""
    for name, value in vars(options).items():
        if name not in (*OF_WRITE_REFERENCE, "write_reference") and value != defaults.get_default(name):
            values = {"write_reference": "write_reference", "known": OF_WRITE_REFERENCE}
            raise InputError("evaluation.not_with_write_reference", setting=name, **values)
    if options.dataset not in (None, *CLASSIFIERS):
        known = ", ".join(CLASSIFIERS)
        raise InputError("evaluation.unknown_dataset", setting="dataset", known=known, given=options.dataset)


def check(options: argparse.Namespace, given: SamplingSettings) -> None:
    """Options that do not go together, and files that cannot be written. Raises ``InputError``."""
    if options.json:
        check_writable(options.json, setting="json")
    if options.sheet:
        check_writable(options.sheet, (".png",), "sheet")
    if options.sheet and not options.neighbours:
        raise InputError("evaluation.option_needs", setting="sheet", needed="neighbours")
    if options.dire_steps != DIRE_STEPS and not options.dire:
        raise InputError("evaluation.option_needs", setting="dire_steps", needed="dire")
    if options.dataset is not None and not options.bits_per_dim:
        with_dataset = {"bits_per_dim": "bits_per_dim", "write_reference": "write_reference"}
        raise InputError("evaluation.dataset_option", setting="dataset", **with_dataset)
    if options.bits_per_dim:
        flags = [name for name in WITHOUT_SAMPLES if getattr(options, name)]
        unused = [name for name in SETTINGS if getattr(given, name) is not None and name not in OF_BITS_PER_DIM]
        for name in (*flags, *unused):
            raise InputError("evaluation.not_with_bits_per_dim", setting=name, bits_per_dim="bits_per_dim")
    if options.write_card:
        check_card(options.model)


def check_card(ref: str) -> None:
    """Whether metrics can be written into a model's card. Raises ``InputError``."""
    if ref.startswith("hub:") or not (resolve(ref) / CARD).is_file():
        raise InputError("evaluation.no_card", setting="write_card", file=CARD, model=ref)
    try:
        card = parse_card((resolve(ref) / CARD).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError("evaluation.card_front_matter") from None
    check_writable(resolve(ref) / CARD, setting="write_card")
    dataset = matching_dataset(read_config(resolve(ref)))
    trained_on = card.data.get("datasets")
    if dataset and trained_on and HUB_DATASETS[dataset] not in trained_on:
        values = {"dataset": dataset, "trained_on": ", ".join(trained_on)}
        raise InputError("evaluation.card_of_other_dataset", setting="write_card", **values)


def check_fits(model: Model, options: argparse.Namespace, dire_steps: int) -> None:
    """Whether the metrics apply to the model. Raises ``InputError``."""
    for name in ("classifier", "dire", "bits_per_dim"):
        if getattr(options, name) and model.config.task == "super-resolution":
            raise InputError("evaluation.not_for_super_resolution", setting=name, model=options.model)
    if options.dire:
        model.check_invertible(model.plain_settings(dire_steps))
