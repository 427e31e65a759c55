"""Learned autoguidance: in closed form on Gaussian data, and through a training run."""

import pytest
import torch
from accelerate import Accelerator

from diffusion import ModelConfig, load_model
from diffusion.condition import Condition
from diffusion.denoiser import Denoiser
from diffusion.guidance import skip_layer
from diffusion.parameterisation import PARAMETERISATIONS, Prediction
from tests.diffusion.gaussian import PROCESSES, Gaussian
from tests.tiny import DIGITS, NETWORK, assert_reaches_all, tiny_model
from train.autoguidance import Autoguidance, autoguidance
from train.config import RunConfig, TrainConfig
from train.datasets import Dataset
from train.loop import train

DATA, VAGUE = Gaussian(mean=0.1, std=0.2), Gaussian(mean=0.0, std=0.5)
SCALE = 1.5
TIMES = [0.2, 0.5, 0.9]


def loss_of_a_student(process, parameterisation, scale, offset=0.0):
    """The loss, one an image, of the student that is guided by a scale, its output shifted by an offset."""
    row = PARAMETERISATIONS[parameterisation]
    levels = [process.level(t) for t in TIMES]

    def network(x, t, condition):
        out = []
        for i, level in enumerate(levels):
            point = x[i : i + 1] * (level.alpha**2 + level.sigma**2) ** 0.5
            guided = skip_layer(DATA.denoise, VAGUE.denoise, scale)(point, level)
            out.append(row.target(guided.x0, guided.eps, level, process) + offset)
        return torch.cat(out)

    def one_by_one(denoise):  # as the images are at several levels
        def together(x, level, condition):
            predictions = [denoise(x[i : i + 1], level) for i, level in enumerate(levels)]
            return Prediction(torch.cat([p.x0 for p in predictions]), torch.cat([p.eps for p in predictions]))

        return together

    torch.manual_seed(0)
    x0, eps = torch.randn(2, len(TIMES), 1, 4, 4, dtype=torch.float64)
    loss = Autoguidance(one_by_one(DATA.denoise), one_by_one(VAGUE.denoise), SCALE)
    student = Denoiser(network, process, row, torch.float64)
    return loss(student, x0, None, torch.tensor(TIMES, dtype=torch.float64), eps)


@pytest.mark.parametrize("parameterisation", ["eps", "x0", "v"])
def test_the_guided_student_has_no_loss_and_any_other_its_distance(parameterisation):
    process = PROCESSES["cosine"]
    assert loss_of_a_student(process, parameterisation, SCALE).max() < 1e-12
    shifted = loss_of_a_student(process, parameterisation, SCALE, offset=0.1)
    torch.testing.assert_close(shifted, torch.full((len(TIMES),), 0.01), rtol=1e-5, atol=1e-7)
    unguided, less = (loss_of_a_student(process, parameterisation, scale) for scale in (0.0, SCALE / 2))
    torch.testing.assert_close(unguided, 4 * less, rtol=1e-5, atol=1e-9)  # linear in the scale
    assert less.min() > 0


def test_the_gradient_reaches_every_weight_of_the_student(tmp_path):
    strong, weak, student = (tiny_model(seed=seed) for seed in range(3))
    for name, model in {"strong": strong, "weak": weak}.items():
        model.save(tmp_path / name)
    loss_fn = autoguidance(str(tmp_path / "strong"), str(tmp_path / "weak"), 1.0, student.config, torch.device("cpu"))
    denoiser = Denoiser(student.network.train(), student.process, student.parameterisation)
    x0, eps = torch.randn(2, 5, 1, 8, 8)
    loss = loss_fn(denoiser, x0, Condition(torch.tensor([0, 1, 2, 9, -1])), torch.full((5,), 0.5), eps)
    assert loss.shape == (5,)
    assert_reaches_all(loss.mean(), student.network)


def test_a_run_moves_from_the_strong_model_towards_the_guided_one(tmp_path):
    strong, weak = tiny_model(seed=1), tiny_model(seed=1)
    with torch.no_grad():
        weak.network.output[-1].bias += 0.5  # so that guided is 0.5 less than strong
    for name, model in {"strong": strong, "weak": weak}.items():
        model.save(tmp_path / name)
    data = Dataset(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 10, list(DIGITS))
    options = {"init_from": str(tmp_path / "strong"), "away_from": str(tmp_path / "weak")}
    options |= {"preset": "unet", "steps": 60, "batch_size": 8, "learning_rate": 1e-2, "optimizer": "adamw"}
    model = ModelConfig(name="tiny", image_size=8, label_names=DIGITS, network=NETWORK, sampling={"steps": 2})
    config = RunConfig(training=TrainConfig.checked(**options), model=model)
    (tmp_path / "run").mkdir()
    trained = load_model(train(config, data, tmp_path / "run", Accelerator(cpu=True)))

    x, level = torch.randn(8, 1, 8, 8), strong.process.level(0.5)
    labels = torch.arange(8)
    unguided = strong.denoiser()(x, level, labels)
    wanted = skip_layer(strong.denoiser(), weak.denoiser(), 1.0)(x, level, labels)
    found = trained.denoiser()(x, level, labels)
    assert (found.x0 - wanted.x0).square().mean() < 0.2 * (unguided.x0 - wanted.x0).square().mean()
    assert "--away-from weak" in (tmp_path / "run/model/README.md").read_text()
