"""How much memory a process may have."""

import psutil

from diffusion.runtime import memory
from diffusion.runtime.memory import granted_memory, spare_memory


def test_memory_is_what_the_control_group_grants(tmp_path):
    machine = granted_memory(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert granted_memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text("3000000\n")
    assert granted_memory(tmp_path) == 3e6


def test_what_is_spare_is_what_neither_this_process_nor_others_have(monkeypatch):
    mine = psutil.Process().memory_info().rss
    monkeypatch.setattr(memory, "granted_memory", lambda: mine + 10e6)
    assert abs(spare_memory() - 10e6) < 5e6
    monkeypatch.setattr(memory, "granted_memory", lambda: 1e18)
    assert 0 < spare_memory() <= psutil.virtual_memory().total - mine
