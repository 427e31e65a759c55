"""Sample images from the command line: ``python -m diffusion.generate --label 9 --output nines.png``."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from torch import Tensor
from tqdm import tqdm

from diffusion import __version__
from diffusion.advice import print_warning, warning
from diffusion.condition import label_index
from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.files import check_writable, write_result
from diffusion.io.gif import gif_bytes
from diffusion.io.images import png_bytes, sheet
from diffusion.io.loading import load_classifier, load_model
from diffusion.io.low_res import read_low_res
from diffusion.model import Model
from diffusion.runtime import configure
from diffusion.runtime.command_line import Parser, add_options, run_command
from diffusion.runtime.device import checked_device
from diffusion.runtime.memory import is_out_of_memory
from diffusion.runtime.precision import precision_on
from diffusion.settings import SamplingSettings, field
from diffusion.trajectory import displayed, kept_indices, trajectory

SUFFIXES = (".png", ".gif", ".npz")
BATCH = 64  # images sampled at once
GIF_IMAGES, GIF_FRAMES = 256, 40  # the most that a GIF holds


class CommandSettings(SamplingSettings):
    """The settings of a command line, with as many images as a file can hold."""

    num_images: int | None = field("Images", "integer", 1, 100_000)


def parser() -> Parser:
    p = Parser(prog="python -m diffusion.generate", description="Sample images from a diffusion model.")
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help='what to sample, by class name; may be given several times or as "all": the images then take the labels '
        "in turn (0, 1, 2, 0, 1, ...) and a PNG has a column for each; without it, unconditional",
    )
    p.add_argument(
        "--num-images",
        metavar="N",
        help="1 to 100000; default 16, or 10 for each of several labels; with --low-res one an image",
    )
    settings = p.add_argument_group("how to sample (default: the model's own values)")
    add_options(settings)
    p.add_argument(
        "--classifier",
        metavar="REF",
        help="a classifier of noisy images that guides towards the labels; they are its own where the model has none",
    )
    p.add_argument(
        "--low-res",
        type=Path,
        metavar="PATH",
        help="for super-resolution: an image or a folder of images, each made small (if it is not) and enlarged",
    )
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
    """Run the command; returns its exit code: 0, 1 where it failed, 2 on bad input, 130 on Ctrl-C, which leaves no
    file."""
    return run_command(parser(), lambda options: run(**vars(options)), argv, "nothing was written")


def run(
    model: str,
    label: list[str],
    num_images: str | None,
    device: str | None,
    output: Path,
    classifier: str | None,
    low_res: Path | None,
    **given: Any,
) -> None:
    """Check everything that can be checked first, then load, sample and write. Raises InputError."""
    configure()
    job = CommandSettings(num_images=num_images, **given)
    check_writable(output, SUFFIXES)
    suffix = output.suffix.lower()
    loaded = load_model(model, checked_device(device))
    settings = job.resolve(loaded.config, classifier is not None)
    names, arguments = loaded.config.label_names, {}
    if classifier is not None:
        arguments["classifier"] = guide = load_classifier(classifier, loaded.device)
        guide.check_fits(loaded.config)
        names = guide.label_names
    print_warning(warning(loaded.config, settings))
    indices = chosen_labels(label, names)
    small = low_res_images(loaded.config, low_res, job.num_images)
    count = job.num_images or (16 if len(indices) == 1 else 10 * len(indices)) if small is None else len(small)
    labels = [indices[i % len(indices)] for i in range(count)]
    if suffix == ".gif" and count > GIF_IMAGES:
        raise InputError("command.gif_images", setting="num_images", most=GIF_IMAGES, given=count)

    num_frames = GIF_FRAMES if suffix == ".gif" else 1
    check_writable(output, SUFFIXES, size=num_frames * count * loaded.config.channels * loaded.config.image_size**2)
    frames = sample(loaded, labels, settings, small, num_frames, **arguments)
    info: dict[str, Any] = {"model": model, "label": label, "num_images": count}
    info |= settings.record(loaded.config, classifier is not None)
    info |= {} if classifier is None else {"classifier": classifier}
    info |= {} if low_res is None else {"low_res": low_res.name}
    info |= {"precision": precision_on(loaded.device), "version": __version__}
    write_result(output, encoded(frames, labels, info, suffix, len(indices)))
    print(f"{output}: {count} image{'s' if count > 1 else ''}", file=sys.stderr)


def chosen_labels(label: Sequence[str], names: Sequence[str]) -> list[int]:
    """The indices of the labels that were named, or of all; -1 for none. Raises InputError."""
    if "all" not in label or "all" in names:  # a label may have that name
        return [label_index(name, names) for name in label or [""]]
    if len(label) > 1:
        others = [name for name in label if name != "all"] or ["all"]
        raise InputError("labels.all_and_others", setting="label", given=others[0])
    return list(range(len(names))) or [label_index("all", names)]


def low_res_images(config: ModelConfig, path: Path | None, num_images: int | None) -> Tensor | None:
    """What super-resolution is to enlarge, (N, C, h, h) in [-1, 1]; None for another model. Raises InputError."""
    size = config.low_res_size
    if path is None or size is None:
        if size is not None:
            raise InputError("command.low_res_needed", model=config.name, size=size, setting="low_res")
        if path is not None:
            raise InputError("model.low_res_superfluous", setting="low_res", model=config.name)
        return None
    if num_images is not None:
        raise InputError("command.num_images_with_low_res", setting="num_images", other="low_res")
    return read_low_res(path, size, "L" if config.channels == 1 else "RGB")


def sample(
    model: Model,
    labels: list[int],
    settings: SamplingSettings,
    low_res: Tensor | None,
    num_frames: int,
    **arguments: Any,
) -> list[np.ndarray]:
    """Sample in batches, smaller ones where the memory does not suffice; the last ``num_frames`` evenly spread states
    of all images, each uint8 (N, H, W, C)."""
    kept = sorted(kept_indices(settings.steps, num_frames))
    frames: list[list[np.ndarray]] = [[] for _ in kept]
    first, size = 0, BATCH
    with tqdm(total=len(labels) * settings.steps, unit=" image steps", desc="sampling", smoothing=0.1) as bar:
        while first < len(labels):
            part = slice(first, first + size)
            small = None if low_res is None else low_res[part]
            batch: list[np.ndarray] = []
            try:
                for state in trajectory(model, labels[part], settings, first, low_res=small, **arguments):
                    if state.index in kept:
                        batch.append(displayed(state))
                    bar.update(len(labels[part]) * (state.index > 0))
            except (RuntimeError, MemoryError) as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size, bar.n = size // 2, first * settings.steps
                continue
            for images, shown in zip(frames, batch, strict=True):
                images.append(shown)
            first += size
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


if __name__ == "__main__":
    sys.exit(main())
