"""How much memory a process may have."""

import psutil
import pytest

from diffusion.runtime.memory import available_memory, granted_memory


def test_memory_is_what_the_control_group_grants(tmp_path):
    machine = granted_memory(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert granted_memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text("3000000\n")
    assert granted_memory(tmp_path) == 3e6


def test_what_is_spare_is_what_neither_this_process_nor_its_control_group_has(tmp_path):
    mine, mega = psutil.Process().memory_info().rss, 1_000_000
    assert available_memory(tmp_path) <= psutil.virtual_memory().total - mine
    (tmp_path / "memory.max").write_text(f"{mine + 100 * mega}\n")
    assert available_memory(tmp_path) == pytest.approx(100 * mega, abs=10 * mega)
    (tmp_path / "memory.stat").write_text(f"anon {mine + 70 * mega}\nfile 5\n")
    assert available_memory(tmp_path) == pytest.approx(30 * mega, abs=10 * mega)
