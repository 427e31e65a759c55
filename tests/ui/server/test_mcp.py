"""The app as an MCP server, called by the protocol's own client."""

import json
from base64 import b64decode
from io import BytesIO

import anyio
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from PIL import Image

from diffusion import InputError
from tests.ui.app_process import running_app
from ui.endpoints import compare, fork, generate, noise, tools

DEFAULTS = {
    "generate": generate.DEFAULTS,
    "fork": fork.DEFAULTS,
    "compare": {name: compare.default_of(name) for name in (*compare.NAMES, *compare.MEASURES)},
    "noise": noise.DEFAULTS,
}
RUN = {"label": 7, "num_images": 2, "steps": 4, "seed": 3, "sampler": None}  # a number for a name, and a null
GOOD = {
    "generate": RUN,
    "fork": RUN | {"forks": [{"step": 2, "label": "3"}]},
    "compare": {"row_values": "ddim, heun", "column_values": "1, 2", "seed": 3},
    "noise": {"digit": 3, "t": "0.4", "seed": 3},
}
BAD = [
    ("generate", {"label": "cow"}, "label must be one of 0, 1, 2"),
    ("generate", {"steps": 5000}, "steps must be a whole number from 1 to 1000, not 5000."),
    ("generate", {"colour": "red"}, "There is no setting 'colour'; the settings are label, num_images, "),
    ("fork", {"forks": "[]"}, "forks must be a list"),
    ("compare", {"rows": "steps"}, "Rows and columns are both steps: choose two different settings"),
    ("noise", {"t": 7}, "t must be a number from 0.001 to 1, not 7."),
]


@pytest.fixture(scope="module")
def session(home):
    """What the server offers, and a function that calls one of its tools."""
    with running_app(home, "--model", str(home / "own"), "--mcp") as (address, _):

        def connected(work):
            async def talk():
                url = f"{address}/gradio_api/mcp/"
                async with streamable_http_client(url) as streams, ClientSession(*streams[:2]) as session:
                    await session.initialize()
                    return await work(session)

            return anyio.run(talk)

        yield connected


@pytest.fixture(scope="module")
def offered(session) -> dict[str, Tool]:
    return {tool.name: tool for tool in session(lambda each: each.list_tools()).tools}


async def ignore(*_) -> None:
    """Reports of progress."""


def call(session, name: str, values: dict, **options) -> CallToolResult:
    return session(lambda each: each.call_tool(name, values, **options))


def test_tools_say_what_they_take(offered):
    assert set(offered) == set(DEFAULTS)
    for name, defaults in DEFAULTS.items():
        assert " Returns: A PNG of " in str(offered[name].description)
        assert ",," not in str(offered[name].description)
        properties = offered[name].inputSchema["properties"]
        assert list(properties) == list(defaults)
        assert "required" not in offered[name].inputSchema
        for parameter, schema in properties.items():
            assert schema["description"].endswith(".")
            assert schema.get("default", "") == ("" if defaults[parameter] is None else defaults[parameter])
    properties = offered["compare"].inputSchema["properties"]
    assert (properties["steps"]["type"], properties["steps"]["minimum"], properties["steps"]["maximum"]) == (
        *("integer", 1, 1000),
    )
    assert {"sampler", "calls", "milliseconds"} < set(properties["rows"]["enum"])


@pytest.mark.parametrize("name", GOOD)
def test_the_answer_is_a_picture_and_json(session, client, name):
    _, expected = client.predict(**GOOD[name], api_name=f"/{name}")
    for options in ({}, {"progress_callback": ignore}):
        picture, about, address = call(session, name, GOOD[name], **options).content
        said = json.loads(about.text)
        with Image.open(BytesIO(b64decode(picture.data))) as opened:
            assert opened.width > opened.height
            assert (picture.mimeType, opened.format) == ("image/png", "PNG")
            assert name == "compare" or json.loads(opened.text["settings"]) == said["settings"]  # type: ignore[attr-defined]
        assert address.text.startswith("Image URL: http")
        assert said.keys() == expected.keys()
        for key in set(said) & {"settings", "labels", "errors", "rows", "problems"}:
            assert said[key] == expected[key]


@pytest.mark.parametrize(("name", "values", "sentence"), BAD)
def test_a_refusal_is_a_sentence(session, name, values, sentence):
    answer = call(session, name, values)
    assert answer.isError
    assert answer.content[0].text.startswith(sentence)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    with pytest.raises(InputError, match='An MCP server needs the package mcp: pip install "mcp<2"'):
        tools.offer_tools()
