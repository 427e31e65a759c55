"""What the page's source says, where its links lead, and that every page has a name of its own."""

import re

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from diffusion.io.hub import bundled
from ui.about import documents, links
from ui.instances import LAB, PLACEHOLDER, Instances
from ui.page_source import PageSource
from ui.static import FILES, routes

GRADIOS = """<html><head><base href="./"><meta charset="utf-8"><meta property="og:title" content="Gradio" />
<meta name="twitter:creator"
  content="@Gradio" /><link rel="manifest" href="/manifest.json" /></head><body>é</body></html>"""


@pytest.fixture
def client() -> TestClient:
    async def page(_):
        return HTMLResponse(GRADIOS)

    async def config(_):
        return JSONResponse({"js": LAB, "again": LAB})

    pages = [Route("/", page), Route("/config", config), *routes(lambda: 0)]
    return TestClient(Starlette(routes=pages, middleware=[Middleware(Instances), Middleware(PageSource)]))


def test_the_source_speaks_of_this_app(client: TestClient):
    response = client.get("/", headers={"host": "lab.example"})
    source = response.text
    assert "@Gradio" not in source
    assert "manifest" not in source
    assert re.findall(r'og:title" content="(.*?)"', source) == ["Digit Diffusion Lab"]
    assert '<meta charset="utf-8">' in source
    assert source.endswith("<body>é</body></html>")
    assert int(response.headers["content-length"]) == len(response.content)
    picture = re.search(r'og:image" content="http://lab.example(/.*?)"', source)
    icon = re.search(r'rel="icon" type="(.*?)" href="(.*?)"', source)
    assert picture
    assert icon
    assert client.get(picture[1]).headers["content-type"] == "image/png"
    assert client.get(f"/{icon[2]}").headers["content-type"] == icon[1]


def test_every_page_has_a_name_of_its_own(client: TestClient):
    pages = [client.get("/config").json() for _ in range(2)]
    assert pages[0]["js"] == pages[0]["again"] != pages[1]["js"]
    assert all(PLACEHOLDER not in page["js"] for page in pages)
    assert PLACEHOLDER.encode() in FILES["web/boot.js"].read_bytes()


def test_links_lead_somewhere_or_are_left_out(client: TestClient):
    here = links("")
    assert here["source"] == here["duplicate"] == ""
    assert [name for name, _ in here["cards"]] == bundled()
    for address in (here["licence"], *(card for _, card in here["cards"])):
        response = client.get(f"/{address}")
        assert response.headers["content-type"].startswith("text/plain")
        assert len(response.text) > 500
    space = links("ada/digits")
    assert space["source"] == "https://huggingface.co/spaces/ada/digits/tree/main"
    assert space["duplicate"] == "https://huggingface.co/spaces/ada/digits?duplicate=true"
    assert dict(space["cards"])["unet"].endswith("/ada/digits/blob/main/assets/weights/unet/README.md")
    assert set(documents()) == {"about/LICENSE", "about/page.png", *(f"about/models/{name}.md" for name in bundled())}
