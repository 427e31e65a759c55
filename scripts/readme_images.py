"""The pictures of README and docs/lab.md, made by the program itself: ``python -m scripts.readme_images [NAME ...]``,
of page, fork, compare, noise, denoising, systems."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.app import FINISHED, ROOT, serving
from diffusion import load_classifier, load_model
from diffusion.io.files import write_atomically
from diffusion.io.hub import BUNDLED
from diffusion.io.images import png_bytes, sheet, to_uint8
from diffusion.io.model_directory import read_config
from tests import browser as chromium
from ui.example_digits import low_res_digits

ASSETS = ROOT / "assets"


@contextmanager
def visit() -> Iterator[Page]:
    """The page with its example, at 1280 pixels, from a server of our own."""
    with serving("app.py", "--port") as (address, _, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(60_000)
        page.add_init_script("localStorage.setItem('digit-diffusion-lab', '{\"toured\": true}')")
        page.goto(address)
        page.get_by_text(FINISHED).wait_for()
        yield page
        browser.close()


def generate(page: Page, digit: str) -> None:
    page.get_by_role("radio", name=digit).click()
    page.get_by_role("button", name="Generate", exact=True).click()
    page.get_by_text(re.compile(f"{FINISHED}.*{digit}")).wait_for()  # the example's is of another


def scrub_back(page: Page, steps: int) -> None:
    page.get_by_role("slider", name="Step").first.focus()
    for _ in range(steps):
        page.keyboard.press("ArrowLeft")


def photograph(page: Page, name: str, *parts: str) -> None:
    """``assets/NAME.png``: the whole page, or what its parts (CSS selectors) cover together. 256 colours are enough."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(1000)  # whatever fades has faded
    if parts:
        boxes = [box for part in parts if (box := page.locator(part).first.bounding_box())]
        left, top = (min(box[key] for box in boxes) - MARGIN for key in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes) + MARGIN
        bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
        clip: Any = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        data = page.screenshot(full_page=True, clip=clip)
    else:
        data = page.screenshot(full_page=True)
    small = BytesIO()
    Image.open(BytesIO(data)).convert("RGB").quantize(
        256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    ).save(small, "PNG", optimize=True)
    write_atomically(ASSETS / f"{name}.png", small.getvalue())


def page() -> None:
    """Half-way through nine's way out of the noise."""
    with visit() as page:
        generate(page, "9")
        scrub_back(page, 5)
        photograph(page, "page")


def fork() -> None:
    """Threes that become eights from their third step on."""
    with visit() as page:
        generate(page, "3")
        scrub_back(page, 11)
        page.locator('.digit-player [part="fork"]').first.click()
        page.locator(".fk-panel").get_by_role("radio", name="8", exact=True).click()
        page.locator('.fk-panel [part="go"]').click()
        page.locator('.fk-player[data-phase="finished"]').wait_for()
        photograph(page, "fork", ".lab-player")


def compare() -> None:
    """Samplers down, steps across."""
    with visit() as page:
        page.get_by_role("tab", name="Compare").click()
        page.locator('.compare-lab[data-phase="finished"]').wait_for()
        photograph(page, "compare", ".cp-both")


def noise() -> None:
    """A real five under noise, the network's guess at it and the ideal denoiser's."""
    with visit() as page:
        page.get_by_role("tab", name="Noise").click()
        page.locator(".nz-neighbours figure").first.wait_for()
        page.locator('.noise-lab [part="errors"] polyline').nth(2).wait_for()
        photograph(page, "noise", ".nz-main", ".nz-row")


def denoising() -> None:
    """Ten digits becoming themselves."""
    sample = [sys.executable, "-m", "diffusion.generate", "--label", "all", "--num-images", "10", "--steps", "30"]
    subprocess.run([*sample, "--seed", "1", "--output", str(ASSETS / "denoising.gif")], cwd=ROOT, check=True)


def systems() -> None:
    """A row of ten from every bundled model, at its own settings."""
    (ASSETS / "systems").mkdir(exist_ok=True)
    for directory in sorted(BUNDLED.iterdir()):
        write_atomically(ASSETS / "systems" / f"{directory.name}.png", png_bytes(row(directory.name)))


def row(name: str) -> np.ndarray:
    """Ten images: of each label in turn where there are labels; guided by a classifier, below the same without; of
    super-resolution, below its input."""
    config = read_config(BUNDLED / name)
    if config.task == "classification":
        model, classifier = load_model("dit", device="cpu"), load_classifier(name, device="cpu")
        free = model.generate(num_images=10, seed=1, **STOCHASTIC)
        guided = model.generate(
            range(10), classifier=classifier, classifier_scale=CLASSIFIER_SCALE, seed=1, **STOCHASTIC
        )
        return sheet(np.concatenate([to_uint8(free), to_uint8(guided)]), columns=10)
    model = load_model(name, device="cpu")
    if config.task == "super-resolution":
        small, _ = low_res_digits(config, [""], 10)
        sampled = to_uint8(model.generate(num_images=10, low_res=small, seed=1))
        pixels = to_uint8(small).repeat(4, axis=1).repeat(4, axis=2)
        return sheet(np.concatenate([pixels, sampled]), columns=10)
    labels = {"labels": range(10)} if config.num_classes else {"num_images": 10}
    return sheet(to_uint8(model.generate(**labels, seed=1)), columns=10)


PICTURES = {
    "page": page,
    "fork": fork,
    "compare": compare,
    "noise": noise,
    "denoising": denoising,
    "systems": systems,
}
MARGIN = 8  # pixels around what is cut out of the page
CLASSIFIER_SCALE = 12.0  # classifier scale
STOCHASTIC: dict[str, Any] = {"sampler": "ddim", "steps": 25, "eta": 1.0}  # fresh noise gives the classifier its way


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.readme_images", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], default=[], metavar="NAME", help="default: all")
    for name in parser.parse_args().names or PICTURES:
        PICTURES[name]()


if __name__ == "__main__":
    main()
