"""The *Advanced* section of the tab: when guidance acts, guidance by a classifier or by the model itself, and FreeU.
Shown where the model has a use for it."""

from collections.abc import Callable
from typing import Any

import gradio as gr

NO_FREEU = 1.0  # either scale of FreeU, switched off
STEERING = 3.0  # a classifier's strength at first: by itself, at 1, it is easily overruled
SLIDERS = {  # the largest value, and the step; the smallest is 0
    "guidance_t_max": (1, 0.05),
    "guidance_t_min": (1, 0.05),
    "guidance_power": (4, 0.5),
    "classifier_scale": (20, 0.1),
    "skip_scale": (6, 0.1),
    "freeu_b": (2, 0.05),
    "freeu_s": (2, 0.05),
}
# The settings of a request that have a control here, as they stand on the page and in what a run is told.
CONTROLS = (
    *("guidance_t_max", "guidance_t_min", "guidance_power"),
    *("classifier", "classifier_scale", "skip_scale", "freeu_b", "freeu_s"),
)


class Advanced:
    """Builds the section inside an open ``gr.Blocks``; ``say`` gives a component its words, in either language.

    ``controls`` are its components by name, in the order of ``CONTROLS``.
    """

    def __init__(self, say: Callable[..., Any], about: dict[str, Any], classifiers: list[tuple[str, str]]):
        shown = advanced_updates(about, classifiers)
        self.box = say(gr.Accordion(open=False, elem_id="advanced", **shown["box"]), label="advanced")
        self.controls: dict[str, Any] = {}
        with self.box:
            for name in CONTROLS:
                control = gr.Dropdown(**shown[name]) if name == "classifier" else slider(name, **shown[name])
                self.controls[name] = say(control, label=name, info=f"{name}_help")

    def inputs(self) -> list:
        """What a run is told, in the order of ``advanced_settings``."""
        return list(self.controls.values())

    def of_model(self) -> list:
        """What changes with the model, in the order of ``advanced_updates``."""
        return [self.box, *self.inputs()]


def slider(name: str, **properties: Any) -> gr.Slider:
    """The slider of a setting, without Gradio's reset button."""
    most, step = SLIDERS[name]
    return gr.Slider(0, most, step=step, buttons=[], **{"value": STEERING, **properties})


def advanced_updates(about: dict[str, Any], classifiers: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """The properties of the section ("box") and of its controls for a model (``Engine.describe``): everything off, and
    only what applies to be seen. ``classifiers`` are the dropdown's choices, of which "none" is the first."""
    steerable, freeu = bool(about["classifiers"]), bool(about["freeu"])
    limited = about["skips"] or about["two_passes"]
    shown: dict[str, dict[str, Any]] = {
        "box": {"visible": steerable or freeu or limited},
        "guidance_t_max": {"value": about["guidance_t_max"], "visible": limited},
        "guidance_t_min": {"value": about["guidance_t_min"], "visible": limited},
        "guidance_power": {"value": about["guidance_power"], "visible": about["two_passes"]},
        "classifier": {"choices": classifiers, "value": "", "visible": steerable},
        "classifier_scale": {"visible": False},  # until a classifier is chosen; it keeps its value
        "skip_scale": {"value": about["skip_scale"], "visible": about["skips"]},
        "freeu_b": {"value": NO_FREEU, "visible": freeu},
        "freeu_s": {"value": NO_FREEU, "visible": freeu},
    }
    return {name: shown[name] for name in ("box", *CONTROLS)}


def advanced_settings(*values: Any) -> dict[str, Any]:
    """The values of ``Advanced.inputs`` as settings of a ``Request``; what is switched off is not among them."""
    settings = dict(zip(CONTROLS, values, strict=True))
    off = [name for name in ("freeu_b", "freeu_s") if settings[name] == NO_FREEU]
    off += [] if settings["classifier"] else ["classifier", "classifier_scale"]
    return {name: value for name, value in settings.items() if name not in off}
