"""What the page's source says of itself to those that run none of it: search engines, messengers, browsers that want an
icon. Gradio's own words there are about Gradio."""

import re
from html import escape

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.about import PICTURE, documents
from ui.i18n import text

ICON = "web/icon.svg"
GRADIOS = re.compile(rb'\s*<meta\s+(?:property="og|name="twitter):[^>]*>|\s*<link rel="manifest"[^>]*>')
HEAD = b"</head>"


class PageSource:
    """ASGI middleware: puts our description in the place of Gradio's."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or "/gradio_api/" in scope["path"]:
            return await self.app(scope, receive, send)
        start: Message | None = None
        parts: list[bytes] = []

        async def described(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = rewritten(b"".join(parts), str(Request(scope).base_url))
                    others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                    await send({**start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, described)


def is_page(start: Message) -> bool:
    """Whether it is a page that follows."""
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return bool(kinds) and kinds[0].startswith(b"text/html")


def rewritten(page: bytes, address: str) -> bytes:
    """The source of a page at this address."""
    return GRADIOS.sub(b"", page).replace(HEAD, description(address).encode() + HEAD, 1)


def description(address: str) -> str:
    """Title, description, picture and icon."""
    title, subtitle = text("page.title"), text("page.subtitle")
    about = {"og:title": title, "og:description": subtitle, "og:type": "website", "og:url": address}
    if PICTURE in documents():
        about["og:image"] = f"{address}lab/{PICTURE}"
    card = {"description": subtitle, "twitter:card": "summary_large_image", "theme-color": "#4f46e5"}
    return "\n".join(
        [
            f'<link rel="icon" type="image/svg+xml" href="lab/{ICON}">',
            *(f'<meta property="{name}" content="{escape(words)}">' for name, words in about.items()),
            *(f'<meta name="{name}" content="{escape(words)}">' for name, words in card.items()),
            "",
        ]
    )
