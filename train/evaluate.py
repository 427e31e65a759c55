"""Evaluate a model's images with the classifier of their data set, beside real images.

    python -m train.evaluate --model unet --num-images 10000 --json metrics.json
    python -m train.evaluate --model unet --two-sample --neighbours --write-card    # like real images? copies?
    python -m train.evaluate --model dit --classifier classifier --num-images 2000  # guided by a classifier
    python -m train.evaluate --model super-resolution                               # beside bicubic interpolation
    python -m train.evaluate --model unet --num-images 1000 --dire                  # distinguishable by DIRE?
    python -m train.evaluate --model guided-unet --bits-per-dim
    python -m train.evaluate --write-reference --data-dir data      # compute the bundled metrics of real images again

- accuracy: the share of images classified as their label, over all and for each class
- confidence: the mean probability of the predicted class
- share: without labels, the share of the images predicted as each class
- Fréchet distance (Heusel et al. 2017, eq. 6, with the classifier's features) to the training set: 0 for the same
  distribution. It falls with the number of images, so it is compared with that of as many real ones, where there are.

The others are described in ``train/evaluation``: ``two_sample_test``, ``nearest_neighbours``, ``super_resolution``,
``reconstruction`` and ``likelihood``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from torch import Tensor

from diffusion.advice import inversion_warning, print_warning, warning
from diffusion.errors import InputError, Message
from diffusion.io.files import Outputs
from diffusion.io.hub import resolve
from diffusion.io.images import png_bytes
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.model_directory import CARD
from diffusion.model import Model
from diffusion.runtime import configure
from diffusion.runtime.command_line import Parser, add_options, run_command
from diffusion.runtime.device import checked_device
from diffusion.settings import SETTINGS, SamplingSettings, field
from train.datasets import FOLDER, load_dataset
from train.evaluation.checks import DIRE_STEPS, check, check_fits, check_reference
from train.evaluation.classifier import matching_dataset, required_dataset
from train.evaluation.generation import evaluate_generation
from train.evaluation.likelihood import bits_per_dim, summary
from train.evaluation.metrics import table
from train.evaluation.nearest_neighbours import compare_neighbours
from train.evaluation.reconstruction import dire_metrics
from train.evaluation.reference_metrics import compute_reference, real_images
from train.evaluation.super_resolution import evaluate_super_resolution
from train.evaluation.two_sample_test import check_counts, two_sample_test
from train.output.model_card import with_metrics

SHEET = "neighbours.png"  # beside the card


class CommandSettings(SamplingSettings):
    """The settings of the command line: how to sample, and how much."""

    num_images: int = field("Images to evaluate", "integer", 1, 100_000)
    batch_size: int = field("Images sampled at once", "integer", 1, 10_000)
    dire_steps: int = field("DDIM steps of DIRE in each direction", "integer", 1, 1000)


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluate", description="Accuracy, Fréchet distance and more of a model's images.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument("--num-images", default=10_000, metavar="N", help="images to evaluate (default 10000)")
    p.add_argument("--classifier", metavar="REF", help="a classifier of noisy images that guides the model")
    p.add_argument("--batch-size", default=100, metavar="N", help="images sampled at once (default 100)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, ...; default: an accelerator where there is one")
    p.add_argument("--data-dir", metavar="DIR", help="compute the metrics of real images from here (default: bundled)")
    p.add_argument("--json", type=Path, metavar="PATH", help="also write the metrics to a file")
    p.add_argument("--write-card", action="store_true", help="also write the metrics into the model's README.md")
    sampling = p.add_argument_group("sampling; default: the model's own settings")
    add_options(sampling)
    more = p.add_argument_group("more metrics, which need the data set")
    more.add_argument("--two-sample", action="store_true", help="can a small CNN tell the images from real ones?")
    more.add_argument("--neighbours", action="store_true", help="are they copies of their nearest training images?")
    more.add_argument("--sheet", type=Path, metavar="PNG", help="of --neighbours: 100 images beside their neighbours")
    more.add_argument("--dire", action="store_true", help="does the reconstruction error tell them from real images?")
    more.add_argument(
        "--dire-steps", default=DIRE_STEPS, metavar="N", help=f"of --dire, in each direction (default {DIRE_STEPS})"
    )
    other = p.add_argument_group("instead of sampling")
    other.add_argument("--bits-per-dim", action="store_true", help="the variational bound on real test images")
    other.add_argument("--write-reference", action="store_true", help="compute the bundled metrics from --data-dir")
    other.add_argument("--dataset", metavar="NAME", help="of the two above (default: the model's own; mnist)")
    return p


def run(options: argparse.Namespace) -> None:
    """Raises ``InputError``."""
    configure()
    data_dir = options.data_dir or "data"
    if options.write_reference:
        check_reference(options, parser())
        compute_reference(options.dataset or "mnist", data_dir)
        return
    given = CommandSettings(
        **{name: getattr(options, name) for name in (*SETTINGS, "num_images", "batch_size", "dire_steps")}
    )
    check(options, given)
    model = load_model(options.model, checked_device(options.device))
    check_fits(model, options, given.dire_steps)
    outputs, sheet = Outputs(), None
    if options.bits_per_dim:
        size, channels = model.config.image_size, model.config.channels
        test = real_images(options.dataset or own_dataset(model), data_dir, given.num_images, size, channels)
        result = bits_per_dim(model, test, given.batch_size, given.respacing, given.seed or 0)
        result["model"] = options.model
        text = summary(result)
    else:
        settings = given.resolve(model.config, options.classifier is not None)
        print_warning(warning(model.config, settings))
        if options.dire:
            print_warning(inversion_warning(model.config, model.plain_settings(given.dire_steps)))
        real = real_data(model, given, options, data_dir)
        result, images = evaluate(model, given, settings, options)
        result["model"] = options.model
        try:
            sheet = add_more_metrics(result, model, images, real, given, options, outputs)
        except BaseException:
            write_results(result, table(result), options, outputs)  # what there is by now
            raise
        text = table(result)
    if options.write_card:
        write_card(resolve(options.model) / CARD, model.config.name, result, sheet, outputs)
    write_results(result, text, options, outputs)
    outputs.check()


def write_results(result: dict[str, Any], text: str, options: argparse.Namespace, outputs: Outputs) -> None:
    """Write the metrics into the file asked for, then print them: a terminal may fail."""
    if options.json:
        outputs.write(options.json, lambda: (json.dumps(result, indent=2) + "\n").encode())
    print(text)


def write_card(card: Path, name: str, result: dict[str, Any], sheet: np.ndarray | None, outputs: Outputs) -> None:
    """Write the metrics into the card of the model of this name, and the sheet of nearest neighbours beside it."""
    if sheet is not None:
        outputs.write(card.with_name(SHEET), lambda: png_bytes(sheet, compress_level=9))
    neighbours = SHEET if sheet is not None else None
    outputs.write(card, lambda: with_metrics(card.read_text("utf-8"), name, result, neighbours).encode())


def evaluate(
    model: Model, given: CommandSettings, settings: SamplingSettings, options: argparse.Namespace
) -> tuple[dict[str, Any], Tensor]:
    """The metrics for the model's task, and the images that were sampled for them, (N, C, H, W) uint8."""
    num_images, batch_size, data_dir = given.num_images, given.batch_size, options.data_dir
    if model.config.task == "super-resolution":
        return evaluate_super_resolution(model, num_images, batch_size, settings, data_dir or "data")
    if not options.classifier:
        return evaluate_generation(model, num_images, batch_size, settings, data_dir)
    classifier = load_classifier(options.classifier, model.device)
    result, images = evaluate_generation(model, num_images, batch_size, settings, data_dir, classifier)
    return result | {"classifier": options.classifier}, images


