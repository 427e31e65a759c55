"""How good are a model's digits?  The evaluator reads them, beside real ones.

    python -m train.evaluate --model unet --num-images 10000 --json figures.json
    python -m train.evaluate --write-reference --data-dir data    # renews the bundled figures of the real digits

- accuracy: the share of digits that the evaluator reads as the digit asked for, over all and for each digit
- confidence: the mean probability that it gives to what it reads
- Fréchet distance (Heusel et al. 2017, eq. 6, on the evaluator's features) to MNIST's training set: 0 for the same
  distribution.  It shrinks with the number of digits, so the real ones beside are as many, where there are as many.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.generate import Job, Parser, checked_device
from diffusion.hub import CARD, resolve
from diffusion.images import to_uint8
from diffusion.model import Model, load_model, write_atomically
from train.card import with_figures
from train.data import DIGITS, Dataset, load_dataset
from train.evaluator import ASSETS, Evaluator, can_read, load_evaluator, read
from train.likelihood import bits_per_dim, summary

REAL_SIZES = (500, 1000, 2000, 5000, 10000)  # how many real test digits the bundled figures are of

Moments = tuple[torch.Tensor, torch.Tensor]  # mean (F,) and covariance (F, F), float64


def moments(features: torch.Tensor) -> Moments:
    """The mean (F,) and the unbiased covariance (F, F) of features (N, F), in float64; N at least 2."""
    features = features.double()
    return features.mean(0), features.T.cov()


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^1/2): Dowson & Landau 1982, between two Gaussians.

    The trace of the square root is the sum of the square roots of the product's eigenvalues, which are real and not
    negative but for rounding.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = a, b
    root_trace = torch.linalg.eigvals(covariance_a @ covariance_b).real.clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * root_trace
    return max(distance.item(), 0.0)


def figures(evaluator: Evaluator, images: torch.Tensor, labels: torch.Tensor, training: Moments) -> dict:
    """What the evaluator says of images (N, 1, 28, 28) that should show the digits `labels` (N,).

    The Fréchet distance is None for fewer images than twice the features, whose covariance would be mostly chance.
    """
    features, probabilities = read(evaluator, images)
    confidence, reading = probabilities.max(1)
    right = (reading == labels).double()
    enough = len(images) >= 2 * evaluator.num_features
    return {
        "n": len(images),
        "accuracy": right.mean().item(),
        "accuracy_per_digit": {
            name: right[labels == digit].mean().item() for digit, name in enumerate(DIGITS) if (labels == digit).any()
        },
        "confidence": confidence.double().mean().item(),
        "frechet_distance": frechet_distance(moments(features), training) if enough else None,
    }


# ------------------------------------------------------------------------------------------------- the real digits


def training_moments(evaluator: Evaluator, data_dir: str | Path) -> Moments:
    """The moments of the features of MNIST's training set."""
    return moments(read(evaluator, load_dataset("mnist", data_dir, "train").images)[0])


def real_figures(evaluator: Evaluator, data_dir: str | Path, training: Moments, sizes: Iterable[int]) -> list[dict]:
    """The figures of so many real test digits each, always the same ones of the 10,000."""
    test = load_dataset("mnist", data_dir, "test")
    order = torch.randperm(len(test.images), generator=torch.Generator().manual_seed(0))  # the file is not shuffled
    return [figures(evaluator, test.images[part], test.labels[part], training) for part in (order[:n] for n in sizes)]


def write_reference(training: Moments, rows: list[dict], directory: Path = ASSETS) -> None:
    """Keep the moments and the figures of real digits beside the evaluator, so that no data set is needed."""
    tensors = {"mean": training[0], "covariance": training[1]}
    write_atomically(directory / "reference.safetensors", to_safetensors(tensors, {"real": json.dumps(rows)}))


def bundled_reference(directory: Path = ASSETS) -> tuple[Moments, list[dict]]:
    """What `write_reference` kept.  InputError where it is missing or damaged."""
    path = directory / "reference.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            rows = json.loads(file.metadata()["real"])
            return (file.get_tensor("mean"), file.get_tensor("covariance")), rows
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The figures of real digits in {path} cannot be read ({error}): "
            "renew them with train.evaluate --write-reference, or name --data-dir."
        ) from error


# -------------------------------------------------------------------------------------------- the generated digits


def draw(model: Model, num_images: int, batch_size: int, settings: dict) -> Dataset:
    """Digits 0, 1, ..., 9, 0, ... drawn in batches: the same ones for every batch size, by their per-image seeds."""
    labels = torch.arange(num_images) % len(DIGITS)
    images = []
    with tqdm(total=num_images, unit=" digits", desc="drawing", file=sys.stderr) as bar:
        for first in range(0, num_images, batch_size):
            part = labels[first : first + batch_size]
            drawn = to_uint8(model.generate(part.tolist(), first_index=first, **settings))  # judged as they are saved
            images.append(torch.from_numpy(drawn).permute(0, 3, 1, 2))
            bar.update(len(part))
    return Dataset(torch.cat(images), labels, DIGITS)


