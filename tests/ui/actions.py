"""What a hand does on the page, and what an eye sees there: for the tests with a browser."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import WAIT


def player(page: Page) -> Locator:
    return page.locator(".digit-player")


def picture(page: Page) -> str:
    """What the first canvas shows, as a data URL."""
    return page.locator(".dp-pane:not([hidden]) canvas").first.evaluate("canvas => canvas.toDataURL()")


def record(page: Page) -> None:
    """From now on note every change of what the player shows: see ``recorded``."""
    page.evaluate("""() => {
        window.shown = [];
        const root = document.querySelector(".digit-player");
        const look = () => {
            const canvas = root.querySelector(".dp-pane:not([hidden]) canvas");
            window.shown.push([root.dataset.phase, Number(root.dataset.step), canvas.toDataURL()]);
        };
        new MutationObserver(look).observe(root, { attributeFilter: ["data-step"] });
    }""")


def recorded(page: Page) -> list[list]:
    """[phase, step, picture] for every frame shown since ``record``."""
    return page.evaluate("window.shown")


def press_generate(page: Page) -> None:
    page.get_by_role("button", name="Generate").click()


def expect_phase(page: Page, phase: str) -> None:
    expect(player(page)).to_have_attribute("data-phase", phase, timeout=WAIT)


def choose_sampler(page: Page, name: str) -> None:
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name=name, exact=True).click()


def choose_model(page: Page, name: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=re.compile(name)).click()


def set_number(page: Page, label: str, value: float) -> None:
    field = page.get_by_role("spinbutton", name=re.compile(label)).first
    field.fill(str(value))
    field.press("Tab")
