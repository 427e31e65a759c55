"""How good is what a model draws?  The evaluator of its data set judges it, beside real images.

    python -m train.evaluate --model unet --num-images 10000 --json figures.json
    python -m train.evaluate --model dit --classifier classifier --num-images 2000      # does it draw what it is asked?
    python -m train.evaluate --model super-resolution --data-dir data                   # beside bicubic interpolation
    python -m train.evaluate --write-reference --data-dir data    # renews the bundled figures of the real images

- accuracy: the share of images that the evaluator reads as the class asked for, over all and for each class
- confidence: the mean probability that it gives to what it reads
- share: without labels, the share of the images that it reads as each class
- Fréchet distance (Heusel et al. 2017, eq. 6, on the evaluator's features) to the training set: 0 for the same
  distribution.  It shrinks with the number of images, so the real ones beside are as many, where there are as many.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from diffusion.errors import InputError
from diffusion.generate import Job, Parser, checked_device
from diffusion.guidance import NoisyClassifier
from diffusion.hub import CARD, resolve
from diffusion.model import Model, load_classifier, load_model, write_atomically
from train.card import with_figures
from train.data import Dataset, load_dataset
from train.drawing import draw, labels_in_turn
from train.enlarging import enlarge, psnr
from train.evaluator import EVALUATORS, load_evaluator, suited
from train.figures import bundled_reference, figures, real_images, reference, renew_reference
from train.likelihood import bits_per_dim, summary
from train.metrics import table


def judging(model: Model) -> str:
    """The data set whose evaluator judges a model.  Raises InputError where there is none."""
    config = model.config
    if dataset := suited(config):
        return dataset
    known = "; ".join(
        f"{len(row.label_names)} classes of {row.title}, {row.shape[1]}x{row.shape[2]}, in {row.shape[0]} channel(s)"
        for row in EVALUATORS.values()
    )
    raise InputError(
        f"The evaluators read the {known}; the model {config.name!r} draws {config.num_classes} classes, "
        f"{config.image_size}x{config.image_size}, in {config.channels} channel(s)."
    )


def evaluate(
    model: Model,
    num_images: int,
    batch_size: int,
    settings: dict[str, Any],
    data_dir: str | None = None,
    classifier: NoisyClassifier | None = None,
) -> dict[str, Any]:
    """The figures of `num_images` images of the model, and of real ones, with all that is needed to repeat them.

    `settings` are sampler, steps, guidance_scale, eta, seed and, beside a classifier, classifier_scale.  The labels go
    in turn.  Without `data_dir` the real images' figures are the bundled ones.  Raises InputError where no evaluator
    can read what the model draws.
    """
    dataset = judging(model)
    row, evaluator = EVALUATORS[dataset], load_evaluator(dataset)
    training, real = reference(evaluator, dataset, num_images, data_dir)
    asked = labels_in_turn(num_images, len(row.label_names)) if model.config.num_classes or classifier else None

    start = time.monotonic()
    drawn = draw(model, num_images, batch_size, settings, asked, classifier=classifier)
    seconds = time.monotonic() - start
    result = described(model, dataset, num_images, settings, seconds)
    result["generated"] = figures(evaluator, drawn, asked, row.label_names, training)
    if classifier is not None:
        freely = {name: value for name, value in settings.items() if name != "classifier_scale"}
        unguided = draw(model, num_images, batch_size, freely, asked if model.config.num_classes else None)
        result["unguided"] = figures(evaluator, unguided, asked, row.label_names, training)
    return result | {"real": real}


def evaluate_enlarging(
    model: Model, num_images: int, batch_size: int, settings: dict[str, Any], data_dir: str
) -> dict[str, Any]:
    """The figures of so many test images, made small and enlarged by a model for super-resolution, beside the same ones
    enlarged by bicubic interpolation, and the originals."""
    dataset = judging(model)
    row, evaluator = EVALUATORS[dataset], load_evaluator(dataset)
    training, _ = bundled_reference(row.directory)
    test = real_images(dataset, data_dir, num_images)

    start = time.monotonic()
    enlarged = enlarge(model, test, batch_size, settings)
    result = described(model, dataset, len(test.images), settings, time.monotonic() - start)
    for name, images in enlarged.items():
        result[name] = figures(evaluator, images, test.labels, row.label_names, training)
        result[name]["psnr"] = psnr(images, test.images).mean().item()
    return result | {"real": figures(evaluator, test.images, test.labels, row.label_names, training)}


def described(model: Model, dataset: str, num_images: int, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a result begins with."""
    return {
        "model": model.config.name,
        "task": model.config.task,
        "dataset": dataset,
        "num_images": num_images,
        **settings,
        "seconds": round(seconds, 2),
        "images_per_second": round(num_images / seconds, 2),
    }


