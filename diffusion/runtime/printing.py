"""What a program prints never ends it: neither a terminal that is closed or lacks a character, nor a reader that has
gone."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator

PRINTABLE = "printable"  # the name of ``replaced`` among Python's ways with characters that an encoding lacks


class LastingStream(io.TextIOWrapper):
    """Standard output or error; from the first write that fails on, what is written goes nowhere."""

    def write(self, text: str) -> int:
        with self._lasting():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._lasting():
            super().flush()

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # what is still buffered goes there too, also at exit
            os.close(nowhere)


def replaced(error: UnicodeError) -> tuple[bytes, int]:
    """File names that are no text are written as they are, other characters that the encoding lacks as "?"."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return bytes(ord(char) - 0xDC00 if "\udc80" <= char <= "\udcff" else ord("?") for char in lacking), error.end


def keep_printing() -> None:
    """Make ``sys.stdout`` and ``sys.stderr`` such streams, where they are the process's own."""
    codecs.register_error(PRINTABLE, replaced)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed from the start
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors=PRINTABLE))  # noqa: SIM115
        elif type(stream) is io.TextIOWrapper and stream is getattr(sys, f"__{name}__"):
            encoding, by_line, at_once = stream.encoding, stream.line_buffering, stream.write_through
            stream.flush()
            lasting = LastingStream(stream.detach(), encoding, PRINTABLE, None, by_line, at_once)
            setattr(sys, name, lasting)
            setattr(sys, f"__{name}__", lasting)
