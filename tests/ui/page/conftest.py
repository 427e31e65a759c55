"""The page in a headless Chromium, on one running app for all tests of this folder."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import browser as chromium
from tests.tiny import DIT, tiny_classifier, tiny_enlarger, tiny_model
from tests.ui.app_process import running_app
from tests.ui.page.actions import WAIT, wait_for_example

NOT_THE_FIRST_VISIT = """try {
    const key = "digit-diffusion-lab";
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), toured: true }));
} catch {
    // storage is closed, or holds something else
}"""
LINEAR = {"process": {"kind": "linear_vp"}}


@pytest.fixture(scope="package")
def place(tmp_path_factory) -> Path:
    """The server's working directory, with the tiny model that it samples with, and runs."""
    place = tmp_path_factory.mktemp("served")
    tiny_model(title="Tiny", description="Draws <b>little</b>.").save(place / "tiny")
    runs = {
        "blind": tiny_model(2, title="Blind", label_names=(), **LINEAR),
        "reader": tiny_classifier(title="Reader", description="Tells noise from noise.", **LINEAR),
        "lens": tiny_enlarger(title="Lens", image_size=28, low_res_size=7, dataset="mnist"),
        "paint": tiny_model(title="Paint", channels=3, label_names=("sun", "sea")),
        "names": tiny_model(4, title="Longwinded", label_names=("a butterfly with open wings, seen from above", "sea")),
        "dit": tiny_model(3, title="Transformer", network=DIT, label_names=()),
    }
    for name, model in runs.items():
        model.save(place / "runs" / name / "model")
    return place


@pytest.fixture(scope="package")
def url(place: Path):
    """Where ``python app.py`` responds."""
    with running_app(place, "--model", "tiny", DIGIT_DIFFUSION_PRECISION="fp32") as (address, _):
        yield address


@pytest.fixture(scope="package")
def browser():
    """One Chromium for all tests."""
    path = chromium.find()
    if path is None:
        pytest.fail("There is no Chromium; `python -m tests.browser` installs one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_context(browser: Browser):
    """Makes browser contexts, which are closed at the end. On a first visit there is the tour."""
    contexts = []

    def new_context(first_visit: bool = False, **settings):
        contexts.append(browser.new_context(**settings))
        if not first_visit:
            contexts[-1].add_init_script(NOT_THE_FIRST_VISIT)
        contexts[-1].set_default_timeout(WAIT)
        return contexts[-1]

    yield new_context
    for context in contexts:
        context.close()


@pytest.fixture
def rough_page(new_context) -> Page:
    """An empty page in which things may go wrong."""
    return new_context(reduced_motion="reduce").new_page()


@pytest.fixture
def open_page(new_context, url: str):
    """Opens the page, with any settings of a browser context; at the end nothing may have gone wrong in it. ``link``:
    another address of the page, or its parameters; that shows something else than the example."""
    wrong: list[str] = []

    def open_page(link: str = "", **settings) -> Page:
        page = new_context(
            **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **settings}
        ).new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if foreign(request.url, url) else None)
        page.goto(link if link.startswith(url) else url + link)
        if not link:
            wait_for_example(page)
        return page

    yield open_page
    assert wrong == []


@pytest.fixture
def page(open_page) -> Page:
    """The page on a wide screen."""
    return open_page()


def foreign(request: str, url: str) -> bool:
    """Whether a request leaves the server."""
    return not request.startswith((url, "data:", "blob:"))
