"""The evaluator: a small CNN that reads digits, and the command that trains it.

    python -m train.evaluator --data-dir data --epochs 16

It judges what a model draws: its readings give the class accuracy, its penultimate activations the Fréchet distance.
The trained one is bundled in assets/evaluator.
"""

import copy
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import nn
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.generate import Parser
from diffusion.model import write_atomically
from train.data import DIGITS, Dataset, load_dataset

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "evaluator"
BATCH = 256
LEARNING_RATE = 3e-3
WARM_UP = 0.05  # share of the training
EMA_DECAY = 0.998


class Evaluator(nn.Module):
    """Reads 28x28 grey digits: 220,000 parameters, 9 MFLOP an image; smooth activations, for smooth features."""

    num_features = 96

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(  # (N, 1, 28, 28)
            nn.PixelUnshuffle(2),  # (N, 4, 14, 14): full resolution costs most of the time and reads no better
            *conv(4, 32),
            *conv(32, 32),
            *conv(32, 64, stride=2),  # (N, 64, 7, 7)
            *conv(64, 64),
            *conv(64, 96, stride=2),  # (N, 96, 4, 4)
            *conv(96, 96),
            nn.Conv2d(96, 96, 4, groups=96, bias=False),  # (N, 96, 1, 1): a learned mean over places
            nn.Flatten(),
        )
        self.head = nn.Linear(self.num_features, len(DIGITS))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The penultimate activations (N, 96) of images (N, 1, 28, 28) in [-1, 1].  InputError on other sizes."""
        if x.ndim != 4 or tuple(x.shape[1:]) != (1, 28, 28):
            raise InputError(f"The evaluator reads grey images of 28x28 pixels, (N, 1, 28, 28), not {tuple(x.shape)}.")
        return self.body(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, 10) of images (N, 1, 28, 28) in [-1, 1].  InputError on other sizes."""
        return self.head(self.features(x))


def conv(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()


def can_read(config) -> bool:
    """Whether the evaluator can judge a model of this configuration (`diffusion.config.ModelConfig`)."""
    return list(config.label_names) == DIGITS and config.image_size == 28 and config.channels == 1


def load_evaluator(directory: Path = ASSETS) -> Evaluator:
    """The trained evaluator, in float32 on the CPU, ready to read.  InputError where it is missing or damaged."""
    evaluator = Evaluator()
    path = directory / "model.safetensors"
    try:
        evaluator.load_state_dict(load_file(path))  # copies half precision into float32
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"The evaluator {path} cannot be read ({reason}): train it with train.evaluator.") from error
    return evaluator.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def to_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 images as floats in [-1, 1]."""
    return images.float() / 127.5 - 1


@torch.inference_mode()
def read(evaluator: Evaluator, images: torch.Tensor, batch_size: int = 500) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, 96) and probabilities (N, 10), on the CPU, of images (N, 1, 28, 28), uint8 or floats in [-1, 1]."""
    device = evaluator.head.weight.device
    features = []
    for part in images.split(batch_size):
        part = part.to(device)
        features.append(evaluator.features(part if part.is_floating_point() else to_input(part)))
    joined = torch.cat(features)
    return joined.cpu(), evaluator.head(joined).softmax(1).cpu()


