"""The Chromium that the page is tested in: finds one, or installs one (``python -m tests.browser``).

The headless shell is preferred: it is the same engine without windows, and takes far less of the processor.
"""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",  # for root, as in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
APT = ("apt-get", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


def find() -> str | None:
    """The path of a browser: of the system, or Playwright's own."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def apt_installs(package: str) -> bool:
    """Whether the system's package manager has this package, and has installed it."""
    command = [*APT, "install", "-y", package]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def install() -> None:
    """By the system's package manager where we may use it, else Playwright's download: that only if there is no browser
    at all."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run([*APT, "update"], stdout=subprocess.DEVNULL, check=False)
        if not apt_installs(SHELL) and find() is None:  # not every system has that package
            apt_installs("chromium")
    elif find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    if shutil.which(SHELL) is None:
        install()
    if (path := find()) is None:
        sys.exit("There is no Chromium, and none could be installed.")
    print(f"browser: {path}")
