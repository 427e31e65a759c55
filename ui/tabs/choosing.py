"""What the browser asks of the server when somebody chooses, as server functions of the player: past the queue of
Gradio's events, so that it alone decides what is still wanted of an answer (``web/choices.js``)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from diffusion.errors import InputError
from ui.calls import Values
from ui.choices import Choices
from ui.hosting.streams import STREAMS
from ui.precompute import Precomputed

PATIENCE = 20.0  # seconds that the browser waits for the example before it asks again


def choosing(choices: Choices) -> Callable[..., Any]:
    """The server function ``choose``: takes ``{"what": name, "values": {...}}`` and returns what
    ``Choices.answer`` does, or None where that is refused."""

    async def choose(payload: Any, request: gr.Request) -> Values | None:
        sent = payload if isinstance(payload, dict) else {}
        try:
            answer = partial(choices.answer, sent.get("what"), sent.get("values"))
            return await STREAMS.answer(answer, request=request)
        except InputError:  # nobody comes here by the page
            return None

    return choose


def showing_example(precomputed: Precomputed) -> Callable[..., Any]:
    """The server function ``example``: returns what the player shows at rest, or None while it is not there."""

    async def example(_: Any) -> str | None:
        return await precomputed.example(PATIENCE)

    return example
