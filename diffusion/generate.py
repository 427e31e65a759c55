"""Draw images from the command line: ``python -m diffusion.generate --label 9 --output nines.png``."""

import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.gif import gif_bytes
from diffusion.io.image_reader import read_small_pictures
from diffusion.io.images import png_bytes, sheet
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.model_directory import write_atomically
from diffusion.model import Model
from diffusion.runtime.command_line import Parser, answer
from diffusion.samplers import SAMPLERS
from diffusion.settings import Settings, between, label_index
from diffusion.trajectory import displayed, kept_indices, trajectory

SUFFIXES = (".png", ".gif", ".npz")
BATCH = 64  # images sampled at once
GIF_IMAGES, GIF_FRAMES = 256, 40  # the most a GIF holds


class Job(Settings):
    """The sampling settings of a command line, with as many images as a file can hold."""

    num_images: int | None = between(1, 100_000, "a whole number")


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
    p.add_argument(
        "--num-images",
        metavar="N",
        help="1 to 100000; default 16, or 10 for each of several labels; with --low-res one a picture",
    )
    p.add_argument("--sampler", metavar="NAME", help=f"{samplers}; default: the model's own")
    p.add_argument("--steps", metavar="N", help="1 to 1000; default: the model's, or the sampler's where it is another")
    p.add_argument(
        "--respacing",
        metavar="SPEC",
        help='instead of --steps, which steps of the training to take: "100", "10,15,20" (in equal sections, the '
        'cleanest first) or "ddim50" (at a whole stride)',
    )
    p.add_argument("--guidance-scale", metavar="G", help="0 ignores the label, 1 is no guidance, up to 20 pulls harder")
    p.add_argument("--guidance-t-min", metavar="T", help="a scale above 1 is limited to times from here, 0 to 1, ...")
    p.add_argument("--guidance-t-max", metavar="T", help="... to here; 1 is noise; default: the model's own")
    p.add_argument("--guidance-power", metavar="P", help="0 to 4: how much harder to push those that the label changes")
    p.add_argument("--skip-scale", metavar="S", help="guides a DiT away from itself without its middle: 0 (off) to 20")
    p.add_argument(
        "--classifier",
        metavar="REF",
        help="a classifier of noisy images that steers towards the labels; they are its own where the model has none",
    )
    p.add_argument("--classifier-scale", metavar="S", help="how hard it pulls: 0 (not at all) to 100 (default 1)")
    p.add_argument("--freeu-b", metavar="B", help="FreeU: scales a U-Net's backbone, 0 to 4; 1 is off")
    p.add_argument("--freeu-s", metavar="S", help="FreeU: scales the low frequencies of its skips, 0 to 4; 1 is off")
    p.add_argument(
        "--low-res",
        type=Path,
        metavar="PATH",
        help="for super-resolution: a picture or a folder of pictures, each made small (if it is not) and enlarged",
    )
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
    return answer(parser(), lambda options: run(**vars(options)), argv, "nothing was written")


def run(
    model: str,
    label: list[str],
    device: str | None,
    output: Path,
    classifier: str | None,
    low_res: Path | None,
    **given: Any,
) -> None:
    """Check everything that can be checked first, then load, draw and write. Raises InputError."""
    job = Job(**given)
    check_output(output)
    if job.classifier_scale is not None and not classifier:
        raise InputError("classifier_scale belongs to a classifier, and none was given.")
    loaded = load_model(model, checked_device(device))
    settings = job.filled(loaded.config)
    known, beside = loaded.config.label_names, {}
    if classifier:
        beside["classifier"] = reader = load_classifier(classifier, loaded.device)
        reader.check_fits(loaded.config)
        known = reader.label_names
    names = list(known) if "all" in label else label or [""]
    classes = [label_index(name, known) for name in names] or [-1]
    small = small_pictures(loaded.config, low_res, job.num_images)
    count = job.num_images or (16 if len(classes) == 1 else 10 * len(classes)) if small is None else len(small)
    labels = [classes[i % len(classes)] for i in range(count)]
    if output.suffix.lower() == ".gif" and count > GIF_IMAGES:
        raise InputError(f"num_images must be at most {GIF_IMAGES} for a GIF, not {count}.")

    frames = draw(loaded, labels, settings | beside, small, GIF_FRAMES if output.suffix.lower() == ".gif" else 1)
    info = {"model": model, "label": label, "num_images": count, **settings}
    info |= {"classifier": classifier} if classifier else {}
    info |= {"low_res": low_res.name} if low_res else {}
    content = encoded(frames, labels, info, output.suffix.lower(), len(classes))
    try:
        write_atomically(output, content)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}.") from None
    print(f"{output}: {count} image{'s' if count > 1 else ''}", file=sys.stderr)


def small_pictures(config: ModelConfig, path: Path | None, num_images: int | None) -> Tensor | None:
    """What super-resolution is to enlarge, (N, C, h, h) in [-1, 1]; None for another model. Raises InputError."""
    size = config.low_res_size
    if path is None or size is None:
        if size is not None:
            raise InputError(f"{config.name} enlarges pictures of {size}x{size} pixels: name some with --low-res.")
        if path is not None:
            raise InputError(f"low_res belongs to super-resolution; leave it out with {config.name}.")
        return None
    if num_images is not None:
        raise InputError("num_images must be left out with low_res: there is an image for each picture.")
    return read_small_pictures(path, size, "L" if config.channels == 1 else "RGB")


def draw(
    model: Model, labels: list[int], settings: dict[str, Any], low_res: Tensor | None, num_frames: int
) -> list[np.ndarray]:
    """Sample in batches; the last ``num_frames`` evenly spread states of all images, each uint8 (N, H, W, C)."""
    kept = sorted(kept_indices(settings["steps"], num_frames))
    frames: list[list[np.ndarray]] = [[] for _ in kept]
    batches = range(0, len(labels), BATCH)
    with tqdm(total=len(batches) * settings["steps"], unit="step", desc="drawing") as bar:
        for first in batches:
            part = slice(first, first + BATCH)
            small = None if low_res is None else low_res[part]
            for state in trajectory(model, labels[part], first_index=first, low_res=small, **settings):
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
    except (RuntimeError, AssertionError, ImportError) as error:  # one of them where it is not built in or not there
        reason = str(error).splitlines()[0]
        raise InputError(f"device {name!r} cannot be used here: {reason}.") from None
    return device


if __name__ == "__main__":
    sys.exit(main())
