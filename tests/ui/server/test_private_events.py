"""The page's own events and server functions, called by somebody who is no page. Whatever is sent is refused in a
sentence or left aside; nothing breaks, and no file of the host is touched."""

import json
from itertools import count

import httpx
import pytest

from tests.ui.server.calls import JSON, sample, trigger

pytestmark = pytest.mark.slow

PATH = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
CONTROLS = ["label", "num_images", "sampler", "steps", "seed", "guidance_scale", "model", "classifier", "eta"]
CONTROLS += ["steps_by_hand", "language", "run", "live", "hub", "number"]
STRANGE = [None, True, -1, 1.5, 10**30, "", "x" * 3000, "../private", "\0", [], [1], {}, [[[{}]]]]
QUESTIONS = ["model", "sampler", "classifier", "tiles", "settings", "reload", "restore", "fetched", "arrived", "live"]
NESTED: list = []
for _ in range(200):
    NESTED = [NESTED]

NO_NAMES = [None, True, 7, "", "seven", [], ["7", 16, 2.0], NESTED, [None] * 1900]
BY_NAME = [
    {},
    {"nonsense": 1, "__class__": "x"},
    *(dict.fromkeys(CONTROLS, value) for value in STRANGE),
    {"label": "7", "steps": 3, "steps_by_hand": "yes", "language": ["zh"]},
    {"model": "runs/blind/model", "classifier": "private-reader", "label": "3"},
    {f"name {i}": i for i in range(1900)},
]
SESSIONS = count()


@pytest.fixture(scope="module")
def page(server) -> dict:
    """What Gradio tells a browser about the page."""
    return httpx.get(f"{server}/config").json()


@pytest.fixture(scope="module", autouse=True)
def it_goes_on(client):
    """After all of these tests."""
    yield
    assert sample(client)[1]["labels"] == ["7"] * 3


@pytest.fixture
def nothing_breaks(log):
    """At the end there is no new traceback in the app's log."""
    before = log.read_text().count("Traceback")
    yield
    assert log.read_text().count("Traceback") == before, log.read_text()[-3000:]


def events(page: dict) -> list[int]:
    """The events that call a function of the server."""
    return [
        event["id"] for event in page["dependencies"] if event["backend_fn"] and event["api_visibility"] == "private"
    ]


def public(page: dict) -> list[int]:
    """The events that are endpoints, of which any value may be left out."""
    return [event["id"] for event in page["dependencies"] if event["api_visibility"] == "public"]


def send(server: str, page: dict, value) -> dict[int, dict]:
    return trigger(server, events(page), [value], f"session{next(SESSIONS)}")


def test_all_events_take_one_object(page):
    kinds = {component["id"]: component["type"] for component in page["components"]}
    for event in page["dependencies"]:
        if event["id"] in events(page):
            assert [kinds[each] for each in event["inputs"]] == ["json"]
    assert len(events(page)) >= 2


@pytest.mark.parametrize("value", NO_NAMES, ids=lambda value: json.dumps(value)[:20])
def test_values_without_names_are_refused_in_words(server, page, nothing_breaks, value):
    for event, ended in send(server, page, value).items():
        assert ended["success"] is False, event
        assert ended["output"]["error"] == "The page's controls send their values by name.", event


@pytest.mark.parametrize("value", BY_NAME, ids=lambda value: json.dumps(value)[:50])
def test_strange_values_are_refused_in_words_or_left_aside(server, page, nothing_breaks, value):
    for event, ended in send(server, page, value).items():
        assert ended["success"], (event, ended)  # what is wrong is said where the page shows it


@pytest.mark.parametrize("value", [[PATH], {"label": PATH, "model": PATH, "hub": PATH}], ids=["list", "by name"])
def test_a_file_of_the_host_is_refused(server, page, client, value):
    for ended in send(server, page, value).values():
        assert not ended["success"]  # by Gradio, in whose uploads it is not
        assert "root:" not in json.dumps(ended)
    message = json.loads(server_function(server, page, "live", value).json())
    assert set(message) == {"run", "error"}
    assert "root:" not in message["error"]
    assert sample(client)[1]["labels"] == ["7"] * 3


def test_a_wrong_number_of_values_is_refused(server, page, client):
    everything = [event["id"] for event in page["dependencies"]]
    for some in (everything[i : i + 16] for i in range(0, len(everything), 16)):
        ended = trigger(server, some, [], f"session{next(SESSIONS)}")
        assert not any(message["success"] for event, message in ended.items() if event not in public(page))
    assert sample(client)[1]["labels"] == ["7"] * 3


def test_what_runs_in_the_browser_cannot_be_run_here(server, page, client):
    in_browser = [event["id"] for event in page["dependencies"] if not event["backend_fn"]]
    for some in (in_browser[i : i + 16] for i in range(0, len(in_browser), 16)):
        ended = trigger(server, some, [{}], f"session{next(SESSIONS)}")
        assert not any(message["success"] for message in ended.values())
    assert sample(client)[1]["labels"] == ["7"] * 3


def server_function(server: str, page: dict, name: str, value) -> httpx.Response:
    player = next(each["id"] for each in page["components"] if each["props"].get("elem_id") == "player")
    body = {"data": value, "component_id": player, "fn_name": name, "session_hash": "a-session"}
    return httpx.post(f"{server}/gradio_api/component_server/", content=json.dumps(body), headers=JSON, timeout=60)


@pytest.mark.parametrize("value", [*NO_NAMES, *BY_NAME], ids=lambda value: json.dumps(value)[:50])
def test_server_functions_refuse_in_words_or_leave_aside(server, page, nothing_breaks, value):
    response = server_function(server, page, "live", value)
    assert response.status_code == 200
    message = json.loads(response.json())
    assert set(message) == {"run", "error"}
    assert len(message["run"]) < 40
    assert message["error"]
    assert server_function(server, page, "stop", value).json() is None


@pytest.mark.parametrize("value", [*NO_NAMES, *BY_NAME], ids=lambda value: json.dumps(value)[:50])
def test_what_somebody_chooses_is_answered_or_left_aside(server, page, nothing_breaks, value):
    for what in [*QUESTIONS, "nonsense", None, []]:
        response = server_function(server, page, "choose", {"what": what, "values": value})
        assert response.status_code == 200
        assert "root:" not in response.text
        assert response.json() is None or isinstance(response.json(), dict)
    assert server_function(server, page, "choose", value).json() is None


@pytest.mark.parametrize("name", ["preprocess", "postprocess", "__init__", "__class__", "render", "nonsense", ""])
def test_nothing_else_of_a_component_can_be_called(server, page, name):
    assert server_function(server, page, name, {}).status_code == 404
