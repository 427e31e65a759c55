"""What tests do with players, and what they expect of them."""

from playwright.sync_api import Page, expect

from tests.ui.modules.messages import message


def receive(page: Page, *messages: dict, name: str = "a") -> None:
    page.evaluate(
        "([name, messages]) => messages.forEach((each) => window[name].state.receive(each))", [name, messages]
    )


def begin(page: Page, run: str, name: str = "a") -> None:
    page.evaluate("([name, run]) => window[name].state.begin(run)", [name, run])


def phase(page: Page, name: str = "a") -> str | None:
    return page.locator(f"#{name}").get_attribute("data-phase")


def expect_step(page: Page, step: int, name: str = "a") -> None:
    expect(page.locator(f"#{name}")).to_have_attribute("data-step", str(step))


def show_finished(page: Page, total: int = 4, name: str = "a") -> None:
    """A finished run of so many steps, the last of which is on show."""
    begin(page, f"run of {name}", name)
    receive(page, message(f"run of {name}", list(range(total + 1)), total, done=True), name=name)
    expect_step(page, total, name)


def picture(page: Page, name: str = "a") -> str:
    return page.locator(f"#{name} .dp-pane:not([hidden]) canvas").first.evaluate("canvas => canvas.toDataURL()")
