import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file

from diffusion import SAMPLERS, FreeU, InputError, Model, ModelConfig, load_classifier, load_model
from diffusion.denoiser import clipped
from diffusion.inversion import invert
from diffusion.losses import LOSSES
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.variance import VARIANCES
from tests.tiny import ENLARGER, READER, tiny_classifier, tiny_enlarger, tiny_model

TINY = {"kind": "unet", "patch": 4, "channels": (8,), "attention": (False,), "blocks": 1}


def tiny(**changes):
    settings = {"name": "tiny", "image_size": 8, "label_names": ("0", "1", "2"), "network": TINY, "steps": 4, **changes}
    torch.manual_seed(0)
    model = Model(ModelConfig(**settings))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture
def saved(tmp_path):
    tiny(guidance_scale=2.0).save(tmp_path, readme="# card\n")
    return tmp_path


def test_saved_and_loaded_it_draws_the_same(saved):
    model = load_model(saved)
    assert model.config == tiny(guidance_scale=2.0).config
    assert torch.equal(model.generate([0, 1, -1], seed=5), tiny(guidance_scale=2.0).generate([0, 1, -1], seed=5))
    assert {file.name for file in saved.iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_a_loaded_model_does_not_live_in_its_file(saved):
    model = load_model(saved)
    before = model.generate([0, 1], seed=5)
    (saved / "model.safetensors").write_bytes(b"")  # into the same file, as cp does
    assert torch.equal(model.generate([0, 1], seed=5), before)


def test_half_precision_halves_the_file_and_hardly_changes_the_pictures(saved, tmp_path):
    model = tiny(guidance_scale=2.0)
    model.save(tmp_path / "half", half=True)
    assert (tmp_path / "half/model.safetensors").stat().st_size < 0.6 * (saved / "model.safetensors").stat().st_size
    difference = load_model(tmp_path / "half").generate([0, 1], seed=1) - model.generate([0, 1], seed=1)
    assert difference.abs().max() < 0.02


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("process", ["linear_vp", "cosine_vp", "exponential_ve", "flow"])
@pytest.mark.parametrize("prediction", PARAMETERISATIONS)
def test_every_sampler_draws_from_every_kind_of_model(sampler, process, prediction):
    model = tiny(process={"kind": process}, prediction=prediction)
    steps = list(model.sample([0, 2, -1], sampler=sampler, steps=3, guidance_scale=2.0))
    assert [step.index for step in steps] == [0, 1, 2]
    assert steps[-1].x.shape == (3, 1, 8, 8)
    assert steps[-1].x.isfinite().all()
    assert steps[-1].x0.abs().max() <= 1


@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_variances_change_what_ddpm_draws_and_nothing_else(guidance_scale):
    class Doubled(torch.nn.Module):
        def forward(self, x, t, y=None):
            output = torch.cat([torch.sin(3 * x), torch.cos(x)], dim=1)
            return output if self.learned else output[:, :1]

    drawn = {"ddpm": [], "ddim": []}
    for kind, row in VARIANCES.items():
        network = Doubled()
        network.learned = row.learned
        model = Model(ModelConfig.model_validate({**tiny().config.model_dump(), "variance": kind}), network)
        for sampler, images in drawn.items():
            images.append(model.generate([0, 1], sampler=sampler, guidance_scale=guidance_scale, steps=5))
    for images in drawn["ddim"]:
        assert torch.equal(images, drawn["ddim"][0])
    for i, images in enumerate(drawn["ddpm"]):
        assert images.isfinite().all()
        for others in drawn["ddpm"][:i]:
            assert not torch.equal(images, others)


@pytest.mark.parametrize("kind", ["learned", "learned_range"])
def test_a_model_that_learns_its_variance_is_saved_trained_and_sampled(kind, tmp_path):
    model = tiny(variance=kind)
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    images = loaded.generate([0, -1], sampler="ddpm", guidance_scale=2.0)
    assert torch.equal(images, model.generate([0, -1], sampler="ddpm", guidance_scale=2.0))
    assert images.shape == (2, 1, 8, 8)
    x0, eps, t = torch.rand(4, 1, 8, 8), torch.randn(4, 1, 8, 8), torch.linspace(0.1, 1, 4, dtype=torch.float64)
    for name in LOSSES.keys() - {"cross_entropy"}:
        model.network.zero_grad()
        LOSSES[name](model.denoiser(), x0, torch.tensor([0, 1, 2, 3]), t, eps).mean().backward()
        for parameter in model.network.parameters():
            assert parameter.grad.isfinite().all(), name


def test_denoised_fn_sees_every_x0_before_it_is_clipped():
    seen = []

    def brighter(x0):
        seen.append(x0)
        return x0 + 5

    steps = list(tiny().sample([0], denoised_fn=brighter))
    assert len(seen) == len(steps) == 4
    assert all((step.x0 == 1).all() for step in steps)
    assert max(x0.max() for x0 in seen) < 5


def test_start_is_where_sampling_starts():
    model = tiny()
    first = model.levels("ddim", 4)[0]
    noise = torch.randn(2, 1, 8, 8)
    images = model.generate([0, 1], start=first.sigma * noise)
    assert torch.equal(images, model.generate([0, 1], start=first.sigma * noise, seed=9))
    assert not torch.equal(images, model.generate([0, 1]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_is_the_same_alone_or_among_others(sampler):
    model = tiny()
    settings = {"sampler": sampler, "steps": 5, "seed": 7}
    together = model.generate([0, 1, 2, 1], **settings)
    for i, label in enumerate([0, 1, 2, 1]):
        alone = model.generate([label], first_index=i, **settings)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    assert (together[1] - together[3]).abs().max() > 0.01  # same label, another image
    assert (model.generate([0], **{**settings, "seed": 8})[0] - together[0]).abs().max() > 0.01


def test_what_is_not_given_is_the_models_default():
    model = tiny(sampler="heun", steps=3, guidance_scale=3.0)
    given = model.generate([1], sampler="heun", steps=3, guidance_scale=3.0, seed=0)
    assert torch.equal(model.generate([1]), given)
    assert len(list(model.sample([1], sampler="dpmpp_2m"))) == SAMPLERS["dpmpp_2m"].default_steps
    assert torch.equal(model.generate(num_images=2), model.generate([-1, -1]))


def test_guidance_and_labels_change_the_picture():
    model = tiny()
    pictures = [model.generate([y], guidance_scale=s) for y, s in [(0, 1), (1, 1), (0, 0), (0, 4)]]
    for i, a in enumerate(pictures):
        for b in pictures[i + 1 :]:
            assert (a - b).abs().max() > 1e-3
    assert torch.equal(model.generate([0], guidance_scale=0), model.generate([-1], guidance_scale=0))


def test_an_unconditional_model_needs_no_labels():
    model = tiny(label_names=())
    assert torch.equal(model.generate(num_images=3, guidance_scale=5.0), model.generate(num_images=3))


@pytest.mark.parametrize(
    "bad",
    [
        {"labels": [3]},
        {"labels": [-2]},
        {"labels": [1.5]},
        {"labels": ["1"]},
        {"labels": []},
        {"labels": 3},
        {"labels": None, "num_images": 0},
        {"labels": None, "num_images": 2.5},
        {"first_index": -1},
        {"sampler": "euler"},
        {"steps": 0},
        {"steps": 10**9},
        {"guidance_scale": float("nan")},
        {"guidance_scale": 21},
        {"sampler": "ddpm", "eta": 0.5},
        {"eta": 1.5},
        {"seed": -1},
        {"seed": 2**32},
        {"respacing": "fast"},
        {"respacing": "ddim7", "steps": 8},
        {"classifier_scale": 1},
    ],
    ids=str,
)
def test_bad_values_are_one_sentence(bad):
    with pytest.raises(InputError) as raised:
        tiny().sample(**{"labels": [0], "sampler": "ddim", **bad})
    assert "\n" not in str(raised.value)


def change_config(directory, **changes):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, **changes}))


