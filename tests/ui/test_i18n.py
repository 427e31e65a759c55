"""The words of the page: complete in every language, and no more of them than are used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from diffusion.errors import ENGLISH as MESSAGES
from diffusion.errors import InputError, Message
from diffusion.io.hub import bundled
from diffusion.samplers import SAMPLERS
from train.presets import PRESETS
from ui import i18n
from ui.i18n import TEXTS, error_text, model_words, read_texts, sampler_description, setting_label, text
from ui.lab.budget import BUDGETS
from ui.request import REQUEST_SETTINGS

UI = Path(i18n.__file__).parents[1]
TRANSLATIONS = [code for code in TEXTS if code != "en"]
ELSEWHERE = ("messages.", "bundled_models.")  # whose English is not in en.json
USED_BY_NAME = re.compile(r"settings\.\w+\.(label|help)|samplers\.\w+")  # of what there is in the library
KEYS = (  # in quotes, or as an f-string or a template with one value in it
    r"""["'`]([a-z_]+(?:\.[a-z_0-9]+)+)["'`]""",
    r"""f["']([a-z_]+\.[a-z_]*\{\w+(?:\.\w+)?\}\w*)["']""",
    r"""`([a-z_]+\.\$\{.*?\})`""",
)
ROOT = UI.parent
PROGRAM = [path for name in ("diffusion", "train", "ui") for path in sorted((ROOT / name).rglob("*.py"))]


def fields(words: str) -> set[tuple]:
    """What is filled into a text: (name, conversion, format)."""
    return {(name, conversion, spec) for _, name, spec, conversion in Formatter().parse(words) if name}


def sources() -> Iterator[Path]:
    yield from UI.rglob("*.py")
    yield from (UI / "web").rglob("*.js")


def used() -> set[str]:
    """The keys, or patterns of keys, that stand in the sources, where they begin with a topic of the page."""
    topics = {key.partition(".")[0] for key in TEXTS["en"]}
    programs = [path.read_text("utf-8") for path in sources()]
    found = {key for program in programs for pattern in KEYS for key in re.findall(pattern, program)}
    words = {key for key in found if key.partition(".")[0] in topics and not key.endswith((".css", ".js"))}
    return words - set(MESSAGES)


def matching(pattern: str) -> list[str]:
    """The keys that a pattern such as "how.{step}_text" may stand for."""
    parts = re.split(r"\$?\{.*?\}", pattern)
    return [key for key in TEXTS["en"] if re.fullmatch(r"\w+".join(map(re.escape, parts)), key)]


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_same_keys_as_in_english(language: str):
    keys = {key for key in TEXTS[language] if not key.startswith(ELSEWHERE)}
    assert sorted(set(TEXTS["en"]) - keys) == []
    assert sorted(keys - set(TEXTS["en"])) == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_same_values_are_filled_in(language: str):
    for key, words in TEXTS["en"].items():
        assert fields(TEXTS[language][key]) == fields(words), key
    for code, words in MESSAGES.items():
        assert fields(TEXTS[language][f"messages.{code}"]) == fields(words), code


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_message_has_words_and_no_words_are_of_none(language: str):
    translated = {key.removeprefix("messages.") for key in TEXTS[language] if key.startswith("messages.")}
    assert sorted(set(MESSAGES) - translated) == []
    assert sorted(translated - set(MESSAGES)) == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_bundled_model_has_words(language: str):
    for name in {*PRESETS, *bundled()}:
        _, description = model_words(name, "Title", "Description.", language)
        assert description != "Description.", name
    assert model_words("unet", "Title", "Description.", "en") == ("Title", "Description.")
    assert model_words("runs/mine/model", "Title", "Description.", language) == ("Title", "Description.")


def test_every_sampler_and_setting_has_words_and_nothing_else():
    assert {key.partition(".")[2] for key in TEXTS["en"] if key.startswith("samplers.")} == set(SAMPLERS)
    assert {key.split(".")[1] for key in TEXTS["en"] if key.startswith("settings.")} == {*REQUEST_SETTINGS, *BUDGETS}
    for name in REQUEST_SETTINGS:
        assert setting_label(name) != name
    assert setting_label("low_res", "zh") == "low_res"
    assert sampler_description("none") == sampler_description(["ddim"]) == ""


