"""Reconstruction errors of a folder of images: ``python -m diffusion.dire --images photos --output errors``.

DIRE (Wang et al. 2023): an image is walked to noise by reverse DDIM and drawn again from it. What the model could have
drawn itself comes back nearly unchanged, what it could not comes back as something else; so |x - reconstruction| tells
generated images from others.

    OUTPUT/reconstruction/SUB/NAME.png   what came back
    OUTPUT/error/SUB/NAME.png            |x - reconstruction|; black is none, white is all of the range [-1, 1]
    OUTPUT/errors.csv                    path, error: the mean of |x - reconstruction|, 0 to 2
    OUTPUT/settings.json                 what must be the same for a stopped run to be taken up again
"""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from diffusion.errors import InputError
from diffusion.generate import checked_device
from diffusion.inversion import upwards
from diffusion.io.image_reader import UNREADABLE, read_picture
from diffusion.io.images import from_uint8, png_bytes, to_uint8
from diffusion.io.loading import load_model
from diffusion.io.model_directory import write_atomically
from diffusion.model import Model
from diffusion.runtime.command_line import Parser, answer
from diffusion.settings import Settings, between

TABLE, SETTINGS = "errors.csv", "settings.json"
HEADER = ["path", "error"]
ERROR = re.compile(r"\d\.\d{6}")  # as it is written there
STEPS = 20
LONGEST_NAME = 255  # bytes, of a file's name
ANY_NAME = "surrogateescape"  # how Python carries file names that are no UTF-8


class Job(Settings):
    """The settings of the command line."""

    batch_size: int = between(1, 4096, "a whole number", default=64)


def reconstruct(model: Model, x: Tensor, steps: int | None = None, respacing: str | None = None) -> Tensor:
    """Images x (N, C, H, W) in [-1, 1] -> what the model makes of them, there and back by DDIM, without labels or
    guidance; clipped to [-1, 1]."""
    for step in model.invert(x, steps=steps, respacing=respacing):
        noise = step.x
    back = {"sampler": "ddim", "guidance_scale": 1.0, "eta": 0.0, "steps": steps, "respacing": respacing}
    return model.generate([-1] * len(x), start=noise, **back)


def run(model: str, images: Path, output: Path, device: str | None, **given: Any) -> None:
    """Check everything that can be checked first, then load, and work through what is not done yet. Raises
    InputError."""
    job = Job(**given)
    files = picture_files(images, output)
    loaded = load_model(model, checked_device(device))
    if loaded.config.task != "generation":
        raise InputError(f"model must be one that draws from noise alone; {model} is not.")
    steps = STEPS if job.steps is None and job.respacing is None else job.steps
    settings = Settings(sampler="ddim", steps=steps, respacing=job.respacing).filled(loaded.config)
    chain = {name: settings[name] for name in ("steps", "respacing") if name in settings}
    upwards(loaded.levels("ddim", settings["steps"], job.respacing), loaded.process)  # raises where there is no way
    try:
        output.mkdir(parents=True, exist_ok=True)
        done = taken_up(output, {"model": model, "images": str(images.resolve()), **chain})
        failures, count = work(loaded, images, files, done, output, chain, job.batch_size)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}.") from None
    for failure in failures:
        print(f"passed over: {failure}", file=sys.stderr)
    if not count + len(done):
        raise InputError(f"images must hold a picture that can be read; {images} has {len(files)} files and none.")
    print(f"{output / TABLE}: {count + len(done)} images, {len(failures)} files passed over", file=sys.stderr)


def work(
    model: Model, root: Path, files: list[Path], done: set[str], output: Path, chain: dict, batch_size: int
) -> tuple[list[str], int]:
    """Reconstruct the files in batches, each written before the next, but for those that an earlier run has done: which
    were unreadable, and how many were done. A line of the table is written after its pictures, so what stands in the
    table is whole."""
    failures: list[str] = []
    among, count = set(files), 0
    left = [file for file in files if file.as_posix() not in done]
    with (
        tqdm(total=len(files), initial=len(done), unit=" images", desc="reconstructing", file=sys.stderr) as bar,
        open(output / TABLE, "a", newline="", encoding="utf-8", errors=ANY_NAME) as table,
    ):
        for paths, pixels in batches(model, root, left, batch_size, failures):
            x = from_uint8(pixels)
            back = reconstruct(model, x, **chain).cpu()
            difference = (x - back).abs()
            shown = zip(paths, to_uint8(back), to_uint8(difference - 1), strict=True)
            for path, reconstruction, error in shown:
                for folder, picture in (("reconstruction", reconstruction), ("error", error)):
                    target = output / folder / png_name(path, among)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(target, png_bytes(picture))
            errors = difference.flatten(1).mean(1).tolist()
            csv.writer(table).writerows(
                (path.as_posix(), f"{error:.6f}") for path, error in zip(paths, errors, strict=True)
            )
            table.flush()
            count += len(paths)
            bar.update(len(paths))
    return failures, count


