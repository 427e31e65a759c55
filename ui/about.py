"""Where a visitor can go from here: the program's source, its models' cards, its licence, the papers that it follows.

No address is made up: that of the source is known on a Space (SPACE_ID), and nowhere else."""

import os
from pathlib import Path
from typing import Any

from diffusion.io.hub import BUNDLED, bundled

ROOT = Path(__file__).resolve().parents[1]
HUB = "https://huggingface.co/spaces"
ARXIV = "https://arxiv.org/abs"
LICENCE = "about/LICENSE"
PICTURE = "about/page.png"
PAPERS = (  # what docstrings of diffusion/ and train/ name, in the order in which one would read it
    ("Denoising diffusion probabilistic models", "Ho et al. 2020", "2006.11239"),
    ("Denoising diffusion implicit models", "Song et al. 2021", "2010.02502"),
    ("Score-based generative modeling through stochastic differential equations", "Song et al. 2021", "2011.13456"),
    ("Improved denoising diffusion probabilistic models", "Nichol & Dhariwal 2021", "2102.09672"),
    ("Diffusion models beat GANs on image synthesis", "Dhariwal & Nichol 2021", "2105.05233"),
    ("Classifier-free diffusion guidance", "Ho & Salimans 2022", "2207.12598"),
    ("Progressive distillation for fast sampling of diffusion models", "Salimans & Ho 2022", "2202.00512"),
    ("Elucidating the design space of diffusion-based generative models", "Karras et al. 2022", "2206.00364"),
    ("DPM-Solver++", "Lu et al. 2022", "2211.01095"),
    ("UniPC: a unified predictor-corrector framework", "Zhao et al. 2023", "2302.04867"),
    ("High-resolution image synthesis with latent diffusion models", "Rombach et al. 2022", "2112.10752"),
    ("Scalable diffusion models with transformers", "Peebles & Xie 2023", "2212.09748"),
    ("Flow matching for generative modeling", "Lipman et al. 2023", "2210.02747"),
    ("DIRE for diffusion-generated image detection", "Wang et al. 2023", "2303.09295"),
    ("FreeU: free lunch in diffusion U-Net", "Si et al. 2024", "2309.11497"),
    ("Applying guidance in a limited interval", "Kynkäänniemi et al. 2024", "2404.07724"),
    ("Guiding a diffusion model with a bad version of itself", "Karras et al. 2024", "2406.02507"),
)


def documents() -> dict[str, Path]:
    """The texts and the picture that the app serves, by their paths below /lab; an installed package has none."""
    cards = {f"about/models/{name}.md": BUNDLED / name / "README.md" for name in bundled()}
    files = {LICENCE: ROOT / "LICENSE", PICTURE: ROOT / "assets/page.png", **cards}
    return {name: path for name, path in files.items() if path.is_file()}


def links(space: str | None = None) -> dict[str, Any]:
    """For the foot of the page. ``space``: owner/name, by default that of SPACE_ID; a link that leads nowhere is "".
    Addresses without a host are relative to the page."""
    space = os.environ.get("SPACE_ID", "") if space is None else space
    source = f"{HUB}/{space}" if space else ""
    served = documents()
    own = [(name, f"about/models/{name}.md") for name in bundled()]
    file = f"{source}/blob/main"
    return {
        "source": source and f"{source}/tree/main",
        "duplicate": source and f"{source}?duplicate=true",
        "licence": f"{file}/LICENSE" if source else f"lab/{LICENCE}" if LICENCE in served else "",
        "cards": [
            (name, f"{file}/assets/weights/{name}/README.md" if source else f"lab/{card}")
            for name, card in own
            if source or card in served
        ],
        "papers": [(title, authors, f"{ARXIV}/{number}") for title, authors, number in PAPERS],
    }
