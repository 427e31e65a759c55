import json

import pytest
from pydantic import ValidationError

from diffusion import InputError, ModelConfig, SamplingSettings
from diffusion.io.hub import BUNDLED, bundled
from diffusion.io.model_directory import read_config
from diffusion.settings import SETTINGS
from tests.tiny import DEEP, DIT, ENCODER, ENLARGER, NETWORK, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model

TINY = {"name": "tiny", "image_size": 8, "label_names": ["0", "1", "2"], "network": NETWORK}


def read(**changes):
    return ModelConfig.from_json(json.dumps(TINY | changes), "config.json")


def test_settings_of_sampling_may_lie_flat_as_in_earlier_versions():
    own = {"sampler": "heun", "steps": 7, "guidance_scale": 3.0, "guidance_t_min": 0.1, "guidance_power": 2.0}
    assert read(**own) == read(sampling=own)
    assert read(**own).sampling == SamplingSettings(**own)
    mixed = read(sampling={"sampler": "heun", "steps": 7}, guidance_scale=3.0)
    assert mixed.sampling == SamplingSettings(sampler="heun", steps=7, guidance_scale=3.0)
    assert ModelConfig(**TINY, sampling=SamplingSettings(steps=7), seed=None).sampling.steps == 7


def test_a_config_is_written_with_what_is_its_own_alone():
    written = json.loads(read(steps=7).model_dump_json())
    assert written["sampling"] == {"steps": 7}
    assert "steps" not in written
    assert ModelConfig.from_json(json.dumps(written), "") == read(steps=7)


@pytest.mark.parametrize("name", bundled())
def test_bundled_configs_have_their_settings_in_one_place_and_all_of_them_apply(name):
    config = read_config(BUNDLED / name)
    assert not SETTINGS.keys() & json.loads((BUNDLED / name / "config.json").read_bytes()).keys()
    if config.task == "classification":
        assert config.sampling == SamplingSettings()
    else:
        assert config.sampling.model_dump().items() <= config.sampling.resolve(config).record(config).items()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": "red"}, "at 'colour': Extra inputs"),
        ({"image_size": 9}, "image_size 9 must be divisible by the network's stride 4."),
        ({"image_size": 10**9}, "at 'image_size': "),
        ({"label_names": ["a", "a"]}, "label_names must all differ."),
        ({"label_names": ["a"] * 2000}, "at 'label_names': "),
        ({"name": "../etc"}, "at 'name': "),
        ({"process": {"kind": "linear_vp", "steps": 10**12}}, "at 'process.linear_vp.steps': "),
        ({"process": {"kind": "fog"}}, "at 'process': "),
        ({"network": {**NETWORK, "channels": [10**9]}}, "at 'network.unet.channels.0': "),
        ({"sampler": "none"}, "at 'sampling': sampler must be one of ddpm, "),
        ({"sampling": {"steps": 0}}, "at 'sampling': steps must be a whole number from 1 to 1000, not 0."),
        ({"sampling": {"shade": 1}}, "at 'sampling': There is no setting 'shade'"),
        ({"sampling": {"seed": 1}}, "seed is not a setting that a model can have"),
        ({"sampling": [1]}, "at 'sampling': Input should be an object."),
        ({"sampling": 5, "steps": 4}, "at 'sampling': Input should be an object."),
        ({"guidance_t_min": 0.9, "guidance_t_max": 0.1}, "guidance_t_min must not be above guidance_t_max"),
        ({"skip_scale": 1.0}, "skip_scale must be 0 for a network that is not a DiT."),
        ({"network": ONE_PASS, "label_names": []}, "max_guidance must go with label_names"),
        ({"low_res_size": 2}, "low_res_size must be given to a network with low_res, and to no other."),
        ({"network": ENLARGER}, "low_res_size must be given to a network with low_res, and to no other."),
        ({"network": ENLARGER, "low_res_size": 3}, "must be divisible by low_res_size 3."),
        ({"network": ENCODER, "label_names": []}, "a classifier must have label_names."),
        ({"network": ENCODER, "variance": "learned"}, "a classifier has no variance to learn."),
        ({"network": {**ENCODER, "pool_size": 7}}, "pool_size must be 4, the size of the deepest features, not 7."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_config_that_is_wrong_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=r"^config\.json is not a model's configuration[:,].*[^.]\.$") as raised:
        read(**changes)
    assert sentence in str(raised.value)
    assert "Value error" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_config_that_is_no_json():
    with pytest.raises(InputError, match=r"^config\.json is not a model's configuration: Invalid JSON"):
        ModelConfig.from_json("{", "config.json")


def test_a_config_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        tiny_model().config.name = "other"


def test_the_network_decides_what_a_model_is_for_and_what_applies_to_it():
    models = tiny_model(), tiny_enlarger(), tiny_classifier()
    assert [model.config.task for model in models] == ["generation", "super-resolution", "classification"]
    assert [model.config.two_passes for model in models] == [True, False, False]
    assert not tiny_model(network=ONE_PASS).config.two_passes
    assert tiny_model(network=ONE_PASS).config.max_guidance == 4
    assert not tiny_model(label_names=()).config.two_passes
    assert tiny_model(network=DIT).config.skips
    assert not tiny_model().config.skips
    assert tiny_model(network=DEEP).config.freeu
    assert not tiny_model(network=DEEP | {"skip_per": "level"}).config.freeu
    assert not tiny_model(network=DIT).config.freeu
    assert not tiny_classifier().config.freeu
