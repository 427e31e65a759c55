"""How many fetch from the Hub at the same time, and that others sample meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from diffusion.io.hub import resolve
from tests.tiny import tiny_model
from ui import registry as registry_module
from ui.engine import Engine
from ui.hosting.places import Busy
from ui.model_names import HUB
from ui.registry import DOWNLOADS


@pytest.fixture
def slow_hub(models, tmp_path, monkeypatch):
    """An engine, and a Hub that lets go of what is asked of it when ``gate`` is set; ``asked`` is what was."""
    hub = SimpleNamespace(gate=threading.Event(), asked=[])
    tiny_model().save(tmp_path / "fetched")

    def fetch(ref, access=None):
        hub.asked.append(ref)
        assert hub.gate.wait(30)
        return tmp_path / "fetched"

    engine = Engine("unet", tmp_path / "runs")
    with ThreadPoolExecutor(20) as pool, monkeypatch.context() as patch:
        patch.setattr(registry_module, "resolve", lambda ref, **of: fetch(ref) if ref.startswith(HUB) else resolve(ref))
        yield engine, hub, pool
        hub.gate.set()


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_so_many_fetch_from_the_hub_at_the_same_time_and_others_sample(slow_hub):
    engine, hub, pool = slow_hub
    fetching = [pool.submit(engine.load, f"hub:alice/{i}") for i in range(DOWNLOADS)]
    until(lambda: len(hub.asked) == DOWNLOADS)
    for ref in ("hub:bob/digits", "hub:alice/0"):  # who would wait for a download counts, too
        with pytest.raises(Busy, match=f"{DOWNLOADS} models are being fetched"):
            engine.load(ref)
    assert engine.load("other").config.name == "other"
    hub.gate.set()
    assert len({id(each.result(30)) for each in fetching}) == DOWNLOADS
    assert engine.load("hub:bob/digits").generate([1]).shape[0] == 1


def test_only_one_asks_the_hub_anew_at_a_time(slow_hub):
    engine, hub, pool = slow_hub
    hub.gate.set()
    engine.load("hub:alice/digits")
    hub.gate.clear()
    refreshing = pool.submit(engine.registry.refresh)
    until(lambda: len(hub.asked) == 2)
    engine.registry.refresh()
    assert len(hub.asked) == 2
    hub.gate.set()
    refreshing.result(30)
    engine.registry.refresh()
    assert len(hub.asked) == 3