# ----------------------------------------------------------------------------------------------------- training


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random small affine map and a random smooth warp of each image (N, 1, 28, 28), in one grid_sample."""

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(x), generator=generator, device=x.device) * 2 - 1) * limit

    angle, shear = uniform(math.radians(12)), uniform(0.12)
    scale_x, scale_y = 1 + uniform(0.12), 1 + uniform(0.12)
    row_x = torch.stack([scale_x * angle.cos(), shear - angle.sin(), uniform(2 / 14)], 1)  # a pixel is 1/14
    row_y = torch.stack([angle.sin(), scale_y * angle.cos(), uniform(2 / 14)], 1)
    grid = F.affine_grid(torch.stack([row_x, row_y], 1), list(x.shape), align_corners=False)
    warp = torch.randn(len(x), 2, 6, 6, generator=generator, device=x.device) * (0.7 / 14)  # after Simard et al. 2003
    warp = F.interpolate(warp, x.shape[-2:], mode="bicubic", align_corners=True)
    return F.grid_sample(x + 1, grid + warp.permute(0, 2, 3, 1), align_corners=False) - 1  # beyond the edge is black


def train(data: Dataset, epochs: float, minutes: float | None, seed: int) -> tuple[Evaluator, int]:
    """Train on `data` for so many epochs, or so many minutes; the averaged evaluator and the images seen."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    generator = torch.Generator(device).manual_seed(seed)
    images, labels = to_input(data.images).to(device), data.labels.to(device)
    evaluator = Evaluator().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(evaluator)
    optimizer = torch.optim.AdamW(evaluator.parameters(), LEARNING_RATE, weight_decay=0.01)

    seen, total, start = 0, round(epochs * len(images)), time.monotonic()
    order = torch.empty(0, dtype=torch.int64, device=device)
    bar = tqdm(total=total, unit=" images", unit_scale=True, desc="training the evaluator", file=sys.stderr)
    while (progress := (time.monotonic() - start) / (60 * minutes) if minutes else seen / total) < 1:
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(images), generator=generator, device=device)])
        batch, order = order[:BATCH], order[BATCH:]
        rate = min(progress / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * progress))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
        loss = F.cross_entropy(evaluator(augment(images[batch], generator)), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(batch)
        update_average(averaged, evaluator, seen // BATCH)
        bar.update(len(batch))
        if seen % (20 * BATCH) == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
    bar.close()
    return averaged.eval(), seen


@torch.no_grad()
def update_average(averaged: Evaluator, evaluator: Evaluator, steps: int) -> None:
    """Move the averaged weights and batch statistics towards the current ones, faster in the first steps."""
    share = max(1 - EMA_DECAY, 10 / (10 + steps))
    for mean, value in zip(averaged.state_dict().values(), evaluator.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, share)
        else:
            mean.copy_(value)  # BatchNorm's count of batches


CARD = """# Evaluator

A small CNN that reads 28x28 grey digits; it judges what the models draw. Its {num_features} penultimate activations
are the features of the Fréchet distance. Half precision, {bytes:,} bytes.

- Data: MNIST, 60,000 training images, each batch with random small affine maps and smooth warps
- Trained for {seconds:.0f} s on {device}: {images_seen:,} images ({epochs:g} epochs), seed {seed}
- Test accuracy: **{test_accuracy:.2%}** of {test_images:,} images, by the averaged weights at the end of the training
- Reproduce: `python -m train.evaluator --data-dir data --epochs {epochs:g} --seed {seed}`, then
  `python -m train.evaluate --write-reference --data-dir data`
"""


def save(evaluator: Evaluator, facts: dict, directory: Path) -> None:
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


def accuracy(evaluator: Evaluator, data: Dataset) -> float:
    return (read(evaluator, data.images)[1].argmax(1) == data.labels).double().mean().item()


def parser() -> Parser:
    p = Parser(prog="python -m train.evaluator", description="Train the evaluator on MNIST.")
    p.add_argument("--data-dir", default="data", help="where MNIST lies or is downloaded to (default: data)")
    p.add_argument("--epochs", type=float, default=16, help="passes over the training images (default: 16)")
    p.add_argument("--minutes", type=float, help="train for so long, instead of --epochs")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--output-dir", type=Path, default=ASSETS, help="where to save (default: the bundled one)")
    return p


def run(data_dir: str, epochs: float, minutes: float | None, seed: int, output_dir: Path) -> None:
    """Train, measure and save.  Raises InputError."""
    for name, value in [("epochs", epochs), ("minutes", minutes)]:
        if value is not None and not 0 < value < 1e6:
            raise InputError(f"{name} must be above 0, not {value}.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be from 0 to 4294967295, not {seed}.")
    training, test = (load_dataset("mnist", data_dir, split) for split in ("train", "test"))

    start = time.monotonic()
    evaluator, images_seen = train(training, epochs, minutes, seed)
    seconds = time.monotonic() - start
    gpu = torch.cuda.is_available()
    facts = {
        "data": "MNIST",
        "label_names": DIGITS,
        "num_features": Evaluator.num_features,
        "seed": seed,
        "epochs": images_seen / len(training.images),
        "images_seen": images_seen,
        "seconds": round(seconds, 1),
        "device": torch.cuda.get_device_name() if gpu else f"CPU ({torch.get_num_threads()} threads)",
        "test_images": len(test.images),
    }
    evaluator = evaluator.half().float()  # what half precision keeps of the weights is what is measured
    save(evaluator, facts | {"test_accuracy": accuracy(evaluator, test)}, output_dir)
    print((output_dir / "README.md").read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C (and then nothing is saved)."""
    p = parser()
    try:
        run(**vars(p.parse_args(arguments)))
    except InputError as error:
        print(f"{p.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was saved", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
