"""The browser's side of the page: modules and texts as static files, and what the page's head says of them.

Below /lab/web are the files of ``ui/web``, below /lab/i18n those of ``ui/i18n``; all links to them are relative to the
page, so that it may be served under any path. ``window.lab`` is the page's one global (``ui/web/lab.js``).
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.hosting.door import Door
from ui.i18n import LANGUAGES
from ui.theme import css, layout, theme

UI = Path(__file__).parent
KINDS = {".js": "text/javascript", ".json": "application/json", ".png": "image/png"}
FILES = {  # by path below /lab; nothing else that lies there is served
    path.relative_to(UI).as_posix(): path
    for folder in ("web", "i18n")
    for path in sorted((UI / folder).rglob("*"))
    if path.suffix in KINDS
}
BOOT = "web/boot.js"
LATER = (
    "web/compare/",
    "web/fork/",
    "web/noise/",
    "web/plots/",
    "web/share/",
)  # modules that are fetched once the page is there, or a tab is opened


async def serve(request: Request) -> Response:
    """One of the files. Browsers revalidate their copy every time, which costs a few bytes, so that the page and the
    server are always of one version."""
    path = FILES.get(request.path_params["path"])
    if path is None:
        return Response(status_code=404)
    content = path.read_bytes()
    headers = {"ETag": f'"{sha256(content).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=KINDS[path.suffix], headers=headers)


def routes(waiting: Callable[[], int]) -> list[Route]:
    """For the ``app_kwargs`` of Gradio's ``launch``: they come before Gradio's own routes. ``waiting`` is how many wait
    for a place, which those who wait are told; for Gradio, who waits there is already being served."""

    async def status(_: Request) -> Response:
        return JSONResponse({"msg": "estimation", "queue_size": waiting()})

    return [Route("/lab/{path:path}", serve), Route("/gradio_api/queue/status", status)]


def head() -> str:
    """For the ``head`` of Gradio's ``launch``, which puts it in before any component: links by which all modules that
    the page begins with are fetched at once, instead of each when the one that imports it has come; and
    ``web/boot.js``."""
    modules = [name for name in FILES if name.endswith(".js") and name != BOOT and not name.startswith(LATER)]
    links = [f'<link rel="modulepreload" href="lab/{name}">' for name in modules]
    boot = FILES[BOOT].read_text("utf-8").replace("LANGUAGES", json.dumps(LANGUAGES, ensure_ascii=False), 1)
    return "\n".join([*links, f"<style>{layout()}</style>", f"<script>{boot}</script>"])


def launch_options(waiting: Callable[[], int]) -> dict[str, Any]:
    """What the page looks like and runs in the browser, and what comes before Gradio's own server, as arguments of
    Gradio's ``launch``; for ``waiting`` see ``routes``."""
    served = {"routes": routes(waiting), "middleware": [Middleware(Door)]}
    return {"theme": theme(), "css": css(), "head": head(), "app_kwargs": served}


def mounted(component: str) -> str:
    """The ``js_on_load`` of a ``gr.HTML`` with one empty element as its template, which ``lab.mount`` fills."""
    context = "{ element, props, server, trigger, watch }"
    return f"window.lab.ready.then(() => window.lab.mount.{component}({context}));"
