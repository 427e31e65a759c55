"""The page as a whole: header, tabs, and the events that belong to no tab."""

import json
from collections.abc import AsyncIterator, Callable
from html import escape
from typing import Any

import gradio as gr

from ui import about, i18n, player
from ui.calls import Values, call, choose, in_browser
from ui.controls import default_label
from ui.endpoints import fork, generate
from ui.engine import Engine
from ui.gradio_workarounds import Blocks, poll_queue_less
from ui.hosting.event_queue import use_event_queue
from ui.lab.compare import CompareLab
from ui.lab.fork import ForkLab
from ui.lab.noise import NoiseLab
from ui.model_names import HUB
from ui.precompute import Precomputed
from ui.sharing import component as sharing
from ui.sharing.compared import shared_compare
from ui.sharing.views import Views, shared_generate, shared_noise
from ui.tabs.compare import CompareTab
from ui.tabs.generate import GenerateTab
from ui.tabs.noise import NoiseTab

MAX_EVENTS = 1000  # that wait in Gradio's queue


def build(engine: Engine, prepared: Callable[[], object] | None = None) -> gr.Blocks:
    """The app, ready to launch. What it shows at rest is sampled in the background; then ``prepared`` is called."""
    precomputed = Precomputed(engine)
    precomputed.start(default_label(engine.describe().tiles), prepared)
    with Blocks(title=i18n.text("page.title", "en"), analytics_enabled=False) as blocks:
        header = player.header()
        compare, noise = CompareLab(engine), NoiseLab(engine)
        shared = {"generate": shared_generate(engine), "compare": shared_compare(compare), "noise": shared_noise(noise)}
        views = Views(shared)
        sharing.component(views)
        notice = gr.HTML("", elem_id="notice", elem_classes="lab-notice", visible=False)
        with gr.Tab(i18n.text("generate.tab"), id="generate") as tab_label:
            tab = GenerateTab(precomputed)
        with gr.Tab(i18n.text("compare.tab"), id="compare") as compare_label:
            CompareTab(compare)
        with gr.Tab(i18n.text("noise.tab"), id="noise") as noise_label:
            NoiseTab(noise)
        player.footer(about.links())
        tab.wire(header.input, views)
        generate.add(engine)
        fork.add(ForkLab(engine))
        labels = {"generate.tab": tab_label, "compare.tab": compare_label, "noise.tab": noise_label}
        translate = translating(labels, tab)
        for event in (header.input, blocks.load):
            event(fn=None, **translate)
        tab.loaded(blocks.load).then(fn=None, js=in_browser("lab.openLink()"))
        if engine.registry.own.startswith(HUB):

            async def news(values: Values) -> AsyncIterator[Values]:
                """Where the host's model is still on its way, what becomes of it."""
                async for sentence, model in precomputed.news(str(values.get("language"))):
                    if not model:  # else the page says whether it is chosen
                        yield {"notice": gr.update(value=escape(sentence), visible=True)}

            told = call(blocks.load, news, {}, {"notice": notice})
            inputs = {name: tab.controls[name] for name in ("model", "label")}
            choose(told.success, "arrived", inputs, {**tab.outputs, "notice": notice})
    use_event_queue()
    # who samples and who waits is decided by the engine's places, whatever door an event has come through
    blocks.queue(api_open=False, max_size=MAX_EVENTS, default_concurrency_limit=None)
    poll_queue_less(blocks)
    return blocks


def translating(labels: dict[str, gr.Tab], tab: GenerateTab) -> dict[str, Any]:
    """An event of the browser alone that gives every component its words in the page's language. (For an event of the
    server, Gradio would go through all of its outputs again whenever a run sends frames.) The page comes in English.
    ``labels``: the tabs, by the keys of what they are called."""
    words = {}
    for language in i18n.LANGUAGES:
        tabs = [(label, gr.update(label=i18n.text(key, language))) for key, label in labels.items()]
        pairs = [*tabs, *tab.translations(language)]
        words[language] = [update for _, update in pairs]
        components = [component for component, _ in pairs]
    js = in_browser(f"({json.dumps(words, ensure_ascii=False)})[lab.language()]")
    return {"js": js, "outputs": components}
