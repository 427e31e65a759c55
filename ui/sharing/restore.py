"""The controls of the *Generate* tab as a checked view has them."""

from html import escape
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from diffusion.settings import SETTINGS
from ui.choices import Choices
from ui.controls import model_properties, tile_properties
from ui.i18n import error_text, sampler_description
from ui.request import REQUEST_SETTINGS
from ui.sharing.views import Values, Views


class Restore:
    """The handler that brings values from a link, a picture or an earlier run back into the controls."""

    def __init__(self, choices: Choices, views: Views):
        self.choices, self.views = choices, views

    def __call__(self, sent: Values) -> Values:
        """Updates by name. ``sent``: what is to be "restored", and which "model" and "classifier" are chosen now. They
        set up everything that a choice of the model would."""
        language = sent.get("language")
        try:
            values = self.views.check("generate", sent.get("restored")).values
            ref, classifier, label = values["model"], values["classifier"], values["label"]
            info = self.choices.engine.describe(ref, classifier)
        except InputError as error:
            return {"model_note": escape(error_text(error, language))}
        properties = model_properties(info, values["sampler"], classifier)
        for name, shown in properties.items():
            shown["value"] = values.get(name, SETTINGS[name].default)
            if (maximum := slider_end(name, shown)) is not None:
                shown["maximum"] = maximum
        same = (sent.get("model"), sent.get("classifier") or "") == (ref, classifier)
        tiles = {} if same else tile_properties(info)
        return {name: gr.update(**shown) for name, shown in properties.items()} | {
            "label": gr.update(**tiles | {"value": label}),
            "num_images": values["num_images"],
            "model": gr.update(value=ref, choices=self.choices.models(language)),
            "classifier": gr.update(
                choices=self.choices.classifiers(info, language), value=classifier, visible=bool(info.classifiers)
            ),
            "live": gr.update(**self.choices.live_properties(info)),
            "steps_by_hand": True,
            "seed_mode": "keep",
            "sampler_note": sampler_description(values["sampler"], language),
            "model_note": self.choices.model_note(ref, info, language),
        }


def slider_end(name: str, shown: dict[str, Any]) -> float | None:
    """The largest value of a slider, which has room for the one that it is to show; None where it is no slider."""
    slider = REQUEST_SETTINGS[name].slider
    return None if slider is None else max(shown.get("maximum", slider[0]), shown["value"])
