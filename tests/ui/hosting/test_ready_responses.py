"""What is made once and sent from memory, and what is not."""

import gzip

import httpx
import pytest

from ui.hosting import ready_responses
from ui.hosting.ready_responses import ReadyResponses
from ui.instances import LAB, PLACEHOLDER, Instances

LONG = b"<p>" + 1000 * b"words " + b"</p>"


class App:
    """An ASGI app that notes what it is asked for, and sends its answers in two parts."""

    def __init__(self):
        self.asked, self.status, self.body, self.headers = [], 200, LONG, []

    async def __call__(self, scope, receive, send):
        self.asked.append(scope["path"])
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(self.body)), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[:10], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[10:]})


@pytest.fixture
def made() -> App:
    return App()


async def get(app, *paths: str, **headers: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://lab") as http:
        return [await http.get(path, headers={"accept-encoding": "identity", **headers}) for path in paths]


@pytest.mark.anyio
async def test_the_page_and_gradios_files_are_made_once_and_compressed_where_that_is_taken(made):
    app = ReadyResponses(made)
    paths = ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/assets/a.js")
    for headers in ({}, {"accept_encoding": "br, gzip"}, {}):
        for response in await get(app, *paths, **headers):
            assert response.content == LONG
            assert response.headers["content-type"] == "text/html"
            assert response.headers["vary"] == "Accept-Encoding"
            sent = gzip.compress(LONG, 6, mtime=0) if headers else LONG
            assert int(response.headers["content-length"]) == len(sent)
    assert made.asked == list(paths)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("gzip", True), ("br, GZIP ;q=0.5", True), ("gzip;q=0", False), ("br, gzip; q=0.0, *", False), ("x-gzip", False)],
)
async def test_who_refuses_compression_gets_none(made, accepted: str, taken: bool):
    (response,) = await get(ReadyResponses(made), "/", accept_encoding=accepted)
    assert (response.headers.get("content-encoding") == "gzip") is taken


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_parts_of_both_forms_of_a_file_are_not_put_together(made, encoding: str):
    made.headers = [(b"etag", b'"a"')]
    app = ReadyResponses(made)
    (response,) = await get(app, "/assets/a.js", accept_encoding=encoding)
    assert response.headers["etag"] == 'W/"a"'  # ranges are not for weak tags
    made.body = b"small"  # sent in one form only
    (response,) = await get(app, "/assets/b.js", accept_encoding=encoding)
    assert response.headers["etag"] == '"a"'


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    ["/config?page=a", "/gradio_api/info?page=a", "/?deep_link=1", "/lab/web/lab.js", "/gradio_api/assets/a", "/other"],
)
async def test_all_else_is_made_anew(made, path: str):
    await get(ReadyResponses(made), path, path)
    assert len(made.asked) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{"range": "bytes=0-1"}, {"if_none_match": "a"}, {"host": "other"}])
async def test_the_page_of_another_address_or_of_who_has_some_of_it_is_made_anew(made, headers: dict):
    app = ReadyResponses(made)
    await get(app, "/")
    await get(app, "/", **headers)
    await get(app, "/?__theme=dark&tab=noise")  # for the browser alone
    assert len(made.asked) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_page_is_made_once_and_named_each_time(made, encoding: str):
    made.body = LONG + LAB.encode()
    first, second = await get(Instances(ReadyResponses(made)), "/config", "/config", accept_encoding=encoding)
    assert len(made.asked) == 1
    assert first.text.startswith(LONG.decode())
    assert PLACEHOLDER not in first.text
    assert first.text != second.text
    assert first.headers["vary"] == "Accept-Encoding"
    assert first.headers.get("content-encoding", "identity") == encoding
    assert int(first.headers["content-length"]) == first.num_bytes_downloaded


@pytest.mark.anyio
async def test_nobody_has_the_page_of_an_address_that_somebody_else_has_made_up(made):
    transport = httpx.ASGITransport(ReadyResponses(made))
    async with httpx.AsyncClient(transport=transport, base_url="http://lab") as http:
        for hosts in (["evil", "lab"], ["lab"]):  # a proxy adds its own to what it was sent
            await http.get("/", headers=[("x-forwarded-host", host) for host in hosts])
    assert len(made.asked) == 2


@pytest.mark.anyio
async def test_what_is_no_good_response_is_not_kept(made):
    app = ReadyResponses(made)
    made.status = 500
    (failed,) = await get(app, "/")
    assert (failed.status_code, failed.content) == (500, LONG)
    made.status, made.headers = 200, [(b"set-cookie", b"a=b")]
    assert (await get(app, "/"))[0].headers["set-cookie"] == "a=b"
    made.headers = []
    await get(app, "/", "/")
    assert len(made.asked) == 3


@pytest.mark.anyio
async def test_what_is_kept_is_bounded(made, monkeypatch):
    monkeypatch.setattr(ready_responses, "MOST_BYTES", 2.5 * len(LONG))
    monkeypatch.setattr(ready_responses, "LARGEST", 2 * len(LONG))
    app = ReadyResponses(made)
    for host in "abcd":
        await get(app, "/", host=host)
    assert len(app.kept) == 2
    made.asked.clear()
    await get(app, "/", host="d")
    assert made.asked == []
    made.body = 3 * LONG
    (large,) = await get(app, "/assets/large.js")
    assert large.content == 3 * LONG
    assert len(app.kept) == 2
