"""The files of results: as many as a host's memory can bear."""

import pytest

from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP
from diffusion.samplers import SAMPLERS
from ui.endpoints import results as results_module
from ui.precompute import QUICK_SAMPLER


def kept(monkeypatch, most: int, letters: str) -> str:
    """Which of these results, of 10 bytes each, are kept."""
    monkeypatch.setattr(results_module, "MAX_RESULT_BYTES", most)
    results = results_module.Results()
    added = {letter: results.add("a.png", letter.encode() * 10) for letter in letters}
    return "".join(sorted(letter for letter, file in added.items() if results.get(file.path)))


def test_the_earliest_results_make_room(monkeypatch):
    assert kept(monkeypatch, 35, "abcad") == "acd"  # the same result again is the same file


def test_the_last_result_stays_however_large(monkeypatch):
    assert kept(monkeypatch, 1, "ab") == "b"


@pytest.mark.parametrize("process", [CosineVP(), LinearVP(), ExponentialVE(), Flow()], ids=lambda process: process.kind)
def test_thumbnails_are_sampled_down_to_where_no_noise_is_seen(process):
    row = SAMPLERS[QUICK_SAMPLER]
    assert row.levels(process, row.default_steps)[-2].sigma < 0.05  # the last step takes all that is left
