"""The evaluators: small CNNs that read images, and the command that trains them.

    python -m train.evaluation.classifier --data-dir data                                   # of MNIST's digits
    python -m train.evaluation.classifier --dataset cifar10 --data-dir data --minutes 10    # of CIFAR-10's objects

They judge what a model draws: the readings give the class accuracy, the penultimate activations the Fréchet distance.
The trained ones are bundled; `EVALUATORS` says where.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import nn

from diffusion.errors import InputError
from diffusion.io.images import to_input
from diffusion.io.model_directory import write_atomically
from diffusion.runtime.command_line import Parser, answer
from train.datasets import DIGITS, Dataset, load_dataset
from train.evaluation.train_classifier import Augment, bend, fit, flip_and_shift

ASSETS = Path(__file__).resolve().parents[2] / "assets"


class Row(NamedTuple):
    """The evaluator of a data set."""

    title: str
    directory: Path
    shape: tuple[int, int, int]  # of an image, (C, H, W)
    label_names: list[str]
    widths: tuple[int, int, int]
    augment: Augment
    augment_words: str
    epochs: float


CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
WARPS = "random small affine maps and smooth warps"
FLIPS = "random flips and shifts"
EVALUATORS = {
    "mnist": Row("MNIST", ASSETS / "evaluator", (1, 28, 28), DIGITS, (32, 64, 96), bend, WARPS, 16),
    "cifar10": Row(
        "CIFAR-10", ASSETS / "evaluator-cifar10", (3, 32, 32), CIFAR10, (48, 96, 128), flip_and_shift, FLIPS, 10
    ),
}


class Evaluator(nn.Module):
    """Reads small images. As of MNIST's: 220,000 parameters, 9 MFLOP an image; smooth activations, for smooth features.

    shape: (C, H, W) of the images, H and W being equal and even. widths: channels at a half, a quarter and an eighth of
    their size; the last is the number of features.
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = EVALUATORS["mnist"].shape,
        num_classes: int = len(DIGITS),
        widths: tuple[int, int, int] = EVALUATORS["mnist"].widths,
    ) -> None:
        super().__init__()
        (channels, size, _), (wide, wider, widest) = shape, widths
        self.shape, self.num_features = shape, widest
        self.body = nn.Sequential(  # (N, 1, 28, 28)
            nn.PixelUnshuffle(2),  # (N, 4, 14, 14): full resolution costs most of the time and reads no better
            *conv(4 * channels, wide),
            *conv(wide, wide),
            *conv(wide, wider, stride=2),  # (N, 64, 7, 7)
            *conv(wider, wider),
            *conv(wider, widest, stride=2),  # (N, 96, 4, 4)
            *conv(widest, widest),
            nn.Conv2d(widest, widest, -(-size // 8), groups=widest, bias=False),  # (N, 96, 1, 1): a learned mean
            nn.Flatten(),
        )
        self.head = nn.Linear(widest, num_classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The penultimate activations (N, num_features) of images (N, C, H, W) in [-1, 1].  InputError on other
        sizes."""
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            channels, height, width = self.shape
            kind = "grey" if channels == 1 else "RGB"
            raise InputError(
                f"The evaluator reads {kind} images of {height}x{width} pixels, (N, {channels}, {height}, {width}), "
                f"not {tuple(x.shape)}."
            )
        return self.body(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, num_classes) of images (N, C, H, W) in [-1, 1].  InputError on other sizes."""
        return self.head(self.features(x))


def conv(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()


def suited(config) -> str | None:
    """The data set whose evaluator can judge a model of this configuration (`diffusion.config.ModelConfig`), by the
    size of its images and its labels, if it has any; None where there is none."""
    shape = (config.channels, config.image_size, config.image_size)
    for dataset, row in EVALUATORS.items():
        if shape == row.shape and list(config.label_names) in ([], row.label_names):
            return dataset
    return None


def can_read(config) -> bool:
    """Whether a model of this configuration says that it draws the digits, which the first evaluator reads."""
    return bool(config.label_names) and suited(config) == "mnist"


def fresh_evaluator(dataset: str) -> Evaluator:
    row = EVALUATORS[dataset]
    return Evaluator(row.shape, len(row.label_names), row.widths)


def load_evaluator(dataset: str = "mnist", directory: Path | None = None) -> Evaluator:
    """The trained evaluator, in float32 on the CPU, ready to read.  InputError where it is missing or damaged."""
    evaluator = fresh_evaluator(dataset)
    path = (directory or EVALUATORS[dataset].directory) / "model.safetensors"
    try:
        evaluator.load_state_dict(load_file(path))  # copies half precision into float32
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"The evaluator {path} cannot be read ({reason}): train it with train.evaluation.classifier."
        ) from error
    return evaluator.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@torch.inference_mode()
def read(evaluator: Evaluator, images: torch.Tensor, batch_size: int = 500) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, num_features) and probabilities (N, num_classes), on the CPU, of images (N, C, H, W) as uint8
    or as floats in [-1, 1]."""
    device = evaluator.head.weight.device
    features = []
    for part in images.split(batch_size):
        part = part.to(device)
        features.append(evaluator.features(part if part.is_floating_point() else to_input(part)))
    joined = torch.cat(features)
    return joined.cpu(), evaluator.head(joined).softmax(1).cpu()


def accuracy(evaluator: Evaluator, data: Dataset) -> float:
    return (read(evaluator, data.images)[1].argmax(1) == data.labels).double().mean().item()


# ----------------------------------------------------------------------------------------------------- training


CARD = """# Evaluator of {data}

A small CNN that reads {kind} images of {size}x{size} pixels; it judges what the models draw. Its {num_features}
penultimate activations are the features of the Fréchet distance. Half precision, {bytes:,} bytes.

- Data: {data}, {training_images:,} training images, each batch with {augment}
- Trained for {seconds:.0f} s on {device}: {images_seen:,} images ({epochs:.3g} epochs), seed {seed}
- Test accuracy: **{test_accuracy:.2%}** of {test_images:,} images, by the averaged weights at the end of the training
- Reproduce: `python -m train.evaluation.classifier --dataset {dataset} --data-dir data --epochs {epochs:.3g}
  --seed {seed}`, then `python -m train.evaluate --write-reference --dataset {dataset} --data-dir data`
"""


def save(evaluator: Evaluator, facts: dict[str, Any], directory: Path) -> None:
    """Write model.safetensors (half precision), config.json and the card."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in evaluator.state_dict().items()
    }
    content = to_safetensors(weights, metadata={"format": "pt"})
    facts = facts | {"bytes": len(content)}
    write_atomically(directory / "model.safetensors", content)
    write_atomically(directory / "config.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_atomically(directory / "README.md", CARD.format(**facts).encode())


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluation.classifier", description="Train an evaluator.")
    p.add_argument("--dataset", default="mnist", choices=EVALUATORS, help="what it reads (default: mnist)")
    p.add_argument("--data-dir", default="data", help="where the data set lies or is downloaded to (default: data)")
    p.add_argument("--epochs", type=float, help="passes over the training images (default: 16, of cifar10 10)")
    p.add_argument("--minutes", type=float, help="train for so long, instead of --epochs")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--output-dir", type=Path, help="where to save (default: the bundled one)")
    return p


def run(
    dataset: str, data_dir: str, epochs: float | None, minutes: float | None, seed: int, output_dir: Path | None
) -> None:
    """Train, measure and save.  Raises InputError."""
    for name, value in [("epochs", epochs), ("minutes", minutes)]:
        if value is not None and not 0 < value < 1e6:
            raise InputError(f"{name} must be above 0, not {value}.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, not {seed}.")
    row = EVALUATORS[dataset]
    training, test = (load_dataset(dataset, data_dir, split) for split in ("train", "test"))

    start = time.monotonic()
    torch.manual_seed(seed)
    evaluator, images_seen = fit(
        fresh_evaluator(dataset), training, row.augment, epochs or row.epochs, minutes, seed, task="the evaluator"
    )
    seconds = time.monotonic() - start
    evaluator = evaluator.half().float()  # what half precision keeps of the weights is what is measured
    facts = {
        "data": row.title,
        "dataset": dataset,
        "kind": "grey" if row.shape[0] == 1 else "RGB",
        "size": row.shape[1],
        "label_names": row.label_names,
        "num_features": evaluator.num_features,
        "augment": row.augment_words,
        "seed": seed,
        "epochs": images_seen / len(training.images),
        "images_seen": images_seen,
        "training_images": len(training.images),
        "seconds": round(seconds, 1),
        "device": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU ({torch.get_num_threads()} threads)",
        "test_images": len(test.images),
        "test_accuracy": accuracy(evaluator, test),
    }
    directory = output_dir or row.directory
    save(evaluator, facts, directory)
    print((directory / "README.md").read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C (and then nothing is saved)."""
    return answer(parser(), lambda options: run(**vars(options)), arguments, "nothing was saved")


if __name__ == "__main__":
    sys.exit(main())
