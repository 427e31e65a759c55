"""What this app does because Gradio 6.31 does otherwise: each with the reason, and what is gained. Nothing else in
``ui/`` relies on how Gradio works inside; the browser's side is ``web/gradio_workarounds.js``."""

from typing import Any

import gradio as gr

from diffusion.errors import InputError

QUEUE_POLL = 0.005  # seconds


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


def poll_queue_less(blocks: gr.Blocks) -> None:
    """Let the queue of events be looked at every 5 ms.

    Reason: Gradio looks at it every millisecond, day and night. Gain: see ``python -m benchmarks.run workarounds``.
    """
    blocks._queue.sleep_when_free = QUEUE_POLL
