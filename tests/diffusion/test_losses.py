import pytest
import torch

from diffusion import Condition
from diffusion.denoiser import Denoiser
from diffusion.losses import LOSSES, drop_labels, on_chain, stratified_times
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.process import CosineVP, LinearVP
from diffusion.variance import VARIANCES
from tests.diffusion import guided_diffusion as gd
from tests.diffusion.gaussian import PROCESSES, Gaussian

DENOISING = [name for name in LOSSES if name != "cross_entropy"]
each_row = pytest.mark.parametrize("name", PARAMETERISATIONS)
each_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@each_process
@each_row
def test_the_exact_denoiser_reaches_the_known_optimum_and_nothing_beats_it(process, name):
    """On N(m, c^2) the best guess of c0 x0 + c1 eps misses by its variance, (c0 sigma - c1 alpha)^2 c^2 / s^2."""
    data, row, n, level = Gaussian(), PARAMETERISATIONS[name], 40_000, process.level(0.5)
    generator = torch.Generator().manual_seed(0)
    x0 = data.mean + data.std * torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator)
    eps = torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=generator)
    unscale = (level.alpha**2 + level.sigma**2) ** 0.5

    def loss(offset):
        def network(x, t, condition):
            exact = data.denoise(x * unscale, level)
            return row.target(exact.x0, exact.eps, level, process) + offset

        denoiser = Denoiser(network, process, row, torch.float64)
        return LOSSES["mse"](denoiser, x0, None, torch.full((n,), 0.5, dtype=torch.float64), eps).double().mean().item()

    c0, c1 = row.coefficients(level, process)
    scale = row.output_scale(level.sigma)
    optimum = (scale * (c0 * level.sigma - c1 * level.alpha) * data.std / data.spread(level)) ** 2
    assert loss(0.0) == pytest.approx(optimum, rel=0.03)  # 40,000 samples: a standard error of 0.7%
    assert loss(0.1) - loss(0.0) == pytest.approx(0.01, abs=0.003)


