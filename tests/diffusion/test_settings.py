import json

import pytest

from diffusion import InputError
from diffusion.settings import Request, check_settings, label_index
from tests.tiny import NETWORK, tiny_model

NAN, INF = float("nan"), float("inf")

BAD = {
    "steps": [0, -1, 1001, 10**9, 10**5000, 2.5, "2.5", "many", "9" * 5000, NAN, INF, True, [20], {"a": 1}],
    "num_images": [0, 65, 10**6, "all", NAN, False, [1, 2]],
    "guidance_scale": [-0.1, 20.1, NAN, INF, -INF, "nan", "1e400", 10**400, "strong", True, [2]],
    "eta": [-0.1, 1.1, NAN, "x", True],
    "classifier_scale": [-1, 101, NAN, "x"],
    "freeu_b": [-0.1, 4.1, NAN, INF, "x", True],
    "freeu_s": [-0.1, 4.1, NAN, "x"],
    "classifier": [1, True, ["classifier"]],
    "seed": [-1, 2**32, 0.5, NAN, "random", True, [0]],
    "sampler": ["DDIM", "k_euler", 3, True, ["ddim"]],
    "label": [9, True, ["9"], {"label": "9"}],
    "model": [1, ["unet"], {"path": "unet"}],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in BAD for value in BAD[name]],
    ids=lambda v: str(v)[:20] if not isinstance(v, int) else "",
)
def test_a_bad_value_is_one_short_sentence_that_names_the_setting(name, value):
    with pytest.raises(InputError) as raised:
        Request(**{name: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{name} must be ")
    assert sentence.endswith(".")
    assert ", not " in sentence
    assert "\n" not in sentence
    assert len(sentence) < 200


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"^there is no setting 'scale'; the settings are sampler, steps, "):
        Request(scale=2)


@pytest.mark.parametrize("twenty", [20, 20.0, "20", " 20 ", "20.0"])
def test_numbers_may_come_as_text_or_as_whole_floats(twenty):
    request = Request(steps=twenty, guidance_scale=twenty, seed=twenty, num_images=twenty)
    assert (request.steps, request.guidance_scale, request.seed, request.num_images) == (20, 20.0, 20, 20)
    assert isinstance(request.steps, int)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_nothing_means_the_default(blank):
    names = tuple(Request.model_fields)
    assert Request(**dict.fromkeys(names, blank)) == Request()
    assert Request().label == ""
    assert Request().model == ""
    assert Request().num_images == 16


def test_the_model_fills_in_what_is_not_given():
    config = tiny_model(sampler="heun", steps=7, guidance_scale=3.0).config
    own = {"sampler": "heun", "steps": 7, "guidance_scale": 3.0, "eta": None, "seed": 0}
    assert check_settings(config) == own
    assert check_settings(config, steps=9, guidance_scale=0, seed=4) == {
        **own,
        "steps": 9,
        "guidance_scale": 0,
        "seed": 4,
    }
    other = {"sampler": "ddim", "steps": 20, "guidance_scale": 3.0, "eta": 0.0, "seed": 0}
    assert check_settings(config, sampler="ddim") == other  # another sampler brings its own number of steps
    assert check_settings(config, sampler="ddim", eta=1)["eta"] == 1.0
    json.dumps(other)


def test_eta_is_refused_where_the_sampler_has_none():
    with pytest.raises(InputError, match=r"^eta belongs to the sampler ddim; leave it out with heun\.$"):
        check_settings(tiny_model(sampler="heun").config, eta=0.0)


def test_what_is_not_given_of_the_extras_is_left_out():
    config = tiny_model().config
    assert check_settings(config, freeu_b="1.2", freeu_s=0, classifier_scale="") == {
        **check_settings(config),
        "freeu_b": 1.2,
        "freeu_s": 0.0,
    }


def test_labels_are_class_names():
    assert label_index("", ["cat", "dog"]) == -1
    assert label_index("dog", ["cat", "dog"]) == 1
    with pytest.raises(InputError, match=r"^label must be one of cat, dog, or \"\" for any, not 'cow'\.$"):
        label_index("cow", ["cat", "dog"])
    with pytest.raises(InputError, match=r"^this model draws without labels: .*'9'\.$"):
        label_index("9", [])
    with pytest.raises(InputError) as raised:
        label_index("y" * 10_000, [f"class {i}" for i in range(1000)])
    assert "(1000 in all)" in str(raised.value)
    assert len(str(raised.value)) < 250


def test_settings_on_record_are_those_that_were_drawn_with():
    one_pass = tiny_model(network=NETWORK | {"max_guidance": 4.0}).config
    assert check_settings(one_pass, guidance_scale=9)["guidance_scale"] == 4
    assert check_settings(one_pass, guidance_scale=3)["guidance_scale"] == 3
    assert check_settings(tiny_model(label_names=()).config, guidance_scale=9)["guidance_scale"] == 2  # its own, unused
    with pytest.raises(InputError, match="guidance_t_max belongs to guidance by two passes; leave it out with tiny"):
        check_settings(one_pass, guidance_t_max=0.5)
    with pytest.raises(InputError, match="guidance_power belongs to guidance by two passes"):
        check_settings(tiny_model(label_names=()).config, guidance_power=2)


def test_the_models_own_limits_of_guidance_are_not_on_record():
    config = tiny_model(guidance_t_min=0.25, guidance_t_max=0.75).config
    assert "guidance_t_max" not in check_settings(config, guidance_t_min=0.25, guidance_t_max=0.75)
    assert check_settings(config, guidance_t_max="0.5")["guidance_t_max"] == 0.5
    with pytest.raises(InputError, match=r"guidance_t_min must not be above guidance_t_max; 0.25 is above 0.2"):
        check_settings(config, guidance_t_max=0.2)
