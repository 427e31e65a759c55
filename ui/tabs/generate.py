"""The *Generate* tab: what to draw on the left, the player on the right, and how they act on each other."""

import json
from html import escape
from typing import Any

import gradio as gr

from diffusion.samplers import SAMPLERS
from ui import player
from ui.events import Ask
from ui.handlers import Answers
from ui.precompute import Backstage
from ui.properties import guidance_properties, has_eta, tile_properties
from ui.tabs.advanced import Advanced
from ui.tabs.live import Live, asking
from ui.tabs.run_buttons import Buttons, stopping
from ui.texts import sampler_sentence, text
from ui.zero_gpu import on_gpu

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "tiles", "concurrency_limit": 1}  # who comes next finds them drawn


class GenerateTab:
    """Builds the tab inside an open ``gr.Blocks``."""

    def __init__(self, backstage: Backstage, header: gr.HTML, ask: Ask):
        self.ask = ask
        self.backstage = backstage
        self.answers = Answers(backstage)
        self.header = header
        self.about = self.backstage.engine.describe()  # of the model that the page starts with
        self.words: list[tuple[gr.components.Component, dict[str, str]]] = []  # what to translate: {property: key}
        with gr.Row(elem_classes="lab-grid"):
            with gr.Column(min_width=0, elem_classes="lab-card lab-pick"):
                self.build_pick()
            with gr.Column(min_width=0, elem_classes="lab-card lab-settings"):
                self.build_settings()
            with gr.Column(min_width=0, elem_classes="lab-player"):
                self.player = player.component([asking(self.answers), stopping(self.buttons.stops)])
            with gr.Column(min_width=0, elem_classes="lab-explain"):
                self.how = gr.HTML(how_it_works("en"), apply_default_css=False)
        self.wire()

    # ---- what is there -----------------------------------------------------------------------------------------------

    def build_pick(self) -> None:
        """What most people touch: the tiles, how much they count, Generate and Stop."""
        self.tiles = gr.HTML(
            html_template='<div class="digit-tiles"></div>',
            js_on_load=player.script("common.js", "tiles.js"),
            apply_default_css=False,
            elem_id="tiles",
            **tile_properties(self.about),
        )
        self.guidance = self.say(
            slider(0, step=0.1, **guidance_properties(self.about)), label="guidance", info="guidance_help"
        )
        self.live = Live(self.say, self.answers)
        self.buttons = Buttons(self.say)

    def build_settings(self) -> None:
        """How to sample, from which noise, with which model."""
        self.sampler = self.say(
            gr.Dropdown([(row.title, name) for name, row in SAMPLERS.items()], value=self.about["sampler"]),
            label="sampler",
        )
        self.sampler_note = gr.HTML(sampler_sentence(self.about["sampler"], "en"), elem_classes="lab-note")
        with gr.Row(elem_classes="lab-pair"):
            self.steps = self.say(
                gr.Number(self.about["steps"], precision=0, minimum=1, maximum=1000, min_width=110), label="steps"
            )
            self.num_images = self.say(slider(1, 64, step=1, value=16), label="num_images")
        self.steps_by_hand = gr.Checkbox(False, visible="hidden")
        self.eta = self.say(
            slider(0, 1, step=0.05, value=0, visible=has_eta(self.about["sampler"])), label="eta", info="eta_help"
        )
        with gr.Row(elem_classes="lab-pair"):
            self.seed = self.say(gr.Number(7, precision=0, minimum=0, maximum=2**32 - 1, min_width=110), label="seed")
            self.seed_mode = self.say(
                gr.Radio(seed_modes("en"), value="random", min_width=150, elem_id="seed-mode"), label="seed_mode"
            )
        with gr.Row(elem_classes="lab-pair lab-model"):
            self.model = self.say(
                gr.Dropdown(
                    self.backstage.choices("en"), value=self.backstage.engine.default, min_width=180, elem_id="model"
                ),
                label="model",
            )
            self.reload = self.say(gr.Button(size="sm", elem_id="reload", min_width=84, scale=0), value="reload")
        self.model_note = gr.HTML(escape(self.about["description"]), elem_classes="lab-note", elem_id="model-note")
        self.hub = self.say(
            gr.Textbox(placeholder="hub:owner/name", max_lines=1, max_length=200, elem_id="hub"), label="hub_box"
        )
        self.advanced = Advanced(self.say, self.about, self.backstage.classifiers(self.about, "en"))

    def say(self, component: Any, **keys: str) -> Any:
        """Give a component its words (property=key), now and whenever the language changes."""
        for name, key in keys.items():
            setattr(component, name, text(key, "en"))
        self.words.append((component, keys))
        return component

    # ---- what happens ------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        """All events of the tab."""
        answers, ask, classifier = self.answers, self.ask, self.advanced.controls["classifier"]
        sliders = [control for control in self.advanced.inputs() if control is not classifier]
        sampling = [self.sampler, self.steps, self.steps_by_hand, self.eta, self.seed, self.model]
        self.told = [self.tiles, self.num_images, self.guidance, *sampling, *self.advanced.inputs()]
        values = [*self.told, self.header]
        press = self.buttons.wire(ask, on_gpu(answers.draw), values, self.player, self.seed_mode, self.seed)

        by_hand = self.steps.input(fn=None, js="() => true", outputs=self.steps_by_hand)
        followed = ask(
            self.sampler.change,
            answers.follow_sampler,
            [self.sampler, self.model, self.steps_by_hand, self.header],
            [self.steps, self.eta, self.sampler_note],
            queue=False,
        )
        chosen = ask(
            self.model.change,
            answers.choose_model,
            [self.model, self.tiles, self.header],
            self.of_model(),
        )
        steered = ask(
            classifier.input,
            answers.choose_classifier,
            [self.model, classifier, self.tiles],
            [self.tiles, self.advanced.controls["classifier_scale"]],
        )
        translated = ask(
            self.header.change,
            answers.translate_choices,
            [self.sampler, self.model, self.header],
            self.of_language(),
            queue=False,
        )
        ask(
            self.hub.submit,
            answers.fetch,
            [self.hub, self.header],
            [self.model, self.model_note],
            concurrency_limit=1,  # one download at a time
        )
        found = ask(
            self.reload.click,
            answers.find_models,
            [self.model, classifier, self.tiles, self.header],
            [self.model, classifier, self.live.switch, self.tiles, self.model_note],
            concurrency_limit=1,  # it may ask the Hub
        )
        for event in (chosen, steered, found):
            ask(
                event.then,
                answers.draw_tiles,
                [self.model, classifier],
                self.tiles,
                **ONE_AT_A_TIME,
            )
        self.live.wire(
            ask,
            values,
            self.model,
            moved=[self.tiles, self.num_images, self.guidance, self.eta, self.seed, *sliders],
            by_hand=by_hand.then,
            settled=[event.then for event in (press, chosen, steered, followed, translated)],
        )

    def restored(self) -> dict[str, Any]:
        """An event of the browser that puts back what ``keeping.js`` has kept."""
        place, own = self.told.index(self.model), json.dumps(self.model.value)
        restore = f"() => window.digitPlayer.restore({len(self.told)}, {place}, {own})"
        return {"fn": None, "js": restore, "outputs": self.told}

    def of_model(self) -> list:
        """What changes with the model, in the order of ``Answers.choose_model``."""
        sampling = [self.sampler, self.steps, self.steps_by_hand, self.eta, self.sampler_note]
        return [self.tiles, self.guidance, self.live.switch, *sampling, *self.advanced.of_model(), self.model_note]

    def of_language(self) -> list:
        """What changes with the language and the server's answer, in the order of ``Answers.translate_choices``."""
        return [self.sampler_note, self.model_note, self.model, self.advanced.controls["classifier"], self.live.switch]

    def translations(self, language: str) -> list:
        """Updates with all of Gradio's own words in a language, in the order of ``translated()``."""
        words = (_words(keys, language) for _, keys in self.words)
        return [*words, gr.update(choices=seed_modes(language)), how_it_works(language)]

    def translated(self) -> list:
        """What ``translate`` has words for."""
        return [*(component for component, _ in self.words), self.seed_mode, self.how]


def _words(keys: dict[str, str], language: str) -> Any:
    """An update of a component's texts: {property: key}."""
    values: dict[str, Any] = {name: text(key, language) for name, key in keys.items()}
    return gr.update(**values)


def slider(minimum: float, maximum: float, **properties: Any) -> gr.Slider:
    """A slider without Gradio's reset button."""
    return gr.Slider(minimum, maximum, buttons=[], min_width=150, **properties)


def seed_modes(language: str) -> list[tuple[str, str]]:
    """The two choices for the next run's seed."""
    return [(text("random", language), "random"), (text("keep", language), "keep")]


def how_it_works(language: str) -> str:
    """Three cards: noise, guess, step."""
    cards = "".join(
        f'<article class="lab-card"><h3>{text(title, language)}</h3><p>{text(title + "_text", language)}</p></article>'
        for title in ("how_1", "how_2", "how_3")
    )
    return f'<section class="lab-how" aria-label="{text("how_title", language)}">{cards}</section>'
