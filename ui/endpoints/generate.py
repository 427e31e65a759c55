"""The public endpoint ``/generate``: for gradio_client, plain HTTP and MCP (``tools.py``). Its parameters
and their documentation are those of a ``Request``."""

from typing import Any

from ui.endpoints import sampled
from ui.engine import Engine
from ui.request import REQUEST_SETTINGS, Request

DESCRIPTION = "Sample images from a diffusion model."


def parameter_names() -> list[str]:
    """The parameters in their order, in which plain HTTP calls give them: what most calls need comes first."""
    everyday = [name for name, setting in REQUEST_SETTINGS.items() if not setting.advanced]
    first = ["label", "num_images", "sampler", "steps", "guidance_scale", "seed", "model", "classifier"]
    advanced = [name for name, setting in REQUEST_SETTINGS.items() if setting.advanced]
    return [*first, *advanced, *(name for name in everyday if name not in first)]


def default_of(name: str) -> Any:
    """What a call may leave out."""
    unset = Request.model_fields[name].default
    return "" if unset is None and REQUEST_SETTINGS[name].kind in ("text", "choice") else unset


PARAMETERS = {name: REQUEST_SETTINGS[name] for name in parameter_names()}
DEFAULTS = {name: default_of(name) for name in PARAMETERS}


def add(engine: Engine) -> None:
    """Put the endpoint into the open ``gr.Blocks``."""
    sampled.add(
        "generate", DESCRIPTION, PARAMETERS, DEFAULTS, lambda values: engine.run(Request(**values), watched=False)
    )
