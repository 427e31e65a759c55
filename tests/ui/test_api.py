"""The public endpoint of the real program, ``python app.py``, from outside: by gradio_client and by plain HTTP."""

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from diffusion import FreeU, load_classifier
from diffusion.io.images import sheet, to_uint8
from tests.tiny import tiny_classifier, tiny_enlarger, tiny_model
from ui.app import PEOPLE

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "label": "7",
    "num_images": 3,
    "sampler": "ddim",
    "steps": 5,
    "guidance_scale": 2,
    "seed": 3,
    "model": "",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder that the program is started in: its operator's model, a run, and things that are nobody's business."""
    home = tmp_path_factory.mktemp("home")
    tiny_model(image_size=28).save(home / "own")
    tiny_model(1).save(home / "runs" / "mine" / "model")
    tiny_model(2).save(home / "private")
    tiny_model(4, label_names=()).save(home / "runs" / "blind" / "model")
    tiny_classifier().save(home / "runs" / "reader" / "model")
    tiny_enlarger(image_size=28, low_res_size=7).save(home / "runs" / "lens" / "model")
    (home / "secret.txt").write_text("the secret")
    return home


@pytest.fixture(scope="module")
def server(home):
    """The address of a running app."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--model", str(home / "own"), "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "GRADIO_SERVER_NAME": "127.0.0.1"}
    address = f"http://127.0.0.1:{port}"
    path = home.parent / "app.log"
    with open(path, "w") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        until = time.monotonic() + 120
        while not answers(address):
            assert process.poll() is None, path.read_text()
            assert time.monotonic() < until, path.read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def client(server):
    return Client(server, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 60})


def answers(address):
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def draw(client, **changes):
    return client.predict(**{**GOOD, **changes}, api_name="/generate")


def test_it_draws_what_the_model_draws(client):
    path, about = draw(client)
    drawn = tiny_model(image_size=28).generate([7] * 3, sampler="ddim", steps=5, guidance_scale=2.0, seed=3)
    picture = Image.open(path)
    assert np.array_equal(np.asarray(picture), sheet(to_uint8(drawn))[..., 0])
    assert json.loads(picture.text["settings"]) == about["settings"]
    assert about["labels"] == ["7"] * 3
    assert about["settings"]["steps"] == 5
    assert about["seconds"] > 0
    if (ROOT / "assets" / "evaluator" / "model.safetensors").exists():
        assert len(about["readings"]) == 3
        assert all(0 <= reading["confidence"] <= 1 for reading in about["readings"])


def test_everything_has_a_default(client):
    path, about = client.predict(api_name="/generate")
    assert about["settings"] == {
        **about["settings"],
        "label": "",
        "num_images": 16,
        "sampler": "ddim",
        "steps": 4,
        "seed": 0,
    }
    drawn = tiny_model(image_size=28).generate([-1] * 16)
    assert np.array_equal(np.asarray(Image.open(path)), sheet(to_uint8(drawn))[..., 0])


def test_the_contract(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == ["/generate"]
    names = [parameter["parameter_name"] for parameter in endpoints["/generate"]["parameters"]]
    assert names[:7] == ["label", "num_images", "sampler", "steps", "guidance_scale", "seed", "model"]
    extras = ["classifier", "classifier_scale", "freeu_b", "freeu_s", "guidance_t_min", "guidance_t_max", "skip_scale"]
    assert names[7:] == [*extras, "guidance_power"]


def test_a_run_is_drawn_from_by_its_reference(client):
    _, about = draw(client, model=os.path.join("runs", "mine", "model"), sampler="heun", steps=3)
    assert about["settings"]["model"] == os.path.join("runs", "mine", "model")


def test_a_classifier_and_freeu_by_their_names(client, home):
    words = {"classifier": os.path.join("runs", "reader", "model"), "classifier_scale": 20, "freeu_b": 1.2}
    path, about = draw(client, model=os.path.join("runs", "blind", "model"), **words)
    assert {name: about["settings"][name] for name in words} == words
    reader = load_classifier(home / "runs" / "reader" / "model")
    drawn = tiny_model(4, label_names=()).generate(
        [7] * 3, sampler="ddim", steps=5, seed=3, classifier=reader, classifier_scale=20.0, freeu=FreeU(b=1.2)
    )
    assert np.abs(np.asarray(Image.open(path)).astype(int) - sheet(to_uint8(drawn))[..., 0]).max() <= 1


def test_super_resolution_says_which_digits_it_enlarged(client):
    path, about = draw(client, model=os.path.join("runs", "lens", "model"), label="", num_images=4)
    assert about["labels"] == ["0", "1", "2", "3"]
    assert Image.open(path).size == (58, 58)


BAD = [
    ("classifier", "nobody"),
    ("classifier", "/etc/passwd"),
    ("classifier", ["reader"]),
    ("classifier_scale", 1),
    ("classifier_scale", "strong"),
    ("freeu_b", -1),
    ("freeu_s", [1]),
    ("guidance_t_max", 1.5),
    ("guidance_power", 5),
    ("label", "cow"),
    ("label", "y" * 100_000),
    ("label", ["7"]),
    ("label", 7.5),
    ("num_images", 0),
    ("num_images", 10**6),
    ("num_images", "many"),
    ("num_images", {"a": 1}),
    ("sampler", "k_euler"),
    ("sampler", ["ddim"]),
    ("steps", 0),
    ("steps", 10**9),
    ("steps", 2.5),
    ("steps", True),
    ("guidance_scale", "nan"),
    ("guidance_scale", "inf"),
    ("guidance_scale", -1),
    ("guidance_scale", 21),
    ("guidance_scale", [1]),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", "random"),
    ("model", "no-such-model"),
    ("model", "/etc/passwd"),
    ("model", "private"),
    ("model", "runs/../private"),
    ("model", "hub:not a name"),
    ("model", "hub:nobody/nothing"),
    ("model", {"path": "/etc/passwd"}),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: str(value)[:16] if isinstance(value, str) else "")
def test_a_bad_value_is_answered_in_a_sentence(client, home, name, value):
    with pytest.raises(AppError) as raised:
        draw(client, **{name: value})
    sentence = str(raised.value)
    assert name in sentence or "hub:" in sentence
    assert len(sentence) < 600
    assert "Traceback" not in sentence
    assert "the secret" not in sentence


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"data": null}',
        '{"data": []}',
        '{"data": ["7"]}',
        '{"data": ["7", 1, "ddim", 2, NaN, 0, ""]}',
        '{"data": ["7", 1, "ddim", 2, 1e999, 0, ""]}',
        '{"data": [{"path": "/etc/passwd"}, 1, "ddim", 2, 1, 0, ""]}',
        '{"data": ["7", 1, "ddim", 2, 1, 0, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}',
    ],
)
def test_a_bad_body_over_plain_http_is_refused(server, body):
    address = f"{server}/gradio_api/call/generate"
    answer = httpx.post(address, content=body, headers={"content-type": "application/json"})
    told = answer.text
    if answer.status_code == 200:
        told = httpx.get(f"{address}/{answer.json()['event_id']}", timeout=30).text
        assert "event: error" in told
    else:
        assert answer.status_code >= 400
    assert "event: complete" not in told
    assert "root:" not in told