def change_tensors(directory, change):
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


def refusal(directory):
    with pytest.raises(InputError) as raised:
        load_model(directory)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"image_size": 9}, "stride"),
        ({"image_size": 10**9}, "image_size"),
        ({"label_names": ["a", "a"]}, "label_names"),
        ({"label_names": ["a"] * 2000}, "label_names"),
        ({"sampler": "none"}, "sampler"),
        ({"process": {"kind": "linear_vp", "steps": 10**12}}, "process"),
        ({"process": {"kind": "fog"}}, "process"),
        ({"network": {**TINY, "channels": [10**9]}}, "network"),
        ({"name": "../etc"}, "name"),
        ({"low_res_size": 2}, "low_res_size"),
        ({"network": ENLARGER}, "low_res_size"),
        ({"network": ENLARGER, "low_res_size": 3}, "divisible by low_res_size"),
        ({"network": READER, "label_names": []}, "must have label_names"),
        ({"network": READER, "variance": "learned"}, "no variance to learn"),
        ({"network": {**READER, "pool_size": 7}}, "pool_size must be 4"),
    ],
    ids=str,
)
def test_a_config_that_is_wrong_is_refused_by_name(saved, changes, named):
    change_config(saved, **changes)
    assert named in refusal(saved)


def test_config_that_is_no_json_or_endless_or_missing(saved):
    (saved / "config.json").write_text("{")
    assert "not a model's configuration" in refusal(saved)
    (saved / "config.json").write_text(" " * 2_000_000)
    assert "larger than" in refusal(saved)
    (saved / "config.json").unlink()
    assert "config.json" in refusal(saved)


