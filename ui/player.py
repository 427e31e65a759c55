"""The components whose contents are made in the browser (``web/``): header, tiles and the player, which collects a
run's frames and plays them; and the messages that feed it.

A message is one JSON text. It carries only what is new (frames are never sent twice) and yet stands alone: it repeats
the run's identity and size, and every frame knows its step, so the browser puts it in its place whatever came before.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from ui.engine import Update
from ui.frames import Frame
from ui.request import Request
from ui.static import mounted

EXAMPLE = "example"  # the name of the run that the page shows at rest (ui/web/player/state.js)


def header() -> gr.HTML:
    """Title, language and theme. Its value is the code of the language in use."""
    return _filled_in_browser("header", "lab-header", value="en")


def tiles(**properties: Any) -> gr.HTML:
    """The labels to choose from; the value is the one chosen. For the properties see ``tile_properties``."""
    return _filled_in_browser("tiles", "digit-tiles", **properties)


def component(server: list[Callable[..., Any]], dropdowns: dict[str, Any]) -> gr.HTML:
    """The player, at rest until the first message. ``server``: the functions that the browser calls, named ``live``
    (with the values of the controls by name, and a "number") and ``stop`` (with the name of a run); ``dropdowns``: the
    choices of the controls that are such, by name."""
    return _filled_in_browser("player", "digit-player", value="", dropdowns=dropdowns, server_functions=server)


def estimate(server: list[Callable[..., Any]]) -> gr.HTML:
    """How long a run takes. ``server``: the function ``estimate`` that the browser calls."""
    return _filled_in_browser("estimate", "lab-estimate", server_functions=server)


def noise(server: list[Callable[..., Any]]) -> gr.HTML:
    """The *Noise* tab. ``server``: the functions that the browser calls, ``scene``, ``view`` and ``curve``."""
    return _filled_in_browser("noise", "noise-lab", server_functions=server)


def compare(server: list[Callable[..., Any]]) -> gr.HTML:
    """The *Compare* tab. Its value is the request for runs on the way to the server, and the message of one on the way
    back. ``server``: the functions that the browser calls, ``scene``, ``plan`` and ``stop``."""
    return _filled_in_browser("compare", "compare-lab", value="", server_functions=server)


def footer(links: dict[str, Any]) -> gr.HTML:
    """The foot of the page, with the links of ``ui.about``."""
    return _filled_in_browser("footer", "lab-footer", links=links)


def share(server: list[Callable[..., Any]]) -> gr.HTML:
    """What all tabs share. ``server``: the functions that the browser calls, such as ``view``."""
    return _filled_in_browser("share", "lab-share", server_functions=server)


def history() -> gr.HTML:
    """The runs of this visit."""
    return _filled_in_browser("history", "lab-history")


def forks(server: list[Callable[..., Any]]) -> gr.HTML:
    """The branches of the run on show. ``server``: the function ``options`` that the browser calls; the value is what
    branch is wanted, the property ``message`` the last message for one."""
    return _filled_in_browser("forks", "lab-forks", value="", message="", server_functions=server)


def _filled_in_browser(name: str, css_class: str, **properties: Any) -> gr.HTML:
    template = f'<div class="{css_class}"></div>'
    return gr.HTML(
        html_template=template, js_on_load=mounted(name), apply_default_css=False, elem_id=name, **properties
    )


def message(run: str, request: Request, update: Update, example: bool = False, live: bool = False) -> str:
    """One update of a run, for the browser; ``run`` is its name. An example is played, a live sheet is shown
    finished."""
    content: dict[str, Any] = {
        "run": run,
        "example": example,
        "live": live,
        "label": request.label,
        "seed": request.seed or 0,
        "count": request.num_images,
        "size": update.frame_size,
        "columns": update.columns,
        "settings": update.record,
        "names": update.names,
        "step": update.step,
        "total": update.total,
        "seconds": round(update.seconds, 3),
        "frames": [_frame(frame) for frame in update.frames],
    }
    if update.low_res_png is not None:
        content["input"] = b64encode(update.low_res_png).decode()
    if update.result is not None:
        found = update.result.classifications
        content["result"] = {
            "png": b64encode(update.result.sheet_png).decode(),
            "size": update.result.images.shape[1],
            "labels": update.result.labels,
            "classifications": found and [[each.label, round(each.confidence, 3)] for each in found],
        }
    return json.dumps(content, ensure_ascii=False)


def failure(run: str, sentence: str) -> str:
    """What ends a run that cannot go on: one clear sentence, shown above the picture."""
    return json.dumps({"run": run, "error": sentence}, ensure_ascii=False)


def merged(updates: Sequence[Update]) -> Update:
    """A whole run as one update, such as the example that the page shows at rest."""
    last = updates[-1]
    return last._replace(
        frames=[frame for update in updates for frame in update.frames], low_res_png=updates[0].low_res_png
    )


def _frame(frame: Frame) -> list:
    """[step, t, alpha, sigma, PNG of x_t, PNG of the predicted x0]; text where JSON wants text."""
    levels = (round(value, 5) for value in (frame.t, frame.alpha, frame.sigma))
    return [frame.index, *levels, b64encode(frame.x).decode(), b64encode(frame.x0).decode()]
