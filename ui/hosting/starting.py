"""What is checked before the app starts, so that it starts or says in one sentence why not. Light to import, and
without Gradio, which reads the environment as it is imported."""

import os
import socket
import sys
import tempfile
from urllib.parse import urlsplit

from diffusion.errors import InputError

PORT, HOST, ROOT_PATH = "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "GRADIO_ROOT_PATH"
# what Gradio reads as a whole number
NUMBERS: tuple[str, ...] = (
    "GRADIO_NUM_PORTS",
    "GRADIO_NUM_WORKERS",
    "GRADIO_DEBUG",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY",
)
NUMBERS += ("GRADIO_NODE_NUM_PORTS", "GRADIO_NODE_SERVER_PORT")
DIGITS = 9  # of a whole number, at most: Python reads no more than 4,300
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1")
CLIENT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


def tidy_environment() -> dict[str, str]:
    """Set and unset what Gradio and uvicorn would read; returns what is ours to decide: address and port."""
    given = {name: os.environ.pop(name, "").strip() for name in (HOST, PORT)}
    if given[PORT].startswith("tcp://"):  # Kubernetes' way to say where a service called "gradio-server" is
        given[PORT] = ""
    for name in NUMBERS:
        text = os.environ.get(name, "1").strip()
        if not text.isdecimal() or len(text) > DIGITS or (name.endswith("NUM_PORTS") and int(text) == 0):
            del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # no telemetry
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Gradio would make a table of the last 10,000 events at the end of each event
    os.environ |= {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9)}
    name_a_temporary_folder()
    drop_unusable_client_settings()
    drop_unusable_root_path()
    if os.environ.get("SPACE_ID"):  # visitors are whom the Space's own proxies name, not whom they say they are
        os.environ.setdefault("FORWARDED_ALLOW_IPS", ",".join(PRIVATE_NETWORKS))
    return given


def drop_unusable_client_settings() -> None:
    """Unset the variables of proxies and certificates that the HTTP client cannot be made with, such as those of SOCKS
    without its package, or of a file that is gone: Gradio makes one as it is imported, also where nothing is to be
    requested."""
    names = [name for name in os.environ if name.lower() in CLIENT]
    if not names or client_error() is None:
        return
    given = {name: os.environ.pop(name) for name in names}
    for name, value in given.items():
        os.environ[name] = value
        if (error := client_error()) is not None:
            print(f"app.py: {name} is left aside: {error}", file=sys.stderr)
            del os.environ[name]


def drop_unusable_root_path() -> None:
    """Unset the path, or address, that a proxy serves this app under where it is none: Gradio would fail at it."""
    try:
        urlsplit(os.environ.get(ROOT_PATH, ""))
    except ValueError as error:
        print(f"app.py: {ROOT_PATH} is left aside: {error}", file=sys.stderr)
        del os.environ[ROOT_PATH]


def client_error() -> Exception | None:
    """Why the HTTP client cannot be made in this environment."""
    import httpx

    try:
        httpx.Client().close()
    except Exception as error:  # of many kinds: ImportError, ValueError, httpx.InvalidURL
        return error
    return None


def checked_port(text: str, name: str) -> int | None:
    """A TCP port, given as ``name``; None for "". Raises InputError."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > DIGITS or not 1 <= int(text) <= 65535:
        raise InputError("start.port", name=name, given=text)
    return int(text)


def checked_host(host: str) -> str | None:
    """An address to listen on, as Gradio takes it; None for "". Raises InputError where it is not one of this
    machine's."""
    if not host:
        return None
    bare = host.strip("[]")
    try:
        family, *_, address = socket.getaddrinfo(bare, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.bind(address)
    except (OSError, UnicodeError) as error:
        raise InputError("start.host", given=host, reason=getattr(error, "strerror", None) or error) from None
    return f"[{bare}]" if ":" in bare else bare


def check_port_is_free(host: str | None, port: int | None, name: str) -> None:
    """Raises InputError where another program listens on a port, given as ``name``, or this one may not."""
    if port is None:
        return
    family, *_, address = socket.getaddrinfo((host or "127.0.0.1").strip("[]"), port, type=socket.SOCK_STREAM)[0]
    try:
        with socket.socket(family) as trial:
            if os.name == "posix":  # the port of a server that has just ended is free
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise InputError("start.port_taken", name=name, given=port, reason=error.strerror) from None


def name_a_temporary_folder() -> None:
    """Where there is none that can be written to, name one all the same: libraries call for its name as they are
    imported. This program writes nothing there."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = os.path.abspath(os.sep)
