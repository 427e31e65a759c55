"""Errors that a person is meant to read: a code and its values; the words are in a catalogue.

    raise InputError("settings.number", setting="steps", low=1, high=1000, given=0)
    # str(error): "steps must be a whole number from 1 to 1000, not 0."

The English templates are in ``messages.json`` beside this file, by topic and name. A template is a format string with
two additions: ``{given!r}`` is shortened to what fits a line, and ``{setting:name}`` (or ``{known:names}``, of several)
is the name of a setting as the place where the message appears calls it: ``guidance_scale`` in Python,
``--guidance-scale`` on the command line, "Guidance scale" on the page.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

LONGEST = 60  # characters of a value in a message


def read_catalogue(path: Path) -> dict[str, str]:
    """Templates by code ("topic.name") from a JSON file of topics."""
    topics = json.loads(path.read_text("utf-8"))
    return {f"{topic}.{name}": text for topic, messages in topics.items() for name, text in messages.items()}


ENGLISH = read_catalogue(Path(__file__).with_name("messages.json"))


class Message:
    """A code and its values, which may be messages themselves."""

    def __init__(self, code: str, **values: Any):
        self.code, self.values = code, values

    def text(self, templates: Mapping[str, str] = ENGLISH, name: Callable[[str], str] = str) -> str:
        """The sentence by a catalogue; a code that it lacks is in English. ``name``: what a setting is called there."""
        words = {
            key: value.text(templates, name) if isinstance(value, Message | InputError) else value
            for key, value in self.values.items()
        }
        return MessageFormatter(name).format(templates.get(self.code, ENGLISH[self.code]), **words)


class InputError(ValueError):
    """Bad input, as one clear sentence: what was wrong, what is allowed, what to do. ``status``: of a command that it
    ends."""

    status = 2

    def __init__(self, code: str, **values: Any):
        self.message = Message(code, **values)
        super().__init__(self.text())

    @property
    def code(self) -> str:
        return self.message.code

    def text(self, templates: Mapping[str, str] = ENGLISH, name: Callable[[str], str] = str) -> str:
        """See ``Message.text``."""
        return self.message.text(templates, name)

    def __reduce__(self):  # between processes: by code and values, not by the sentence
        return _rebuilt, (type(self), self.message.code, self.message.values, self.__dict__)


class OutputError(InputError):
    """A result that could not be written; all others were."""

    status = 1


def _rebuilt(kind: type[InputError], code: str, values: dict[str, Any], state: dict[str, Any]) -> InputError:
    error = kind(code, **values)
    error.__dict__.update(state)
    return error


def option_name(setting: str) -> str:
    """What a setting is called on the command line."""
    return "--" + setting.replace("_", "-")


class MessageFormatter(Formatter):
    """``str.format`` with ``{value!r}`` shortened, and settings by name."""

    def __init__(self, name: Callable[[str], str]):
        self.name = name

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        return shortened(value) if conversion == "r" else super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "name":
            return self.name(value)
        if format_spec == "names":
            return ", ".join(map(self.name, value))
        return super().format_field(value, format_spec)


def shortened(value: Any, length: int = LONGEST) -> str:
    """What was given, as Python writes it, cut to a length that fits a line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print whole numbers of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= length else text[: length - 3] + "..."