@each_row
def test_the_loss_of_an_image_is_its_own_and_differentiable(name):
    weight = torch.zeros(1, requires_grad=True)
    x0, eps = torch.randn(2, 5, 3, 4, 4)
    t = stratified_times(5, 1e-3, torch.Generator().manual_seed(0))
    denoiser = Denoiser(lambda x, t, condition: weight * x, PROCESSES["ve"], PARAMETERISATIONS[name])
    value = LOSSES["mse"](denoiser, x0, None, t, eps)
    assert value.dtype == torch.float32
    alone = [LOSSES["mse"](denoiser, x0[i : i + 1], None, t[i : i + 1], eps[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(value, torch.cat(alone))
    value.sum().backward()
    assert weight.grad.abs() > 0


def test_stratified_times_fill_the_range():
    t = stratified_times(1000, 0.1, torch.Generator().manual_seed(3))
    assert t.dtype == torch.float64
    assert t.min() >= 0.1
    assert t.max() <= 1
    assert ((t - 0.1) / 0.9 * 1000).floor().tolist() == list(range(1000))


def test_labels_are_dropped_at_the_given_rate():
    labels = torch.arange(10).repeat(2000)
    dropped = drop_labels(labels, 0.1, torch.Generator().manual_seed(0))
    assert (dropped == -1).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(dropped[dropped >= 0], labels[dropped >= 0])
    assert torch.equal(drop_labels(labels, 0.0), labels)
    assert (drop_labels(labels, 1.0) == -1).all()


def doubled(x, t, condition):
    """A network of 2C channels with one weight for each half."""
    return torch.cat([WEIGHTS[0] * torch.sin(2 * x), WEIGHTS[1] * torch.cos(x)], dim=1)


WEIGHTS = torch.tensor([0.3, 0.4], dtype=torch.float64, requires_grad=True)


def papers_terms(row, kind, i, x0, eps):
    """Squared error and bound's term of ``doubled``, (N,) each, from the betas; each image at its own step i."""
    errors, bounds = [], []
    for k, step in enumerate(i.tolist()):
        bar = gd.BAR[step]
        x = gd.noisy(x0[k : k + 1], eps[k : k + 1], step)
        output, raw = doubled(x, None, None).chunk(2, dim=1)
        if not VARIANCES[kind].learned:
            output, raw = output.detach(), raw.detach()
        target, predicted_x0 = {
            "eps": (eps[k], (x - (1 - bar).sqrt() * output) / bar.sqrt()),
            "x0": (x0[k], output),
            "previous_x": (
                gd.COEF_X0[step] * x0[k] + gd.COEF_X[step] * x,
                (output - gd.COEF_X[step] * x) / gd.COEF_X0[step],
            ),
        }[row]
        errors.append((output - target).square().mean())
        bounds.append(gd.bound_term(x0[k : k + 1], x, predicted_x0, gd.log_variance(kind, raw, step), step)[0])
    return torch.stack(errors), torch.stack(bounds)


@pytest.mark.parametrize("row", ["eps", "x0", "previous_x"])
@pytest.mark.parametrize("kind", VARIANCES)
@pytest.mark.parametrize("name", DENOISING)
def test_losses_are_guided_diffusions(name, kind, row):
    """training_losses, written out: MSE (+ bound on a detached mean), rescaled MSE (+ bound T / 1000), KL, KL T."""
    generator = torch.Generator().manual_seed(1)
    x0 = torch.randint(0, 256, (6, 1, 4, 4), generator=generator).double() / 127.5 - 1
    eps = torch.randn(6, 1, 4, 4, dtype=torch.float64, generator=generator)
    i = torch.tensor([0, 1, 2, 400, 700, 999])
    process, learned = LinearVP(), VARIANCES[kind].learned
    network = doubled if learned else lambda *arguments: doubled(*arguments).chunk(2, 1)[0]
    denoiser = Denoiser(network, process, PARAMETERISATIONS[row], torch.float64, VARIANCES[kind])
    t = process.t_min + (i + 0.5) / 1000 * (1 - process.t_min)  # the middle of each step's share of the times
    error, term = papers_terms(row, kind, i, x0, eps)
    if name in ("kl", "rescaled_kl"):
        expected = term * (1000 if name == "rescaled_kl" else 1)
    else:
        expected = error + (term if learned else 0)
        t = t if learned else (i + 1).double() / 1000
    loss = LOSSES[name](denoiser, x0, None, t, eps)
    assert loss.shape == (6,)
    finite = expected.isfinite()  # the reference's cdf is 0 in the tails
    assert finite.sum() >= 5
    torch.testing.assert_close(loss[finite], expected[finite].float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DENOISING)
def test_the_squared_error_trains_the_mean_and_the_bound_the_variance(name):
    x0, eps = torch.rand(4, 1, 4, 4) * 2 - 1, torch.randn(4, 1, 4, 4)
    t = stratified_times(4, 1e-3, torch.Generator().manual_seed(0))
    denoiser = Denoiser(doubled, CosineVP(), PARAMETERISATIONS["eps"], variance=VARIANCES["learned_range"])
    fixed = Denoiser(lambda *a: doubled(*a)[:, :1], CosineVP(), PARAMETERISATIONS["eps"])
    grid = on_chain(t, CosineVP())
    (both,) = torch.autograd.grad(LOSSES[name](denoiser, x0, None, t, eps).sum(), WEIGHTS)
    (mean,) = torch.autograd.grad(LOSSES["mse"](fixed, x0, None, grid, eps).sum(), WEIGHTS)
    assert both[1].abs() > 0
    torch.testing.assert_close(both[0] == mean[0], torch.tensor(LOSSES[name].squared_error))


def test_a_chain_of_another_length_rescales():
    x0, eps, t = torch.rand(4, 1, 4, 4), torch.randn(4, 1, 4, 4), torch.linspace(0.1, 1, 4, dtype=torch.float64)
    process = LinearVP(steps=250)
    for learned, factor in [("mse", 0), ("rescaled_mse", 1 / 4)]:
        denoiser = Denoiser(doubled, process, PARAMETERISATIONS["eps"], variance=VARIANCES["learned_range"])
        values = {name: LOSSES[name](denoiser, x0, None, t, eps) for name in (learned, "mse", "kl")}
        expected = values["mse"] - (1 - factor) * values["kl"] if factor else values["mse"]
        torch.testing.assert_close(values[learned], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(LOSSES["rescaled_kl"](denoiser, x0, None, t, eps), 250 * values["kl"])


def test_times_are_shared_out_evenly_over_the_chain():
    process = LinearVP()
    t = stratified_times(100_000, process.t_min, torch.Generator().manual_seed(0))
    counts = torch.bincount((on_chain(t, process) * 1000).round().long(), minlength=1001)
    assert counts[0] == 0
    assert counts[1:].min() >= 99
    assert counts[1:].max() <= 101
    assert on_chain(torch.ones(1, dtype=torch.float64), process).item() == 1


@each_process
@pytest.mark.parametrize("kind", VARIANCES)
def test_the_bound_is_finite_on_every_process_and_float32(process, kind):
    x0, eps = torch.rand(64, 1, 4, 4) * 2 - 1, torch.randn(64, 1, 4, 4)
    network = doubled if VARIANCES[kind].learned else lambda *a: doubled(*a)[:, :1]
    denoiser = Denoiser(network, process, PARAMETERISATIONS["v"], variance=VARIANCES[kind])
    loss = LOSSES["kl"](denoiser, x0, None, torch.linspace(1e-3, 1, 64, dtype=torch.float64), eps)
    (gradient,) = torch.autograd.grad(loss.sum(), WEIGHTS)
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@each_process
def test_cross_entropy_is_that_of_the_noisy_image(process):
    x0, eps = torch.randn(2, 3, 1, 2, 2)
    t, labels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), torch.tensor([1, 0, 1])

    def network(x, t):
        return torch.stack([x.sum((1, 2, 3)), t.to(x) / 100], dim=1)

    loss = LOSSES["cross_entropy"](NoisyClassifier(network, process, ("a", "b")), x0, labels, t, eps)
    for i in range(3):
        level = process.level(t[i].item())
        x = (level.alpha * x0[i] + level.sigma * eps[i]) / (level.alpha**2 + level.sigma**2) ** 0.5
        logits = [x.sum().item(), process.embed_time(t[i]).item() / 100]
        expected = torch.tensor(logits).logsumexp(0) - logits[labels[i]]
        torch.testing.assert_close(loss[i], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DENOISING)
def test_the_condition_reaches_the_network_as_it_is(name):
    seen = []

    def network(x, t, condition):
        seen.append(condition)
        return 0 * x

    x0, eps = torch.randn(2, 3, 1, 4, 4)
    condition = Condition(torch.tensor([1, -1, 2]), torch.rand(3, 1, 2, 2), torch.ones(3))
    t = torch.full((3,), 0.5, dtype=torch.float64)
    LOSSES[name](Denoiser(network, CosineVP(), PARAMETERISATIONS["v"]), x0, condition, t, eps)
    assert seen[0] is condition
