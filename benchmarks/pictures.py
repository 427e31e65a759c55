"""README's pictures, made by the program itself: ``python -m benchmarks.pictures``."""

import subprocess
import sys

from playwright.sync_api import sync_playwright

from benchmarks.app import ROOT, serving
from tests import browser as chromium

ASSETS = ROOT / "assets"


def photograph(address: str) -> None:
    """The page half-way through nine's way out of the noise, at 1280 pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        page.goto(address)
        page.get_by_role("radio", name="9").click()
        page.get_by_role("button", name="Generate", exact=True).click()
        page.get_by_text("An independent classifier reads").wait_for(timeout=60_000)
        page.get_by_role("slider", name="Step").focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(500)
        page.screenshot(path=ASSETS / "page.png", full_page=True)
        browser.close()


def main() -> None:
    draw = [sys.executable, "-m", "diffusion.generate", "--label", "all", "--num-images", "10", "--steps", "30"]
    subprocess.run([*draw, "--seed", "1", "--output", str(ASSETS / "denoising.gif")], cwd=ROOT, check=True)
    with serving("app.py", "--port") as (address, _, _):
        photograph(address)


if __name__ == "__main__":
    main()
