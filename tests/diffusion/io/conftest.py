"""A tiny model's files and a Hub for them on 127.0.0.1."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.hub_server import HubServer
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    """A model so small that it is saved and loaded at once."""
    directory = tmp_path_factory.mktemp("model") / "tiny"
    tiny_model().save(directory, readme="---\nlicense: mit\n---\n# tiny\n")
    return directory


@pytest.fixture
def files(model_dir) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model_dir.iterdir()}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A running Hub that the client is pointed to, with a cache of its own and nobody logged in."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with HubServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