def calls(*names: str) -> Iterator[tuple[str, list[str]]]:
    """Where the program calls one of these functions with a string first: that, and the names of its other values."""
    for path in PROGRAM:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names and all(keyword.arg for keyword in node.keywords):  # without **values
                yield str(node.args[0].value), [str(keyword.arg) for keyword in node.keywords]


def test_messages_get_the_values_that_they_name():
    for code, given in calls("InputError", "Message"):
        assert {name for name, _, _ in fields(MESSAGES[code])} == set(given), code


def test_texts_get_the_values_that_they_name():
    in_python = [call for call in calls("text") if call[0] in TEXTS["en"]]
    scripts = "".join(path.read_text("utf-8") for path in (UI / "web").rglob("*.js"))
    in_browser = [
        (key, re.findall(r"(\w+)(?:: [^,]+)?(?:, |$)", values))
        for key, values in re.findall(r'words\.text\("([\w.]+)"(?:, \{ (.*?) \})?\)', scripts)
    ]
    assert len(in_python) > 5
    assert len(in_browser) > 5
    for key, given in in_python + in_browser:
        assert {name for name, _, _ in fields(TEXTS["en"][key])} == set(given), key


def test_every_message_is_used():
    program = "".join(path.read_text("utf-8") for path in PROGRAM)
    patterns = [re.escape(found).replace(r"\{", "{") for found in re.findall(r'f"(\w+\.\w*)\{', program)]
    unused = [code for code in MESSAGES if f'"{code}"' not in program]
    assert [code for code in unused if not any(re.match(pattern, code) for pattern in patterns)] == []


def test_every_key_in_the_sources_has_words():
    for pattern in used():
        assert matching(pattern), pattern


def test_every_key_is_used():
    known = {key for pattern in used() for key in matching(pattern)} | {"language", "tag"}
    assert sorted(key for key in TEXTS["en"] if key not in known and not USED_BY_NAME.fullmatch(key)) == []


def test_chinese_sentences_are_punctuated_in_chinese():
    wrong = r"[\u4e00-\u9fff}”][,:;?!]|[,:;?!] *[\u4e00-\u9fff“]|[\u4e00-\u9fff]\."
    written = {key: words.replace("hub:", "").replace("!r}", "}") for key, words in TEXTS["zh"].items()}
    names = re.compile(r"\{(\w+):names?\}")
    assert [key for key, words in written.items() if re.search(wrong, names.sub(r"{\1}", words))] == []


def test_texts_are_filled_in_and_fall_back_to_english(tmp_path: Path):
    assert text("status.stopped", "en", step=3, total=9) == "Stopped at step 3 of 9."
    assert text("status.stopped", "zh", step=3, total=9) == "已停在第 3 步，共 9 步。"
    for unknown in ("xx", None, 3, ["zh"]):
        assert text("player.play", unknown) == "Play"
    with pytest.raises(KeyError):
        text("player.none")
    (tmp_path / "en.json").write_text('{"language": "English", "a": {"b": "c"}}')
    (tmp_path / "de.json").write_text('{"language": "Deutsch"}')
    assert list(read_texts(tmp_path)) == ["en", "de"]
    assert read_texts(tmp_path)["en"] == {"language": "English", "a.b": "c"}


def test_an_error_calls_settings_what_the_page_calls_them():
    error = InputError("settings.integer", setting="num_images", low=1, high=64, given=0)
    assert str(error) == "num_images must be a whole number from 1 to 64, not 0."
    assert error_text(error) == "Images must be a whole number from 1 to 64, not 0."
    assert error_text(error, "zh") == "张数必须是 1 到 64 之间的整数，而不是 0。"
    order = InputError("settings.order", low_setting="guidance_t_min", high_setting="guidance_t_max", low=1, high=0.5)
    assert error_text(order).startswith("Guidance end (t) must not be above Guidance start (t)")


def test_a_message_within_a_message_is_translated_too():
    inner = Message("settings.scope_dit")
    outer = InputError("settings.does_not_apply", setting="skip_scale", subject="unet", scope=inner, known=["steps"])
    assert "DiT" in error_text(outer, "zh")
    assert "models" not in error_text(outer, "zh")


def test_what_was_given_is_quoted_as_it_is():
    error = InputError("settings.number", setting="guidance_scale", low=0, high=20, given="{given} 引导")
    assert "'{given} 引导'" in error_text(error, "zh")
