"""The configuration of a run: what earlier versions wrote is still read."""

import json

import pytest

from diffusion.errors import InputError
from tests.tiny import NETWORK
from train.config import RunConfig, TrainConfig

TRAINING = {"preset": "unet", "steps": 10}
MODEL = {"name": "tiny", "image_size": 8, "network": NETWORK}


def written(path, training=None, model=None):
    """The file of a run, with some fields changed."""
    file = path / "config.json"
    file.write_text(json.dumps({"training": TRAINING | (training or {}), "model": MODEL | (model or {})}))
    return file


def test_a_run_of_an_earlier_version_is_read(tmp_path):
    """It names the decay of the learning rate, and its settings of sampling are not in one place."""
    old = RunConfig.read(written(tmp_path, {"decay": "cosine"}, {"sampler": "unipc", "steps": 7}))
    assert old == RunConfig.read(written(tmp_path, {}, {"sampling": {"sampler": "unipc", "steps": 7}}))
    assert old == RunConfig.model_validate_json(old.model_dump_json())


@pytest.mark.parametrize(
    "changes", [{"training": {"decay": "linear"}}, {"training": {"steps": 0}}, {"model": {"x": 1}}]
)
def test_what_is_no_configuration_is_named(tmp_path, changes):
    file = written(tmp_path, **changes)
    ((part, fields),) = changes.items()
    with pytest.raises(InputError, match=f"{file} is not the configuration of a run: {part}.{next(iter(fields))}: "):
        RunConfig.read(file)


def test_a_run_has_one_length():
    for lengths in ({}, {"steps": 5, "minutes": 1.0}):
        with pytest.raises(InputError, match="exactly one of steps, epochs, minutes"):
            TrainConfig.checked(preset="unet", **lengths)
    assert TrainConfig.checked(preset="unet", epochs=2.5, batch_size=10).total_steps(100) == 25
