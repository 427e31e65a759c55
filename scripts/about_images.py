"""The pictures of *About*, made by the program itself: ``python -m scripts.about_images``.

Each is one strip of 28x28 pixels and gutters, ``ui/web/about/TAB.png``: the path of one digit out of the noise, one
noise at growing guidance scales and numbers of steps, and one real digit under noise with the guesses at it.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: its imports are relative to the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch

from diffusion import SamplingSettings, load_model
from diffusion.io.files import write_atomically
from diffusion.io.images import png_bytes, sheet, to_uint8
from diffusion.runtime import configure
from diffusion.trajectory import displayed, trajectory
from ui.engine import Engine
from ui.lab.noise import NoiseLab, NoiseRequest

FOLDER = Path(__file__).parents[1] / "ui" / "web" / "about"
COLUMNS = 10
SCALES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 2.0, 8.0)
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 30)
TIMES = (0.95, 0.8, 0.65, 0.5, 0.35, 0.2)


def generate() -> np.ndarray:
    """An eight on its way, above what the model takes it for."""
    model = load_model("unet", device="cpu")
    settings = SamplingSettings(steps=18, seed=3).resolve(model.config)
    states = list(trajectory(model, [8], settings))[::2]
    return np.concatenate([displayed(state) for state in states] + [to_uint8(state.x0) for state in states])


def compare() -> np.ndarray:
    """One noise, from no guidance to much of it; below, one from a single step of DDIM to many."""
    model = load_model("unet", device="cpu")
    guided = [model.generate([2], guidance_scale=scale, seed=11) for scale in SCALES]
    slow = [model.generate([9], sampler="ddim", steps=steps, seed=4) for steps in STEPS]
    return to_uint8(torch.cat([*guided, *slow]))


def noise() -> np.ndarray:
    """A five under less and less noise, above the network's guess and the ideal denoiser's."""
    lab = NoiseLab(Engine())
    views = [lab.view(NoiseRequest(digit="5", t=t)) for t in TIMES]
    rows = [[view.x for view in views], [view.network.x0 for view in views], [view.ideal.x0 for view in views]]
    return to_uint8(torch.cat([image for row in rows for image in row]))


PICTURES = {"generate": (generate, COLUMNS), "compare": (compare, COLUMNS), "noise": (noise, len(TIMES))}


def main() -> None:
    configure()
    FOLDER.mkdir(exist_ok=True)
    for name, (make, columns) in PICTURES.items():
        write_atomically(FOLDER / f"{name}.png", png_bytes(sheet(make(), columns), compress_level=9))


if __name__ == "__main__":
    main()
