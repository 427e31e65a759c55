"""What the app serves to the browser beside Gradio's own files."""

import json
import re

import fastapi
import pytest
from starlette.testclient import TestClient

from ui.i18n import LANGUAGES
from ui.static import FILES, UI, head, routes

PICTURES = [path.relative_to(UI).as_posix() for path in (UI / "web").rglob("*.png")]
MODULES = [path.relative_to(UI / "web").as_posix() for path in (UI / "web").rglob("*.js")]


@pytest.fixture(params=["", "/behind/a/proxy"], ids=["root", "proxy"])
def client(request):
    """As Gradio sets it up, alone or behind a proxy that takes a part of the path away."""
    return TestClient(fastapi.FastAPI(routes=routes(lambda: 3)), root_path=request.param)


def test_modules_and_texts(client):
    for path in (*(f"/lab/web/{name}" for name in MODULES), *(f"/lab/i18n/{code}.json" for code in LANGUAGES)):
        response = client.get(path)
        assert response.status_code == 200
        kind = response.headers["content-type"].partition(";")[0]
        assert kind == ("text/javascript" if path.endswith(".js") else "application/json")
        assert response.content == (UI / path.removeprefix("/lab/")).read_bytes()
    for path in PICTURES:
        assert client.get(f"/lab/{path}").headers["content-type"] == "image/png"
    assert set(FILES) == {
        *(f"web/{name}" for name in [*MODULES, "icon.svg"]),
        *PICTURES,
        *(f"i18n/{code}.json" for code in LANGUAGES),
    }


def test_a_browser_asks_each_time_and_gets_only_what_is_new(client):
    first = client.get("/lab/web/lab.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/lab/web/lab.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        *("i18n/__init__.py", "web", "web/", "web/player", "web/none.js", "web/../static.py", "web/%2e%2e/static.py"),
        *("web/..%2f..%2fpyproject.toml", "i18n/../../app.py", "web//etc/passwd", "web/a%00.js"),
    ],
)
def test_nothing_else_of_the_host(client, path):
    response = client.get(f"/lab/{path}")
    assert response.status_code in (404, 405)
    assert "/" not in response.text  # no path of the host


def test_the_head_names_the_modules_of_the_first_page_relative_to_it():
    modules = json.loads(re.search(r"const module of (\[.*?\])", head())[1])  # type: ignore[index]
    links = [module.removeprefix("web/") for module in modules]
    later = [name for name in MODULES if name.startswith(("noise/", "fork/", "pad/", "compare/", "plots/", "share/"))]
    assert len(later) > 10
    assert sorted([*links, "boot.js", "lab.js", *later]) == sorted(MODULES)
    assert not re.search(r'(href|src)="/', head())
    assert '"zh": "简体中文"' in head()
