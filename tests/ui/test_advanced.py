"""What the section *Advanced* shows of a model, and what it asks for."""

import pytest

from ui.tabs.advanced import CONTROLS, advanced_settings, advanced_updates

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
    shown = advanced_updates(ABOUT | changes, [])
    limits = [shown["guidance_t_max"], shown["guidance_t_min"]]
    assert {each["visible"] for each in (shown["box"], *limits)} == {seen}
    assert [each["value"] for each in (*limits, shown["guidance_power"])] == [0.8, 0.3, 2.0]  # the model's own
    assert shown["guidance_power"]["visible"] == (
        seen and "skips" not in changes
    )  # of how far the label moves an image
    assert list(shown) == ["box", *CONTROLS]


def test_only_what_is_switched_on_is_asked_for():
    values = {"guidance_t_max": 0.8, "guidance_t_min": 0.3, "guidance_power": 1.5, "classifier": "reader"}
    values |= {"classifier_scale": 3.0, "skip_scale": 2.0, "freeu_b": 1.0, "freeu_s": 1.2}
    assert list(values) == list(CONTROLS)
    assert advanced_settings(*values.values()) == {n: v for n, v in values.items() if n != "freeu_b"}
    without = advanced_settings(*(values | {"classifier": ""}).values())
    assert without == {n: v for n, v in values.items() if n not in ("freeu_b", "classifier", "classifier_scale")}
