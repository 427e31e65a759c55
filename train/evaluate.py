"""How good is what a model draws?  The evaluator of its data set judges it, beside real images.

    python -m train.evaluate --model unet --num-images 10000 --json figures.json
    python -m train.evaluate --model unet --two-sample --neighbours --write-card        # real, and no copies?
    python -m train.evaluate --model dit --classifier classifier --num-images 2000      # does it draw what it is asked?
    python -m train.evaluate --model super-resolution                                   # beside bicubic interpolation
    python -m train.evaluate --model unet --num-images 1000 --dire                      # told from real ones by DIRE?
    python -m train.evaluate --model guided-unet --bits-per-dim
    python -m train.evaluate --write-reference --data-dir data     # renews the bundled figures of the real images

- accuracy: the share of images that the evaluator reads as the class asked for, over all and for each class
- confidence: the mean probability that it gives to what it reads
- share: without labels, the share of the images that it reads as each class
- Fréchet distance (Heusel et al. 2017, eq. 6, on the evaluator's features) to the training set: 0 for the same
  distribution.  It shrinks with the number of images, so the real ones beside are as many, where there are as many.

The others are told of in `two_sample.py`, `neighbours.py`, `enlarging.py`, `inverting.py` and `likelihood.py`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from diffusion.errors import InputError
from diffusion.generate import Job, checked_device
from diffusion.io.hub import resolve
from diffusion.io.images import png_bytes
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.model_directory import CARD, read_config, write_atomically
from diffusion.model import Model
from diffusion.runtime.command_line import Parser, answer
from train.datasets import Dataset, load_dataset
from train.evaluation.classifier import EVALUATORS, suited
from train.evaluation.frechet import judging, real_images, renew_reference
from train.evaluation.generation import evaluate_generation
from train.evaluation.likelihood import bits_per_dim, summary
from train.evaluation.metrics import table
from train.evaluation.nearest_neighbours import neighbours
from train.evaluation.reconstruction import dire
from train.evaluation.super_resolution import evaluate_enlarging
from train.evaluation.two_sample_test import two_sample
from train.model_card import HUB_DATASETS, card_parts, with_figures

SHEET = "neighbours.png"  # beside the card
GUIDANCE = ("guidance_scale", "guidance_t_min", "guidance_t_max", "guidance_power", "skip_scale", "classifier_scale")
SETTINGS = ("num_images", "sampler", "steps", "eta", "seed", *GUIDANCE)


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluate", description="Accuracy, Fréchet distance and more of a model's images.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument("--num-images", default="10000", metavar="N", help="how many images to draw (default 10000)")
    p.add_argument("--sampler", metavar="NAME", help="default: the model's own, as for all that follow")
    p.add_argument("--steps", metavar="N")
    p.add_argument("--guidance-scale", metavar="G")
    p.add_argument("--guidance-t-min", metavar="T", help="guidance is limited to times from here ...")
    p.add_argument("--guidance-t-max", metavar="T", help="... to here, 0 to 1")
    p.add_argument("--guidance-power", metavar="P", help="of its power law, 0 (none) to 4")
    p.add_argument("--skip-scale", metavar="S", help="how far a DiT is guided away from itself without its middle")
    p.add_argument("--eta", metavar="E")
    p.add_argument("--classifier", metavar="REF", help="a classifier of noisy images that steers the model")
    p.add_argument("--classifier-scale", metavar="S", help="how hard it pulls (default 1)")
    p.add_argument("--seed", default="0", metavar="S", help="default 0")
    p.add_argument("--batch-size", type=int, default=100, metavar="N", help="images drawn at once (default 100)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, ...; default: an accelerator where there is one")
    p.add_argument("--data-dir", metavar="DIR", help="take the real images from here, not the bundled figures")
    p.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    p.add_argument("--write-card", action="store_true", help="write the figures into the model's README.md, too")
    more = p.add_argument_group("more figures, for which the data set itself is needed")
    more.add_argument("--two-sample", action="store_true", help="can a small CNN tell them from real images?")
    more.add_argument("--neighbours", action="store_true", help="the training images nearest to them: are they copies?")
    more.add_argument("--sheet", type=Path, metavar="PNG", help="of --neighbours: a picture of 100 images and theirs")
    more.add_argument("--dire", action="store_true", help="does their reconstruction error tell them from real images?")
    more.add_argument("--dire-steps", type=int, default=20, metavar="N", help="of --dire, up and down (default 20)")
    other = p.add_argument_group("other work, instead")
    other.add_argument("--bits-per-dim", action="store_true", help="the variational bound on real test images")
    other.add_argument("--respacing", metavar="SPEC", help='of --bits-per-dim: a shorter chain, "100" or "ddim50"')
    other.add_argument("--write-reference", action="store_true", help="renew the bundled figures, from --data-dir")
    other.add_argument("--dataset", default="mnist", metavar="NAME", help="of the two above (default mnist)")
    return p


def run(options: argparse.Namespace) -> None:
    """Raises InputError."""
    data_dir = options.data_dir or "data"
    if options.write_reference:
        if options.dataset not in EVALUATORS:
            raise InputError(f"There is an evaluator of {' and of '.join(EVALUATORS)}, not of {options.dataset!r}.")
        renew_reference(options.dataset, data_dir)
        return
    check(options)
    job = Job(**{name: getattr(options, name) for name in SETTINGS})
    model = load_model(options.model, checked_device(options.device))
    num_images = job.num_images or 10_000
    if options.bits_per_dim:
        test = load_dataset(options.dataset, data_dir, "test")
        test = Dataset(test.images[:num_images], test.labels[:num_images], test.label_names)
        result = bits_per_dim(model, test, options.batch_size, options.respacing, job.seed or 0)
        result["model"] = options.model
        print(summary(result))
    else:
        real = real_data(model, options, data_dir)
        result, images = judged(model, num_images, job.filled(model.config), options)
        result["model"] = options.model
        sheet = add_more(result, model, images, real, options)
        print(table(result))
    if options.json:
        write_atomically(options.json, (json.dumps(result, indent=2) + "\n").encode())
    if options.write_card:
        card = resolve(options.model) / CARD
        if sheet is not None:
            write_atomically(card.with_name(SHEET), png_bytes(sheet, compress_level=9))
        neighbours = SHEET if sheet is not None else None
        text = with_figures(card.read_text(encoding="utf-8"), model.config.name, result, neighbours)
        write_atomically(card, text.encode())


def real_data(model: Model, options: argparse.Namespace, data_dir: str) -> dict[str, Tensor]:
    """The real images of each split that the figures asked for need, (N, C, H, W) uint8; found before the work, since
    they may be missing. Raises InputError, also where the figures do not go with what the model is for."""
    dataset = judging(model.config)
    for name in ("classifier", "dire"):
        if getattr(options, name) and model.config.task == "super-resolution":
            raise InputError(f"{name} is for a model that draws from noise alone; {options.model} enlarges images.")
    data = {}
    if options.two_sample or options.neighbours:
        data["train"] = load_dataset(dataset, data_dir, "train").images
    if options.neighbours or options.dire:
        data["test"] = real_images(dataset, data_dir).images
    return data


def judged(
    model: Model, num_images: int, settings: dict[str, Any], options: argparse.Namespace
) -> tuple[dict[str, Any], Tensor]:
    """The figures, by what the model is for, and the images drawn for them, (N, C, H, W) uint8."""
    size, data_dir = options.batch_size, options.data_dir
    if model.config.task == "super-resolution":
        return evaluate_enlarging(model, num_images, size, settings, data_dir or "data")
    if not options.classifier:
        return evaluate_generation(model, num_images, size, settings, data_dir)
    classifier = load_classifier(options.classifier, model.device)
    settings = {"classifier_scale": 1.0} | settings
    result, images = evaluate_generation(model, num_images, size, settings, data_dir, classifier)
    return result | {"classifier": options.classifier}, images


def add_more(
    result: dict[str, Any], model: Model, images: Tensor, real: dict[str, Tensor], options: argparse.Namespace
) -> np.ndarray | None:
    """Put the figures into the result that were asked for and need the data set; returns the sheet of neighbours."""
    sheet, more = None, []
    if options.two_sample:
        more.append(two_sample(images, real["train"]))
    if options.neighbours:
        compared, sheet = neighbours(images, real["train"], real["test"])
        more.append(compared)
        if options.sheet:
            write_atomically(options.sheet, png_bytes(sheet))
    if options.dire:
        more.append(dire(model, images, real["test"][: len(images)], options.batch_size, options.dire_steps))
    for figures in more:
        for column, values in figures.items():
            result[column] |= values
    return sheet


def check(options: argparse.Namespace) -> None:
    """Find out before the work what would fail after it. Raises InputError."""
    if not 1 <= options.batch_size <= 10_000:
        raise InputError(f"batch_size must be from 1 to 10000, not {options.batch_size}.")
    if not 1 <= options.dire_steps <= 1000:
        raise InputError(f"dire-steps must be from 1 to 1000, not {options.dire_steps}.")
    for name in ("json", "sheet"):
        path = getattr(options, name)
        if path and not path.parent.is_dir():
            raise InputError(f"{name} must be in a folder that exists; {path.parent} does not.")
        if path and path.is_dir():
            raise InputError(f"{name} must be a file; {path} is a folder.")
    if options.sheet and not options.neighbours:
        raise InputError("sheet belongs to neighbours, which was not asked for.")
    if options.classifier_scale is not None and options.classifier is None:
        raise InputError("classifier_scale belongs to a classifier, and none was given.")
    if options.respacing and not options.bits_per_dim:
        raise InputError("respacing belongs to bits-per-dim, which was not asked for.")
    if options.dataset != "mnist" and not (options.bits_per_dim or options.write_reference):
        raise InputError("dataset belongs to bits-per-dim and write-reference; otherwise the model's images decide it.")
    if options.bits_per_dim:
        for name in ("write_card", "two_sample", "neighbours", "dire", "classifier"):
            if getattr(options, name):
                raise InputError(f"{name.replace('_', '-')} does not go with bits-per-dim, for which nothing is drawn.")
    if options.write_card and (options.model.startswith("hub:") or not (resolve(options.model) / CARD).is_file()):
        raise InputError(f"write-card needs a model on this disk that has a {CARD}; {options.model} is none.")
    if options.write_card:
        data, _ = card_parts((resolve(options.model) / CARD).read_text(encoding="utf-8"))
        judge = suited(read_config(resolve(options.model)))
        if judge and (told := data.get("datasets")) and HUB_DATASETS[judge] not in told:
            raise InputError(f"write-card would give figures of {judge} to a model that was trained on {told[0]}.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C."""
    return answer(parser(), run, arguments, "nothing was judged")


if __name__ == "__main__":
    sys.exit(main())
