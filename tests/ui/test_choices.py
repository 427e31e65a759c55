"""What the page shows when somebody chooses a model, a sampler or a classifier, or looks for new ones."""

import shutil

import pytest

from diffusion.samplers import SAMPLERS
from tests.tiny import DEEP, DIGITS, DIT, tiny_classifier, tiny_model
from ui.choices import Choices
from ui.engine import Engine
from ui.handlers import Handlers
from ui.i18n import LANGUAGES, sampler_description, text
from ui.model_names import described
from ui.precompute import Precomputed

LINEAR = {"process": {"kind": "linear_vp"}}


@pytest.fixture
def choices(models, tmp_path) -> Choices:
    """Of an engine with a classifier "reader", which fits the model "blind"."""
    tiny_model(2, name="blind", label_names=(), description="Knows <b>no</b> labels.", **LINEAR).save(models / "blind")
    tiny_classifier(title="Reader", description="Tells noise from noise.", **LINEAR).save(models / "reader")
    engine = Engine("unet", tmp_path / "runs")
    return Choices(Precomputed(engine), Handlers(engine))


def visible(shown: dict) -> set[str]:
    return {name for name, update in shown.items() if isinstance(update, dict) and update.get("visible") is True}


# ---- a model ---------------------------------------------------------------------------------------------------------


def test_a_model_sets_the_page_up_for_itself(choices, models):
    own = {"steps": 9, "sampler": "heun", "guidance_scale": 3.0, "guidance_t_max": 0.8}
    tiny_model(3, label_names=("cat", "dog", "cow"), **own).save(models / "pets")
    shown = choices.choose_model({"model": "pets", "label": "dog"})
    assert {name: shown[name]["value"] for name in own} == own
    assert (shown["label"]["value"], shown["label"]["names"]) == ("dog", ["cat", "dog", "cow"])
    assert choices.choose_model({"model": "pets", "label": "7"})["label"]["value"] == "dog"
    assert shown["steps_by_hand"] is False
    assert shown["sampler_note"] == sampler_description("heun", "en")
    assert "value" not in shown["seed"]


def test_only_what_applies_to_the_model_is_seen(choices, models):
    tiny_model(4, label_names=(), network=DIT).save(models / "dit")
    tiny_model(5, network=DEEP).save(models / "deep")
    of_dit, of_deep = (visible(choices.choose_model({"model": ref})) for ref in ("dit", "deep"))
    assert "skip_scale" in of_dit - of_deep
    assert {"guidance_scale", "guidance_power", "freeu_b", "freeu_s"} <= of_deep - of_dit


def test_any_label_stays_chosen_and_so_do_the_settings_that_a_model_comes_with(choices):
    assert choices.choose_model({"model": "other", "label": ""})["label"]["value"] == ""
    shown = choices.settings({"model": "blind", "classifier": "reader", "label": "3"})
    assert (shown["label"]["value"], shown["label"]["names"]) == ("3", list(DIGITS))
    assert shown["classifier"]["value"] == "reader"
    assert shown["classifier_scale"]["visible"] is True
    assert "value" not in shown["model"]
    assert list(choices.settings({"model": "nobody"})) == ["model_note"]


def test_a_classifier_can_be_chosen_where_one_fits(choices):
    shown = choices.choose_model({"model": "blind"})["classifier"]
    assert shown["visible"] is True
    assert [ref for _, ref in shown["choices"]] == ["", "reader"]
    assert shown["value"] == ""
    assert choices.choose_model({"model": "unet"})["classifier"]["visible"] is False


def test_a_strangers_description_is_no_html(choices):
    assert choices.choose_model({"model": "blind"})["model_note"] == "Knows &lt;b&gt;no&lt;/b&gt; labels."


def test_what_cannot_be_had_is_explained_and_changes_nothing(choices):
    for ref in ("nobody", "../secret", ["unet"]):
        for handler in (choices.choose_model, choices.choose_sampler):
            shown = handler({"model": ref, "sampler": "ddim"})
            assert list(shown) in (["model_note"], ["sampler_note"])
            assert "must be" in next(iter(shown.values()))
    assert "&lt;b&gt;" in choices.choose_sampler({"sampler": "<b>"})["sampler_note"]


# ---- a sampler, a classifier -----------------------------------------------------------------------------------------


def test_steps_follow_the_sampler_unless_they_were_typed(choices):
    assert choices.choose_sampler({"sampler": "ddim", "model": "unet"})["steps"] == 4  # the model's own
    for name in set(SAMPLERS) - {"ddim"}:
        shown = choices.choose_sampler({"sampler": name, "model": "unet"})
        assert shown["steps"] == SAMPLERS[name].default_steps
        assert shown["sampler_note"] == sampler_description(name, "en")
        typed = choices.choose_sampler({"sampler": name, "model": "unet", "steps_by_hand": True})
        assert "steps" not in typed
    assert choices.choose_sampler({"sampler": "ddim"})["eta"]["visible"]
    assert not choices.choose_sampler({"sampler": "heun"})["eta"]["visible"]


