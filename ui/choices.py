"""What the page shows when somebody chooses: a model, a sampler, a classifier, a language; and which models there are.

Handlers take values by name and return properties or values for outputs by name. The browser calls them past Gradio's
events, because it alone knows what a hand has set meanwhile (``ui/web/choices.js``): ``answer``.
"""

from collections.abc import Callable, Iterator
from html import escape
from textwrap import shorten
from typing import Any

import gradio as gr

from diffusion.advice import warning
from diffusion.errors import InputError
from diffusion.io.guesses import hub_reference
from ui.calls import Values, checked
from ui.controls import model_properties, tile_properties
from ui.engine import ModelInfo
from ui.handlers import Handlers
from ui.i18n import error_text, model_words, sampler_description, text
from ui.precompute import Precomputed
from ui.registry import HUB, ModelEntry
from ui.request import Request

MAX_TYPED = 200  # characters of a model's name or address


class Choices:
    """Handlers of one engine and what was computed beforehand."""

    def __init__(self, precomputed: Precomputed, handlers: Handlers):
        self.precomputed, self.handlers = precomputed, handlers
        self.engine = precomputed.engine
        self.questions: dict[str, Callable[[Values], Values]] = {
            "model": self.choose_model,
            "sampler": self.choose_sampler,
            "advice": self.advise,
            "classifier": self.choose_classifier,
            "tiles": self.sample_tiles,
            "words": self.translate,
            "reload": self.reload,
            "settings": self.settings,
            "fetched": self.fetched,
            "arrived": self.arrived,
            "live": self.switch_live,
        }

    def answer(self, what: Any, values: Any) -> Values:
        """What a handler of the page returns, by its name. Raises InputError for what none is called."""
        handler = self.questions.get(what) if isinstance(what, str) else None
        if handler is None:
            raise InputError("page.values_by_name")
        return handler(checked(values))

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
        """The controls for a model: its labels, its own values; or why it cannot be had."""
        language = values.get("language")
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

    def settings(self, values: Values) -> Values:
        """The controls for a model and a classifier that come with settings, and may not be in the lists yet."""
        shown, classifier = self.choose_model(values), values.get("classifier")
        if "label" not in shown:
            return shown
        if classifier and (guided := self.choose_classifier(values)):
            shown |= guided | {"classifier": shown["classifier"] | {"value": classifier}}
        return shown | {"model": gr.update(choices=self.models(values.get("language")))}

    def selected(self, ref: str, values: Values) -> Values:
        """The page with another model than the one that somebody has chosen."""
        shown, language = self.choose_model(values | {"model": ref}), values.get("language")
        return shown if "label" not in shown else shown | {"model": gr.update(choices=self.models(language), value=ref)}

    def reload(self, values: Values) -> Values:
        """The models and classifiers there are now: runs trained meanwhile, and what has changed on the Hub. Where the
        chosen model has gone, the page is set up for the default; the tiles are those of what is there."""
        ref, language, classifier = values.get("model"), values.get("language"), values.get("classifier")
        self.engine.registry.refresh()
        entries = self.engine.models()
        there = [entry.ref for entry in entries]
        count = sum(entry.task != "classification" for entry in entries)
        if ref and ref not in there:
            gone = text("models.gone", language, ref=str(ref)[:100])
            return self.selected(self.engine.default, values) | {"model_note": escape(gone)}
        result = self.lists(values) | {"model_note": text("models.found", language, n=count)}
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
        """Fetch a model from the Hub by its name or its address, and say what has become of it; see ``fetched``."""
        language = values.get("language")
        if not str(values.get("hub")).strip():
            yield {"hub_note": text("models.hub_empty", language)}
            return
        try:
            ref = typed_reference(values)
            yield {"hub_note": text("models.fetching", language, ref=escape(ref))}
            self.engine.load(ref)
        except InputError as error:
            yield {"hub_note": escape(error_text(error, language))}
        else:
            yield {"hub_note": text("models.fetched", language, ref=escape(ref))}

    def fetched(self, values: Values) -> Values:
        """The page with a model that was fetched from the Hub, if it was."""
        try:
            ref = typed_reference(values)
        except InputError:
            return {}
        return self.selected(ref, values) if ref in [entry.ref for entry in self.engine.models()] else {}

    def arrived(self, values: Values) -> Values:
        """The page with the host's own model from the Hub, now that it has come, unless somebody has begun to choose
        (``touched``)."""
        ref, language = self.engine.registry.own, values.get("language")
        if self.engine.default != ref:
            return {}
        if values.get("touched"):
            return self.lists(values) | {"notice": text("hub.arrived_beside", language, ref=escape(ref))}
        return self.selected(ref, values) | {"notice": text("hub.arrived", language, ref=escape(ref))}

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
        """The page with a model to sample live with, where the chosen one takes many steps."""
        quick = self.handlers.few_step_models()
        other = values.get("live") and quick and values.get("model") not in quick
        return self.selected(quick[0], values) if other else {}

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


def typed_reference(values: Values) -> str:
    """The model of the Hub whose name or address somebody has typed. Raises InputError."""
    typed = str(values.get("hub")).strip()[:MAX_TYPED]
    return hub_reference(typed) or hub_reference(HUB + typed) or HUB + typed


def _choice(entry: ModelEntry, language: Any) -> tuple[str, str]:
    """A dropdown's choice is one string. style.css sets its first line apart from its second; the field above the list
    has but one line, where a wide space stands between them."""
    title, description = model_words(entry.ref, entry.title, entry.description, language)
    if entry.problem is not None:
        description = error_text(entry.problem, language)
    source = text(f"models.{entry.source}", language)
    return f"{title} · {source}\u2003\n{shorten(description, 110, placeholder='…')}", entry.ref
