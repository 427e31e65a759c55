"""``Model``: what its parts do together. Saving and loading are in io/test_model_directory.py."""

import pytest
import torch

from diffusion import SAMPLERS, InputError, SamplingSettings
from diffusion.losses import LOSSES
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.variance import VARIANCES
from tests.diffusion.gaussian import PROCESSES
from tests.tiny import DEEP, DIT, tiny_enlarger, tiny_model

MEANS, STD = (
    torch.tensor([-0.2, 0.1, 0.0], dtype=torch.float64),
    0.1,
)  # of images labelled a, of those labelled b, of all


class ExactNetwork(torch.nn.Module):
    """The network to which training on Gaussian images, N(mean of the label, std^2) a pixel, would lead."""

    def __init__(self, process, prediction):
        super().__init__()
        self.process, self.row = process, PARAMETERISATIONS[prediction]

    def forward(self, x, t, condition):
        t = t[0].item()  # what a network is given for the time: see each process's embed_time
        time = {"exponential_ve": t, "flow": t / self.process.steps}.get(
            self.process.kind, (t + 1) / self.process.steps
        )
        level = self.process.level(min(time, 1.0))
        x = x.double() * (level.alpha**2 + level.sigma**2) ** 0.5
        mean = MEANS[condition.labels].view(-1, 1, 1, 1)
        gain = level.alpha * STD**2 / (level.alpha**2 * STD**2 + level.sigma**2)
        x0 = mean + gain * (x - level.alpha * mean)
        return self.row.target(x0, (x - level.alpha * x0) / level.sigma, level, self.process).float()


