"""What this app does because Gradio 6.31 does otherwise: each with the reason, and what is gained. Nothing else in
``ui/`` relies on how Gradio works inside, but for ``hosting/event_queue.py``, ``hosting/connections.py``,
``hosting/gradio_stubs.py`` and ``endpoints/tools.py``; the browser's side is ``web/gradio_workarounds.js``."""

import inspect
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
from gradio import blocks as gradio_blocks
from gradio import component_meta, networking, routes, state_holder
from gradio.data_classes import FileData

from diffusion.errors import InputError

QUEUE_POLL = 0.005  # seconds


@dataclass(frozen=True)
class Download:
    """A result's file, as ``Blocks`` sends it: below ``/gradio_api/file=``, this path is answered by a route of ours.
    An output of an event with ``postprocess=False``.

    Reason: Gradio sends where a file is on the host, and serves nothing else. Gain: a visitor sees a name
    (tests/ui/server).
    """

    path: str
    kind: str  # MIME type

    def sent(self) -> dict[str, Any]:
        """The file as Gradio's clients take it."""
        name = self.path.rpartition("/")[2]
        url = f"/gradio_api/file={self.path}"
        return FileData(path=self.path, url=url, orig_name=name, mime_type=self.kind).model_dump()


class Blocks(gr.Blocks):
    """``gr.Blocks`` in which a call of a public endpoint by plain HTTP, whose values have no names, may leave out the
    last ones, and may not have more than there are.

    Reason: Gradio's own client and ``/call/v2/NAME`` fill in what is left out; ``/call/NAME`` refuses it with a 500,
    and ignores what is too much. Gain: a request needs only what differs from the defaults, and nothing is ignored
    (tests/ui/server).
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *others: Any, **named: Any) -> Any:
        if block_fn.api_visibility == "public":
            if len(inputs) > len(block_fn.inputs):
                error = InputError("page.too_many_values", most=len(block_fn.inputs), given=len(inputs))
                raise gr.Error(str(error), print_exception=False)
            inputs = [*inputs, *(component.value for component in block_fn.inputs[len(inputs) :])]
        return await super().preprocess_data(block_fn, inputs, *others, **named)

    async def postprocess_data(self, *arguments: Any, **named: Any) -> list[Any]:
        outputs = await super().postprocess_data(*arguments, **named)
        return [output.sent() if isinstance(output, Download) else output for output in outputs]

    @cached_property
    def session_configs(self) -> dict[int, dict[str, Any]]:
        """What a new session knows of each component; see ``Session``."""
        blocks = {id: block for id, block in self.default_config.blocks.items() if id in self.blocks}
        return {id: self.default_config.config_for_block(id, [], block) for id, block in blocks.items()}


class Copies(dict[int, dict[str, Any]]):
    """Of the configurations of components: each is made when it is first looked at, as most never are."""

    def __init__(self, originals: dict[int, dict[str, Any]]):
        super().__init__()
        self.originals = originals

    def __contains__(self, id: object) -> bool:
        return id in self.originals or super().__contains__(id)

    def __missing__(self, id: int) -> dict[str, Any]:
        original = self.originals[id]
        copy = self[id] = {**original, "props": dict(original["props"])}
        return copy


class Session(state_holder.SessionState):
    """A visitor's session, whose components' configurations are copies of those of the first one.

    Reason: Gradio asks every component for its own anew in the page's only thread, some milliseconds in which all
    others wait, and every call of the API is a session. Gain: ``python -m benchmarks.run workarounds``.
    """

    def __init__(self, blocks: Any):
        if not isinstance(blocks, Blocks):
            return super().__init__(blocks)
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))  # type: ignore[arg-type]
        self.config_values = Copies(blocks.session_configs)


def make_sessions_quickly() -> None:
    """Let sessions be made as ``Session`` says, and the parameters of components' classes be found out once."""
    state_holder.SessionState = Session  # type: ignore[misc]
    once = {name: cache(getattr(inspect, name)) for name in ("signature", "getfullargspec")}
    for module in (gradio_blocks, component_meta):
        module.inspect = SimpleNamespace(**{**vars(inspect), **once})  # type: ignore[attr-defined]
    gradio_blocks.get_upload_folder = cache(gradio_blocks.get_upload_folder)


def poll_queue_less(blocks: gr.Blocks) -> None:
    """Let the queue of events be looked at every 5 ms.

    Reason: Gradio looks at it every millisecond, day and night. Gain: see ``python -m benchmarks.run workarounds``.
    """
    blocks._queue.sleep_when_free = QUEUE_POLL


def need_no_folder() -> None:
    """Let Gradio start where no folder for temporary files can be made.

    Reason: it makes one for changing apps in the browser, which is off here. Gain: the root may be read-only
    (tests/ui/hosting/test_starting.py).
    """

    class Place(type(Path())):  # type: ignore[misc]
        def mkdir(self, *arguments: Any, **named: Any) -> None:
            with suppress(OSError):
                super().mkdir(*arguments, **named)

    routes.Path = Place  # type: ignore[misc]


def check_ourselves_directly() -> None:
    """Let Gradio's requests to the server that it has just started pass all proxies by.

    Reason: they follow the proxy variables, which are meant for other hosts, and a server that a proxy cannot reach is
    given up. Gain: the app starts (tests/ui/hosting/test_starting.py).
    """
    direct = {name: partial(getattr(httpx, name), trust_env=False) for name in ("get", "head")}
    for module in (gradio_blocks, networking):
        module.httpx = SimpleNamespace(**{**vars(httpx), **direct})  # type: ignore[attr-defined]
