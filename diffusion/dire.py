"""Reconstruction errors of a folder of images: ``python -m diffusion.dire --images photos --output errors``.

DIRE (Wang et al. 2023): an image is inverted to noise by reverse DDIM and sampled again from it, both by the plain
model without guidance. What the model could have sampled itself comes back nearly unchanged, what it could not comes
back as something else; so |x - reconstruction| distinguishes generated images from others.

    OUTPUT/reconstruction/SUB/NAME.png   what came back
    OUTPUT/error/SUB/NAME.png            |x - reconstruction|; black is none, white is all of the range [-1, 1]
    OUTPUT/errors.csv                    path, error: the mean of |x - reconstruction|, 0 to 2
    OUTPUT/settings.json                 what must be the same for a stopped run to be resumed
"""

import csv
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from torch import Tensor
from tqdm import tqdm

from diffusion.advice import inversion_warning, print_warning
from diffusion.errors import InputError, Message
from diffusion.io.files import check_room, write_atomically
from diffusion.io.image_folder import ImageFile, Listing, is_listable, list_files
from diffusion.io.image_reader import UnreadableImage, read_image, without_warnings
from diffusion.io.images import from_uint8, png_bytes, to_uint8
from diffusion.io.loading import load_model
from diffusion.model import Model
from diffusion.runtime import configure
from diffusion.runtime.command_line import Parser, add_options, run_command
from diffusion.runtime.device import checked_device
from diffusion.settings import SamplingSettings, field

TABLE, SETTINGS = "errors.csv", "settings.json"
HEADER = ["path", "error"]
ERROR = re.compile(r"\d\.\d{6}")  # as it is written there
STEPS = 20
BATCH = 64
LONGEST_NAME = 255  # bytes, of a file's name
WINDOWS = sys.platform == "win32"
# what Windows allows in no name, and an archive from elsewhere may have; a colon would even lead to another drive
NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\x00-\x1f]|(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)|[. ](/|$)', re.IGNORECASE)
ANY_NAME = "surrogateescape"  # how Python carries file names that are no UTF-8


class CommandSettings(SamplingSettings):
    """The settings of the command line."""

    batch_size: int | None = field("Images at once", "integer", 1, 4096)


def reconstruct(model: Model, x: Tensor, steps: int | None = None, respacing: str | None = None) -> Tensor:
    """Images x (N, C, H, W) in [-1, 1] -> noise -> images, by DDIM with the plain model, without labels or guidance;
    clipped to [-1, 1]."""
    for step in model.invert(x, steps=steps, respacing=respacing):
        noise = step.x
    return model.reconstruct(noise, steps=steps, respacing=respacing)


def run(model: str, images: Path, output: Path, device: str | None, batch_size: str | None, **given: Any) -> None:
    """Check everything that can be checked first, then load, and work through what is not done yet. Raises
    InputError."""
    configure()
    job = CommandSettings(batch_size=batch_size, **given)
    listing = image_files(images, output)
    loaded = load_model(model, checked_device(device))
    if loaded.config.task != "generation":
        raise InputError("command.dire_task", setting="model", model=model)
    settings = loaded.plain_settings(STEPS if job.steps is None and job.respacing is None else job.steps, job.respacing)
    loaded.check_invertible(settings)
    print_warning(inversion_warning(loaded.config, settings))
    chain = {"steps": settings.steps} | ({"respacing": job.respacing} if job.respacing else {})
    try:
        output.mkdir(parents=True, exist_ok=True)
        done = resumed(output, {"model": model, "images": str(images.resolve()), **chain})
        check_room(output, 2 * len(listing.files) * math.prod(loaded.config.image_shape))
    except OSError as error:
        raise InputError("command.cannot_write", path=output, reason=error.strerror) from None
    with without_warnings():
        count = work(loaded, listing, done, output, chain, job.batch_size or BATCH)
    skipped = listing.skipped
    for path, reason in skipped.reasons:
        print(f"skipped: {path} ({reason})", file=sys.stderr)
    if not count + len(done):
        raise InputError("command.dire_nothing_readable", setting="images", path=images, count=len(listing.files))
    print(f"{output / TABLE}: {count + len(done)} images, {len(skipped)} files skipped", file=sys.stderr)


def work(model: Model, listing: Listing, done: set[str], output: Path, chain: dict, batch_size: int) -> int:
    """Reconstruct the files in batches, each written before the next, but for those that an earlier run has done: how
    many. A line of the table is written after its pictures, so what stands in the table is whole."""
    among, count = {Path(file.path) for file in listing.files}, 0
    left = [file for file in listing.files if file.path not in done]
    with (
        tqdm(
            total=len(among), initial=len(among) - len(left), unit=" images", desc="reconstructing", file=sys.stderr
        ) as bar,
        open(output / TABLE, "a", newline="", encoding="utf-8", errors=ANY_NAME) as table,
    ):
        for paths, pixels in batches(model, left, batch_size, listing):
            x = from_uint8(pixels)
            back = reconstruct(model, x, **chain).cpu()
            difference = (x - back).abs()
            shown = zip(paths, to_uint8(back), to_uint8(difference - 1), strict=True)
            for path, reconstruction, error in shown:
                for folder, picture in (("reconstruction", reconstruction), ("error", error)):
                    target = output / folder / png_name(Path(path), among)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(target, png_bytes(picture))
            errors = difference.flatten(1).mean(1).tolist()
            csv.writer(table).writerows((path, f"{error:.6f}") for path, error in zip(paths, errors, strict=True))
            table.flush()
            count += len(paths)
            bar.update(len(paths))
    return count


