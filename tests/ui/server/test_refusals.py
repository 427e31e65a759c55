"""What /generate refuses: each time in a sentence, and the app goes on."""

import json

import httpx
import pytest
from gradio_client.exceptions import AppError

from tests.ui.server.calls import GOOD, JSON, call, last_event, sample

pytestmark = pytest.mark.slow

RANGES = {
    "label": ["cow", "y" * 40_000, ["7"], 7.5],
    "num_images": [0, 10**6, "many", {"a": 1}],
    "sampler": ["k_euler", ["ddim"]],
    "steps": [0, 10**9, 2.5, True],
    "guidance_scale": ["nan", "inf", -1, 21, [1]],
    "seed": [-1, 2**32, "random"],
    "classifier": ["nobody", "/etc/passwd", ["reader"]],
    "classifier_scale": ["strong"],
    "freeu_b": [-1],
    "freeu_s": [[1]],
    "guidance_t_max": [1.5],
    "guidance_power": [5],
    "eta": [-0.1],
    "respacing": ["a,b", "0", 3.5],
    "model": ["no-such-model", "/etc/passwd", "private", "runs/../private", "hub:not a name", "hub:nobody/nothing", {}],
}


def refusal(client, **changes) -> str:
    with pytest.raises(AppError) as raised:
        sample(client, **changes)
    return str(raised.value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RANGES.items() for value in values])
def test_a_value_out_of_its_range_is_refused_in_a_sentence(client, name, value):
    sentence = refusal(client, **{name: value})
    assert name in sentence or "hub:" in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 600
    assert "the secret" not in sentence


@pytest.mark.parametrize("label", ["Infinity", "-1e999", "NaN"])
def test_numbers_that_are_none_are_refused_in_a_sentence(server, label):
    address = f"{server}/gradio_api/call/generate"
    event = httpx.post(address, content=f'{{"data": [{label}]}}', headers=JSON, timeout=60).json()["event_id"]
    name, error = last_event(httpx.get(f"{address}/{event}", timeout=60).text)
    assert name == "error"
    assert error["error"].startswith("label must be text of at most")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("classifier_scale", {"classifier_scale": 2}),
        ("skip_scale", {"skip_scale": 1}),
        ("eta", {"sampler": "heun", "eta": 0.5}),
        ("guidance_power", {"model": "runs/blind/model", "label": "", "guidance_scale": None, "guidance_power": 1}),
        ("guidance_scale", {"model": "runs/dit/model", "label": ""}),
        ("freeu_b", {"model": "runs/dit/model", "label": "", "guidance_scale": None, "freeu_b": 1.2}),
    ],
)
def test_a_setting_that_does_not_apply_is_refused_with_those_that_do(client, name, changes):
    sentence = refusal(client, **changes)
    assert sentence.startswith(f"{name} does not apply to ")
    applicable = sentence.partition("What applies: ")[2].rstrip(".").split(", ")
    assert {"sampler", "steps", "seed"} <= set(applicable)
    assert name not in applicable


def test_settings_that_contradict_one_another_are_refused(client):
    assert "guidance_t_min" in refusal(client, guidance_t_min=0.8, guidance_t_max=0.2)
    assert "respacing" in refusal(client, steps=5, respacing="10")
    assert "labels" in refusal(client, model="runs/blind/model", guidance_scale=None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        '{"data": ["7", 1, "ddim", 2, NaN, 0, ""]}',
        '{"data": ["7", 1, "ddim", 2, 1e999, 0, ""]}',
        '{"data": [{"path": "/etc/passwd"}, 1, "ddim", 2, 1, 0, ""]}',
        '{"data": ["7", 1, "ddim", 2, 1, 0, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}',
        json.dumps({"data": [None] * 8000}),
        '{"data": ' + "[" * 40_000,
        '{"data": ' + "[" * 40_000 + "]" * 40_000 + "}",
    ],
    ids=lambda body: body[:40],
)
@pytest.mark.parametrize("version", ["", "/v2"])
def test_a_bad_body_is_refused(server, body, version):
    address = f"{server}/gradio_api/call{version}/generate"
    response = httpx.post(address, content=body, headers={"content-type": "application/json"})
    text = response.text
    if response.status_code == 200:
        text = httpx.get(f"{address}/{response.json()['event_id']}", timeout=60).text
        assert last_event(text)[0] == "error"
    else:
        assert response.status_code >= 400
    assert "root:" not in text


@pytest.mark.parametrize(
    ("route", "body", "given", "example"),
    [
        ("call/generate", "{}", "data", '{"data": ["7", 4]}'),
        ("call/generate", '{"data": "7"}', "data", '{"data": ["7", 4]}'),
        ("call/generate", "not json", "body", '{"data": ["7", 4]}'),
        ("run/generate", "{}", "data", '{"data": ["7", 4]}'),
        ("call/v2/generate", "[]", "body", '{"label": "7", "num_images": 4}'),
    ],
)
def test_a_body_of_the_wrong_kind_is_answered_with_an_example_that_works(server, route, body, given, example):
    address = f"{server}/gradio_api/{route}"
    response = httpx.post(address, content=body, headers=JSON, timeout=60)
    assert response.status_code == 422
    sentence = response.json()["detail"]
    assert sentence.startswith(f"The request's '{given}' is missing or of the wrong kind")
    assert example in sentence
    if route.startswith("call"):
        begun = httpx.post(address, content=example, headers=JSON, timeout=60).json()["event_id"]
        event, (_, about) = last_event(httpx.get(f"{server}/gradio_api/call/generate/{begun}", timeout=60).text)
        assert (event, about["labels"]) == ("complete", ["7"] * 4)


def test_unknown_names_are_refused(server):
    assert call(server, GOOD | {"nonsense": 1}, "/v2")[0] == "HTTP 500"  # Gradio's


def test_more_values_than_there_are_is_refused(server):
    event, answer = call(server, [*GOOD.values(), *[None] * 11])
    assert (event, answer["error"]) == ("error", "There are at most 17 values, not 18.")


def test_after_all_that_it_goes_on(client):
    assert sample(client)[1]["labels"] == ["7"] * 3
