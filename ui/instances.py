"""Which app on a page an event means.

Gradio runs text that Python has written once, in components (``js_on_load``) and events (``js``). Another site's page
may have this app on it twice, as ``<gradio-app>``, and each must reach its own player. So the text names its app by a
placeholder, in whose place every page that is served has a name of its own (``web/boot.js``)."""

import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLACEHOLDER = "lab-app-00000000"
LAB = f'window.digitLabs["{PLACEHOLDER}"]'  # in JavaScript


class Instances:
    """ASGI middleware: gives each page, and each configuration of one, its name. A name is as long as the placeholder,
    so no header changes."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or "/gradio_api/" in scope["path"]:
            return await self.app(scope, receive, send)
        name = f"lab-app-{secrets.token_hex(4)}".encode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": message["body"].replace(PLACEHOLDER.encode(), name)}
            await send(message)

        await self.app(scope, receive, named)