@pytest.mark.parametrize("more", [[], ["", None], ["", None, 1.0, 1.0]])
def test_plain_http_may_leave_out_the_last_values(server, more):
    address = f"{server}/gradio_api/call/generate"
    event = httpx.post(address, json={"data": [*GOOD.values(), *more]}).json()["event_id"]
    told = httpx.get(f"{address}/{event}", timeout=60).text
    assert "event: complete" in told
    assert '"labels": ["7", "7", "7"]' in told


def test_after_all_that_it_still_draws(client):
    assert draw(client)[1]["labels"] == ["7"] * 3


def test_cancelled_and_abandoned_requests_free_their_places(server, client):
    long = {**GOOD, "num_images": 64, "sampler": "heun", "steps": 1000}
    _, about = draw(client, **{**long, "steps": 20})
    whole = PEOPLE * about["seconds"] * 1000 / 20  # what all places, taken by long requests, would take

    started = time.monotonic()
    jobs = [client.submit(**long, api_name="/generate") for _ in range(PEOPLE)]
    time.sleep(0.5)
    for job in jobs:
        job.cancel()
    draw(client)
    assert time.monotonic() - started < whole / 2

    started = time.monotonic()
    address = f"{server}/gradio_api/call/generate"
    for _ in range(PEOPLE):
        event = httpx.post(address, json={"data": list(long.values())}, timeout=60).json()["event_id"]
        with httpx.stream("GET", f"{address}/{event}", timeout=60) as stream:
            next(stream.iter_lines())
    draw(client)
    assert time.monotonic() - started < whole / 2


def test_twenty_people_at_once(client):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: draw(client, label=str(i % 10), num_images=1, seed=i), range(20)))
    for i, (path, _) in enumerate(answers):
        alone = to_uint8(tiny_model(image_size=28).generate([i % 10], steps=5, seed=i))
        assert np.abs(np.asarray(Image.open(path)).astype(int) - alone[0, ..., 0]).max() <= 1


def test_no_file_of_the_host_can_be_read(server, home):
    telling = {  # file -> what is in it
        "/etc/passwd": b"root:",
        str(home / "secret.txt"): b"the secret",
        "secret.txt": b"the secret",
        "./secret.txt": b"the secret",
        str(home / "own" / "config.json"): b"image_size",
        str(home / "runs" / "mine" / "model" / "model.safetensors"): b"dtype",
        str(ROOT / "app.py"): b"argparse",
        "app.py": b"argparse",
        "../" * 12 + "etc/passwd": b"root:",
        "%2e%2e/" * 12 + "etc/passwd": b"root:",
        "..%2f" * 12 + "etc%2fpasswd": b"root:",
        "//etc/passwd": b"root:",
        "file:///etc/passwd": b"root:",
    }
    routes = ("file=", "file/", "static/", "assets/", "stream/", "proxy=", "custom_component/", "")
    with httpx.Client(base_url=server) as http:
        for prefix in ("/gradio_api/", "/"):
            for route in routes:
                for file, content in telling.items():
                    answer = http.get(f"{prefix}{route}{file}")
                    assert content not in answer.content, (prefix, route, file)
