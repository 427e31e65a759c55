"""What the commands share: a parser, options made from the settings, errors in one line. Light to import: --help and a
mistake should not wait for torch."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from diffusion.errors import InputError, option_name
from diffusion.io.files import user_path

METAVARS = {"integer": "N", "number": "X", "choice": "NAME", "text": "SPEC"}


class Parser(argparse.ArgumentParser):
    """Prints what is wrong with a command line in one line, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def add_options(parser: argparse._ActionsContainer, names: Iterable[str] | None = None) -> None:
    """An option for each of the sampling settings named, or for all; those not given are None."""
    from diffusion.settings import SETTINGS

    for name in SETTINGS if names is None else names:
        setting = SETTINGS[name]
        words = setting.help if setting.kind == "text" else f"{setting.help}; {setting.allowed}"
        parser.add_argument(option_name(name), metavar=METAVARS[setting.kind], help=words.replace("%", "%%"))


def run_command(
    parser: Parser, run: Callable[[argparse.Namespace], None], arguments: Sequence[str] | None, stopped: str
) -> int:
    """Parse and run a command. Returns its exit status: 0, 2 on bad input (with one line on stderr), or 130 on Ctrl-C,
    with a line that ends in ``stopped``: what has become of the work."""
    options = parser.parse_args(arguments)
    try:
        for name, value in vars(options).items():
            if isinstance(value, Path):
                setattr(options, name, user_path(value, name))
        run(options)
    except InputError as error:
        print(f"{parser.prog}: {error.text(name=option_name)}", file=sys.stderr)
        return 2
    except OSError as error:  # a path that the system refuses: a name too long, a folder closed
        print(f"{parser.prog}: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; {stopped}", file=sys.stderr)
        return 130
    return 0
