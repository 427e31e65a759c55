"""What the Compare tab sends to the browser."""

import json

import gradio as gr
import pytest

from ui.lab.compare import CompareLab
from ui.tabs.compare import CompareTab

GRID = {"row_values": "ddim, heun", "column_values": "1, 3", "label": "4", "run": "a"}


@pytest.fixture
def tab(engine) -> CompareTab:
    with gr.Blocks():
        return CompareTab(CompareLab(engine))


def messages(runs) -> list[dict]:
    return [json.loads(sent["compare"]) for sent in runs]


def cells(sent: list[dict]) -> dict[str, dict]:
    return {cell["key"]: cell for message in sent for cell in message.get("cells", ())}


def test_the_cells_of_a_plan_come_under_its_keys_but_for_those_that_are_there(tab):
    plan = tab.plan(GRID)
    keys = [cell["key"] for cell in plan["cells"]]
    assert plan["rows"] == {
        "setting": "sampler",
        "values": ["ddim", "heun"],
        "titles": ["DDIM", "Heun"],
        "numeric": False,
    }
    assert plan["columns"]["numeric"]
    sent = messages(tab.run(GRID | {"what": "cells", "skip": keys[:1]}))
    assert sent[-1] == {"run": "a", "over": True}
    found = cells(sent)
    assert set(found) == set(keys[1:])
    assert found[keys[1]]["message"]["total"] == 3
    assert len(found[keys[1]]["message"]["frames"]) == 4


def test_what_cells_approach_is_computed_once_for_all_visitors(tab):
    (key,) = {cell["reference"] for cell in tab.plan(GRID)["cells"]}
    first = messages(tab.run(GRID | {"what": "references"}))
    calls = []
    tab.lab.engine.load().network.register_forward_hook(lambda *_: calls.append(1))
    again = messages(tab.run(GRID | {"what": "references", "run": "b"}))
    assert cells(first) == cells(again)
    assert cells(first)[key]["calls"] >= 1000
    assert not calls


@pytest.mark.parametrize(
    ("request_text", "sentence"),
    [
        ("{", "The page's controls send their values by name."),
        ("[1]", "The page's controls send their values by name."),
        ("[" * 40_000, "The page's controls send their values by name."),
        (json.dumps(GRID | {"rows": "steps"}), "Rows and columns are both Steps: choose two different settings."),
    ],
)
def test_whatever_is_sent_is_answered_with_a_sentence(tab, request_text, sentence):
    (answer,) = messages(tab.begin({"request": request_text, "language": "en"}))
    assert answer["error"] == sentence


def test_a_run_that_was_stopped_does_not_begin_and_one_under_way_ends(tab):
    tab.stops.add("a")
    assert list(tab.begin({"request": json.dumps(GRID)})) == []
    running = tab.begin({"request": json.dumps(GRID | {"run": "b", "column_values": "1, 900, 901"})})
    next(running)
    tab.stops.add("b")
    assert list(running) == []
    assert tab.lab.engine.places.running == 0
