import json
from pathlib import Path

import pytest

from diffusion import SAMPLERS, FreeU, InputError, Model, SamplingSettings
from diffusion.settings import SETTINGS
from tests.tiny import DEEP, DIT, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model

NAN, INF = float("nan"), float("inf")

BAD = {
    "steps": [0, -1, 1001, 10**9, 10**5000, 2.5, "2.5", "many", "9" * 5000, NAN, INF, True, [20], {"a": 1}],
    "guidance_scale": [-0.1, 20.1, NAN, INF, -INF, "nan", "1e400", 10**400, "strong", True, [2]],
    "guidance_t_min": [-0.1, 1.1, NAN],
    "guidance_power": [-1, 4.5, "x"],
    "eta": [-0.1, 1.1, NAN, "x", True],
    "classifier_scale": [-1, 101, NAN, "x"],
    "freeu_b": [-0.1, 4.1, NAN, INF, "x", True],
    "skip_scale": [-0.1, 20.5, "x"],
    "seed": [-1, 2**32, 0.5, NAN, "random", True, [0]],
    "sampler": ["DDIM", "k_euler", 3, True, ["ddim"]],
    "respacing": ["fast", "ddim", "10,", "x" * 300, 10, True],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in BAD for value in BAD[name]],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) else "",
)
def test_a_bad_value_is_one_short_sentence_that_names_the_setting(name, value):
    with pytest.raises(InputError) as raised:
        SamplingSettings(**{name: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{name} must be ")
    assert sentence.endswith(".")
    assert ", not " in sentence
    assert "\n" not in sentence
    assert len(sentence) < 200


def test_no_name_is_a_settings_own():
    with pytest.raises(InputError, match="There is no setting 'self'"):
        SamplingSettings(self=1)


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"^There is no setting 'scale'; the settings are sampler, steps, "):
        SamplingSettings(scale=2)


@pytest.mark.parametrize("twenty", [20, 20.0, "20", " 20 ", "20.0"])
def test_numbers_may_come_as_text_or_as_whole_floats(twenty):
    settings = SamplingSettings(steps=twenty, guidance_scale=twenty, seed=twenty)
    assert (settings.steps, settings.guidance_scale, settings.seed) == (20, 20.0, 20)
    assert isinstance(settings.steps, int)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_is_not_given(blank):
    settings = SamplingSettings(**dict.fromkeys(SETTINGS, blank))
    assert settings == SamplingSettings()
    assert settings.model_dump() == {}
    assert not settings.resolved


def test_what_was_given_comes_before_the_models_own_before_the_default():
    config = tiny_model(sampler="heun", steps=7, guidance_scale=3.0, guidance_t_max=0.75).config
    own = SamplingSettings().resolve(config)
    assert (own.sampler, own.steps, own.guidance_scale, own.guidance_t_max) == ("heun", 7, 3.0, 0.75)
    assert (own.guidance_t_min, own.guidance_power, own.seed) == (0.0, 0.0, 0)
    given = SamplingSettings(steps=9, guidance_scale=0, seed=4, guidance_t_max=1).resolve(config)
    assert (given.steps, given.guidance_scale, given.seed, given.guidance_t_max) == (9, 0.0, 4, 1.0)


def test_steps_are_the_samplers():
    """The model's number belongs to its own sampler; another one has its own, and so has a respacing."""
    config = tiny_model(sampler="heun", steps=7).config
    for sampler, row in SAMPLERS.items():
        expected = 7 if sampler == "heun" else row.default_steps
        assert SamplingSettings(sampler=sampler).resolve(config).steps == expected
        assert SamplingSettings(sampler=sampler, steps=3).resolve(config).steps == 3
    assert SamplingSettings(respacing="10,15").resolve(config).steps == 25
    assert SamplingSettings(respacing="10,15", steps=25).resolve(config).steps == 25
    with pytest.raises(InputError, match=r"^respacing '10,15' has 25 steps, not 24: leave steps out\.$"):
        SamplingSettings(respacing="10,15", steps=24).resolve(config)


@pytest.mark.parametrize("config", [tiny_model().config, tiny_enlarger().config, tiny_model(network=DIT).config])
@pytest.mark.parametrize("classifier", [False, True])
def test_resolved_settings_are_complete(config, classifier):
    settings = SamplingSettings().resolve(config, classifier)
    assert settings.resolved
    assert [name for name in SETTINGS if getattr(settings, name) is None] == ["respacing"]
    assert SamplingSettings(respacing="5").resolve(config, classifier).resolved


PLAIN_DIT = tiny_model(network=DIT, label_names=()).config
SHALLOW = tiny_model(network=DEEP | {"skip_per": "level"}).config  # as turbo's: FreeU has no skips to act on
INAPPLICABLE = [
    ("eta", 0.0, tiny_model(sampler="heun").config, "the sampler heun: it is for the sampler ddim"),
    ("classifier_scale", 1.0, tiny_model().config, "tiny without a classifier: it is for guidance by a classifier"),
    ("guidance_scale", 5.0, PLAIN_DIT, "tiny: it is for models with labels"),
    ("guidance_power", 2.0, tiny_model(network=ONE_PASS).config, "tiny: it is for models with labels that take no"),
    ("guidance_t_max", 0.5, tiny_model(network=ONE_PASS).config, "tiny: it is for models with classifier-free"),
    ("skip_scale", 1.0, tiny_model().config, "tiny: it is for DiTs"),
    ("freeu_b", 1.5, SHALLOW, "tiny: it is for U-Nets with skips at their deeper levels"),
]


@pytest.mark.parametrize(("name", "value", "config", "subject"), INAPPLICABLE, ids=lambda value: str(value)[:20])
def test_what_does_not_apply_is_refused_with_what_does(name, value, config, subject):
    with pytest.raises(InputError) as raised:
        SamplingSettings(**{name: value}).resolve(config)
    sentence = str(raised.value)
    assert sentence.startswith(f"{name} does not apply to {subject}")
    known = sentence.split("What applies: ")[1].rstrip(".").split(", ")
    assert known == [*SamplingSettings().resolve(config).record(config), "respacing"]
    assert name not in known


def test_values_that_change_nothing_apply_everywhere():
    nothing = {"guidance_scale": 1, "guidance_t_min": 0, "guidance_t_max": 1, "guidance_power": 0}
    nothing |= {"skip_scale": 0, "freeu_b": 1, "freeu_s": 1}
    for config in (PLAIN_DIT, tiny_enlarger().config, tiny_model(network=ONE_PASS).config):
        assert SamplingSettings(**nothing).resolve(config).resolved


def test_the_order_in_which_settings_are_refused_is_that_of_the_fields():
    """Not that of a set, which would differ from run to run."""
    given = {"guidance_power": 2, "freeu_s": 2, "skip_scale": 0, "freeu_b": 2, "guidance_scale": 3}
    with pytest.raises(InputError, match=r"^guidance_scale does not apply"):
        SamplingSettings(**given).resolve(PLAIN_DIT)


def test_a_scale_that_the_network_was_not_trained_on_is_refused_and_not_clamped():
    config = tiny_model(network=ONE_PASS).config
    assert SamplingSettings(guidance_scale=4).resolve(config).guidance_scale == 4
    with pytest.raises(InputError, match=r"^guidance_scale must be a number from 0 to 4 for tiny, not 4\.1\.$"):
        SamplingSettings(guidance_scale=4.1).resolve(config)


def test_the_times_of_guidance_are_in_order_with_the_models_own():
    config = tiny_model(guidance_t_min=0.25, guidance_t_max=0.75).config
    assert SamplingSettings(guidance_t_max=0.25).resolve(config).guidance_t_max == 0.25
    with pytest.raises(InputError, match=r"^guidance_t_min must not be above guidance_t_max: 0\.25 is above 0\.2\.$"):
        SamplingSettings(guidance_t_max=0.2).resolve(config)


CASES = {  # model, settings, arguments of sampling
    "two passes": (tiny_model(guidance_t_min=0.2, guidance_t_max=0.9, guidance_power=1.5), {"seed": 3}),
    "stochastic": (tiny_model(sampler="ddim"), {"eta": 0.5, "steps": 6}),
    "ancestral": (tiny_model(sampler="ddpm", steps=6, variance="learned_range"), {"guidance_scale": 1.5}),
    "respaced": (tiny_model(sampler="dpmpp_2m"), {"respacing": "3,2"}),
    "freeu": (tiny_model(network=DEEP), {"freeu_b": 1.4, "freeu_s": 0.5}),
    "one pass": (tiny_model(network=ONE_PASS, sampler="turbo", steps=2), {"guidance_scale": 3}),
    "dit": (tiny_model(network=DIT, label_names=(), skip_scale=2.0, sampler="unipc", guidance_t_max=0.9), {}),
    "classifier": (tiny_model(network=DIT, label_names=()), {"classifier_scale": 9}),
    "classifier, mean form": (tiny_model(label_names=(), sampler="ddpm", steps=5), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_record_is_all_it_takes_to_sample_the_same_again(case):
    """By the same network in a model without settings of its own."""
    model, given = CASES[case]
    guide = tiny_classifier().classifier() if "classifier" in case else None
    settings = SamplingSettings(**given).resolve(model.config, guide is not None)
    record = json.loads(json.dumps(settings.record(model.config, guide is not None)))
    bare = Model(model.config.model_copy(update={"sampling": SamplingSettings()}), model.network)
    labels = [3, 7] if model.config.label_names or guide else [-1, -1]
    images = model.generate(labels, settings=settings, classifier=guide)
    assert (bare.generate(labels, **record, classifier=guide) == images).all()
    assert (model.generate(labels, **given, classifier=guide) == images).all()
    assert given.items() <= record.items()
    changed = {"guidance_scale": 3.5} if model.config.label_names else {"seed": 1}
    assert (bare.generate(labels, **record | changed, classifier=guide) != images).any()


def test_a_record_holds_what_applies_and_nothing_else():
    config = PLAIN_DIT
    record = SamplingSettings(sampler="heun").resolve(config).record(config)
    assert set(record) == {"sampler", "steps", "seed", "guidance_t_min", "guidance_t_max", "skip_scale"}
    assert "eta" in SamplingSettings(sampler="ddim").resolve(config).record(config)
    assert "classifier_scale" in SamplingSettings().resolve(config, True).record(config, True)


def test_settings_come_as_one_object_or_one_by_one():
    model = tiny_model()
    settings = SamplingSettings(steps=3, seed=5)
    images = model.generate([1], steps=3, seed=5)
    for given in (settings, settings.resolve(model.config)):
        assert (model.generate([1], settings=given) == images).all()
    with pytest.raises(InputError, match=r"one object or one by one, not both: steps came beside the object"):
        model.sample([1], settings=settings, steps=3)


def test_freeu_is_off_at_1():
    assert FreeU(SETTINGS["freeu_b"].default, SETTINGS["freeu_s"].default) == FreeU()


def test_a_setting_is_defined_in_one_place():
    """A new one touches its field, the code that uses it, its words, and presets or models with a value of their own:
    commands, API, page and metadata are made from the fields."""
    root = Path(__file__).parents[2]
    kinds = {".py", ".json", ".js", ".css", ".html", ".md", ".toml"}
    files = [path for path in root.glob("*") if path.is_file()]
    for folder in ("diffusion", "train", "ui", "scripts", "benchmarks", "docs", "assets"):
        files += [path for path in (root / folder).rglob("*") if path.is_file()]
    found = {
        path.relative_to(root).as_posix()
        for path in files
        if path.suffix in kinds and "guidance_power" in path.read_text("utf-8")
    }
    code = {"diffusion/settings.py", "diffusion/model.py", "train/presets.py", "assets/weights/unet/config.json"}
    assert found == code | {"ui/i18n/en.json", "ui/i18n/zh.json"}
