"""The files of results: as many as a host's disk can bear."""

import pytest

from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP
from diffusion.samplers import SAMPLERS
from ui.endpoints import results as results_module
from ui.precompute import QUICK_SAMPLER


@pytest.fixture
def write(tmp_path):
    def write(name):
        path = tmp_path / name
        path.write_bytes(b"x" * 10)
        return str(path)

    return write


def test_the_earliest_results_make_room(monkeypatch, write, tmp_path):
    monkeypatch.setattr(results_module, "MAX_RESULT_BYTES", 35)
    results = results_module.Results()
    for name in ("a", "b", "c", "a", "d"):  # the same result again is the same file
        assert results.add(write(name)) == str(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "d"]


def test_the_last_result_stays_however_large(monkeypatch, write, tmp_path):
    monkeypatch.setattr(results_module, "MAX_RESULT_BYTES", 1)
    results = results_module.Results()
    for name in ("a", "b"):
        results.add(write(name))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("process", [CosineVP(), LinearVP(), ExponentialVE(), Flow()], ids=lambda process: process.kind)
def test_thumbnails_are_sampled_down_to_where_no_noise_is_seen(process):
    row = SAMPLERS[QUICK_SAMPLER]
    assert row.levels(process, row.default_steps)[-2].sigma < 0.05  # the last step takes all that is left
