"""What a hand does on the page, and what an eye sees there."""

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect

WAIT = 120_000  # ms, for whatever the computer has to compute; a busy machine is no failure
EXAMPLE_FRAMES = "5"  # of the tiny models, which take 4 steps


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


def generate(page: Page) -> None:
    """A whole run."""
    press_generate(page)
    expect_phase(page, "finished")


def expect_phase(page: Page, phase: str) -> None:
    expect(player(page)).to_have_attribute("data-phase", phase, timeout=WAIT)


def expect_step(page: Page, step: int) -> None:
    expect(player(page)).to_have_attribute("data-step", str(step), timeout=WAIT)


def expect_frames(page: Page, frames: int) -> None:
    expect(player(page)).to_have_attribute("data-frames", str(frames), timeout=WAIT)


def wait_for_example(page: Page, frames: str = EXAMPLE_FRAMES) -> None:
    """Until the page has what it shows at rest."""
    expect(player(page)).to_have_attribute("data-frames", frames, timeout=WAIT)


def download(page: Page, name: str) -> Path:
    """What a button saves."""
    with page.expect_download(timeout=WAIT) as saved:
        page.get_by_role("button", name=name).click()
    return saved.value.path()


def saved_settings(page: Page) -> dict[str, Any]:
    """The settings in the PNG of the images on show, which are finished."""
    return json.loads(Image.open(download(page, "PNG")).text["settings"])  # type: ignore[attr-defined]


def choose_sampler(page: Page, name: str) -> None:
    page.get_by_label("Sampler").click()
    page.get_by_role("option", name=name, exact=True).click()


def choose_model(page: Page, name: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=re.compile(name)).click()


def set_number(page: Page, label: str, value: float) -> None:
    """Type it over what is there; once more if that changed between the selection and the first key."""
    field = page.get_by_role("spinbutton", name=re.compile(label)).first
    field.fill(str(value))
    if field.input_value() != str(value):
        field.fill(str(value))
    field.press("Tab")


def tile(page: Page, label: str) -> Locator:
    return page.get_by_role("radio", name=label, exact=True)
