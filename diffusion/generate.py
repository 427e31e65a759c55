"""Draw images from the command line: ``python -m diffusion.generate --label 9 --output nines.png``."""

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.gif import gif_bytes
from diffusion.images import png_bytes, sheet
from diffusion.model import Model, load_model, write_atomically
from diffusion.request import Settings, between, label_index
from diffusion.samplers import SAMPLERS
from diffusion.trajectory import displayed, kept_indices, trajectory

SUFFIXES = (".png", ".gif", ".npz")
BATCH = 64  # images sampled at once
GIF_IMAGES, GIF_FRAMES = 256, 40  # the most a GIF holds


class Job(Settings):
    """The sampling settings of a command line, with as many images as a file can hold."""

    num_images: int | None = between(1, 100_000, "a whole number")


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> Parser:
    samplers = ", ".join(f"{name} ({row.default_steps} steps)" for name, row in SAMPLERS.items())
    p = Parser(prog="python -m diffusion.generate", description="Draw images with a diffusion model.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help='what to draw, by class name; may be given several times or as "all": the images then take the labels in '
        "turn (0, 1, 2, 0, 1, ...) and a PNG has a column for each; without it, unconditional",
    )
    p.add_argument("--num-images", metavar="N", help="1 to 100000; default 16, or 10 for each of several labels")
    p.add_argument("--sampler", metavar="NAME", help=f"{samplers}; default: the model's own")
    p.add_argument("--steps", metavar="N", help="1 to 1000; default: the model's, or the sampler's where it is another")
    p.add_argument(
        "--respacing",
        metavar="SPEC",
        help='instead of --steps, which steps of the training to take: "100", "10,15,20" (in equal sections, the '
        'cleanest first) or "ddim50" (at a whole stride)',
    )
    p.add_argument("--guidance-scale", metavar="G", help="0 ignores the label, 1 is no guidance, up to 20 pulls harder")
    p.add_argument("--eta", metavar="E", help="0 (deterministic) to 1 (as noisy as DDPM), for the sampler ddim")
    p.add_argument("--seed", metavar="S", help="0 to 4294967295; the same seed gives the same images (default 0)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, ...; default: an accelerator where there is one")
    p.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="OUT.{png,gif,npz}",
        help="a sheet of the images, the animated denoising, or arrays (images, labels, settings); missing folders are "
        "made, an existing file is replaced",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C (and then no file is written)."""
    arguments = parser().parse_args(argv)
    try:
        run(**vars(arguments))
    except InputError as error:
        print(f"{parser().prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


def run(model: str, label: list[str], device: str | None, output: Path, **given: Any) -> None:
    """Check everything that can be checked first, then load, draw and write. Raises InputError."""
    job = Job(**given)
    check_output(output)
    loaded = load_model(model, checked_device(device))
    settings = job.filled(loaded.config)
    names = list(loaded.config.label_names) if "all" in label else label or [""]
    classes = [label_index(name, loaded.config.label_names) for name in names] or [-1]
    count = job.num_images or (16 if len(classes) == 1 else 10 * len(classes))
    labels = [classes[i % len(classes)] for i in range(count)]
    if output.suffix.lower() == ".gif" and count > GIF_IMAGES:
        raise InputError(f"num_images must be at most {GIF_IMAGES} for a GIF, not {count}.")

    frames = draw(loaded, labels, settings, GIF_FRAMES if output.suffix.lower() == ".gif" else 1)
    info = {"model": model, "label": label, "num_images": count, **settings}
    content = encoded(frames, labels, info, output.suffix.lower(), len(classes))
    try:
        write_atomically(output, content)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}.") from None
    print(f"{output}: {count} image{'s' if count > 1 else ''}", file=sys.stderr)


def draw(model: Model, labels: list[int], settings: dict[str, Any], num_frames: int) -> list[np.ndarray]:
    """Sample in batches; the last ``num_frames`` evenly spread states of all images, each uint8 (N, H, W, C)."""
    kept = sorted(kept_indices(settings["steps"], num_frames))
    frames: list[list[np.ndarray]] = [[] for _ in kept]
    batches = range(0, len(labels), BATCH)
    with tqdm(total=len(batches) * settings["steps"], unit="step", desc="drawing") as bar:
        for first in batches:
            for state in trajectory(model, labels[first : first + BATCH], first_index=first, **settings):
                if state.index in kept:
                    frames[kept.index(state.index)].append(displayed(state))
                bar.update(state.index > 0)
    return [np.concatenate(parts) for parts in frames]


def encoded(frames: list[np.ndarray], labels: list[int], info: dict[str, Any], suffix: str, num_labels: int) -> bytes:
    """The content of the file: ``frames`` end with the finished images."""
    columns = num_labels if 1 < num_labels <= 32 else None  # a column for each label where that makes a sensible sheet
    if suffix == ".gif":
        return gif_bytes([sheet(frame, columns) for frame in frames])
    if suffix == ".png":
        return png_bytes(sheet(frames[-1], columns), info, compress_level=6)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=frames[-1], labels=np.array(labels, np.int64), settings=json.dumps(info))
    return buffer.getvalue()


def check_output(path: Path) -> None:
    """Make the folder, and find out before the work whether the file can be written. Raises InputError."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"output must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, not {path.name!r}.")
    if path.is_dir():
        raise InputError(f"output must be a file; {path} is a folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(f"output cannot be written into {path.parent}: {error.strerror}.") from None


def checked_device(name: str | None) -> torch.device | None:
    """The device by name, tried out. Raises InputError."""
    if name is None:
        return None
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (
        RuntimeError,
        AssertionError,
    ) as error:  # torch raises either for a device that is not built in or not there
        reason = str(error).splitlines()[0]
        raise InputError(f"device {name!r} cannot be used here: {reason}.") from None
    return device


if __name__ == "__main__":
    sys.exit(main())
