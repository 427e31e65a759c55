"""Views as addresses."""

import re

import pytest
from playwright.sync_api import Page


def call(page: Page, function: str, *arguments):
    return page.evaluate(
        "async ([name, arguments]) => (await import('/web/link.js'))[name](...arguments)", [function, list(arguments)]
    )


def test_a_link_reads_as_what_it_was_written_from(page: Page):
    values = {"label": "a & b", "steps": 20, "model": "hub:me/mine@v1", "guidance_scale": 1.5}
    view = {"tab": "generate", "values": values | {"classifier": "", "eta": None}, "hide": ["seed", "model"]}
    link = call(page, "linkTo", view, "https://x.y/z/?__sign=secret#a")
    assert link.startswith("https://x.y/z/?tab=generate&")
    assert not re.search("secret|__sign|#", link)
    assert "model=hub:me/mine@v1" in link.replace("%40", "@")
    seen = call(page, "viewOf", link.partition("?")[2])
    texts = {"label": "a & b", "steps": "20", "model": "hub:me/mine@v1", "guidance_scale": "1.5"}
    assert seen == {"tab": "generate", "values": texts, "hide": ["seed", "model"]}


@pytest.mark.parametrize("search", ["", "?", "?__theme=dark", "?label=7", "?view=api&utm_source=x"])
def test_other_addresses_are_no_links(page: Page, search: str):
    assert call(page, "viewOf", search) is None


def test_parameters_of_others_are_left_alone(page: Page):
    seen = call(page, "viewOf", "?tab=noise&__theme=dark&fbclid=1&utm_a=2&t=0.5&hide=,a,,b ")
    assert seen == {"tab": "noise", "values": {"t": "0.5"}, "hide": ["a", "b"]}
