"""Which files the app serves: those of its page, and none of its host's."""

import httpx
import pytest

from tests.programs import ROOT

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
