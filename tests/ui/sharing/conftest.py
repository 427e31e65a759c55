"""The views of an app with models to which different settings apply."""

import pytest

from tests.tiny import DEEP, DIT, tiny_classifier, tiny_enlarger, tiny_model
from ui.engine import Engine
from ui.lab.compare import CompareLab
from ui.lab.noise import NoiseLab
from ui.sharing.compared import shared_compare
from ui.sharing.views import Views, shared_generate, shared_noise

LINEAR = {"process": {"kind": "linear_vp"}}


@pytest.fixture
def views(models, tmp_path) -> Views:
    tiny_model(1, name="deep", network=DEEP).save(models / "deep")
    tiny_model(2, name="dit", network=DIT, label_names=()).save(models / "dit")
    tiny_model(3, name="blind", label_names=(), **LINEAR).save(models / "blind")
    tiny_model(4, name="mnist", image_size=28, dataset="mnist").save(models / "mnist")
    tiny_classifier(name="reader", **LINEAR).save(models / "reader")
    tiny_enlarger(name="lens", image_size=28, low_res_size=7, dataset="mnist").save(models / "lens")
    engine = Engine("unet", tmp_path / "runs")
    tabs = {"generate": shared_generate(engine), "noise": shared_noise(NoiseLab(engine))}
    return Views(tabs | {"compare": shared_compare(CompareLab(engine))})
