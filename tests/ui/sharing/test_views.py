"""What a link or a picture says: used as far as it can be, and the rest said in one sentence."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import pytest

from diffusion.errors import InputError
from ui.i18n import text
from ui.sharing.views import MOST, Views, answer, view_answer

# As this version writes them: every later one has to open them.
LINKS = {
    "tab=generate&model=unet&label=5&num_images=16&sampler=unipc&steps=14&guidance_scale=1.7&seed=242412841&"
    "guidance_t_min=0.4&guidance_t_max=0.8&guidance_power=2": {"steps": 14, "guidance_power": 2.0, "seed": 242412841},
    "tab=generate&model=dit&sampler=ddim&steps=3&seed=1&eta=0.5&skip_scale=1.5": {"eta": 0.5, "skip_scale": 1.5},
    'tab=generate&label=5&steps=6&forks=[{"step":2,"label":"3"},{"step":4,"seed":1},{"step":2,"label":"1","from":0}]'
    "&fork_step=3": {
        "forks": '[{"step":2,"label":"3"},{"step":4,"seed":1},{"step":2,"label":"1","from":0}]',
        "fork_step": 3,
    },
    "tab=compare&rows=sampler&row_values=ddim, heun&columns=guidance_scale&column_values=0..4&model=unet&label=3&"
    "num_images=4&steps=8&seed=5": {"row_values": "ddim, heun", "columns": "guidance_scale", "num_images": 4},
    "tab=noise&digit=5&index=2&split=train&seed=9&model=&t=0.25": {"digit": "5", "index": 2, "split": "train"},
}


def codes(views: Views, given: dict[str, Any], tab: Any = "generate", hide: Any = ()) -> list[str]:
    return [error.code for error in views.check(tab, given, hide).left_out]


@pytest.mark.parametrize("link", LINKS)
def test_links_of_this_version_open_in_every_later_one(views, link: str):
    values = dict(parse_qsl(link, keep_blank_values=True))
    view = views.check(values.pop("tab"), values)
    assert view.left_out == []
    assert view.values == view.values | LINKS[link]


def test_a_view_says_all_that_the_picture_depends_on(views):
    view = views.check("generate", {})
    assert view.values == view.values | {"model": "unet", "label": "", "num_images": 16, "sampler": "ddim", "steps": 4}
    assert view.values == view.values | {"guidance_scale": 2.0, "seed": 0, "eta": 0.0, "classifier": ""}
    assert views.check("generate", view.values) == view


def test_each_value_that_cannot_be_used_is_left_out_and_named(views):
    given = {"steps": "0", "stepz": "7", "label": "Q", "sampler": "heun", "eta": "1", "model": "nope", "seed": "11"}
    view = views.check("generate", given | {"num_images": "many"}, ["sampler", "walls"])
    assert view.values == view.values | {"sampler": "heun", "seed": 11, "model": "unet", "num_images": 16}
    assert view.hidden == ["sampler"]
    sentence = view.sentence("link", "en")
    assert sentence.startswith("Everything in this link is used but this: Steps must be a whole number from 1 to 1000")
    assert sentence.endswith("; 3 more.")
    for word in ("stepz", "Images", "nope"):
        assert word in sentence
    assert sentence.count(". ") == 0
    assert "步数必须是" in view.sentence("picture", "zh")
    assert views.check("generate", {"steps": "3"}).sentence("link", "en") == ""


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"guidance_t_min": 0.8, "guidance_t_max": 0.2, "model": "deep"}, "settings.order"),
        ({"respacing": "ddim3", "steps": 9}, "settings.respacing_steps"),
        ({"skip_scale": 2}, "settings.does_not_apply"),
        ({"classifier": "reader"}, "page.classifier_unfit"),
        ({"classifier": "/etc"}, "page.model"),
        ({"model": "../unet"}, "page.model"),
        ({"label": ["1", "Q"]}, "labels.unknown_name"),
        ({"label": "1, 2,"}, None),
        ({"label": ","}, "labels.unknown_name"),
        ({"num_images": 100, "label": ["1", "2"]}, "settings.integer"),
        ({"forks": "["}, "fork.list"),
        ({"forks": [{"step": 1, "from": 1}]}, "fork.origin"),
        ({"forks": [{"step": 1, "from": [0]}]}, "fork.origin"),
        ({"forks": [{"step": 1, "from": True}]}, "fork.origin"),
        ({"forks": [{"step": 9}]}, "fork.step"),
        ({"forks": [{"step": 1, "model": "mnist"}]}, "fork.size"),
        ({"forks": [{"step": 1, "x": 1}]}, "settings.unknown"),
        ({"label": {"a": 1}}, "settings.text"),
        ({"steps": True}, "settings.integer"),
        ({"__class__": "x"}, "page.no_setting"),
    ],
)
def test_what_does_not_go_together_is_left_out(views, given: dict, code: str):
    assert codes(views, given) == ([code] if code else [])
    assert views.check("generate", given | {"seed": 5}).values["seed"] == 5


def test_a_classifier_gives_labels_to_a_model_without(views):
    given = {"model": "blind", "classifier": "reader", "label": "7", "classifier_scale": "2"}
    view = views.check("generate", given)
    assert (view.left_out, view.values["label"], view.values["classifier_scale"]) == ([], "7", 2.0)
    assert codes(views, {"model": "blind", "label": "7"}) == ["labels.model_has_none"]


def test_pictures_say_more_than_settings(views):
    record = {"model": "unet", "label": ["3"], "num_images": 9, "steps": 5, "precision": "fp32", "version": "9.9"}
    view = views.check("generate", record)
    assert (view.left_out, view.values["label"], view.values["num_images"]) == ([], "3", 9)
    assert views.check("generate", record | {"label": []}).values["label"] == ""
    several = views.check("generate", record | {"label": ["3", "7", "1"], "num_images": 100}).values
    assert (several["label"], several["num_images"]) == ("3, 7, 1", 63)  # whole rows of the sheet


def test_a_fork_that_cannot_be_takes_those_that_leave_it_along(views):
    forks = [
        {"step": 1, "label": "3"},
        {"step": 2, "label": "Q"},  # no such label
        {"step": 3, "label": "1"},  # of the one before
        {"step": 3, "label": 4, "from": 1},
        {"step": 2, "sampler": "heun", "steps": "5", "from": 0},
    ]
    view = views.check("generate", {"steps": 4, "forks": forks, "step": 2, "fork_step": 6})
    assert [error.code for error in view.left_out] == ["labels.unknown_name"]
    kept = [
        {"step": 1, "label": "3"},
        {"step": 3, "label": "4"},
        {"step": 2, "sampler": "heun", "steps": 5, "from": 0},
    ]
    assert json.loads(view.values["forks"]) == kept
    assert "fork_step" not in view.values  # the last fork ends at step 6
    assert view.values["step"] == 2
    assert views.check("generate", view.values | {"fork_step": 5}).values["fork_step"] == 5
    assert views.check("generate", view.values).values == view.values


def test_the_noise_tab_has_settings_of_its_own(views):
    assert codes(views, {"t": "2", "digit": "x", "sampler": "ddim", "model": "unet"}, "noise") == [
        *("settings.number", "settings.choice", "page.no_setting", "page.no_digits_to_denoise")
    ]
    assert codes(views, {"model": "mnist"}, "noise") == []


@pytest.mark.parametrize("given", [None, [], "tab", 3, {3: 4}, dict.fromkeys(map(str, range(MOST + 1)))], ids=str)
def test_what_is_no_view_is_refused(views, given: Any):
    with pytest.raises(InputError):
        views.check("generate", given)
    sent = json.loads(answer(view_answer, views, {"tab": "generate", "values": given, "language": "en"}))
    assert list(sent) == ["error"]
    assert "error" in json.loads(answer(view_answer, views, given))


def test_a_tab_that_is_not_there_is_said(views):
    assert codes(views, {"label": "3"}, "walls") == ["page.no_tab"]
    assert codes(views, {}, ["generate"], hide="all") == ["page.no_tab"]
    assert codes(views, {}, None) == []


def test_a_hundred_links_opened_at_once_bad_ones_among_them(views):
    """Twenty people at a time, on all tabs; every one gets its own view, and the bad ones one sentence."""
    tabs = ["generate", "compare", "noise"]
    strange = ["", "-1", "1e999", "NaN", "\0", "٣", "0x10", "'; DROP", "../..", "9" * 400]
    bad = [(tab, {"steps": value, "t": value, "model": value, value: value}) for value in strange for tab in tabs]
    good = [(tab, good_values(tab, i)) for i, tab in enumerate(tabs * 23)]
    links = [*((tab, values | {"seed": "3"}, False) for tab, values in bad), *((*link, True) for link in good)]
    links.append(("walls", {"seed": "3"}, False))
    random.Random(0).shuffle(links)
    assert len(links) == 100
    sent = [{"tab": tab, "values": values, "source": "link", "language": "en"} for tab, values, _ in links]
    with ThreadPoolExecutor(20) as pool:
        answers = [json.loads(each) for each in pool.map(lambda one: answer(view_answer, views, one), sent)]
    for (tab, values, right), got in zip(links, answers, strict=True):
        assert got["tab"] == (tab if tab in tabs else "generate")
        if right:
            assert got["sentence"] == ""
            assert {name: got["values"][name] for name in values} == values
        else:
            assert got["sentence"].startswith(text("share.left_out_link", "en")[:20])
            assert got["sentence"].count(". ") == 0
            assert got["values"]["seed"] == 3


def good_values(tab: str, i: int) -> dict[str, Any]:
    """Those of a link to a tab, each its own."""
    if tab == "noise":
        return {"digit": str(i % 10), "t": (1 + i) / 100, "seed": i, "split": ["test", "train"][i % 2]}
    values = {"label": str(i % 10), "seed": i, "num_images": 1 + i % 64}
    axes = {"rows": "eta", "row_values": f"0, 0.{i + 1}", "columns": "seed", "column_values": f"{i}..{i + 3}"}
    return values | (axes if tab == "compare" else {"sampler": ["ddim", "heun"][i % 2], "steps": 1 + i})


def test_a_grid_keeps_what_can_be_used(views):
    view = views.check(
        "compare", {"columns": "eta", "column_values": "0, x", "label": "z", "rows": "nothing", "seed": 3}
    )
    assert view.values["columns"] == "eta"
    assert view.values["column_values"] == "0, x"  # the tab says what is wrong with x
    assert (view.values["rows"], view.values["label"], view.values["seed"]) == ("sampler", "", 3)
    assert {error.code for error in view.left_out} == {"settings.choice", "labels.unknown_name"}
    assert views.check("compare", view.values).left_out == []


@pytest.mark.parametrize("tab", ["generate", "compare"])
def test_where_the_default_model_has_gone_that_is_said(views, models, tab: str):
    shutil.rmtree(models / "unet")
    said = json.loads(answer(view_answer, views, {"tab": tab, "values": {"label": "3"}}))
    assert "unet" in (said.get("error") or said["sentence"])
