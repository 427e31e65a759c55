"""What the section *Advanced* shows of a model, and what it asks for."""

import pytest

from ui.advanced import advanced_settings, advanced_updates

ABOUT = {"classifiers": [], "freeu": False, "two_passes": True}
ABOUT |= {"guidance_t_min": 0.3, "guidance_t_max": 0.8, "guidance_power": 2.0, "skips": False, "skip_scale": 0.0}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, True),
        ({"two_passes": False}, False),
        ({"two_passes": False, "skips": True}, True),
    ],
    ids=["two passes", "one pass", "guidance by itself"],
)
def test_the_limits_of_guidance_are_shown_where_there_are_two_passes(changes, seen):
    box, *_, t_max, t_min, power = advanced_updates(ABOUT | changes, [])
    assert box["visible"] == t_max["visible"] == t_min["visible"] == seen
    assert (t_max["value"], t_min["value"], power["value"]) == (0.8, 0.3, 2.0)  # the model's own
    assert power["visible"] == (seen and "skips" not in changes)  # a power of how far the label moves an image


def test_only_what_is_switched_on_is_asked_for():
    assert advanced_settings("", 3.0, 1.0, 1.2, 2.0, 0.8, 0.3, 1.5) == {
        "freeu_s": 1.2,
        "skip_scale": 2.0,
        "guidance_t_max": 0.8,
        "guidance_t_min": 0.3,
        "guidance_power": 1.5,
    }
    assert advanced_settings("reader", 3.0, 1.0, 1.0)["classifier_scale"] == 3.0
