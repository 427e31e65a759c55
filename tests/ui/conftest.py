"""What tests of the app share: small models in the place of the bundled ones, and the marker of tests in a browser."""

import threading

import pytest

from tests.tiny import tiny_model
from ui.engine import Engine

IN_A_BROWSER = ("page", "modules")  # the folders that `make test` collects those from


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            assert item.path.parent.name in IN_A_BROWSER, f"`make test` would leave {item.nodeid} out"
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def background_ends():
    """What an app began in the background ends with the test: Python aborts if it ends while torch computes."""
    yield
    for thread in threading.enumerate():
        if thread.name in ("example", "fetch default model"):
            thread.join(60)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of bundled models, "unet" and "other", in the place of the real one."""
    for seed, name in enumerate(("unet", "other")):
        tiny_model(seed, name=name, title=f"Title of {name}").save(tmp_path / "weights" / name)
    monkeypatch.setattr("diffusion.io.hub.BUNDLED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def engine(models, tmp_path):
    return Engine("unet", runs_dir=tmp_path / "runs")
