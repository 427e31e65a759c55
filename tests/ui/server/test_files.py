"""Which files the app serves: those of its page and of its results, and none of its host's."""

import json
import tempfile

import httpx
import pytest

from tests.programs import ROOT
from tests.ui.server.calls import last_event

pytestmark = pytest.mark.slow

ROUTES = ("file=", "file/", "static/", "assets/", "stream/", "proxy=", "custom_component/", "")


def test_no_file_of_the_host_can_be_read(server, home):
    contents = {  # file -> something in it
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
    prefixes = [f"{root}{route}" for root in ("/gradio_api/", "/") for route in ROUTES]
    with httpx.Client(base_url=server) as http:
        for prefix in [*prefixes, "/lab/web/", "/lab/i18n/"]:
            for file, content in contents.items():
                assert content not in http.get(f"{prefix}{file}").content, (prefix, file)


@pytest.mark.parametrize(
    "path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "style.css", "player", "", "%00", "x" * 5000]
)
def test_what_is_no_module_is_not_served(server, path):
    with httpx.Client(base_url=server) as http:
        assert http.get(f"/lab/web/{path}").status_code in (404, 307)


def test_modules_and_words_are_served_fresh(server):
    for path, kind in (
        ("web/lab.js", ("text/javascript", "application/javascript")),
        ("i18n/en.json", "application/json"),
    ):
        first = httpx.get(f"{server}/lab/{path}")
        assert first.headers["content-type"].startswith(kind)
        assert first.headers["cache-control"] == "no-cache"
        assert first.content == (ROOT / "ui" / path).read_bytes()
        again = httpx.get(f"{server}/lab/{path}", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    ("endpoint", "values"), [("generate", []), ("fork", ['[{"step": 2}]']), ("compare", []), ("noise", [])]
)
def test_a_result_is_a_name_and_no_path_of_the_host(server, home, endpoint, values):
    address = f"{server}/gradio_api/call/{endpoint}"
    event = httpx.post(address, json={"data": values}, timeout=60).json()["event_id"]
    name, (file, about) = last_event(httpx.get(f"{address}/{event}", timeout=60).text)
    assert name == "complete"
    digest, _, picture = file["path"].partition("/")
    assert (len(digest), file["orig_name"]) == (64, picture)
    assert file["url"] == f"{server}/gradio_api/file={file['path']}"
    response = httpx.get(file["url"])
    assert response.content.startswith(b"\x89PNG")
    assert response.headers["content-type"] == "image/png"
    for folder in (tempfile.gettempdir(), str(home), str(ROOT)):
        assert folder not in json.dumps([file, about])
        assert folder.encode() not in response.content
    assert httpx.get(file["url"].replace(digest, "0" * 64)).status_code == 404


def test_nothing_that_describes_the_app_names_a_folder_of_the_host(server, home):
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/startup-events"):
        text = httpx.get(server + path).text
        for folder in (tempfile.gettempdir(), str(home), str(ROOT)):
            assert folder not in text, path
