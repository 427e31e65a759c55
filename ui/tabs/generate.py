"""The *Generate* tab: what to sample on the left, the player on the right, and how they act on each other."""

import json
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from diffusion.settings import SETTINGS
from ui import i18n, player
from ui.calls import call, choose, in_browser, updating
from ui.choices import MAX_TYPED, Choices
from ui.controls import control, model_properties, tile_properties
from ui.estimate import Estimate, estimating
from ui.handlers import Handlers
from ui.hosting.zero_gpu import on_gpu
from ui.precompute import Precomputed
from ui.sharing.restore import Restore
from ui.sharing.views import Views
from ui.tabs.choosing import choosing, showing_example
from ui.tabs.forks import Forks
from ui.tabs.live import Live, sampling_live
from ui.tabs.run_buttons import RunButtons, counting_messages, stopping

EXPLAINED = ("guidance_scale", "eta", "respacing", *(name for name, setting in SETTINGS.items() if setting.advanced))


class GenerateTab:
    """Builds the tab inside an open ``gr.Blocks``. ``controls`` are the components that a request consists of, by the
    names of its settings."""

    def __init__(self, precomputed: Precomputed):
        self.precomputed = precomputed
        self.handlers = Handlers(precomputed.engine)
        self.choices = Choices(precomputed, self.handlers)
        self.info = precomputed.engine.describe()  # of the model that the page starts with
        self.properties = model_properties(self.info)
        self.controls: dict[str, Any] = {}
        self.words: list[tuple[gr.components.Component, dict[str, str]]] = []  # what to translate: {property: key}
        with gr.Row(elem_classes="lab-grid"):
            with gr.Column(min_width=0, elem_classes="lab-card lab-pick"):
                self.build_everyday_controls()
            with gr.Column(min_width=0, elem_classes="lab-card lab-settings"):
                self.build_settings()
                self.build_advanced()
            with gr.Column(min_width=0, elem_classes="lab-player"):
                stops = self.buttons.stops
                runs = [sampling_live(self.handlers), stopping(stops), counting_messages(stops)]
                server = [*runs, choosing(self.choices), showing_example(precomputed)]
                lists = {name: each.choices for name, each in self.controls.items() if isinstance(each, gr.Dropdown)}
                self.player = player.component(server, lists)
                self.forks = Forks(precomputed.engine)
        with gr.Column(min_width=0, elem_classes="lab-explain"):
            player.history()
            self.how = gr.HTML(how_it_works("en"), apply_default_css=False)
        self.outputs = {
            **self.controls,
            "live": self.live.switch,
            "sampler_note": self.sampler_note,
            "model_note": self.model_note,
            "hub_note": self.hub_note,
            "seed_mode": self.seed_mode,
        }

    # ---- what is there -----------------------------------------------------------------------------------------------

    def build_everyday_controls(self) -> None:
        """What most people touch: the tiles, how much they count, Generate and Stop."""
        self.controls["label"] = player.tiles(**tile_properties(self.info))
        self.add("guidance_scale")
        self.live = Live(self.say, self.choices)
        self.buttons = RunButtons(self.say)

    def build_settings(self) -> None:
        """How to sample, from which noise, with which model."""
        self.add("sampler")
        self.sampler_note = gr.HTML(
            i18n.sampler_description(self.properties["sampler"]["value"], "en"), elem_classes="lab-note"
        )
        with gr.Row(elem_classes="lab-pair"):
            self.add("steps")
            self.add("num_images", value=16)
        player.estimate([estimating(Estimate(self.handlers))])
        self.controls["steps_by_hand"] = gr.Checkbox(False, visible="hidden")
        self.restore = gr.Button(visible="hidden", elem_id="restore")
        self.add("eta")
        with gr.Row(elem_classes="lab-pair"):
            self.add("seed")
            self.seed_mode = self.say(
                gr.Radio(seed_modes("en"), value="random", min_width=150, elem_id="seed-mode"),
                label="generate.seed_mode",
            )
        with gr.Row(elem_classes="lab-pair lab-noises"):
            self.noises = {
                name: self.say(gr.Button(size="sm", min_width=100, elem_id=name), value=f"generate.{name}")
                for name in ("new_noise", "same_noise")
            }
        with gr.Row(elem_classes="lab-pair lab-model"):
            models = self.choices.models("en")
            self.add(
                "model",
                gr.Dropdown(models, value=self.precomputed.engine.default, min_width=180, elem_id="model"),
            )
            self.reload = self.say(gr.Button(size="sm", elem_id="reload", min_width=84, scale=0), value="models.reload")
        self.model_note = gr.HTML(escape(self.info.config.description), elem_classes="lab-note", elem_id="model-note")
        with gr.Row(elem_classes="lab-pair lab-hub"):
            box = gr.Textbox(placeholder="owner/name", max_lines=1, max_length=MAX_TYPED, min_width=180, elem_id="hub")
            self.hub = self.say(box, label="models.hub_box")
            self.fetch = self.say(gr.Button(size="sm", elem_id="fetch", min_width=84, scale=0), value="models.fetch")
        self.hub_note = gr.HTML("", elem_classes="lab-note", elem_id="hub-note")

    def build_advanced(self) -> None:
        """What few people touch, shown where the model has a use for it."""
        with self.say(gr.Accordion(open=False, elem_id="advanced"), label="generate.advanced"):
            two_passes = (name for name, setting in SETTINGS.items() if setting.scope == "two_passes")
            for name in ("guidance_t_max", "guidance_t_min", *two_passes):
                self.add(name)
            classifiers = gr.Dropdown(
                self.choices.classifiers(self.info, "en"),
                value="",
                visible=bool(self.info.classifiers),
                elem_id="setting-classifier",
            )
            self.add("classifier", self.say(classifiers, info="settings.classifier.help"))
            for name in SETTINGS:
                if SETTINGS[name].advanced or name == "respacing":
                    self.add(name)

    def add(self, name: str, component: Any = None, **properties: Any) -> None:
        """Make the control of a setting, unless it is there already, with its words."""
        if name in self.controls:
            return
        if component is None:
            component = control(name, **self.properties.get(name, {}), **properties)
        keys = {"label": f"settings.{name}.label"}
        if name in EXPLAINED:
            keys["info"] = f"settings.{name}.help"
        self.controls[name] = self.say(component, **keys)

    def say(self, component: Any, **keys: str) -> Any:
        """Give a component its words (property=key), now and whenever the language changes."""
        for name, key in keys.items():
            setattr(component, name, i18n.text(key, "en"))
        self.words.append((component, keys))
        return component

    # ---- what happens ------------------------------------------------------------------------------------------------

    def wire(self, language_changed: Any, views: Views) -> None:
        """All events of the tab; the last is the header's, of another language. ``views``: those that can be
        restored."""
        controls, choices, outputs = self.controls, self.choices, self.outputs
        press = self.buttons.wire(on_gpu(self.handlers.generate), controls, self.player, self.seed_mode)
        self.forks.wire(self.buttons.stops.heeded)
        by_hand = controls["steps"].input(
            fn=None,
            js=in_browser('(lab.choices.set("steps", value), true)', "value"),
            inputs=controls["steps"],
            outputs=controls["steps_by_hand"],
            trigger_mode="multiple",
        )

        def inputs(*names: str) -> dict[str, Any]:
            return {name: controls[name] for name in names}

        followed = choose(
            controls["sampler"].change,
            "sampler",
            inputs("sampler", "model", "steps_by_hand", "steps", "respacing"),
            outputs,
        )
        for event in (by_hand.then, controls["respacing"].input):
            choose(event, "advice", inputs("sampler", "model", "steps_by_hand", "steps", "respacing"), outputs)
        chosen = choose(controls["model"].change, "model", inputs("model", "label"), outputs)
        guided = choose(controls["classifier"].input, "classifier", inputs("model", "classifier", "label"), outputs)
        translated = choose(language_changed, "words", inputs("sampler", "model"), outputs)
        asked = partial(gr.on, [self.hub.submit, self.fetch.click])
        fetched = call(asked, choices.fetch, {"hub": self.hub}, {"hub_note": self.hub_note})
        choose(fetched.success, "fetched", {"hub": self.hub, **inputs("model", "label")}, outputs)
        found = choose(self.reload.click, "reload", inputs("model", "classifier", "label"), outputs)
        choices.questions["restore"] = Restore(choices, views)
        given = {"restored": "lab.generateView.given"}
        restored = choose(self.restore.click, "restore", inputs("model", "classifier"), outputs, given)
        restored.success(fn=None, js=in_browser("lab.generateView.restored()"))
        for event in (chosen, guided, found, restored):
            choose(event.then, "tiles", inputs("model", "classifier"), outputs)
        for name, function in {"new_noise": "newNoise", "same_noise": "sameNoise"}.items():
            self.noises[name].click(fn=None, js=in_browser(f"lab.{function}()"), outputs=controls["seed"])
        self.player.submit(fn=None, **updating("lab.choices.take()", outputs))
        dragged = [name for name in controls if isinstance(controls[name], gr.Slider)]
        moved = ["label", "seed", *dragged]
        others = {**controls, "seed_mode": self.seed_mode, "live": self.live.switch, "hub": self.hub}
        for name in others.keys() - {*moved, "steps", "steps_by_hand"}:
            note = in_browser(f"lab.choices.set({json.dumps(name)}, value)", "value")
            others[name].input(fn=None, js=note, inputs=others[name], trigger_mode="multiple")
        self.live.wire(
            controls,
            outputs,
            moved=moved,
            by_hand=by_hand.then,
            settled=[event.then for event in (press, chosen, guided, followed, translated, restored)],
        )

    def loaded(self, load: Callable[..., Any]) -> Any:
        """When the page is there: what was chosen before it was loaded again, which is the event returned, and then
        what the page lacks."""
        own = json.dumps(self.controls["model"].value)
        restored = load(fn=None, **updating(f"lab.choices.restore({own})", self.outputs))
        for what, names in {"words": ("sampler", "model"), "tiles": ("model", "classifier")}.items():
            choose(restored.then, what, {name: self.controls[name] for name in names}, self.outputs)
        return restored

    def translations(self, language: str) -> list[tuple[gr.components.Component, Any]]:
        """All components that have words, each with the update that gives it those of a language."""
        pairs = [
            (component, gr.update(**{name: i18n.text(key, language) for name, key in keys.items()}))  # type: ignore[arg-type]
            for component, keys in self.words
        ]
        return [*pairs, (self.seed_mode, gr.update(choices=seed_modes(language))), (self.how, how_it_works(language))]


def seed_modes(language: str) -> list[tuple[str, str]]:
    """The two choices for the next run's seed."""
    return [(i18n.text(f"generate.seed_{mode}", language), mode) for mode in ("random", "keep")]


def how_it_works(language: str) -> str:
    """Three cards: noise, guess, step."""
    cards = "".join(
        f'<article class="lab-card"><h2>{i18n.text(f"how.{step}", language)}</h2>'
        f"<p>{i18n.text(f'how.{step}_text', language)}</p></article>"
        for step in ("noise", "guess", "step")
    )
    return f'<section class="lab-how" aria-label="{i18n.text("how.title", language)}">{cards}</section>'
