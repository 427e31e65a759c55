"""What the *Generate* tab's events are answered with: no components here, only values for them.

Values come over HTTP from anyone, so each answer takes what it gets and says in words what is wrong with it.
"""

from collections.abc import Iterator
from contextlib import closing
from html import escape
from typing import Any
from uuid import uuid4

import gradio as gr

from diffusion.errors import InputError
from diffusion.request import Request
from diffusion.samplers import SAMPLERS
from ui import player
from ui.backstage import Backstage
from ui.texts import sampler_sentence, text

OF_MODEL = 8  # the values that change with the model: ``choose_model`` gives as many


class Answers:
    """Answers from one engine and what was prepared backstage."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage
        self.engine = backstage.engine

    def draw(self, *values: Any) -> Iterator[str]:
        """One run, as messages for the player. Closing the generator stops the computation."""
        label, num_images, guidance_scale, sampler, steps, by_hand, eta, seed, model = values
        run = uuid4().hex
        try:
            request = Request(
                label=label,
                num_images=num_images,
                guidance_scale=guidance_scale,
                sampler=sampler,
                steps=steps if by_hand else None,
                eta=eta if has_eta(sampler) else None,
                seed=seed,
                model=model,
            )
            size = self.engine.describe(request.model)["image_size"]
            with closing(self.engine.run(request)) as updates:
                for update in updates:
                    yield player.message(run, request, size, update)
        except InputError as error:
            yield player.failure(run, str(error))

    def follow_sampler(self, sampler: Any, model: Any, by_hand: Any, language: Any) -> list:
        """Steps as the sampler (or the model, for its own sampler) likes them, eta where it applies, what it does."""
        try:
            request = Request(sampler=sampler, model=model)
            about = self.engine.describe(request.model)
        except InputError as error:
            return [gr.skip(), gr.skip(), escape(str(error))]
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
            return [*[gr.skip()] * (OF_MODEL - 1), escape(str(error))]
        names = about["label_names"]
        return [
            gr.update(value=label if label in names else default_label(names), names=names, thumbnails=[]),
            gr.update(value=about["guidance_scale"], visible=bool(names)),
            about["sampler"],
            about["steps"],
            False,
            gr.update(visible=has_eta(about["sampler"])),
            sampler_sentence(about["sampler"], language),
            escape(about["description"]),
        ]

    def draw_tiles(self, ref: Any) -> Any:
        """What the model draws for each label; the names alone where it cannot be had, which is said elsewhere."""
        try:
            return gr.update(thumbnails=self.backstage.thumbnails(Request(model=ref).model))
        except InputError:
            return gr.skip()

    def find_models(self, language: Any) -> list:
        """The models there are now; a run trained since the last look is among them."""
        choices = self.backstage.choices(language)
        return [gr.update(choices=choices), text("reloaded", language).format(n=len(choices))]

    def fetch(self, ref: Any, language: Any) -> Iterator[list]:
        """Fetch a model from the Hub by its name and choose it; or say why it cannot be had."""
        ref = "hub:" + str(ref).strip().removeprefix("hub:")[:200]
        yield [gr.skip(), text("fetching", language).format(ref=escape(ref))]
        try:
            self.engine.load(ref)
        except InputError as error:
            yield [gr.skip(), escape(str(error))]
        else:
            yield [gr.update(choices=self.backstage.choices(language), value=ref), gr.skip()]

    def translate_choices(self, sampler: Any, language: Any) -> list:
        """The words that depend on what is chosen, and on what there is to choose."""
        return [sampler_sentence(sampler, language), gr.update(choices=self.backstage.choices(language))]


def default_label(names: list[str]) -> str:
    """What is chosen at first: from the middle of the labels, or "" (any) where there are none."""
    return names[len(names) // 2] if names else ""


def has_eta(sampler: Any) -> bool:
    """Whether a sampler, if it is one, has the option eta."""
    return isinstance(sampler, str) and sampler in SAMPLERS and "eta" in SAMPLERS[sampler].options
