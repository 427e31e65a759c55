"""The browser's side of the page: modules and texts as static files, and what the page's head says of them.

Below /lab/web are the files of ``ui/web``, below /lab/i18n those of ``ui/i18n``, below /lab/about what ``ui/about.py``
links to; all links to them are relative to the page, so that it may be served under any path, and on another site's
page (``ui/web/boot.js``).
"""

import gzip
import json
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.about import documents
from ui.endpoints import results
from ui.endpoints.bodies import HANDLERS
from ui.hosting.compression import accepts_gzip
from ui.hosting.door import Door
from ui.hosting.ready_responses import ReadyResponses
from ui.i18n import LANGUAGES
from ui.instances import LAB, Instances
from ui.page_source import PageSource
from ui.theme import css, theme, unprefixed

UI = Path(__file__).parent
KINDS = {".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png"}
TEXT = "text/plain; charset=utf-8"  # of licence and model cards: to be read
FILES = {  # by path below /lab; nothing else that lies there is served
    path.relative_to(UI).as_posix(): path
    for folder in ("web", "i18n")
    for path in sorted((UI / folder).rglob("*"))
    if path.suffix in KINDS
}
BOOT = "web/boot.js"
ENTRY = (BOOT, "web/lab.js")
LATER = (
    "web/compare/",
    "web/fork/",
    "web/noise/",
    "web/pad/",
    "web/plots/",
    "web/share/",
)  # modules that are fetched once the page is there, or a tab is opened


async def serve(request: Request) -> Response:
    """One of the files. Browsers revalidate their copy every time, which costs a few bytes, so that the page and the
    server are always of one version."""
    name = request.path_params["path"]
    path = FILES.get(name) or documents().get(name)
    if path is None:
        return Response(status_code=404)
    content = path.read_bytes()
    tag, compressed = prepared(content)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    if accepts_gzip(request.scope) and len(compressed) < len(content):
        content, headers["Content-Encoding"] = compressed, "gzip"
    return Response(content, media_type=KINDS.get(path.suffix, TEXT), headers=headers)


@lru_cache(maxsize=256)
def prepared(content: bytes) -> tuple[str, bytes]:
    """The tag of a file's content, and that compressed."""
    return f'W/"{sha256(content).hexdigest()[:32]}"', gzip.compress(content)


def routes(waiting: Callable[[], int]) -> list[Route]:
    """For the ``app_kwargs`` of Gradio's ``launch``: they come before Gradio's own routes. ``waiting`` is how many wait
    for a place, which those who wait are told; for Gradio, who waits there is already being served."""

    async def status(_: Request) -> Response:
        return JSONResponse({"msg": "estimation", "queue_size": waiting()})

    async def nothing_monitored(_: Request) -> Response:
        return JSONResponse({"functions": {}})  # Gradio's would refuse, which the description of the API has no use for

    return [
        Route("/lab/{path:path}", serve),
        results.ROUTE,
        Route("/gradio_api/queue/status", status),
        Route("/monitoring/summary", nothing_monitored),
    ]


def head() -> str:
    """For the ``head`` of Gradio's ``launch``, which puts it in before any component: style sheets, and ``web/boot.js``
    with the modules that the page begins with, which are fetched at once, instead of each when the one that imports it
    has come."""
    modules = [name for name in FILES if name.endswith(".js") and name not in ENTRY and not name.startswith(LATER)]
    boot = FILES[BOOT].read_text("utf-8")
    for placeholder, values in {"LANGUAGES": LANGUAGES, "MODULES": modules}.items():
        boot = boot.replace(placeholder, json.dumps(values, ensure_ascii=False), 1)
    return f"<style>{unprefixed()}</style>\n<script>{boot}</script>"


def launch_options(waiting: Callable[[], int]) -> dict[str, Any]:
    """What the page looks like and runs in the browser, and what comes before Gradio's own server, as arguments of
    Gradio's ``launch``; for ``waiting`` see ``routes``."""
    middleware = [Middleware(layer) for layer in (Door, Instances, ReadyResponses, PageSource)]
    served = {"routes": routes(waiting), "middleware": middleware, "exception_handlers": HANDLERS}
    return {"theme": theme(), "css": css(), "head": head(), "app_kwargs": served}


def mounted(component: str) -> str:
    """The ``js_on_load`` of a ``gr.HTML`` with one empty element as its template, which ``lab.mount`` fills."""
    context = "{ element, props, server, trigger, watch }"
    return f"{LAB}.open(element); {LAB}.ready.then((lab) => lab.mount.{component}({context}));"
