"""One running app for all tests of this folder, with everything in it that a visitor may ask for, and what may not."""

from pathlib import Path

import pytest
from gradio_client import Client

from tests.tiny import DEEP, DIT, tiny_classifier, tiny_enlarger, tiny_model
from tests.ui.app_process import running_app

LINEAR = {"process": {"kind": "linear_vp"}}


@pytest.fixture(scope="package")
def home(tmp_path_factory) -> Path:
    """The folder that the program is started in: its operator's model, runs, and things that are nobody's business."""
    home = tmp_path_factory.mktemp("home")
    tiny_model(image_size=28).save(home / "own")
    tiny_model(1).save(home / "runs" / "mine" / "model")
    tiny_model(2).save(home / "private")
    tiny_model(4, label_names=(), network=DEEP, **LINEAR).save(home / "runs" / "blind" / "model")
    tiny_model(5, label_names=(), network=DIT).save(home / "runs" / "dit" / "model")
    tiny_classifier(**LINEAR).save(home / "runs" / "reader" / "model")
    tiny_classifier(**LINEAR).save(home / "private-reader")
    tiny_enlarger(image_size=28, low_res_size=7, dataset="mnist").save(home / "runs" / "lens" / "model")
    (home / "secret.txt").write_text("the secret")
    return home


@pytest.fixture(scope="package")
def app_process(home):
    with running_app(home, "--model", str(home / "own")) as started:
        yield started


@pytest.fixture(scope="package")
def server(app_process) -> str:
    """The address of the running app."""
    return app_process[0]


@pytest.fixture(scope="package")
def log(app_process) -> Path:
    """The file of its log."""
    return app_process[1]


@pytest.fixture(scope="package")
def client(server) -> Client:
    return Client(server, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 120})
