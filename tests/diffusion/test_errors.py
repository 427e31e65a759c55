import ast
import json
import pickle
from pathlib import Path
from string import Formatter

import pytest

from diffusion.errors import ENGLISH, InputError, Message, option_name, shortened
from diffusion.io.hub_errors import ALWAYS, FIRST, PULLING, PUSHING, ModelUnavailable
from diffusion.settings import SETTINGS
from diffusion.settings_schema import SCOPES
from ui.lab.fork import UNFIT

ROOT = Path(__file__).parents[2]
SOURCES = [path for name in ("diffusion", "train", "ui") for path in sorted((ROOT / name).rglob("*.py"))]
CALLS = {"InputError", "Message", "ModelUnavailable"}
FAMILIES = {  # codes that are put together where they are used
    "settings.": {setting.kind for setting in SETTINGS.values()},
    "settings.scope_": SCOPES.keys() - {"all"},
    "fork.": UNFIT.keys(),
    "hub.": {name for _, _, name in (*FIRST, *PULLING, *PUSHING, *ALWAYS)},
}


def placeholders(template):
    return {field for _, field, _, _ in Formatter().parse(template) if field}


def message_calls():
    """Each call that makes a message: where it is, the expression of its code, its keywords, whether there are more."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) in CALLS:
                names = {keyword.arg for keyword in node.keywords}
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield place, node.args[0] if node.args else None, names - {None, "temporary"}, None in names


def test_every_code_in_use_has_a_message_and_gets_its_values():
    wrong, count = [], 0
    for place, code, given, more in message_calls():
        count += 1
        if isinstance(code, ast.JoinedStr):
            if code.values[0].value not in FAMILIES:
                wrong.append(f"{place}: {ast.unparse(code)} is not among FAMILIES")
        elif isinstance(code, ast.Constant):
            if code.value not in ENGLISH:
                wrong.append(f"{place}: there is no message {code.value}")
                continue
            wanted = placeholders(ENGLISH[code.value])
            if given - wanted or (wanted - given and not more):
                wrong.append(f"{place}: {code.value} takes {sorted(wanted)}, not {sorted(given)}")
    assert not wrong, "\n".join(wrong)
    assert count > 100  # they were found


def test_every_message_is_in_use():
    used = {prefix + name for prefix, names in FAMILIES.items() for name in names}
    for path in SOURCES:
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        used |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert sorted(ENGLISH.keys() - used) == []


def test_no_topic_is_empty():
    topics = json.loads((ROOT / "diffusion" / "errors" / "messages.json").read_text("utf-8"))
    assert [name for name, messages in topics.items() if not messages] == []


def test_the_families_have_a_message_each():
    assert {prefix + name for prefix, names in FAMILIES.items() for name in names} <= ENGLISH.keys()


def test_a_setting_is_named_as_the_place_calls_it():
    values = {"respacing_setting": "respacing", "respacing": "'3'", "count": 3, "steps_setting": "steps", "steps": 4}
    error = InputError("settings.respacing_steps", **values)
    assert error.text() == "respacing '3' has 3 steps, not 4: leave steps out."
    assert error.text(name=option_name) == "--respacing '3' has 3 steps, not 4: leave --steps out."
    error = InputError("settings.unknown", given="size", known=["steps", "guidance_scale"])
    assert error.text(name=option_name).endswith("the settings are --steps, --guidance-scale.")


def test_messages_may_be_values_and_take_on_the_language_of_the_whole():
    inner = Message("hub.unreachable", host="there")
    outer = InputError("hub.cannot_load", name="hub:a/b", reason=inner)
    assert str(outer) == "hub:a/b cannot be loaded: there cannot be reached; check your network."
    german = {"hub.unreachable": "{host} ist nicht erreichbar", "hub.cannot_load": "{name} fehlt: {reason}."}
    assert outer.text(german) == "hub:a/b fehlt: there ist nicht erreichbar."
    assert outer.text({}) == str(outer)  # a language that lacks a message has it in English
    error = InputError("weights.config_invalid", path="p", reason=InputError("labels.none_given"))
    assert error.text({"labels.none_given": "{{}}"}) == "p is not a model's configuration: {}"


@pytest.mark.parametrize(
    "error",
    [
        InputError("command.cannot_write", path=Path("a/b"), reason="full"),
        InputError("hub.cannot_load", name="x", reason=Message("hub.unreachable", host="h")),
        ModelUnavailable("hub.disk_space", temporary=True, name="x", size="1", room="2"),
        ModelUnavailable("hub.no_token", name="x", login="y"),
    ],
    ids=lambda error: error.code,
)
def test_errors_pass_between_processes(error):
    error.noted = "by a caller"
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (back.code, str(back), back.noted) == (error.code, str(error), "by a caller")
    assert getattr(back, "temporary", None) == getattr(error, "temporary", None)
    assert back.text({error.code: "!"}) == "!"


def test_what_was_given_is_cut_to_a_line():
    assert shortened("x" * 1000) == "'" + "x" * 56 + "..."
    assert shortened(10**5000) == "a number of thousands of digits"
    error = InputError("labels.not_integers", given=["y" * 1000])
    assert len(str(error)) < 150
