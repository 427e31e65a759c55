"""README's pictures, made by the program itself: ``python -m scripts.readme_images [page|denoising|systems]``."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.app import FINISHED, ROOT, serving
from diffusion import load_classifier, load_model
from diffusion.io.files import write_atomically
from diffusion.io.hub import BUNDLED
from diffusion.io.images import png_bytes, sheet, to_uint8
from diffusion.io.model_directory import read_config
from tests import browser as chromium
from ui.example_digits import low_res_digits

ASSETS = ROOT / "assets"


def photograph(address: str) -> None:
    """The page half-way through nine's way out of the noise, at 1280 pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        page.goto(address)
        page.get_by_text(FINISHED).wait_for(timeout=60_000)
        page.get_by_role("radio", name="9").click()
        page.get_by_role("button", name="Generate", exact=True).click()
        page.get_by_text(FINISHED).wait_for(state="hidden")  # the example's
        page.get_by_text(FINISHED).wait_for(timeout=60_000)
        page.get_by_role("slider", name="Step").focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(500)
        page.screenshot(path=ASSETS / "page.png", full_page=True)
        browser.close()


def page() -> None:
    """The page, from a server of our own."""
    with serving("app.py", "--port") as (address, _, _):
        photograph(address)


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
        small, _ = low_res_digits(config, "", 10)
        sampled = to_uint8(model.generate(num_images=10, low_res=small, seed=1))
        pixels = to_uint8(small).repeat(4, axis=1).repeat(4, axis=2)
        return sheet(np.concatenate([pixels, sampled]), columns=10)
    labels = {"labels": range(10)} if config.num_classes else {"num_images": 10}
    return sheet(to_uint8(model.generate(**labels, seed=1)), columns=10)


PICTURES = {"page": page, "denoising": denoising, "systems": systems}
CLASSIFIER_SCALE = 12.0  # classifier scale
STOCHASTIC: dict[str, Any] = {"sampler": "ddim", "steps": 25, "eta": 1.0}  # fresh noise gives the classifier its way


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.readme_images", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], default=[], metavar="NAME", help="default: all")
    for name in parser.parse_args().names or PICTURES:
        PICTURES[name]()


if __name__ == "__main__":
    main()
