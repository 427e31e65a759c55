"""Every word that the page shows, in every language that has a file here. Adding a language is adding a file.

A file is nested by topic: ``text("player.play", "zh")`` is the entry "play" of the topic "player". Its "language" is
what the language is called in itself, its "tag" the HTML ``lang`` of the page. What it lacks is shown in English. Two
topics are in translations alone, because their English is elsewhere: "messages", by the codes of
``diffusion/errors/messages.json``, and "bundled_models", whose title and description are in their own configurations.

The browser takes the same files from the static route (``ui/static.py``, ``ui/web/words.js``).
"""

import json
from pathlib import Path
from typing import Any

from diffusion.errors import InputError, Message

ENGLISH = "en"


def flattened(topics: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A file's texts by keys with dots."""
    texts: dict[str, str] = {}
    for name, value in topics.items():
        texts |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return texts


def read_texts(directory: Path = Path(__file__).parent) -> dict[str, dict[str, str]]:
    """The texts of each language in a directory, English first."""
    files = sorted(directory.glob("*.json"), key=lambda path: (path.stem != ENGLISH, path.stem))
    return {path.stem: flattened(json.loads(path.read_text("utf-8"))) for path in files}


TEXTS = read_texts()
LANGUAGES = {code: texts["language"] for code, texts in TEXTS.items()}  # what each is called in itself
MESSAGES = {  # templates by message code
    code: {key.removeprefix("messages."): text for key, text in texts.items() if key.startswith("messages.")}
    for code, texts in TEXTS.items()
}


def known_language(language: Any) -> str:
    """The language, if there is a file for it, else English."""
    return language if isinstance(language, str) and language in TEXTS else ENGLISH


def text(key: str, language: Any = ENGLISH, **values: Any) -> str:
    """The words for a key, with values filled in. Raises KeyError for a key that English does not have."""
    words = TEXTS[known_language(language)].get(key) or TEXTS[ENGLISH][key]
    return words.format(**values) if values else words


def setting_label(name: str, language: Any = ENGLISH) -> str:
    """What the page calls a setting; its own name where the page does not have it."""
    key = f"settings.{name}.label"
    return text(key, language) if key in TEXTS[ENGLISH] else name


def sampler_description(name: Any, language: Any = ENGLISH) -> str:
    """What a sampler does, in a sentence or two; "" for what is no sampler."""
    key = f"samplers.{name}" if isinstance(name, str) else ""
    return text(key, language) if key in TEXTS[ENGLISH] else ""


def model_words(ref: str, title: str, description: str, language: Any = ENGLISH) -> tuple[str, str]:
    """A model's title and description. They are English in its configuration; bundled models have translations."""
    texts = TEXTS[known_language(language)]
    return texts.get(f"bundled_models.{ref}.title", title), texts.get(f"bundled_models.{ref}.description", description)


def error_text(error: InputError | Message, language: Any = ENGLISH) -> str:
    """The sentence of an error or message, in which settings are called what the page calls them."""
    language = known_language(language)
    return error.text(MESSAGES[language], name=lambda setting: setting_label(setting, language))
