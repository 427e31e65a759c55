"""Server functions of components: what the browser calls for an answer, past the queue of Gradio's events."""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from ui import i18n
from ui.calls import Values, checked
from ui.hosting.places import Busy
from ui.hosting.streams import STREAMS
from ui.hosting.zero_gpu import on_gpu


def server_function(name: str, function: Callable[[Values], Values]) -> Callable[..., Any]:
    """A server function of that name: takes values by name, the language among them; returns JSON, with the sentence of
    an "error" where it refuses them, and nothing where too many people wait."""

    def answer(values: Any) -> str | None:
        language = values.get("language") if isinstance(values, dict) else None
        try:
            return json.dumps(function(checked(values)), ensure_ascii=False)
        except Busy:
            return None
        except InputError as error:
            return json.dumps({"error": i18n.error_text(error, language)}, ensure_ascii=False)

    answering = on_gpu(answer)

    async def served(values: Any, request: gr.Request) -> str | None:
        return await STREAMS.answer(answering, values, request=request)

    served.__name__ = name
    return served
