"""What the *Generate* tab's events are answered with: no components here, only values for them.

Values come over HTTP from anyone, so each answer takes what it gets and says in words what is wrong with it.
"""

from collections.abc import Iterator
from contextlib import closing
from html import escape
from typing import Any

import gradio as gr

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.samplers import SAMPLERS
from diffusion.settings import Request
from ui import player
from ui.precompute import Backstage
from ui.properties import guidance_properties, has_eta, tile_properties
from ui.tabs.advanced import CONTROLS, advanced_settings, advanced_updates
from ui.texts import model_words, sampler_sentence, sentence, text

OF_MODEL = 10 + len(CONTROLS)  # the values that change with the model: ``choose_model`` gives as many
PEOPLE = 20  # are answered at the same time, by each kind of answer: those who draw share the network's batches
WAITING_PEOPLE = 32  # beyond so many who wait, people are asked to come back
LIVE_VALUES = 10 + len(CONTROLS)  # of a live request, after its number, and of ``draw``, after its name
LIVE_STEPS = 8  # more take too long to follow a hand


def asked_for(
    label: Any,
    num_images: Any,
    guidance_scale: Any,
    sampler: Any,
    steps: Any,
    by_hand: Any,
    eta: Any,
    seed: Any,
    model: Any,
    *advanced: Any,
) -> dict[str, Any]:
    """What the page's controls ask for, as settings of a ``Request``."""
    return {
        "label": label,
        "num_images": num_images,
        "guidance_scale": guidance_scale,
        "sampler": sampler,
        "steps": steps if by_hand else None,
        "eta": eta if has_eta(sampler) else None,
        "seed": seed,
        "model": model,
        **advanced_settings(*advanced),
    }