def real_data(model: Model, given: CommandSettings, options: argparse.Namespace, data_dir: str) -> dict[str, Tensor]:
    """The real images of each split that the metrics need, (N, C, H, W) uint8; loaded before the work, since they may
    be missing, or too few. Raises ``InputError``."""
    dataset = required_dataset(model.config)
    data = {}
    if options.two_sample or options.neighbours:
        data["train"] = load_dataset(dataset, data_dir, "train").images
    enlarged = model.config.task == "super-resolution"
    if options.neighbours or options.dire or (options.two_sample and enlarged):
        data["test"] = real_images(dataset, data_dir).images
    if options.two_sample:
        most = len(data["test"]) if enlarged else given.num_images  # what is enlarged are test images
        check_counts(min(given.num_images, most), len(data["train"]))
    return data


def add_more_metrics(
    result: dict[str, Any],
    model: Model,
    images: Tensor,
    real: dict[str, Tensor],
    given: CommandSettings,
    options: argparse.Namespace,
    outputs: Outputs,
) -> np.ndarray | None:
    """Add the requested metrics that need the data set to the result, each as soon as it is there; returns the sheet of
    nearest neighbours."""

    def add(metrics: dict[str, dict[str, float]]) -> None:
        for column, values in metrics.items():
            result[column] |= values

    sheet = None
    if options.two_sample:
        add(two_sample_test(images, real["train"]))
    if options.neighbours:
        metrics, sheet = compare_neighbours(images, real["train"], real["test"])
        add(metrics)
        if options.sheet:
            outputs.write(options.sheet, lambda: png_bytes(sheet))
    if options.dire:
        add(dire_metrics(model, images, real["test"][: len(images)], given.batch_size, given.dire_steps))
    return sheet


def own_dataset(model: Model) -> str:
    """The known data set that the model was trained on. Raises ``InputError`` where it is none, or not known."""
    dataset = model.config.dataset or matching_dataset(model.config)
    if dataset is None or dataset.startswith(FOLDER):
        raise InputError("evaluation.dataset_needed", setting="dataset", model=model.config.name)
    return dataset


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 where it failed, 2 on bad input, 130 on Ctrl-C."""
    smaller = Message("command.smaller_batch", setting="batch_size")
    return run_command(parser(), run, arguments, "nothing else was evaluated", smaller)


if __name__ == "__main__":
    sys.exit(main())
