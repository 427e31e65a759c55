"""Train an evaluation classifier (``train.evaluation.classifier``):

python -m train.evaluation.train_classifier --data-dir data                                   # MNIST
python -m train.evaluation.train_classifier --dataset cifar10 --data-dir data --minutes 10    # CIFAR-10
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch
from safetensors.torch import save as to_safetensors

from diffusion.errors import InputError, Message
from diffusion.io.files import check_writable, write_atomically
from diffusion.runtime import configure
from diffusion.runtime.command_line import Parser, run_command
from train.datasets import load_dataset
from train.evaluation.augmentations import Augmentation, random_flip_and_shift, random_warp
from train.evaluation.classifier import CLASSIFIERS, EvaluationClassifier, accuracy, new_classifier
from train.evaluation.supervised_training import train_supervised


class Recipe(NamedTuple):
    """How the classifier of a data set is trained."""

    augmentation: Augmentation
    description: str  # of the augmentation, for the card
    epochs: float


RECIPES = {
    "mnist": Recipe(random_warp, "random small affine maps and smooth warps", 16),
    "cifar10": Recipe(random_flip_and_shift, "random flips and shifts", 10),
}
CARD = """# Evaluation classifier for {data}

A small CNN that classifies {kind} images of {size}x{size} pixels, to evaluate the images that models generate. Its
{num_features} penultimate activations are the features of the Fréchet distance. Half precision, {bytes:,} bytes.

- Data: {data}, {training_images:,} training images, augmented with {augment}
- Trained for {seconds:.0f} s on {device}: {images_seen:,} images ({epochs:.3g} epochs), seed {seed}
- Test accuracy: **{test_accuracy:.2%}** on {test_images:,} images, with the averaged weights at the end of training
- Reproduce: `python -m train.evaluation.train_classifier --dataset {dataset} --data-dir data --epochs {epochs:.3g}
  --seed {seed}`, then `python -m train.evaluate --write-reference --dataset {dataset} --data-dir data`
"""


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluation.train_classifier", description="Train an evaluation classifier.")
    p.add_argument("--dataset", default="mnist", choices=CLASSIFIERS, help="the data set (default: mnist)")
    p.add_argument("--data-dir", default="data", help="the data set's directory; downloaded if missing (default: data)")
    p.add_argument("--epochs", type=float, help="passes over the training images (default: 16, for cifar10 10)")
    p.add_argument("--minutes", type=float, help="train for so many minutes, instead of --epochs")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--output-dir", type=Path, help="where to save (default: the bundled classifier's directory)")
    return p


def run(
    dataset: str, data_dir: str, epochs: float | None, minutes: float | None, seed: int, output_dir: Path | None
) -> None:
    """Train, measure the test accuracy and save. Raises ``InputError``."""
    configure()
    for name, value in [("epochs", epochs), ("minutes", minutes)]:
        if value is not None and not 0 < value < 1e6:
            raise InputError("training.setting", setting=name, allowed="a number above 0", given=value)
    if not 0 <= seed < 2**32:
        raise InputError("settings.integer", setting="seed", low=0, high=2**32 - 1, given=seed)
    spec, recipe = CLASSIFIERS[dataset], RECIPES[dataset]
    directory = output_dir or spec.directory
    check_writable(directory / "model.safetensors", setting="output_dir")
    training, test = (load_dataset(dataset, data_dir, split) for split in ("train", "test"))

    start = time.monotonic()
    torch.manual_seed(seed)
    classifier, images_seen = train_supervised(
        new_classifier(dataset),
        training,
        recipe.augmentation,
        epochs or recipe.epochs,
        minutes,
        seed,
        description="evaluation classifier",
    )
    seconds = time.monotonic() - start
    classifier = classifier.half().float()  # the accuracy is that of the half-precision weights which are saved
    facts = {
        "data": spec.title,
        "dataset": dataset,
        "kind": "grey" if spec.image_shape[0] == 1 else "RGB",
        "size": spec.image_shape[1],
        "label_names": spec.label_names,
        "num_features": classifier.num_features,
        "augment": recipe.description,
        "seed": seed,
        "epochs": images_seen / len(training.images),
        "images_seen": images_seen,
        "training_images": len(training.images),
        "seconds": round(seconds, 1),
        "device": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU ({torch.get_num_threads()} threads)",
        "test_images": len(test.images),
        "test_accuracy": accuracy(classifier, test),
    }
    save(classifier, facts, directory)
    print((directory / "README.md").read_text(encoding="utf-8"))


def save(classifier: EvaluationClassifier, facts: dict[str, Any], directory: Path) -> None:
    """Write model.safetensors (half precision), config.json and the card."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in classifier.state_dict().items()
    }
    content = to_safetensors(weights, metadata={"format": "pt"})
    facts = facts | {"bytes": len(content)}
    write_atomically(directory / "model.safetensors", content)
    write_atomically(directory / "config.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_atomically(directory / "README.md", CARD.format(**facts).encode())


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C (and then nothing is saved)."""
    advice = Message("command.more_memory")
    return run_command(parser(), lambda options: run(**vars(options)), arguments, "nothing was saved", advice)


if __name__ == "__main__":
    sys.exit(main())