class Answers:
    """Answers from one engine and what was prepared backstage."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage
        self.engine = backstage.engine

    def asked(self, *values: Any) -> Request:
        """What the page's controls ask for, without what the model has no use for: they may not have heard yet of
        another model. Raises InputError."""
        settings = asked_for(*values)
        config = self.engine.load(Request(model=settings["model"]).model).config
        return Request(**{name: value for name, value in settings.items() if name not in config.useless})

    def draw(self, run: str, *values: Any) -> Iterator[str]:
        """One run of that name, as messages for the player. Closing the generator stops the computation."""
        *settings, language = values
        try:
            request = self.asked(*settings)
            size = self.engine.load(request.model).config.image_size
            with closing(self.engine.run(request)) as updates:
                for update in updates:
                    yield player.message(run, request, size, update)
        except InputError as error:
            yield player.failure(run, sentence(str(error), language))

    def draw_live(self, values: Any) -> str:
        """A finished sheet, as one message for the player. ``values``: the number of the request, then ``draw``'s."""
        run, language = "live", ""
        try:
            if not isinstance(values, list) or len(values) != 1 + LIVE_VALUES:
                raise InputError(f"live drawing takes a number and {LIVE_VALUES} values.")
            number, *settings, language = values
            run = f"live {number!r:.20}"
            request = self.asked(*settings)
            size = self.check_live(request).image_size
            update = player.merged(list(self.engine.run(request)))
            return player.message(run, request, size, update, live=True)
        except InputError as error:
            return player.failure(run, sentence(str(error), language))

    def check_live(self, request: Request) -> ModelConfig:
        """The model that is asked for, if it draws in few steps. Raises InputError."""
        config = self.engine.load(request.model).config
        if config.max_guidance is None:
            raise InputError(f"live drawing wants a model distilled to a few steps, which {config.name} is not.")
        steps = request.filled(config)["steps"]
        if steps > LIVE_STEPS:
            raise InputError(f"live drawing takes at most {LIVE_STEPS} steps, not {steps}: Generate draws those.")
        return config

    def switch_live(self, on: Any, ref: Any) -> Any:
        """The model to draw live with: the chosen one or, where that takes many steps, the first that does not."""
        quick = self.quick_models()
        return quick[0] if on and quick and ref not in quick else gr.skip()

    def quick_models(self) -> list[str]:
        """The references of the models that draw in a few steps."""
        return [entry.ref for entry in self.engine.models() if entry.few_steps]

    def follow_sampler(self, sampler: Any, model: Any, by_hand: Any, language: Any) -> list:
        """Steps as the sampler (or the model, for its own sampler) likes them, eta where it applies, what it does."""
        try:
            request = Request(sampler=sampler, model=model)
            about = self.engine.describe(request.model)
        except InputError as error:
            return [gr.skip(), gr.skip(), escape(sentence(str(error), language))]
        sampler = request.sampler or about["sampler"]
        steps = about["steps"] if sampler == about["sampler"] else SAMPLERS[sampler].default_steps
        return [
            gr.skip() if by_hand else steps,
            gr.update(visible=has_eta(sampler)),
            sampler_sentence(sampler, language),
        ]

    def choose_model(self, ref: Any, label: Any, language: Any) -> list:
        """The controls for a model: its labels, its own sampler, steps and guidance; or why it cannot be had."""
        try:
            about = self.engine.describe(Request(model=ref).model)
        except InputError as error:
            return [*[gr.skip()] * (OF_MODEL - 1), escape(sentence(str(error), language))]
        advanced = advanced_updates(about, self.backstage.classifiers(about, language))
        return [
            gr.update(**tile_properties(about, label)),
            gr.update(**guidance_properties(about)),
            gr.update(**self.switch_properties(about)),
            about["sampler"],
            about["steps"],
            False,
            gr.update(visible=has_eta(about["sampler"])),
            sampler_sentence(about["sampler"], language),
            *(gr.update(**properties) for properties in advanced.values()),
            self.note(ref, about, language),
        ]

    def choose_classifier(self, ref: Any, classifier: Any, label: Any) -> list:
        """The tiles for a model steered by a classifier, or by none, and whether there is a strength to set."""
        try:
            request = Request(model=ref, classifier=classifier)
            about = self.engine.describe(request.model, request.classifier)
        except InputError:  # nobody comes here by the page
            return [gr.skip(), gr.skip()]
        return [gr.update(**tile_properties(about, label)), gr.update(visible=bool(request.classifier))]

    def draw_tiles(self, ref: Any, classifier: Any) -> Any:
        """What the model draws for each label; the names alone where it cannot be had, which is said elsewhere."""
        try:
            request = Request(model=ref, classifier=classifier)
            return gr.update(thumbnails=self.backstage.thumbnails(request.model, request.classifier))
        except InputError:
            return gr.skip()

    def find_models(self, ref: Any, classifier: Any, label: Any, language: Any) -> list:
        """The models and classifiers there are now: runs trained meanwhile, and what has changed on the Hub. Where the
        chosen model has gone, the default is chosen, which the page then sets itself up for; the tiles are those of
        what is there."""
        self.engine.registry.refresh()
        entries = self.engine.models()
        there = [entry.ref for entry in entries]
        said = text("reloaded", language).format(n=sum(entry.task != "classification" for entry in entries))
        models, classifiers, live = self.choices(ref, language)
        if ref and ref not in there:
            gr.Warning(text("gone", language).format(ref=escape(str(ref)[:100])))
            models = gr.update(choices=self.backstage.choices(language), value=self.engine.default)
            return [models, classifiers, live, gr.skip(), said]
        tiles = gr.skip()
        try:
            steered = classifier if classifier in there else ""
            tiles = gr.update(**tile_properties(self.engine.describe(Request(model=ref).model, steered), label))
            if classifier != steered:
                classifiers = {**classifiers, "value": ""}
        except InputError as error:
            said = escape(sentence(str(error), language))
        return [models, classifiers, live, tiles, said]

    def fetch(self, ref: Any, language: Any) -> Iterator[list]:
        """Fetch a model from the Hub by its name and choose it; or say why it cannot be had."""
        ref = "hub:" + str(ref).strip().removeprefix("hub:")[:200]
        yield [gr.skip(), text("fetching", language).format(ref=escape(ref))]
        try:
            self.engine.load(ref)
        except InputError as error:
            yield [gr.skip(), escape(sentence(str(error), language))]
        else:
            yield [gr.update(choices=self.backstage.choices(language), value=ref), gr.skip()]

    def translate_choices(self, sampler: Any, ref: Any, language: Any) -> list:
        """The words that depend on what is chosen, and on what there is to choose."""
        try:
            ref = Request(model=ref).model
            note = self.note(ref, self.engine.describe(ref), language)
        except InputError as error:
            note = escape(sentence(str(error), language))
        return [sampler_sentence(sampler, language), note, *self.choices(ref, language)]

    def choices(self, ref: Any, language: Any) -> list:
        """Updates of the two dropdowns, models and classifiers for one of them, and of the switch of live drawing: it
        is seen where there is a model that can do it."""
        try:
            classifiers = gr.update(
                choices=self.backstage.classifiers(self.engine.describe(Request(model=ref).model), language)
            )
        except InputError:
            classifiers = gr.skip()
        live = gr.update(visible=bool(self.quick_models()))
        return [gr.update(choices=self.backstage.choices(language)), classifiers, live]

    def switch_properties(self, about: dict[str, Any]) -> dict[str, Any]:
        """The switch of live drawing after a model was chosen (``Engine.describe``): off where that is too slow."""
        properties = {"visible": bool(self.quick_models())}
        return properties if about["max_guidance"] else properties | {"value": False}

    def note(self, ref: str, about: dict[str, Any], language: Any) -> str:
        """What a model is, as HTML."""
        return escape(model_words(ref or self.engine.default, about["title"], about["description"], language)[1])
