"""The page as a whole: header, tabs, how it works, and the events that belong to no tab."""

import json
from collections.abc import AsyncIterator
from html import escape
from typing import Any

import gradio as gr

from ui import api, player
from ui.engine import Engine
from ui.events import Ask
from ui.handlers import PEOPLE, WAITING_PEOPLE
from ui.precompute import Backstage
from ui.properties import default_label
from ui.registry import HUB
from ui.tabs.generate import GenerateTab
from ui.texts import LANGUAGES, text

LOOK = 0.005  # seconds between Gradio's looks at its queue; its own is 1 ms, all day long
LANGUAGE_JS = 'document.documentElement.lang.startsWith("zh") ? "zh" : "en"'  # set by header.js


def build(engine: Engine) -> gr.Blocks:
    """The app, ready to launch. What it shows at rest is being drawn in the background when this returns."""
    backstage = Backstage(engine)
    backstage.start(default_label(engine.describe()["tiles"]))
    with api.Blocks(title=text("title", "en"), analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        header = gr.HTML(
            "en",
            html_template='<div class="lab-header"></div>',
            js_on_load=player.script("common.js", "header.js"),
            apply_default_css=False,
            elem_id="header",
        )
        notice = gr.HTML("", elem_id="notice", elem_classes="lab-notice", visible=False)
        ask = Ask()
        with gr.Tab(text("tab", "en")) as tab_label:
            tab = GenerateTab(backstage, header, ask)
        api.add(engine)

        def at_rest(language: Any, sampler: Any, ref: Any) -> list:
            """The example, the tiles, and what depends on the language and the server."""
            example, tiles = backstage.example(), gr.update(thumbnails=backstage.thumbnails())
            return [example, tiles, *tab.answers.translate_choices(sampler, ref, language)]

        async def news(language: Any) -> AsyncIterator[list]:
            """Where the host's model is still on its way, what becomes of it."""
            async for sentence, model in backstage.news(language):
                choice = gr.update(choices=backstage.choices(language), value=model) if model else gr.skip()
                yield [gr.update(value=escape(sentence), visible=True), choice]

        # In the browser alone: for an event of the server, Gradio would go through all of its outputs again whenever
        # a run sends frames. The page comes in English; what header.js changes while it is built is not reported, so
        # that the header is told its own value.
        words = {
            language: [language, gr.update(label=text("tab", language)), *tab.translations(language)]
            for language in LANGUAGES
        }
        translate = f"(language) => ({json.dumps(words, ensure_ascii=False)})[{LANGUAGE_JS}]"
        for event in (header.change, blocks.load):
            event(fn=None, js=translate, inputs=header, outputs=[header, tab_label, *tab.translated()])
        rests = ask(
            blocks.load,
            at_rest,
            [header, tab.sampler, tab.model],
            [tab.player, tab.tiles, *tab.of_language()],
            js=f"(_, sampler, model) => [{LANGUAGE_JS}, sampler, model]",
            concurrency_id="page",
        )
        rests.then(**tab.restored())
        if engine.registry.own.startswith(HUB):
            ask(rests.then, news, [header], [notice, tab.model], js=f"() => [{LANGUAGE_JS}]", concurrency_limit=PEOPLE)
    blocks.queue(max_size=WAITING_PEOPLE, default_concurrency_limit=PEOPLE)
    blocks._queue.sleep_when_free = LOOK
    return blocks