def test_a_classifier_brings_its_labels_and_its_strength(choices):
    shown = choices.choose_classifier({"model": "blind", "classifier": "reader", "label": "3"})
    assert (shown["label"]["value"], shown["label"]["names"]) == ("3", list(DIGITS))
    assert shown["classifier_scale"]["visible"] is True
    alone = choices.choose_classifier({"model": "blind", "classifier": "", "label": "3"})
    assert alone["label"]["names"] == []
    assert alone["classifier_scale"]["visible"] is False
    assert choices.choose_classifier({"model": "nobody"}) == {}


def test_tiles_show_a_sample_of_each_label(choices):
    assert len(choices.sample_tiles({"model": "unet"})["label"]["thumbnails"]) == 10
    assert choices.sample_tiles({"model": "blind"})["label"]["thumbnails"] == []
    guided = choices.sample_tiles({"model": "blind", "classifier": "reader"})["label"]["thumbnails"]
    assert len(set(guided)) == 10
    assert choices.sample_tiles({"model": "nobody"}) == {}


def test_tiles_never_load_a_classifier_that_a_visitor_names_by_its_path(choices, tmp_path):
    tiny_classifier(**LINEAR).save(tmp_path / "private")
    for classifier in (str(tmp_path / "private"), "unet", "nobody", "hub:a/b"):
        shown = choices.sample_tiles({"model": "unet", "classifier": classifier})
        assert shown == choices.sample_tiles({"model": "unet"})
    assert set(choices.engine.registry._held.held_keys()) == {("model", "unet")}


# ---- which there are -------------------------------------------------------------------------------------------------


def test_reload_finds_what_was_trained_meanwhile(choices, tmp_path):
    run = tmp_path / "runs" / "mine" / "model"
    tiny_model(6, title="Mine").save(run)
    shown = choices.reload({"model": "unet", "label": "7"})
    assert str(run) in [ref for _, ref in shown["model"]["choices"]]
    assert shown["model_note"] == text("models.found", n=4)  # the classifier is none
    assert shown["label"]["value"] == "7"


def test_reload_lets_go_of_a_model_that_has_gone(choices, tmp_path):
    run = tmp_path / "runs" / "mine" / "model"
    tiny_model(6).save(run)
    choices.choose_model({"model": str(run)})
    shutil.rmtree(run)
    shown = choices.reload({"model": str(run)})
    assert shown["model"]["value"] == "unet"
    assert shown["model_note"] == text("models.gone", ref=str(run))
    assert shown["label"]["names"] == list(DIGITS)  # all that the default model needs is there


def test_reload_lets_go_of_a_classifier_that_has_gone(choices, models):
    shutil.rmtree(models / "reader")
    shown = choices.reload({"model": "blind", "classifier": "reader", "label": "3"})
    assert shown["classifier"]["value"] == ""
    assert shown["label"]["names"] == []


def test_a_broken_model_is_listed_with_what_is_wrong(choices, tmp_path):
    run = tmp_path / "runs" / "mine" / "model"
    tiny_model(6).save(run)
    (run / "config.json").write_text("{}")
    title = next(title for title, ref in choices.models("en") if ref == str(run))
    assert title.startswith("mine · your run")
    assert len(title) > len("mine · your run") + 20  # with the beginning of the reason, as much as has room
    (entry,) = (entry for entry in choices.engine.models() if entry.ref == str(run))
    assert "config.json is not a model's" in str(entry.problem)


def test_a_models_line_says_what_it_is_and_where_from_in_every_language(choices):
    for language in LANGUAGES:
        title = {ref: title for title, ref in choices.models(language)}["blind"]
        assert title == f"blind · {text('models.bundled', language)}\u2003\nKnows <b>no</b> labels."
        assert choices.classifiers(choices.engine.describe("blind"), language)[0] == (text("models.none", language), "")


def test_a_model_from_the_hub_is_announced_and_then_chosen_or_refused(choices, monkeypatch):
    announced, refused = choices.fetch({"hub": "no such name"})
    assert announced == {"hub_note": text("models.fetching", ref="hub:no such name")}
    assert "owner/name" in refused["hub_note"]
    assert choices.fetched({"hub": "no such name"}) == choices.fetched({"hub": "https://example.com/a/b"}) == {}
    loaded, entry = [], described("hub:alice/digits", choices.engine.describe("unet").config, "hub")
    monkeypatch.setattr(choices.engine, "load", loaded.append)
    monkeypatch.setattr(choices.engine, "models", lambda: [entry])
    monkeypatch.setattr(choices.engine.registry, "config", lambda _: tiny_model().config)
    for typed in (
        " hub:alice/digits ",
        "alice/digits",
        "alice/digits/",
        "https://huggingface.co/alice/digits/tree/main",
    ):
        *_, said = choices.fetch({"hub": typed})
        assert said == {"hub_note": text("models.fetched", ref="hub:alice/digits")}
        assert choices.fetched({"hub": typed})["model"]["value"] == "hub:alice/digits"
    assert loaded == ["hub:alice/digits"] * 4
