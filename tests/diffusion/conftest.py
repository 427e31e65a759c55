"""Models on disk that the tests of the commands share."""

import numpy as np
import pytest
from PIL import Image

from tests.tiny import DIT, ONE_PASS, tiny_classifier, tiny_enlarger, tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of tiny models, by name."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model().save(folder / "tiny")
    tiny_model(network=ONE_PASS).save(folder / "one_pass")
    tiny_model(label_names=()).save(folder / "unlabelled")
    tiny_model(network=DIT, skip_scale=2.0).save(folder / "dit")
    tiny_model(channels=3, label_names=()).save(folder / "colour")
    tiny_enlarger().save(folder / "enlarger")
    tiny_classifier().save(folder / "classifier")
    tiny_classifier(process={"kind": "linear_vp"}).save(folder / "other_process")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """A folder of three 8x8 images, a hidden file and an empty sub-folder; and the images' pixels."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").touch()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    for name, array in zip("abc", pixels, strict=True):
        Image.fromarray(array).save(folder / f"{name}.png")
    return folder, pixels