def test_tensors_must_fit_exactly(saved):
    good = (saved / "model.safetensors").read_bytes()

    change_tensors(saved, lambda tensors: tensors.pop("input.weight"))
    assert "'input.weight' is missing" in refusal(saved)

    (saved / "model.safetensors").write_bytes(good)
    change_tensors(saved, lambda tensors: tensors.update(extra=torch.zeros(1)))
    assert "'extra' is not part" in refusal(saved)

    (saved / "model.safetensors").write_bytes(good)
    change_tensors(saved, lambda tensors: tensors.update({"input.weight": torch.zeros(1, 2)}))
    assert "'input.weight' has shape (1, 2), not" in refusal(saved)

    (saved / "model.safetensors").write_bytes(good)
    change_tensors(saved, lambda tensors: tensors["input.bias"].fill_(float("nan")))
    assert "not finite, in tensor 'input.bias'" in refusal(saved)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 100])
def test_what_is_no_safetensors_is_refused(saved, content):
    (saved / "model.safetensors").write_bytes(content)
    assert "cannot be read as safetensors" in refusal(saved)


def test_a_truncated_file_is_refused(saved):
    content = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert "cannot be read as safetensors" in refusal(saved)


def test_a_save_that_fails_leaves_the_old_files_whole(saved, monkeypatch):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        tiny(steps=9).save(saved)
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before


def test_every_way_of_asking_the_processor_gives_the_same_picture(monkeypatch):
    """bfloat16 is used where the processor has it; forced on and off, pictures differ by its rounding only."""
    pictures = []
    for has_bfloat16 in (False, True):
        monkeypatch.setattr("diffusion.model.use_bfloat16", lambda device, yes=has_bfloat16: yes)
        pictures.append(tiny().generate([0, 1, 2], steps=5))
    assert 0 < (pictures[0] - pictures[1]).abs().max() < 0.1


def test_the_network_tells_what_a_model_is_for():
    tasks = [model.config.task for model in (tiny_model(), tiny_enlarger(), tiny_classifier())]
    assert tasks == ["generation", "super-resolution", "classification"]


def test_a_classifier_saved_and_loaded_steers_as_before(tmp_path):
    tiny_classifier().save(tmp_path)
    reader, model = load_classifier(tmp_path, "cpu"), tiny_model(label_names=())
    assert reader.label_names == tiny_classifier().config.label_names
    assert reader.num_classes == 10
    steered = model.generate([3, 7, -1], classifier=reader, classifier_scale=30.0)
    again = model.generate([3, 7, -1], classifier=tiny_classifier().classifier(), classifier_scale=30.0)
    plain = model.generate(num_images=3)
    assert torch.equal(steered, again)
    assert (steered - plain)[:2].abs().amax((1, 2, 3)).min() > 1e-3
    assert torch.equal(steered[2], plain[2])
    level, x = model.process.level(0.5), torch.randn(3, 1, 8, 8)
    expected = tiny_classifier().network(x, torch.full((3,), 499.0))
    torch.testing.assert_close(reader.logits(x, level), expected, rtol=1e-4, atol=1e-5)