def evaluate(model: Model, num_images: int, batch_size: int, settings: dict, data_dir: str | None = None) -> dict:
    """The figures of `num_images` digits of the model, and of real ones, with all that is needed to repeat them.

    `settings` are sampler, steps, guidance_scale, eta and seed.  Without `data_dir` the real digits' figures are the
    bundled ones.  Raises InputError where the evaluator cannot read what the model draws.
    """
    config = model.config
    if not can_read(config):
        raise InputError(
            f"The evaluator reads the ten digits, 28x28 and grey; the model {config.name!r} draws "
            f"{config.num_classes} classes, {config.image_size}x{config.image_size}, in {config.channels} channel(s)."
        )
    evaluator = load_evaluator()
    if data_dir is None:
        training, rows = bundled_reference()
        fitting = [row for row in rows if row["n"] <= num_images]
        real = max(fitting, key=lambda row: row["n"]) if fitting else rows[0]
    else:
        training = training_moments(evaluator, data_dir)
        (real,) = real_figures(evaluator, data_dir, training, [min(num_images, 10_000)])

    start = time.monotonic()
    drawn = draw(model, num_images, batch_size, settings)
    seconds = time.monotonic() - start
    generated = figures(evaluator, drawn.images, drawn.labels, training)
    return {
        "model": config.name,
        "num_images": num_images,
        **settings,
        "seconds": round(seconds, 2),
        "images_per_second": round(num_images / seconds, 2),
        "generated": generated,
        "real": real,
    }


def table(result: dict) -> str:
    """The figures as text, generated digits beside real ones."""
    columns = [result["generated"], result["real"]]
    lines = [
        ("", "generated", "real"),
        ("digits", *(f"{column['n']:,}" for column in columns)),
        ("accuracy", *(f"{column['accuracy']:.2%}" for column in columns)),
        *((f"  digit {name}", *(percent(row["accuracy_per_digit"].get(name)) for row in columns)) for name in DIGITS),
        ("mean confidence", *(f"{column['confidence']:.2%}" for column in columns)),
        ("Fréchet distance", *(number(column["frechet_distance"]) for column in columns)),
    ]
    names = ("sampler", "steps", "guidance_scale", "eta", "seed")
    settings = ", ".join(f"{name} {result[name]}" for name in names if result[name] is not None)
    body = "\n".join(f"{name:<18}{generated:>12}{real:>12}" for name, generated, real in lines)
    return f"{result['model']}: {settings}\n{body}\n{result['seconds']} s, {result['images_per_second']} digits/s"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


# ----------------------------------------------------------------------------------------------------- the command


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluate", description="Accuracy and Fréchet distance of a model's digits.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument("--num-images", default="10000", metavar="N", help="how many digits to draw (default 10000)")
    p.add_argument("--sampler", metavar="NAME", help="default: the model's own, as for all that follow")
    p.add_argument("--steps", metavar="N")
    p.add_argument("--guidance-scale", metavar="G")
    p.add_argument("--eta", metavar="E")
    p.add_argument("--seed", default="0", metavar="S", help="default 0")
    p.add_argument("--batch-size", type=int, default=100, metavar="N", help="digits drawn at once (default 100)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, ...; default: an accelerator where there is one")
    p.add_argument("--data-dir", metavar="DIR", help="take the real digits from here, not the bundled figures")
    p.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    p.add_argument("--bits-per-dim", action="store_true", help="instead: the variational bound on real test images")
    p.add_argument("--dataset", default="mnist", metavar="NAME", help="of --bits-per-dim (default mnist)")
    p.add_argument("--respacing", metavar="SPEC", help='of --bits-per-dim: a shorter chain, "100" or "ddim50"')
    p.add_argument("--write-card", action="store_true", help="write the figures into the model's README.md, too")
    p.add_argument("--write-reference", action="store_true", help="only renew the bundled figures, from --data-dir")
    return p


def run(options: argparse.Namespace) -> None:
    """Raises InputError."""
    if options.write_reference:
        evaluator, data_dir = load_evaluator(), options.data_dir or "data"
        training = training_moments(evaluator, data_dir)
        write_reference(training, real_figures(evaluator, data_dir, training, REAL_SIZES))
        return
    if not 1 <= options.batch_size <= 10_000:
        raise InputError(f"batch_size must be from 1 to 10000, not {options.batch_size}.")
    if options.json and not options.json.parent.is_dir():
        raise InputError(f"json must be in a folder that exists; {options.json.parent} does not.")
    if options.write_card and options.bits_per_dim:
        raise InputError("write-card does not go with bits-per-dim: the card tells of the drawn digits.")
    if options.write_card and (options.model.startswith("hub:") or not (resolve(options.model) / CARD).is_file()):
        raise InputError(f"write-card needs a model on this disk that has a {CARD}; {options.model} is none.")
    names = ("num_images", "sampler", "steps", "guidance_scale", "eta", "seed")
    job = Job(**{name: getattr(options, name) for name in names})
    model = load_model(options.model, checked_device(options.device))
    num_images = job.num_images or 10_000
    if options.bits_per_dim:
        test = load_dataset(options.dataset, options.data_dir or "data", "test")
        test = Dataset(test.images[:num_images], test.labels[:num_images], test.label_names)
        bound = bits_per_dim(model, test, options.batch_size, options.respacing, job.seed or 0)
        result = {"model": options.model, **bound}
        print(summary(result))
    else:
        result = evaluate(model, num_images, options.batch_size, job.filled(model.config), options.data_dir)
        result["model"] = options.model
        print(table(result))
    if options.json:
        write_atomically(options.json, (json.dumps(result, indent=2) + "\n").encode())
    if options.write_card:
        card = resolve(options.model) / CARD
        write_atomically(card, with_figures(card.read_text(encoding="utf-8"), result).encode())


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
