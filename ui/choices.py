"""What the page shows when somebody chooses: a model, a sampler, a classifier, a language; and which models there are.

Handlers take values by name and return properties or values for outputs by name (``ui/calls.py``).
"""

from collections.abc import Iterator
from html import escape
from textwrap import shorten
from typing import Any

import gradio as gr

from diffusion.advice import warning
from diffusion.errors import InputError
from ui.calls import Values
from ui.controls import model_properties, tile_properties
from ui.engine import ModelInfo
from ui.handlers import Handlers
from ui.i18n import error_text, model_words, sampler_description, text
from ui.precompute import Precomputed
from ui.registry import HUB, ModelEntry
from ui.request import Request


class Choices:
    """Handlers of one engine and what was computed beforehand."""

    def __init__(self, precomputed: Precomputed, handlers: Handlers):
        self.precomputed, self.handlers = precomputed, handlers
        self.engine = precomputed.engine

    def choose_sampler(self, values: Values) -> Values:
        """Steps as the sampler (or the model, for its own sampler) likes them, eta where it applies, and a note."""
        language = values.get("language")
        try:
            request = Request(sampler=values.get("sampler"), model=values.get("model"))
            properties = model_properties(self.engine.describe(request.model), request.sampler)
        except InputError as error:
            return {"sampler_note": escape(error_text(error, language))}
        steps = {} if values.get("steps_by_hand") else {"steps": properties["steps"]["value"]}
        eta = gr.update(visible=properties["eta"]["visible"])
        return steps | {"eta": eta} | self.advise(values)

    def advise(self, values: Values) -> Values:
        """A note on the sampler, and on steps with which there will be no picture."""
        language = values.get("language")
        note = sampler_description(values.get("sampler"), language)
        typed = {name: values.get(name) for name in ("steps", "respacing") if values.get("steps_by_hand")}
        try:
            request = Request(sampler=values.get("sampler"), model=values.get("model"), **typed)
            config = self.engine.describe(request.model).config
            advice = warning(config, request.resolve(config))
        except InputError:  # said when it is sampled with
            advice = None
        said = "" if advice is None else f' <strong role="status">{escape(error_text(advice, language))}</strong>'
        return {"sampler_note": f"{note}{said}"}

    def choose_model(self, values: Values) -> Values:
        """The controls for a model: its labels, its own values; or why it cannot be had. Nothing where the model was
        restored with its controls ("set_up_for", see ``ui.sharing.restore``), which is so once."""
        language = values.get("language")
        if values.get("set_up_for") and values["set_up_for"] == values.get("model"):
            return {"set_up_for": ""}
        try:
            ref = Request(model=values.get("model")).model
            info = self.engine.describe(ref)
        except InputError as error:
            return {"model_note": escape(error_text(error, language))}
        properties = model_properties(info)
        controls = {name: gr.update(**shown) for name, shown in properties.items()}
        return controls | {
            "label": gr.update(**tile_properties(info, values.get("label"))),
            "live": gr.update(**self.live_properties(info)),
            "steps_by_hand": False,
            "sampler_note": sampler_description(properties["sampler"]["value"], language),
            "classifier": gr.update(choices=self.classifiers(info, language), value="", visible=bool(info.classifiers)),
            "model_note": self.model_note(ref, info, language),
        }

    def choose_classifier(self, values: Values) -> Values:
        """The tiles for a model guided by a classifier, or by none, and whether there is a strength to set."""
        try:
            request = Request(model=values.get("model"), classifier=values.get("classifier"))
            info = self.engine.describe(request.model, request.classifier)
        except InputError:  # nobody comes here by the page
            return {}
        return {
            "label": gr.update(**tile_properties(info, values.get("label"))),
            "classifier_scale": gr.update(visible=bool(request.classifier)),
        }

    def sample_tiles(self, values: Values) -> Values:
        """A sample of the model for each label; the names alone where it cannot be had, which is said elsewhere."""
        try:
            request = Request(model=values.get("model"), classifier=values.get("classifier"))
            return {"label": gr.update(thumbnails=self.precomputed.thumbnails(request.model, request.classifier))}
        except InputError:
            return {}

    def reload(self, values: Values) -> Values:
        """The models and classifiers there are now: runs trained meanwhile, and what has changed on the Hub. Where the
        chosen model has gone, the default is chosen, which the page then sets itself up for; the tiles are those of
        what is there."""
        ref, language, classifier = values.get("model"), values.get("language"), values.get("classifier")
        self.engine.registry.refresh()
        entries = self.engine.models()
        there = [entry.ref for entry in entries]
        count = sum(entry.task != "classification" for entry in entries)
        result = self.lists(values) | {"model_note": text("models.found", language, n=count)}
        if ref and ref not in there:
            gr.Warning(text("models.gone", language, ref=escape(str(ref)[:100])))
            return result | {"model": gr.update(choices=self.models(language), value=self.engine.default)}
        try:
            guided = classifier if classifier in there else ""
            info = self.engine.describe(Request(model=ref).model, guided)
        except InputError as error:
            return result | {"model_note": escape(error_text(error, language))}
        result["label"] = gr.update(**tile_properties(info, values.get("label")))
        if classifier != guided:
            result["classifier"] = gr.update(choices=self.classifiers(info, language), value="")
        return result

    def fetch(self, values: Values) -> Iterator[Values]:
        """Fetch a model from the Hub by its name and choose it; or say why it cannot be had."""
        language = values.get("language")
        ref = HUB + str(values.get("hub")).strip().removeprefix(HUB)[:200]
        yield {"model_note": text("models.fetching", language, ref=escape(ref))}
        try:
            self.engine.load(ref)
        except InputError as error:
            yield {"model_note": escape(error_text(error, language))}
        else:
            yield {"model": gr.update(choices=self.models(language), value=ref)}

    def translate(self, values: Values) -> Values:
        """The words that depend on what is chosen, and on what there is to choose."""
        ref, language = values.get("model"), values.get("language")
        try:
            ref = Request(model=ref).model
            note = self.model_note(ref, self.engine.describe(ref), language)
        except InputError as error:
            note = escape(error_text(error, language))
        notes = {"sampler_note": sampler_description(values.get("sampler"), language), "model_note": note}
        return notes | self.lists(values)

    def lists(self, values: Values) -> Values:
        """Updates of the two dropdowns, models and classifiers for one of them, and of the switch of live sampling: it
        is seen where there is a model that can do it."""
        language = values.get("language")
        lists = {
            "model": gr.update(choices=self.models(language)),
            "live": gr.update(visible=bool(self.handlers.few_step_models())),
        }
        try:
            info = self.engine.describe(Request(model=values.get("model")).model)
        except InputError:
            return lists
        return lists | {"classifier": gr.update(choices=self.classifiers(info, language))}

    def switch_live(self, values: Values) -> Values:
        """The model to sample live with: the chosen one or, where that takes many steps, the first that does not."""
        quick = self.handlers.few_step_models()
        return {"model": quick[0]} if values.get("live") and quick and values.get("model") not in quick else {}

    def live_properties(self, info: ModelInfo) -> dict[str, Any]:
        """The switch of live sampling after a model was chosen: off where that is too slow."""
        properties = {"visible": bool(self.handlers.few_step_models())}
        return properties if info.config.max_guidance else properties | {"value": False}

    def models(self, language: Any) -> list[tuple[str, str]]:
        """The models that generate, for a dropdown: (what it is and where it comes from, reference)."""
        return [_choice(entry, language) for entry in self.engine.models() if entry.task != "classification"]

    def classifiers(self, info: ModelInfo, language: Any) -> list[tuple[str, str]]:
        """The same for the classifiers that may guide a model, after "none"."""
        fitting = [entry for entry in self.engine.models() if entry.ref in info.classifiers]
        return [(text("models.none", language), ""), *(_choice(entry, language) for entry in fitting)]

    def model_note(self, ref: str, info: ModelInfo, language: Any) -> str:
        """What a model is, as HTML."""
        title = info.config.title or info.config.name
        return escape(model_words(ref or self.engine.default, title, info.config.description, language)[1])


def _choice(entry: ModelEntry, language: Any) -> tuple[str, str]:
    """A dropdown's choice is one string. style.css sets its first line apart from its second; the field above the list
    has but one line, where a wide space stands between them."""
    title, description = model_words(entry.ref, entry.title, entry.description, language)
    if entry.problem is not None:
        description = error_text(entry.problem, language)
    source = text(f"models.{entry.source}", language)
    return f"{title} · {source}\u2003\n{shorten(description, 110, placeholder='…')}", entry.ref
