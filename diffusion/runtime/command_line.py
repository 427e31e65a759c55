"""What the commands have in common. Light to import: --help and a mistake should not wait for torch."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from diffusion.errors import InputError


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def answer(
    parser: Parser, run: Callable[[argparse.Namespace], None], arguments: Sequence[str] | None, stopped: str
) -> int:
    """Parse and run a command. Returns its exit status: 0, 2 on bad input (told in one line), 130 on Ctrl-C, when it
    says ``stopped``, what has become of the work."""
    options = parser.parse_args(arguments)
    try:
        run(options)
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a path that the system refuses: a name too long, a folder closed
        print(f"{parser.prog}: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; {stopped}", file=sys.stderr)
        return 130
    return 0