def batches(
    model: Model, root: Path, files: list[Path], batch_size: int, failures: list[str]
) -> Iterator[tuple[list[Path], np.ndarray]]:
    """Readable files, with their pixels (N, H, W, C) uint8 as the model takes them; the others go into ``failures``."""
    paths: list[Path] = []
    pictures: list[np.ndarray] = []
    mode = "L" if model.config.channels == 1 else "RGB"
    for path in files:
        if len(os.fsencode(path.name)) > LONGEST_NAME - len(".png"):
            failures.append(f"{path} (its name is too long to be added to)")
            continue
        try:
            pictures.append(read_picture(root / path, model.config.image_size, mode))
        except UNREADABLE as error:
            failures.append(f"{path} ({error})")
            continue
        paths.append(path)
        if len(paths) == batch_size:
            yield paths, np.stack(pictures)
            paths, pictures = [], []
    if paths:
        yield paths, np.stack(pictures)


def picture_files(images: Path, output: Path) -> list[Path]:
    """All files below a folder, but for hidden ones and what this command wrote, relative to it and in order. Raises
    InputError."""
    if not images.is_dir():
        raise InputError(f"images must be a folder; {images} is {'a file' if images.exists() else 'not there'}.")
    try:
        inside, outside = images.resolve(), output.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"output must be a folder; {output} is a link that leads nowhere.") from None
    if inside.is_relative_to(outside):
        raise InputError(f"output must not be the folder of the images or hold it; {output} does.")
    files = [
        path.relative_to(images)
        for path in sorted(images.rglob("*"))
        if path.is_file() and not path.resolve().is_relative_to(outside)
    ]
    files = [path for path in files if not any(part.startswith(".") for part in path.parts)]
    if not files:
        raise InputError(f"images must be a folder with pictures in it; {images} has none.")
    return files


def png_name(path: Path, among: set[Path]) -> Path:
    """The path of a picture that belongs to this one, which is ``among`` others: its own name if that ends in .png,
    else with .png added, so that a.jpg and a.gif do not meet, nor a.jpg and a.jpg.png."""
    own = path.suffix.lower() == ".png" and path.with_suffix("") not in among
    return path if own else path.with_name(path.name + ".png")


def taken_up(output: Path, settings: dict) -> set[str]:
    """The paths that an earlier run with the same settings has done; a new table if there was none. Raises InputError
    where the settings were others."""
    content = (json.dumps(settings, indent=2) + "\n").encode()
    path = output / SETTINGS
    if path.exists() and path.read_bytes() != content:
        raise InputError(
            f"output must be a new folder for another model, folder or number of steps; {path} has others."
        )
    write_atomically(path, content)
    table = output / TABLE
    try:
        rows = list(csv.reader(io.StringIO(table.read_text("utf-8", ANY_NAME)))) if table.exists() else []
    except csv.Error as error:
        raise InputError(f"{table} cannot be read ({error}): take another output folder.") from None
    rows = [row for row in rows if len(row) == 2 and ERROR.fullmatch(row[1])]
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *rows])
    # without the half line that a crash may have left
    write_atomically(table, text.getvalue().encode("utf-8", ANY_NAME))
    return {path for path, _ in rows}


def parser() -> Parser:
    p = Parser(
        prog="python -m diffusion.dire",
        description="Walk images to noise and back by a model, and measure what has changed.",
    )
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument("--images", required=True, type=Path, metavar="DIR", help="pictures, in sub-folders or not")
    p.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="where reconstruction/, error/ and errors.csv go; a run that was stopped goes on there",
    )
    p.add_argument("--steps", metavar="N", help=f"1 to 1000, up and as many down again (default {STEPS})")
    p.add_argument("--respacing", metavar="SPEC", help='instead of --steps: "100", "10,15,20" or "ddim50"')
    p.add_argument("--batch-size", metavar="N", help="images at once (default 64)")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, ...; default: an accelerator where there is one")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 2 on bad input, 130 on Ctrl-C (what is done by then is kept)."""
    return answer(parser(), lambda options: run(**vars(options)), argv, "the same command goes on from here")


if __name__ == "__main__":
    sys.exit(main())