def test_what_draws_and_what_reads_are_told_apart(tmp_path):
    tiny_classifier().save(tmp_path / "reader")
    tiny_model().save(tmp_path / "drawer")
    with pytest.raises(InputError, match="reader is a classifier of noisy images"):
        load_model(tmp_path / "reader")
    with pytest.raises(InputError, match="drawer is a model that draws"):
        load_classifier(tmp_path / "drawer")
    with pytest.raises(InputError, match="is a classifier: it steers another model"):
        tiny_classifier().sample([1])
    with pytest.raises(InputError, match="is a classifier: it steers another model"):
        tiny_classifier().invert(torch.zeros(1, 1, 8, 8))
    with pytest.raises(InputError, match="it is no classifier"):
        tiny_model().classifier()


def test_a_classifier_of_other_images_is_refused():
    reader = tiny_classifier(image_size=16, network={**READER, "pool_size": 8}).classifier()
    with pytest.raises(InputError, match=r"reads images of \(1, 16, 16\)"):
        tiny_model().sample([1], classifier=reader)


@pytest.mark.parametrize("labels", [(), ("0", "1", "2")], ids=["unconditional", "guided"])
def test_super_resolution_draws_each_image_from_its_own_small_one(labels):
    model = tiny_enlarger(label_names=labels)
    asked = [0, 1, -1] if labels else None
    small = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = model.generate(asked, low_res=small, guidance_scale=2.0)
    assert together.shape == (3, 1, 8, 8)
    for i in range(3):
        alone = model.generate(
            asked and asked[i : i + 1], low_res=small[i : i + 1], guidance_scale=2.0, first_index=i, num_images=1
        )
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    assert (model.generate(asked, low_res=-small, guidance_scale=2.0) - together).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "it needs low_res, images of 2x2 pixels in 1 channel"),
        ({"low_res": torch.zeros(2, 1, 3, 3)}, "not (2, 1, 3, 3)"),
        ({"low_res": torch.zeros(2, 3, 2, 2)}, "not (2, 3, 2, 2)"),
        ({"low_res": torch.zeros(1, 2, 2)}, "not (1, 2, 2)"),
        ({"low_res": torch.full((2, 1, 2, 2), 1.5)}, "values from -1 to 1"),
        ({"low_res": torch.full((2, 1, 2, 2), torch.nan)}, "values from -1 to 1"),
        ({"low_res": torch.zeros(2, 1, 2, 2), "num_images": 3}, "for each of the 3 to draw, not 2"),
    ],
    ids=str,
)
def test_a_small_image_that_does_not_fit_is_one_sentence(arguments, said):
    with pytest.raises(InputError) as raised:
        tiny_enlarger().sample(**arguments)
    assert said in str(raised.value)


def test_low_res_is_for_super_resolution_alone():
    with pytest.raises(InputError, match="low_res belongs to super-resolution"):
        tiny().sample([0], low_res=torch.zeros(1, 1, 2, 2))
    with pytest.raises(InputError, match="it needs low_res"):
        tiny_enlarger().invert(torch.zeros(1, 1, 8, 8))


def test_freeu_scales_a_u_net_and_nothing_else():
    model = tiny(network={**TINY, "channels": (8, 16), "attention": (False, False), "patch": 1})
    plain = model.generate([0, 1])
    assert torch.equal(model.generate([0, 1], freeu=FreeU()), plain)
    drawn = [model.generate([0, 1], freeu=freeu) for freeu in (FreeU(b=1.5), FreeU(s=0.3), FreeU(1.5, 0.3))]
    for i, images in enumerate(drawn):
        for other in (plain, *drawn[:i]):
            assert (images - other).abs().max() > 1e-4
    transformer = tiny(network={"kind": "dit", "patch": 4, "width": 32, "depth": 1, "heads": 2})
    shallow = tiny(network={**TINY, "channels": (8, 16), "attention": (False, False), "patch": 1, "skip_per": "level"})
    for other in (transformer, shallow):
        with pytest.raises(InputError, match="freeu_b belongs to a U-Net with deep skips; leave it out with tiny"):
            other.sample([0], freeu=FreeU(b=1.5))
    with pytest.raises(InputError, match="freeu_s must be a number from 0 to 4"):
        model.sample([0], freeu=FreeU(s=5))


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


