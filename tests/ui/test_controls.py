"""The page's controls: one for each setting, within its range, in every language, and shown where it applies."""

from types import SimpleNamespace

import gradio as gr
import pytest

from diffusion.settings import SETTINGS
from tests.tiny import DEEP, DIGITS, DIT, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model
from ui.controls import control, default_label, model_properties, tile_properties
from ui.engine import ModelInfo
from ui.i18n import LANGUAGES, TEXTS
from ui.precompute import Precomputed
from ui.request import REQUEST_SETTINGS, Request
from ui.tabs.generate import GenerateTab


@pytest.fixture
def tab(engine) -> GenerateTab:
    """The tab of an engine, alone."""
    with gr.Blocks():
        return GenerateTab(Precomputed(engine))


def info(model=None, classifiers=(), **changes) -> ModelInfo:
    config = (model or tiny_model(**changes)).config
    there = [SimpleNamespace(ref=ref) for ref in classifiers]
    return ModelInfo(config, list(config.label_names), SimpleNamespace(classifiers=lambda _: there))


def test_every_setting_has_a_control_with_its_range(tab):
    for name, setting in REQUEST_SETTINGS.items():
        shown = tab.controls[name]
        if name in SETTINGS and setting.kind in ("integer", "number"):
            assert shown.minimum == setting.low
            assert setting.low < shown.maximum <= setting.high
            Request(**{name: shown.minimum}), Request(**{name: shown.maximum})  # are allowed
        if setting.kind == "choice":
            assert [value for _, value in shown.choices] == list(setting.choices)
            assert len({title for title, _ in shown.choices}) == len(setting.choices)
        Request(**{name: shown.value})


def test_every_control_has_words_in_every_language(tab):
    names = [name for name in tab.controls if name not in ("label", "steps_by_hand")]  # tiles; a hidden one
    for language in LANGUAGES:
        translated = dict(tab.translations(language))
        labels = [translated[tab.controls[name]]["label"] for name in names]
        assert labels == [TEXTS[language][f"settings.{name}.label"] for name in names]
        assert len(set(labels)) == len(labels)
        advanced = [name for name, setting in SETTINGS.items() if setting.advanced]
        assert all(translated[tab.controls[name]]["info"] for name in advanced)


def test_a_new_setting_of_each_kind_gets_a_control():
    for name, kind in (("steps", gr.Number), ("eta", gr.Slider), ("sampler", gr.Dropdown), ("respacing", gr.Textbox)):
        with gr.Blocks():
            assert type(control(name)) is kind


OF_GUIDANCE = {"guidance_t_min", "guidance_t_max"}
ALWAYS = {"sampler", "steps", "seed", "respacing"}


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (tiny_model(network=DEEP), {"guidance_scale", "guidance_power", *OF_GUIDANCE, "freeu_b", "freeu_s", "eta"}),
        (tiny_model(network=ONE_PASS, sampler="turbo"), {"guidance_scale", "freeu_b", "freeu_s"}),
        (tiny_model(network=DIT), {"guidance_scale", "guidance_power", *OF_GUIDANCE, "skip_scale", "eta"}),
        (tiny_model(network=DIT, label_names=(), sampler="heun"), {*OF_GUIDANCE, "skip_scale"}),
    ],
    ids=["two passes", "one pass", "DiT with labels", "DiT without labels"],
)
def test_controls_are_seen_where_they_apply(model, more):
    shown = model_properties(info(model))
    assert list(shown) == list(SETTINGS)
    assert {name for name in shown if shown[name]["visible"]} == ALWAYS | more


def test_the_strength_of_a_classifier_is_seen_once_there_is_one():
    blind = info(label_names=())
    assert not model_properties(blind)["classifier_scale"]["visible"]
    assert model_properties(blind, classifier="reader")["classifier_scale"]["visible"]


def test_controls_get_the_models_own_values_and_what_is_kept_gets_none():
    own = {"steps": 9, "guidance_scale": 3.0, "guidance_t_min": 0.3, "guidance_t_max": 0.8, "guidance_power": 2.0}
    shown = model_properties(info(**own, sampler="heun"))
    assert {name: shown[name]["value"] for name in own} == own
    assert shown["sampler"]["value"] == "heun"
    assert [name for name in shown if "value" not in shown[name]] == ["seed", "classifier_scale", "respacing"]
    # steps belong to the model's own sampler
    assert model_properties(info(**own, sampler="heun"), "ddpm")["steps"]["value"] == 100


def test_guidance_ends_where_the_model_does():
    assert model_properties(info())["guidance_scale"]["maximum"] == 10
    assert model_properties(info(network=ONE_PASS))["guidance_scale"]["maximum"] == 4


@pytest.mark.parametrize(("label", "chosen"), [("7", "7"), ("", ""), ("cow", "5"), (None, "5"), (["7"], "5")])
def test_a_label_stays_chosen_where_the_model_has_it(label, chosen):
    shown = tile_properties(info(), label)
    assert (shown["value"], shown["names"]) == (chosen, list(DIGITS))
    assert (shown["heading"], shown["note"]) == ("tiles.heading", "")


@pytest.mark.parametrize(
    ("about", "heading", "note"),
    [
        (info(label_names=()), "tiles.no_labels", "tiles.no_labels_help"),
        (info(label_names=(), classifiers=["reader"]), "tiles.no_labels", "tiles.no_labels_guide"),
        (info(tiny_enlarger()), "tiles.enlarge", "tiles.enlarge_help"),
    ],
)
def test_where_there_is_nothing_to_choose_it_says_why(about, heading, note):
    shown = tile_properties(about)
    assert (shown["heading"], shown["note"], shown["value"]) == (heading, note, "")
    assert all(key in texts for key in (heading, note) for texts in TEXTS.values())


def test_classifiers_are_no_models_to_choose(models, tab):
    tiny_classifier().save(models / "reader")
    assert [ref for _, ref in tab.choices.models("en")] == ["unet", "other"]


def test_the_first_choice_is_from_the_middle():
    assert [default_label(names) for names in ([], ["a"], ["a", "b"], list(DIGITS))] == ["", "a", "b", "5"]
