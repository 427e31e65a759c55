"""Stop: how a run learns that nobody waits for it any more.

The browser names its runs, so that it knows whose messages arrive, and tells the name of one to be stopped. Gradio's
own way (``cancels``) ends the last run of an event, whichever that is by then, and reports it as one or two failures.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

REMEMBERED = 1000  # of the runs stopped last: one may still be in the queue
LONGEST_NAME = 64


class Stops:
    """The runs that were stopped."""

    def __init__(self) -> None:
        self.names: deque[str] = deque(maxlen=REMEMBERED)

    def add(self, name: Any) -> None:
        """Stop the run of that name."""
        if isinstance(name, str):
            self.names.append(name[:LONGEST_NAME])

    def told(self) -> Callable[[Any], None]:
        """The server function ``stop_run``, behind the button: it takes the name."""

        def stop_run(name: Any) -> None:
            self.add(name)

        return stop_run

    def heeded(self, draw: Callable[..., Any]) -> Callable[..., Iterator[str]]:
        """``draw``, whose first value is the run's name, until that run is stopped: then its generator is closed."""

        def draw_until_stopped(name: Any, *values: Any) -> Iterator[str]:
            name = str(name)[:LONGEST_NAME]
            if name in self.names:
                return
            with closing(draw(name, *values)) as messages:
                for message in messages:
                    if name in self.names:
                        return
                    yield message

        return draw_until_stopped
