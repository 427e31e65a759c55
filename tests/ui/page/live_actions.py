"""What a hand does while live sampling is on, and what goes to the server."""

import json

from playwright.sync_api import Locator, Page, Request

REQUESTS = "**/component_server/"


class Traffic:
    """What a page requests of its server, live: values by name."""

    def __init__(self, page: Page):
        self.sent: list[dict] = []
        self.open = self.most_open = 0
        page.on("request", self.begin)
        page.on("requestfinished", self.end)

    def begin(self, request: Request) -> None:
        if calls(request, "live"):
            self.sent.append(sent(request))
            self.open += 1
            self.most_open = max(self.most_open, self.open)

    def end(self, request: Request) -> None:
        self.open -= calls(request, "live")


def calls(request: Request, name: str) -> bool:
    """Whether a request calls the player's server function of that name."""
    return "component_server" in request.url and json.loads(request.post_data or "{}").get("fn_name") == name


def sent(request: Request) -> dict:
    return json.loads(request.post_data or "")["data"]


def live(page: Page, name: str):
    return page.evaluate(f"lab.live.{name}")


def switch(page: Page, name: str = "Live") -> Locator:
    return page.get_by_role("checkbox", name=name)


def turn_on(page: Page) -> None:
    switch(page).check()
    page.wait_for_function("lab.live.shown > 0")
    settle(page)


def settle(page: Page, **values: int | str) -> None:
    """Until these values have arrived, what is on show belongs to the last request, and nothing more is requested."""
    arrived = "(values) => Object.entries(values).every(([name, value]) => lab.live.values[name] === value)"
    page.wait_for_function(arrived, arg=values)
    page.wait_for_function("""() => new Promise((resolve) => {
        const { last, requests } = lab.live;
        const still = () => last > 0 && last === lab.live.last && !requests.open && !requests.next;
        setTimeout(() => resolve(still()), 500);
    })""")


def note_order(page: Page) -> None:
    """From now on note the number of every sheet that is shown: ``window.order``."""
    page.evaluate("""() => {
        window.order = [];
        let last = lab.live.last;
        Object.defineProperty(lab.live, "last", {
            get: () => last,
            set: (number) => { last = number; window.order.push(number); },
        });
    }""")
