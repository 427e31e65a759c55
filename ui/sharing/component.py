"""What all tabs share, as a component of the page: made in the browser (``web/share/``), it calls the server to check
what a link or a picture says."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ui import player
from ui.hosting.streams import STREAMS, visitor_of
from ui.sharing.views import Views, answer


def component(views: Views) -> gr.HTML:
    """Nothing is seen of it until it has something to say."""
    return player.share([checking(views)])


def checking(views: Views) -> Callable[..., Any]:
    """The server function ``view``: takes a tab, values by name and names to hide; returns JSON."""

    async def view(sent: Any, request: gr.Request) -> str | None:
        return await STREAMS.result(answer, views, sent, visitor=visitor_of(request))

    return view
