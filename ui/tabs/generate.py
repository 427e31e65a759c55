"""The *Generate* tab: what to sample on the left, the player on the right, and how they act on each other."""

import json
from html import escape
from typing import Any

import gradio as gr

from diffusion.settings import SETTINGS
from ui import i18n, player
from ui.calls import call, in_browser
from ui.choices import Choices
from ui.controls import control, model_properties, tile_properties
from ui.handlers import Handlers
from ui.hosting.zero_gpu import on_gpu
from ui.precompute import Precomputed
from ui.sharing.restore import Restore
from ui.sharing.views import Views
from ui.tabs.live import Live, sampling_live
from ui.tabs.run_buttons import RunButtons, stopping

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
                self.player = player.component([sampling_live(self.handlers), stopping(self.buttons.stops)])
            with gr.Column(min_width=0, elem_classes="lab-explain"):
                player.history()
                self.how = gr.HTML(how_it_works("en"), apply_default_css=False)
        self.outputs = {
            **self.controls,
            "player": self.player,
            "live": self.live.switch,
            "sampler_note": self.sampler_note,
            "model_note": self.model_note,
            "seed_mode": self.seed_mode,
            "set_up_for": self.set_up_for,
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
        self.controls["steps_by_hand"] = gr.Checkbox(False, visible="hidden")
        self.restore = gr.Button(visible="hidden", elem_id="restore")
        self.set_up_for = gr.Textbox(visible="hidden")  # the model that was restored, with its controls
        self.add("eta")
        with gr.Row(elem_classes="lab-pair"):
            self.add("seed")
            self.seed_mode = self.say(
                gr.Radio(seed_modes("en"), value="random", min_width=150, elem_id="seed-mode"),
                label="generate.seed_mode",
            )
        with gr.Row(elem_classes="lab-pair lab-model"):
            models = self.choices.models("en")
            self.add(
                "model",
                gr.Dropdown(models, value=self.precomputed.engine.default, min_width=180, elem_id="model"),
            )
            self.reload = self.say(gr.Button(size="sm", elem_id="reload", min_width=84, scale=0), value="models.reload")
        self.model_note = gr.HTML(escape(self.info.config.description), elem_classes="lab-note", elem_id="model-note")
        self.hub = self.say(
            gr.Textbox(placeholder="hub:owner/name", max_lines=1, max_length=200, elem_id="hub"), label="models.hub_box"
        )

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
        by_hand = controls["steps"].input(fn=None, js="() => true", outputs=controls["steps_by_hand"])

        def inputs(*names: str) -> dict[str, Any]:
            return {name: controls[name] for name in names}

        followed = call(
            controls["sampler"].change,
            choices.choose_sampler,
            inputs("sampler", "model", "steps_by_hand", "steps", "respacing"),
            outputs,
        )
        for event in (by_hand.then, controls["respacing"].input):
            call(event, choices.advise, inputs("sampler", "model", "steps_by_hand", "steps", "respacing"), outputs)
        set_up = {"set_up_for": self.set_up_for}
        chosen = call(controls["model"].change, choices.choose_model, inputs("model", "label") | set_up, outputs)
        guided = call(
            controls["classifier"].input, choices.choose_classifier, inputs("model", "classifier", "label"), outputs
        )
        translated = call(language_changed, choices.translate, inputs("sampler", "model"), outputs)
        call(self.hub.submit, choices.fetch, {"hub": self.hub}, outputs)
        found = call(
            self.reload.click,
            choices.reload,
            inputs("model", "classifier", "label"),
            outputs,
        )
        restored = call(
            self.restore.click,
            Restore(choices, views),
            inputs("model", "classifier"),
            outputs,
            also="{ restored: lab.generateView.given }",
        )
        restored.success(fn=None, js=in_browser("lab.generateView.restored()"))
        for event in (chosen, guided, found, restored):
            call(event.then, choices.sample_tiles, inputs("model", "classifier"), inputs("label"))
        dragged = [name for name in controls if isinstance(controls[name], gr.Slider)]
        self.live.wire(
            controls,
            moved=["label", "seed", *dragged],
            by_hand=by_hand.then,
            settled=[event.then for event in (press, chosen, guided, followed, translated, restored)],
        )

    def at_rest(self, values: dict[str, Any]) -> dict[str, Any]:
        """The example, unless the page "opens" a link in its place; the tiles, and what depends on the language and the
        server."""
        shown = {} if values.get("opens") else {"player": self.precomputed.example()}
        tiles = gr.update(thumbnails=self.precomputed.thumbnails())
        return shown | {"label": tiles} | self.choices.translate(values)

    def restored(self) -> dict[str, Any]:
        """An event of the browser that puts back the values that it has kept from before a lost connection."""
        names, own = json.dumps(list(self.controls)), json.dumps(self.controls["model"].value)
        put = f"(kept) => {names}.map((name) => name in kept ? kept[name] : {{ __type__: 'update' }})"
        return {
            "fn": None,
            "js": in_browser(f"({put})(lab.player.restoredValues({own}))"),
            "outputs": list(self.controls.values()),
        }

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
        f'<article class="lab-card"><h3>{i18n.text(f"how.{step}", language)}</h3>'
        f"<p>{i18n.text(f'how.{step}_text', language)}</p></article>"
        for step in ("noise", "guess", "step")
    )
    return f'<section class="lab-how" aria-label="{i18n.text("how.title", language)}">{cards}</section>'
