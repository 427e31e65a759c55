"""The real digits that come with the app: ``python -m scripts.real_digits --data-dir data``.

Writes assets/digits-train.png and assets/digits-test.png: of each split of MNIST the first 50 images of every digit, in
rows of 20, the digits from 0 to 9 by turns.
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
from ui.lab.real_digits import ASSETS, COLUMNS, OF_EACH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="where MNIST lies or is downloaded to")
    data_dir = Path(parser.parse_args().data_dir)
    for split in ("train", "test"):
        data = load_dataset("mnist", data_dir, split)
        of_each = [data.images[data.labels == label][:OF_EACH] for label in range(len(data.label_names))]
        images = torch.stack(of_each, dim=1).flatten(0, 1).permute(0, 2, 3, 1).numpy()  # (500, 28, 28, 1)
        write_atomically(ASSETS / f"digits-{split}.png", png_bytes(sheet(images, COLUMNS, pad=0), compress_level=9))


if __name__ == "__main__":
    main()
