"""The *Advanced* section of the tab: when guidance acts, guidance by a classifier or by the model itself, and FreeU.
Shown where the model has a use for it."""

from collections.abc import Callable
from typing import Any

import gradio as gr

NO_FREEU = 1.0  # either scale of FreeU, switched off
LIMITS = ("guidance_t_max", "guidance_t_min")  # in the order of sampling
MOST_POWER = 4  # of guidance by a power law
STEERING = 3.0  # a classifier's strength at first: by itself, at 1, it is easily overruled


class Advanced:
    """Builds the section inside an open ``gr.Blocks``; ``say`` gives a component its words, in either language."""

    def __init__(self, say: Callable[..., Any], about: dict[str, Any], classifiers: list[tuple[str, str]]):
        shown = advanced_updates(about, classifiers)
        self.box = say(gr.Accordion(open=False, elem_id="advanced", **shown[0]), label="advanced")
        with self.box:
            self.t_max, self.t_min = (
                say(gr.Slider(0, 1, step=0.05, buttons=[], **own), label=key, info=f"{key}_help")
                for key, own in zip(LIMITS, shown[6:8], strict=True)
            )
            self.power = say(
                gr.Slider(0, MOST_POWER, step=0.5, buttons=[], **shown[8]),
                label="guidance_power",
                info="guidance_power_help",
            )
            self.classifier = say(gr.Dropdown(**shown[1]), label="classifier", info="classifier_help")
            self.scale = say(
                gr.Slider(0, 20, step=0.1, value=STEERING, buttons=[], **shown[2]),
                label="classifier_scale",
                info="classifier_scale_help",
            )
            self.skip = say(
                gr.Slider(0, 6, step=0.1, buttons=[], **shown[5]), label="skip_scale", info="skip_scale_help"
            )
            self.freeu_b = say(gr.Slider(0, 2, step=0.05, buttons=[], **shown[3]), label="freeu_b", info="freeu_b_help")
            self.freeu_s = say(gr.Slider(0, 2, step=0.05, buttons=[], **shown[4]), label="freeu_s", info="freeu_s_help")

    def inputs(self) -> list:
        """What a run is told, in the order of ``advanced_settings``."""
        guidance = [self.skip, self.t_max, self.t_min, self.power]
        return [self.classifier, self.scale, self.freeu_b, self.freeu_s, *guidance]

    def of_model(self) -> list:
        """What changes with the model, in the order of ``advanced_updates``."""
        return [self.box, *self.inputs()]


def advanced_updates(about: dict[str, Any], classifiers: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The properties of the section and its controls for a model (``Engine.describe``): everything off, and only what
    applies to be seen. ``classifiers`` are the dropdown's choices, of which "none" is the first."""
    steerable, freeu = bool(about["classifiers"]), bool(about["freeu"])
    skips = bool(about["skips"])
    weighed = bool(about["two_passes"])
    limited = skips or weighed
    return [
        {"visible": steerable or freeu or limited},
        {"choices": classifiers, "value": "", "visible": steerable},
        {"visible": False},
        *[{"value": NO_FREEU, "visible": freeu}] * 2,
        {"value": about["skip_scale"], "visible": skips},
        *({"value": about[name], "visible": limited} for name in LIMITS),
        {"value": about["guidance_power"], "visible": weighed},
    ]


def advanced_settings(
    classifier: Any,
    scale: Any,
    freeu_b: Any,
    freeu_s: Any,
    skip: Any = None,
    t_max: Any = None,
    t_min: Any = None,
    power: Any = None,
) -> dict[str, Any]:
    """The values of ``Advanced.inputs`` as settings of a ``Request``; what is switched off is not among them."""
    settings = {"freeu_b": freeu_b, "freeu_s": freeu_s}
    settings = {name: value for name, value in settings.items() if value != NO_FREEU}
    settings |= {"skip_scale": skip, "guidance_t_max": t_max, "guidance_t_min": t_min, "guidance_power": power}
    return settings | ({"classifier": classifier, "classifier_scale": scale} if classifier else {})