# ----------------------------------------------------------------------------------------------------- the command


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluate", description="Accuracy, Fréchet distance and more of a model's images.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument("--num-images", default="10000", metavar="N", help="how many images to draw (default 10000)")
    p.add_argument("--sampler", metavar="NAME", help="default: the model's own, as for all that follow")
    p.add_argument("--steps", metavar="N")
    p.add_argument("--guidance-scale", metavar="G")
    p.add_argument("--eta", metavar="E")
    p.add_argument("--classifier", metavar="REF", help="a classifier of noisy images that steers the model")
    p.add_argument("--classifier-scale", metavar="S", help="how hard it pulls (default 1)")
    p.add_argument("--seed", default="0", metavar="S", help="default 0")
    p.add_argument("--batch-size", type=int, default=100, metavar="N", help="images drawn at once (default 100)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, ...; default: an accelerator where there is one")
    p.add_argument("--data-dir", metavar="DIR", help="take the real images from here, not the bundled figures")
    p.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    p.add_argument("--write-card", action="store_true", help="write the figures into the model's README.md, too")
    p.add_argument("--bits-per-dim", action="store_true", help="instead: the variational bound on real test images")
    p.add_argument("--respacing", metavar="SPEC", help='of --bits-per-dim: a shorter chain, "100" or "ddim50"')
    p.add_argument("--write-reference", action="store_true", help="only renew the bundled figures, from --data-dir")
    p.add_argument("--dataset", default="mnist", metavar="NAME", help="of the two above (default mnist)")
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
    names = ("num_images", "sampler", "steps", "guidance_scale", "eta", "seed", "classifier_scale")
    job = Job(**{name: getattr(options, name) for name in names})
    device = checked_device(options.device)
    model = load_model(options.model, device)
    num_images = job.num_images or 10_000
    if options.bits_per_dim:
        test = load_dataset(options.dataset, data_dir, "test")
        test = Dataset(test.images[:num_images], test.labels[:num_images], test.label_names)
        bound = bits_per_dim(model, test, options.batch_size, options.respacing, job.seed or 0)
        result = {"model": options.model, **bound}
        print(summary(result))
    else:
        result = judged(model, num_images, job.filled(model.config), options, device)
        print(table(result))
    if options.json:
        write_atomically(options.json, (json.dumps(result, indent=2) + "\n").encode())
    if options.write_card:
        card = resolve(options.model) / CARD
        write_atomically(card, with_figures(card.read_text(encoding="utf-8"), result).encode())


def judged(model: Model, num_images: int, settings: dict[str, Any], options: argparse.Namespace, device) -> dict:
    """The figures, by what the model is for."""
    if model.config.task == "super-resolution":
        if options.classifier:
            raise InputError("classifier steers what is drawn from noise: leave it out with a model that enlarges.")
        result = evaluate_enlarging(model, num_images, options.batch_size, settings, options.data_dir or "data")
    elif options.classifier:
        classifier = load_classifier(options.classifier, device)
        settings = {"classifier_scale": 1.0} | settings
        result = evaluate(model, num_images, options.batch_size, settings, options.data_dir, classifier)
        result["classifier"] = options.classifier
    else:
        result = evaluate(model, num_images, options.batch_size, settings, options.data_dir)
    return result | {"model": options.model}


def check(options: argparse.Namespace) -> None:
    """Find out before the work what would fail after it. Raises InputError."""
    if not 1 <= options.batch_size <= 10_000:
        raise InputError(f"batch_size must be from 1 to 10000, not {options.batch_size}.")
    if options.json and not options.json.parent.is_dir():
        raise InputError(f"json must be in a folder that exists; {options.json.parent} does not.")
    if options.classifier_scale is not None and options.classifier is None:
        raise InputError("classifier_scale belongs to a classifier, and none was given.")
    if options.write_card and options.bits_per_dim:
        raise InputError("write-card does not go with bits-per-dim: the card tells of the drawn images.")
    if options.write_card and (options.model.startswith("hub:") or not (resolve(options.model) / CARD).is_file()):
        raise InputError(f"write-card needs a model on this disk that has a {CARD}; {options.model} is none.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C."""
    p = parser()
    try:
        run(p.parse_args(arguments))
    except InputError as error:
        print(f"{p.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
