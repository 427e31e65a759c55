"""A script at the very head of the page: what Gradio's ``head`` takes comes after Gradio's own scripts."""

from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = Path(__file__).parent / "web" / "head.js"


class AtHead:
    """ASGI middleware: the page at / begins with ``web/head.js``. All else passes as it is."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.script = f"<script>{SCRIPT.read_text('utf-8')}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            return await self.app(scope, receive, send)
        started: Message | None = None

        async def send_with_script(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = message  # its headers say how long the body is
                return
            if started is not None:
                headers, body = MutableHeaders(raw=started["headers"]), message.get("body", b"")
                page = body.replace(b"<head>", b"<head>" + self.script, 1)
                if "content-length" in headers and page != body:
                    headers["content-length"] = str(int(headers["content-length"]) + len(page) - len(body))
                await send(started)
                started, message = None, {**message, "body": page}
            await send(message)

        await self.app(scope, receive, send_with_script)


def middleware() -> dict[str, Any]:
    """``app_kwargs`` for Gradio's ``launch``."""
    return {"middleware": [Middleware(AtHead)]}
