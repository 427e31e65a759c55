"""The public endpoint ``/fork``: a run, and what becomes of it when it goes on from one of its steps with other
settings."""

from typing import Any

from diffusion.settings_schema import Setting
from ui.endpoints import generate, sampled
from ui.lab.fork import EXAMPLE, ForkLab, ForkRequest

DESCRIPTION = """Sample images, but from one step on with other settings: another label, sampler, guidance scale, seed
of the noise to come, or another model that removes the same kind of noise."""
FORKS = Setting(
    'What changes on the way: a JSON list of objects, each with the "step" (0 is pure noise) from which on its other'
    ' entries hold, settings by their names, such as "label"; each goes on from the one before',
    "text",
)
PARAMETERS = {"forks": FORKS, **generate.PARAMETERS}
DEFAULTS = {"forks": EXAMPLE, **generate.DEFAULTS}


def add(lab: ForkLab) -> None:
    """Put the endpoint into the open ``gr.Blocks``."""

    def run(values: dict[str, Any]) -> Any:
        forks = values.pop("forks")
        return lab.run(ForkRequest.of(values, forks), watched=False)

    sampled.add("fork", DESCRIPTION, PARAMETERS, DEFAULTS, run)
