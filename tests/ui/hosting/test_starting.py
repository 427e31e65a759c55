"""The app starts, or says in one sentence why not, whatever is in the environment."""

import asyncio
import json
import os
import socket
import sys
import tempfile
import urllib.request

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from diffusion import InputError
from tests.programs import ROOT, run_python
from tests.ui.app_process import DIRECT, free_port, running_app
from ui.hosting.starting import HOST, PORT, checked_host, checked_port, tidy_environment


@pytest.fixture
def environment(monkeypatch):
    """What is set there, and what is unset by the program, is as before at the end."""
    before = dict(os.environ)
    yield monkeypatch
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    ("given", "port"), [("8080", "8080"), ("", ""), ("tcp://10.0.0.1:80", ""), (" 7 ", "7"), ("many", "many")]
)
def test_the_port_of_the_environment_is_ours_to_read(environment, given, port):
    environment.setenv(PORT, given)
    assert tidy_environment()[PORT] == port
    assert PORT not in os.environ


def test_what_gradio_cannot_read_is_left_aside(environment):
    environment.setenv("GRADIO_NUM_PORTS", "x")
    environment.setenv("GRADIO_NUM_WORKERS", "2")
    environment.setenv("GRADIO_NODE_NUM_PORTS", "0")  # of which there would be no first
    environment.setenv("GRADIO_DEBUG", "9" * 5000)
    tidy_environment()
    assert not {"GRADIO_NUM_PORTS", "GRADIO_NODE_NUM_PORTS", "GRADIO_DEBUG"} & set(os.environ)
    assert os.environ["GRADIO_NUM_WORKERS"] == "2"


@pytest.mark.parametrize(
    ("name", "given"), [("GRADIO_ROOT_PATH", "http://["), ("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "")]
)
def test_what_nothing_can_be_made_with_is_left_aside_in_words(environment, capsys, name, given):
    environment.setenv(name, given)
    tidy_environment()
    said = capsys.readouterr().err
    assert (name in os.environ) == (not given)
    assert said.startswith(f"app.py: {name} is left aside: ") == bool(given)
    assert len(said.splitlines()) == bool(given)


@pytest.mark.parametrize("text", ["99999", "0", "-1", "many", "tcp://x", "7860.5", "²", "9" * 5000])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(InputError, match=f"{PORT} must be a port, a whole number from 1 to 65535, not"):
        checked_port(text, PORT)


@pytest.mark.parametrize(
    ("host", "as_gradio_takes_it"),
    [("", None), ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "[::1]"), ("[::1]", "[::1]")],
)
def test_addresses_of_this_machine(host, as_gradio_takes_it):
    assert checked_host(host) == as_gradio_takes_it


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 100, "http://127.0.0.1", "2001:db8::1"])
def test_another_machines_address_is_refused(host):
    with pytest.raises(InputError, match="is no address of this machine"):
        checked_host(host)


def test_without_a_folder_for_temporary_files_there_is_a_name_for_one(environment):
    environment.setattr(tempfile, "_get_default_tempdir", lambda: (_ for _ in ()).throw(FileNotFoundError))
    environment.setattr(tempfile, "tempdir", None)
    tidy_environment()
    assert os.path.isdir(tempfile.gettempdir())


@pytest.mark.parametrize("value", ["socks5h://192.0.2.1:9", "ftp://192.0.2.1", "http://proxy:many"])
def test_proxies_that_the_client_cannot_use_are_left_aside(environment, capsys, value):
    environment.setenv("ALL_PROXY", value)
    environment.setenv("HTTPS_PROXY", "http://192.0.2.1:9")
    tidy_environment()
    assert "ALL_PROXY" not in os.environ
    assert os.environ["HTTPS_PROXY"] == "http://192.0.2.1:9"
    assert capsys.readouterr().err.startswith("app.py: ALL_PROXY is left aside: ")


@pytest.mark.parametrize(
    ("forwarded", "visitor"),
    [("203.0.113.5", "203.0.113.5"), ("198.51.100.1, 203.0.113.5, 10.1.2.3", "203.0.113.5"), ("", "10.16.3.80")],
)
def test_visitors_of_a_space_are_whom_its_proxies_name_and_not_whom_they_say_they_are(environment, forwarded, visitor):
    environment.setenv("SPACE_ID", "alice/digits")
    tidy_environment()
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    scope = {"type": "http", "client": ("10.16.3.80", 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    behind_proxies = ProxyHeadersMiddleware(app, os.environ["FORWARDED_ALLOW_IPS"])
    asyncio.run(behind_proxies(scope, None, None))
    assert seen == [visitor]


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (["--port", "99999"], {}, "--port must be a port"),
        ([], {PORT: "99999"}, f"{PORT} must be a port"),
        ([], {PORT: "many"}, f"{PORT} must be a port"),
        (["--host", "192.0.2.1"], {}, "is no address of this machine"),
        ([], {HOST: "192.0.2.1"}, "is no address of this machine"),
        (["--port", "TAKEN"], {}, "a port that cannot be listened on (Address already in use)"),
    ],
)
def test_a_refusal_is_one_line_at_once(options, variables, words):
    with socket.create_server(("127.0.0.1", 0)) as other:
        options = [str(other.getsockname()[1]) if word == "TAKEN" else word for word in options]
        done = run_python("app.py", *options, env={**os.environ, **variables})
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


SECOND = """
import runpy, threading
for name in ("__main__", "app"):
    thread = threading.Thread(target=runpy.run_path, args=("app.py",), kwargs={"run_name": name})
    thread.start()
    thread.join()
import app
print("still here")
"""


def test_a_second_execution_and_an_import_are_harmless():
    """As "gradio app.py" does it, in a thread of its own."""
    assert run_python("-c", SECOND, check=True).stdout == "still here\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="variables of Windows that a program needs are unset")
def test_it_starts_whatever_is_around_it(tmp_path, monkeypatch):
    """Proxies that lead nowhere, a port as Kubernetes sets it, no home, no folder for temporary files, an address of
    IPv6; nobody who reads what it prints, in ASCII; nothing that only Unix has."""
    if not socket.has_ipv6:
        pytest.fail("There is no IPv6 here.")
    monkeypatch.delenv("HOME", raising=False)
    nowhere = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"), "http://192.0.2.1:9")
    nowhere |= {"ALL_PROXY": "socks5h://192.0.2.1:9", "NO_PROXY": "", "GRADIO_NUM_PORTS": "x", HOST: "127.0.0.1"}
    nowhere |= {"GRADIO_TEMP_DIR": "/dev/null/x", "PYTHONIOENCODING": "ascii"}
    reader, writer = os.pipe()
    os.close(reader)
    port = free_port()
    options = ("--host", "::1", "--port", str(port))
    unix_less = ROOT / "tests" / "programs" / "as_on_windows.py"
    with (
        open(writer, "w") as unread,
        running_app(tmp_path, *options, program=unix_less, address=f"http://[::1]:{port}", output=unread, **nowhere),
    ):
        call, values = f"http://[::1]:{port}/gradio_api/call/generate", json.dumps({"data": ["7", 1]}).encode()
        request = urllib.request.Request(call, values, {"Content-Type": "application/json"})
        event = json.load(DIRECT.open(request, timeout=60))["event_id"]
        assert b"event: complete" in DIRECT.open(f"{call}/{event}", timeout=60).read()