def exact_model(process=PROCESSES["cosine"], prediction="v"):
    config = {"process": process, "prediction": prediction, "label_names": ("a", "b"), "guidance_scale": 2.5}
    return tiny_model(module=ExactNetwork(process, prediction), **config)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_all_parameterisations_sample_the_same_images(process):
    images = [exact_model(process, row).generate([0, 1, -1], steps=8) for row in PARAMETERISATIONS]
    assert images[0].std() > 0.05
    for others in images[1:]:
        torch.testing.assert_close(others, images[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_samples_the_guided_distribution(sampler):
    """That of Gaussians is a Gaussian, with the mean u + scale (c - u)."""
    images = exact_model().generate([0] * 20 + [1] * 20, sampler=sampler, steps=60, seed=1)
    for part, mean in zip(images.split(20), 2.5 * MEANS, strict=False):
        assert part.mean().item() == pytest.approx(mean.item(), abs=0.01)
        assert part.mean((1, 2, 3)).sub(mean).abs().max() < 0.05
        assert 0.7 * STD < part.std() < 1.1 * STD or sampler == "turbo"  # whose steps near the image are too large


@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_variances_change_what_ddpm_samples_and_nothing_else(guidance_scale):
    class TwoHalves(torch.nn.Module):
        def forward(self, x, t, condition):
            output = torch.cat([torch.sin(3 * x), torch.cos(x)], dim=1)
            return output if self.learned else output[:, :1]

    images = {"ddpm": [], "ddim": []}
    for kind, row in VARIANCES.items():
        module = TwoHalves()
        module.learned = row.learned
        model = tiny_model(module=module, variance=kind)
        for sampler, each in images.items():
            each.append(model.generate([0, 1], sampler=sampler, guidance_scale=guidance_scale, steps=5))
    for each in images["ddim"]:
        assert torch.equal(each, images["ddim"][0])
    for i, each in enumerate(images["ddpm"]):
        assert each.isfinite().all()
        for others in images["ddpm"][:i]:
            assert not torch.equal(each, others)


@pytest.mark.parametrize("kind", ["learned", "learned_range"])
def test_every_loss_trains_every_weight_of_a_model_that_learns_its_variance(kind):
    model = tiny_model(variance=kind)
    x0, eps, t = torch.rand(4, 1, 8, 8), torch.randn(4, 1, 8, 8), torch.linspace(0.1, 1, 4, dtype=torch.float64)
    for name in LOSSES.keys() - {"cross_entropy"}:
        model.network.zero_grad()
        LOSSES[name](model.denoiser(), x0, torch.tensor([0, 1, 2, 3]), t, eps).mean().backward()
        for parameter in model.network.parameters():
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_denoised_fn_is_applied_to_every_x0_before_it_is_clipped():
    seen = []

    def brighter(x0):
        seen.append(x0)
        return x0 + 5

    steps = list(tiny_model().sample([0], denoised_fn=brighter))
    assert len(seen) == len(steps) == 4
    assert all((step.x0 == 1).all() for step in steps)
    assert max(x0.max() for x0 in seen) < 5


def test_start_is_where_sampling_starts():
    model = tiny_model()
    start = torch.randn(2, 1, 8, 8)
    images = model.generate([0, 1], start=start)
    assert torch.equal(images, model.generate([0, 1], start=start, seed=9))
    assert not torch.equal(images, model.generate([0, 1]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_is_the_same_alone_or_among_others(sampler):
    model = tiny_model(guidance_power=2.0)
    settings = {"sampler": sampler, "steps": 5, "seed": 7}
    together = model.generate([0, 1, 2, 1], **settings)
    for i, label in enumerate([0, 1, 2, 1]):
        alone = model.generate([label], first_index=i, **settings)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-4)
    assert (together[1] - together[3]).abs().max() > 0.01  # same label, another image
    assert (model.generate([0], **{**settings, "seed": 8})[0] - together[0]).abs().max() > 0.01


def test_guidance_and_labels_change_the_image():
    model = tiny_model()
    images = [model.generate([y], guidance_scale=s) for y, s in [(0, 1), (1, 1), (0, 0), (0, 4)]]
    for i, a in enumerate(images):
        for b in images[i + 1 :]:
            assert (a - b).abs().max() > 1e-3
    assert torch.equal(model.generate([0], guidance_scale=0), model.generate([-1], guidance_scale=0))
    assert torch.equal(model.generate(num_images=2), model.generate([-1, -1]))


def test_bad_arguments_are_refused_before_anything_is_sampled():
    for arguments in ({"labels": [10]}, {"labels": None, "num_images": 0}, {"first_index": -1}, {"steps": 0}):
        with pytest.raises(InputError):
            tiny_model().sample(**{"labels": [0], **arguments})
    with pytest.raises(InputError, match=r"^first_index must be a whole number of at least 0, not 1\.5\.$"):
        tiny_model().sample([0], first_index=1.5)


@pytest.mark.parametrize("labels", [(), ("0", "1", "2")], ids=["unconditional", "guided"])
def test_super_resolution_samples_each_image_from_its_own_small_one(labels):
    model = tiny_enlarger(label_names=labels)
    given, settings = ([0, 1, -1], {"guidance_scale": 2.0}) if labels else (None, {})
    small = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = model.generate(given, low_res=small, **settings)
    for i in range(3):
        part = slice(i, i + 1)
        alone = model.generate(given and given[part], low_res=small[part], first_index=i, num_images=1, **settings)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    assert (model.generate(given, low_res=-small, **settings) - together).abs().max() > 1e-3


def test_low_res_is_one_an_image_and_not_to_be_inverted():
    with pytest.raises(InputError, match="for each of the 3 to sample, not 2"):
        tiny_enlarger().sample(low_res=torch.zeros(2, 1, 2, 2), num_images=3)
    with pytest.raises(InputError, match="it needs low_res"):
        tiny_enlarger().invert(torch.zeros(1, 1, 8, 8))


def test_freeu_scales_a_u_net():
    model = tiny_model(network=DEEP)
    plain = model.generate([0, 1])
    assert torch.equal(model.generate([0, 1], freeu_b=1, freeu_s=1), plain)
    scales = {"freeu_b": 1.5}, {"freeu_s": 0.3}, {"freeu_b": 1.5, "freeu_s": 0.3}
    images = [plain, *(model.generate([0, 1], **scale) for scale in scales)]
    for i, each in enumerate(images):
        for other in images[:i]:
            assert (each - other).abs().max() > 1e-4


def test_wholly_black_pixels_lie_below_the_others_and_come_back_black():
    model = tiny_model(black_margin=0.25)
    images = torch.tensor([-1.0, -1 + 1 / 127.5, 0.0, 1.0]).view(1, 1, 2, 2)
    encoded = model.encode(images)
    assert encoded.flatten().tolist() == pytest.approx([-1.25, -1 + 1 / 127.5, 0.0, 1.0])
    assert torch.equal(encoded.clamp(-1, 1), images)
    assert torch.equal(tiny_model().encode(images), images)  # without a margin nothing moves
    steps = list(model.sample([1, 2], steps=6))
    assert min(step.x0.min().item() for step in steps) == -1.25
    assert model.generate([1, 2], steps=6).min().item() == -1


def test_guidance_limited_to_no_time_is_none():
    model = tiny_model(guidance_scale=3.0)
    off = model.generate([1, 2, 3], guidance_t_min=0.001, guidance_t_max=0.002)
    assert torch.equal(off, model.generate([1, 2, 3], guidance_scale=1.0))
    limited = tiny_model(guidance_scale=3.0, guidance_t_min=0.001, guidance_t_max=0.002)
    assert torch.equal(off, limited.generate([1, 2, 3]))  # the model's own limits are the default
    assert not torch.equal(off, limited.generate([1, 2, 3], guidance_t_min=0, guidance_t_max=1))


def test_the_power_law_counts_in_the_models_typical_gap():
    """A power law of half the gap is that of the whole one times 2^power, where neither is held at the most."""
    plain = tiny_model(guidance_scale=3.0)
    for scale in (0.0, 1.0):
        assert torch.equal(
            plain.generate([1, 2], guidance_scale=scale),
            plain.generate([1, 2], guidance_scale=scale, guidance_power=2.0),
        )
    x, level, labels = torch.randn(2, 1, 8, 8), plain.process.level(0.5), torch.tensor([1, 2])
    shifts = []
    for gap in (2.0, 1.0):
        model = tiny_model(guidance_scale=3.0, guidance_power=2.0, typical_gap=gap)
        guided, bare = model.guided_denoiser(SamplingSettings().resolve(model.config)), model.denoiser()
        shifts.append((guided(x, level, labels).x0 - bare(x, level, labels).x0).detach())
    torch.testing.assert_close(shifts[1], 4 * shifts[0], rtol=1e-2, atol=1e-6)


def test_a_dit_is_guided_away_from_itself_without_its_middle():
    model = tiny_model(network=DIT, skip_scale=2.0, guidance_scale=1.0)
    off = model.generate([1, 2], skip_scale=0)
    assert not torch.equal(off, model.generate([1, 2]))
    assert torch.equal(off, model.generate([1, 2], guidance_t_max=0.01))  # limited to a time that no step has
    del model.network.blocks[1]  # what is left is the weaker network
    x, level, labels = torch.randn(2, 1, 8, 8), model.process.level(0.5), torch.tensor([1, 2])
    weaker, whole = model.denoiser()(x, level, labels), tiny_model(network=DIT)
    torch.testing.assert_close(whole.denoiser(skip_middle=True)(x, level, labels).x0, weaker.x0)
    assert not torch.allclose(whole.denoiser()(x, level, labels).x0, weaker.x0)