def batches(
    model: Model, files: list[ImageFile], batch_size: int, listing: Listing
) -> Iterator[tuple[list[str], np.ndarray]]:
    """The paths of readable files, with their pixels (N, H, W, C) uint8 as the model takes them; the others are noted
    in the listing."""
    paths: list[str] = []
    pictures: list[np.ndarray] = []
    mode = "L" if model.config.channels == 1 else "RGB"
    for file in files:
        if len(os.fsencode(file.name)) > LONGEST_NAME - len(".png"):
            listing.skipped.add(file.path, "its name is too long to be added to")
            continue
        if WINDOWS and NOT_ON_WINDOWS.search(file.path):
            listing.skipped.add(file.path, "Windows has no files of that name")
            continue
        try:
            pictures.append(read_image(file, model.config.image_size, mode))
        except UnreadableImage as error:
            listing.skipped.add(file.path, str(error))
            continue
        paths.append(file.path)
        if len(paths) == batch_size:
            yield paths, np.stack(pictures)
            paths, pictures = [], []
    if paths:
        yield paths, np.stack(pictures)


def image_files(images: Path, output: Path) -> Listing:
    """The files below a folder or in a .zip, but for what this command wrote. Raises InputError."""
    if output.is_symlink() and not output.exists():
        raise InputError("command.dire_output_link", setting="output", path=output)
    if not is_listable(images):
        code = "command.dire_images_file" if images.exists() else "command.dire_images_not_there"
        raise InputError(code, setting="images", path=images)
    if Path(os.path.realpath(images)).is_relative_to(os.path.realpath(output)):
        raise InputError("command.dire_output_holds_images", setting="output", path=output)
    listing = list_files(images, except_below=output)
    if not listing.files:
        raise InputError("command.dire_images_empty", setting="images", path=images)
    return listing


def png_name(path: Path, among: set[Path]) -> Path:
    """The path of a picture that belongs to this one, which is ``among`` others: its own name if that ends in .png,
    else with .png added, so that a.jpg and a.gif do not meet, nor a.jpg and a.jpg.png."""
    own = path.suffix.lower() == ".png" and path.with_suffix("") not in among
    return path if own else path.with_name(path.name + ".png")


def resumed(output: Path, settings: dict) -> set[str]:
    """The paths that an earlier run with the same settings has done; a new table if there was none. Raises InputError
    where the settings were others."""
    content = (json.dumps(settings, indent=2) + "\n").encode()
    path = output / SETTINGS
    if path.exists() and path.read_bytes() != content:
        raise InputError("command.dire_other_settings", setting="output", path=path)
    write_atomically(path, content)
    table = output / TABLE
    try:
        rows = list(csv.reader(io.StringIO(table.read_text("utf-8", ANY_NAME)))) if table.exists() else []
    except csv.Error as error:
        raise InputError("command.dire_table", setting="output", path=table, reason=error) from None
    rows = [row for row in rows if len(row) == 2 and ERROR.fullmatch(row[1])]
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *rows])
    # without the half line that a crash may have left
    write_atomically(table, text.getvalue().encode("utf-8", ANY_NAME))
    return {path for path, _ in rows}


def parser() -> Parser:
    p = Parser(
        prog="python -m diffusion.dire",
        description="Invert images to noise and sample them again, and measure what has changed. "
        f"Without --steps or --respacing it takes {STEPS} steps up and as many down.",
    )
    p.add_argument("--model", default="unet", metavar="REF", help="a bundled name, a path or hub:owner/name[@revision]")
    p.add_argument(
        "--images", required=True, type=Path, metavar="DIR", help="images, in sub-folders or not, or a .zip of them"
    )
    p.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="where reconstruction/, error/ and errors.csv go; a run that was stopped resumes there",
    )
    add_options(p, ("steps", "respacing"))
    p.add_argument("--batch-size", metavar="N", help=f"images at once (default {BATCH})")
    p.add_argument("--device", metavar="NAME", help="cpu, cuda, mps, ...; default: an accelerator where there is one")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 where it failed, 2 on bad input, 130 on Ctrl-C. What is done by then
    is kept."""
    smaller = Message("command.smaller_batch", setting="batch_size")
    go_on = "the same command goes on from here"
    return run_command(parser(), lambda options: run(**vars(options)), argv, go_on, smaller)


if __name__ == "__main__":
    sys.exit(main())
