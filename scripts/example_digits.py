"""The digits that the app shrinks for super-resolution: ``python -m scripts.example_digits --data-dir data``.

Writes assets/digits.png: a row for each digit, of the first 16 such images of MNIST's test set, which no model was
trained on.
"""

import argparse
import sys
from pathlib import Path

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from diffusion.io.images import png_bytes, sheet
from diffusion.io.model_directory import write_atomically
from train.datasets import load_dataset

OUTPUT = Path(__file__).parents[1] / "assets" / "digits.png"
COLUMNS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="where MNIST lies or is downloaded to")
    data = load_dataset("mnist", parser.parse_args().data_dir, "test")
    rows = [data.images[data.labels == label][:COLUMNS] for label in range(len(data.label_names))]
    images = torch.cat(rows).permute(0, 2, 3, 1).numpy()  # (160, 28, 28, 1)
    write_atomically(OUTPUT, png_bytes(sheet(images, COLUMNS, pad=0), compress_level=9))


if __name__ == "__main__":
    main()
