"""Which app on a page an event means.

Gradio runs text that Python has written once, in components (``js_on_load``) and events (``js``). Another site's page
may have this app on it twice, as ``<gradio-app>``, and each must reach its own player. So the text names its app by a
placeholder, in whose place every page that is served has a name of its own (``web/boot.js``)."""

import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.hosting.compression import FAST, accepts_gzip, pack, send_whole

PLACEHOLDER = "lab-app-00000000"
LAB = f'window.digitLabs["{PLACEHOLDER}"]'  # in JavaScript


def is_unnamed(body: bytes) -> bool:
    """Whether this is a page, or the configuration of one, that has no name yet."""
    return PLACEHOLDER.encode() in body


class Instances:
    """ASGI middleware: gives each page, and each configuration of one, its name, and compresses it. A name is as long
    as the placeholder, so a response that comes in pieces keeps its length."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or "/gradio_api/" in scope["path"]:
            return await self.app(scope, receive, send)
        name = f"lab-app-{secrets.token_hex(4)}".encode()
        start: Message | None = None

        async def named(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # what it says of the body is known with that
                return
            first, start = start, None
            body = message.get("body", b"")
            if not is_unnamed(body):
                if first is not None:
                    await send(first)
                return await send(message)
            body = body.replace(PLACEHOLDER.encode(), name)
            if first is not None and not message.get("more_body"):
                packed = accepts_gzip(scope)
                return await send_whole(send, first, pack(body, FAST) if packed else body, packed)
            if first is not None:
                await send(first)
            await send({**message, "body": body})

        await self.app(scope, receive, named)
