"""The browser's side of the page: modules and texts as static files, and what the page's head says of them.

Below /lab/web are the files of ``ui/web``, below /lab/i18n those of ``ui/i18n``; all links to them are relative to the
page, so that it may be served under any path. ``window.lab`` is the page's one global (``ui/web/lab.js``).
"""

import json
import mimetypes
import os
from os import PathLike
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ui.i18n import LANGUAGES
from ui.theme import css, theme

UI = Path(__file__).parent
FOLDERS = {"web": UI / "web", "i18n": UI / "i18n"}
SERVED = {".js": "text/javascript", ".json": "application/json"}
BOOT = "boot.js"


class Files(StaticFiles):
    """A folder's modules and texts, and nothing else that lies there. A browser asks every time whether its copy is
    still the present one, which costs a few bytes (ETag), so that page and server are of one version."""

    def file_response(self, full_path: str | PathLike[str], *args: Any, **named: Any) -> Response:
        response = super().file_response(full_path, *args, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response

    def get_path(self, scope: Scope) -> str:
        # not by ``scope["root_path"]``: that of a proxy is no part of the path
        return os.path.normpath(os.path.join(*scope["path_params"]["path"].split("/")))

    async def get_response(self, path: str, scope: Scope) -> Response:
        if Path(path).suffix not in SERVED:
            raise HTTPException(404)
        return await super().get_response(path, scope)


def routes() -> list[Route]:
    """For the ``app_kwargs`` of Gradio's ``launch``: they come before Gradio's own routes."""
    for suffix, kind in SERVED.items():
        mimetypes.add_type(kind, suffix)  # where the system says otherwise, browsers refuse modules
    return [Route(f"/lab/{name}/{{path:path}}", Files(directory=folder)) for name, folder in FOLDERS.items()]


def head() -> str:
    """For the ``head`` of Gradio's ``launch``, which puts it in before any component: links by which all modules are
    fetched at once, instead of each when the one that imports it has come, and ``web/boot.js``."""
    web = FOLDERS["web"]
    modules = sorted(path.relative_to(web).as_posix() for path in web.rglob("*.js") if path.name != BOOT)
    links = [f'<link rel="modulepreload" href="lab/web/{name}">' for name in modules]
    boot = (web / BOOT).read_text("utf-8").replace("LANGUAGES", json.dumps(LANGUAGES, ensure_ascii=False), 1)
    return "\n".join([*links, f"<script>{boot}</script>"])


def launch_options() -> dict[str, Any]:
    """What the page looks like and runs in the browser, as arguments of Gradio's ``launch``."""
    return {"theme": theme(), "css": css(), "head": head(), "app_kwargs": {"routes": routes()}}


def mounted(component: str) -> str:
    """The ``js_on_load`` of a ``gr.HTML`` with one empty element as its template, which ``lab.mount`` fills."""
    context = "{ element, props, server, trigger, watch }"
    return f"window.lab.ready.then(() => window.lab.mount.{component}({context}));"
