"""What the commands share: a parser, options made from the settings, errors in one line. Light to import: --help and a
mistake should not wait for torch."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from diffusion.errors import InputError, Message, option_name
from diffusion.io.files import DISK_FULL, user_path
from diffusion.runtime.memory import is_out_of_memory
from diffusion.runtime.printing import keep_printing

WINDOWS = sys.platform == "win32"
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
    parser: Parser,
    run: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None,
    stopped: str,
    smaller: Message | None = None,
) -> int:
    """Parse and run a command. Returns its exit status: 0, 2 on bad input, 1 where it failed (with one line on stderr
    each), or 130 on Ctrl-C, with a line that ends in ``stopped``: what has become of the work. ``smaller``: what to do
    where the memory does not suffice."""
    keep_printing()
    options = parser.parse_args(arguments)
    try:
        for name, value in vars(options).items():
            if isinstance(value, Path):
                setattr(options, name, user_path(value, name))
        run(options)
    except KeyboardInterrupt:
        print(f"stopped; {stopped}", file=sys.stderr)
        return 130
    except Exception as error:
        reason, status = explained(error, smaller)
        print(f"{parser.prog}: {reason.text(name=option_name)}", file=sys.stderr)
        return status
    return 0


def explained(error: Exception, smaller: Message | None = None) -> tuple[Message | InputError, int]:
    """An expected error as a message and an exit status; raises any other again. ``smaller``: see ``run_command``."""
    if isinstance(error, InputError):
        return error, error.status
    if is_out_of_memory(error):
        return Message("command.out_of_memory", advice=smaller or Message("command.smaller_model")), 1
    if isinstance(error, OSError):  # a path that the system refuses: a name too long, a folder closed
        failed = error.errno in DISK_FULL
        values = {"path": error.filename or "a file", "reason": error.strerror or str(error)}
        return Message("command.disk_full" if failed else "command.file", **values), 1 if failed else 2
    raise error


def typed(words: Iterable[str]) -> str:
    """A command line as a person types it here: in advice that can be copied."""
    return subprocess.list2cmdline(words) if WINDOWS else shlex.join(words)