def test_inversion_begins_at_what_the_model_works_on():
    model, black = tiny_model(black_margin=0.25), -torch.ones(1, 1, 8, 8)
    steps = list(model.invert(black, steps=5))
    denoise = partial(clipped(model.denoiser(), darkest=-1.25), labels=torch.tensor([10]))
    expected = list(invert(denoise, 1.25 * black, model.levels("ddim", 5), model.process))
    assert torch.equal(steps[-1].x, expected[-1].x)


def test_guidance_limited_to_no_time_is_none():
    model = tiny_model(guidance_scale=3.0)
    off = model.generate([1, 2, 3], guidance_t_min=0.001, guidance_t_max=0.002)
    assert torch.equal(off, model.generate([1, 2, 3], guidance_scale=1.0))
    limited = tiny_model(guidance_scale=3.0, guidance_t_min=0.001, guidance_t_max=0.002)
    assert torch.equal(off, limited.generate([1, 2, 3]))  # the model's own limits are the default
    assert not torch.equal(off, limited.generate([1, 2, 3], guidance_t_min=0, guidance_t_max=1))
    with pytest.raises(InputError, match="guidance_t_min must not be above guidance_t_max"):
        model.generate([1], guidance_t_min=0.5, guidance_t_max=0.4)
    with pytest.raises(InputError, match="guidance_t_max must be a number from 0 to 1"):
        model.generate([1], guidance_t_max=1.5)


def test_the_power_law_is_the_models_own():
    plain, powerful = tiny_model(guidance_scale=3.0), tiny_model(guidance_scale=3.0, guidance_power=2.0)
    assert not torch.equal(plain.generate([1, 2, 3]), powerful.generate([1, 2, 3]))
    for scale in (0.0, 1.0):
        drawn = (model.generate([1, 2, 3], guidance_scale=scale) for model in (plain, powerful))
        assert torch.equal(*drawn)
    for model, other, power in ((plain, powerful, 2.0), (powerful, plain, 0.0)):  # unless a run has its own
        assert torch.equal(model.generate([1, 2, 3], guidance_power=power), other.generate([1, 2, 3]))
    with pytest.raises(InputError, match="guidance_power must be a number from 0 to 4"):
        plain.generate([1], guidance_power=5)
    together = powerful.generate([1, 2, 3], seed=4)
    alone = [powerful.generate([label], seed=4, first_index=i) for i, label in enumerate([1, 2, 3])]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_a_dit_is_guided_away_from_itself_without_its_middle():
    network = {"kind": "dit", "patch": 4, "width": 16, "depth": 3, "heads": 2}
    model = tiny_model(network=network, skip_scale=2.0, guidance_scale=1.0)
    off = model.generate([1, 2], skip_scale=0)
    assert not torch.equal(off, model.generate([1, 2]))
    assert torch.equal(model.generate([1, 2]), model.generate([1, 2], skip_scale=2.0))
    assert torch.equal(off, model.generate([1, 2], guidance_t_max=0.01))  # limited to a time that no step sees
    del model.network.blocks[1]  # what is left is the weaker network
    x, level, labels = torch.randn(2, 1, 8, 8), model.process.level(0.5), torch.tensor([1, 2])
    weaker = model.denoiser()(x, level, labels)
    whole = tiny_model(network=network)
    torch.testing.assert_close(whole.denoiser(skip_middle=True)(x, level, labels).x0, weaker.x0)
    assert not torch.allclose(whole.denoiser()(x, level, labels).x0, weaker.x0)
    with pytest.raises(InputError, match="skip_scale belongs to a DiT; leave it out with tiny"):
        tiny_model().generate([1], skip_scale=1)
    assert torch.equal(tiny_model().generate([1], skip_scale=0), tiny_model().generate([1]))
    with pytest.raises(ValueError, match="skip_scale must be 0"):
        tiny_model(skip_scale=1.0)
