"""What all tabs share, as a component of the page: made in the browser (``web/share/``), it calls the server to check
what a link or a picture says."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ui import player
from ui.hosting.streams import STREAMS
from ui.sharing.views import Views, answer, code_answer, view_answer


def component(views: Views) -> gr.HTML:
    """Nothing is seen of it until it has something to say."""
    return player.share([served("view", view_answer, views), served("code", code_answer, views)])


def served(name: str, function: Callable[[Views, dict[str, Any]], dict[str, Any]], views: Views) -> Callable[..., Any]:
    """A server function of that name: takes a tab and its values by name, and what else the function reads; returns
    JSON."""

    async def server_function(sent: Any, request: gr.Request) -> str | None:
        return await STREAMS.answer(answer, function, views, sent, request=request)

    server_function.__name__ = name
    return server_function
