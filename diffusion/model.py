"""Model: network + process + parameterisation + label names, as one thing that can be saved, loaded and sampled."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffusion.condition import Condition, at_least, check_low_res, label_indices
from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser, clipped, with_clamped_variance
from diffusion.errors import InputError
from diffusion.fork import forked_levels
from diffusion.guidance import classifier_free, skip_layer
from diffusion.io.model_directory import write_model
from diffusion.networks import FreeU, build_network
from diffusion.noise import ImageNoise
from diffusion.noisy_classifier import NoisyClassifier
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.process import Level
from diffusion.respacing import respaced
from diffusion.runtime.batching import BatchingService
from diffusion.runtime.inference import InferenceNetwork
from diffusion.samplers import SAMPLERS, Step, invert
from diffusion.settings import SamplingSettings
from diffusion.variance import VARIANCES

PLAIN = SamplingSettings(sampler="ddim", guidance_scale=1, skip_scale=0, eta=0)  # the model as it is, deterministic
MAX_EPS_GAIN = 10.0  # of a model that can be inverted, at the cleanest time of its training


class Model:
    """A diffusion model, or a classifier of noisy images, which is trained and saved in the same way but samples
    nothing. ``Model(config)`` has fresh weights; ``load_model`` reads saved ones.

    Attributes: ``config``, ``network`` (nn.Module, float32), ``process``, ``parameterisation``, ``variance``, the kind
    of it, and ``device``. Where many threads sample at the same time, a ``batching`` service makes one batch of their
    network calls.
    """

    def __init__(
        self,
        config: ModelConfig,
        network: nn.Module | None = None,
        device: str | torch.device = "cpu",
        batching: BatchingService | None = None,
    ):
        self.config = config
        self.process = config.process
        self.parameterisation = PARAMETERISATIONS[config.prediction]
        self.variance = VARIANCES[config.variance]
        self.device = torch.device(device)
        network = network or fresh_network(config)
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.network = network.eval()
        self.batching = batching
        self._inference = InferenceNetwork(self.network, self.device)

    @property
    def engine(self) -> str:
        """What computes the network in runs that begin now, "torch" or another (``diffusion.runtime.inference``)."""
        return self._inference.engine

    def choose_engine(self, run: Callable[[], object]) -> None:
        """Find out now which of them is faster, in some runs of this model (``InferenceNetwork.choose``)."""
        self._inference.choose(run)

    # ---- sampling ----------------------------------------------------------------------------------------------------

    def sample(
        self,
        labels: Sequence[int] | None = None,
        *,
        num_images: int | None = None,
        first_index: int = 0,
        low_res: Tensor | None = None,
        start: Tensor | None = None,
        start_t: float | None = None,
        classifier: NoisyClassifier | None = None,
        denoised_fn: Callable[[Tensor], Tensor] | None = None,
        settings: SamplingSettings | None = None,
        **given: Any,
    ) -> Iterator[Step]:
        """Sample step by step: an iterator of ``Step(index, level, x, x0)``, x and x0 (N, C, H, W) float32.

        labels: one class index an image, -1 unconditional; without them ``num_images`` unconditional ones, or as many
        as there are in ``low_res``. ``first_index`` is the first image's number within its seed: (first_index=3, one
        label) samples what is the fourth image otherwise. low_res: what a model for super-resolution enlarges, one an
        image, (N, C, low_res_size, low_res_size) in [-1, 1]. start: x at the first level, (N, C, H, W) as ``invert``
        returns it, in place of noise. start_t: the time of ``start``, from which sampling goes on; with the settings
        that it was sampled with exactly as it did, but for ``dpmpp_2m`` and ``unipc``, which begin anew without the
        predictions of earlier steps. classifier: guides towards the labels, which are its own where the model has none.
        denoised_fn is applied to each predicted x0, before it is clipped to [config.darkest, 1].

        How to sample is given by the fields of ``SamplingSettings`` as keywords (sampler="ddim", steps=20, ...), or by
        ``settings``, resolved or not; the model's own values stand for those not given. Raises ``InputError`` on bad
        values.
        """
        if settings is None:
            settings = SamplingSettings(**given)
        elif given:
            raise InputError("settings.given_twice", given=list(given))
        if not settings.resolved:
            settings = settings.resolve(self.config, classifier is not None)
        if classifier is not None:
            classifier.check_fits(self.config)
        num_classes = self.config.num_classes if classifier is None else classifier.num_classes
        if num_images is None and low_res is not None:
            num_images = len(low_res)
        indices = torch.tensor(label_indices(labels, num_images, num_classes), device=self.device)
        condition = self.condition(indices, low_res, settings.guidance_scale)
        first = at_least("first_index", first_index, 0)
        noise = ImageNoise(settings.seed, len(indices), self.config.image_shape, first, self.device)
        levels, row = self.levels(settings), SAMPLERS[settings.sampler]
        if start_t is not None:
            levels = forked_levels(self.process, levels, start, start_t, noise)
        denoise = self.guided_denoiser(settings)
        if classifier is not None:
            mean_form = levels if row.ancestral else None
            denoise = classifier.guide(denoise, indices, settings.classifier_scale, mean_form)
        denoise = partial(clipped(denoise, denoised_fn, self.config.darkest), condition=condition)
        x = levels[0].sigma * noise() if start is None else start.to(self.device)
        return row.function(denoise, x, levels, noise, **{name: getattr(settings, name) for name in row.options})

    def generate(self, labels: Sequence[int] | None = None, **arguments: Any) -> Tensor:
        """The finished images, (N, C, H, W) in [-1, 1]: the last step of ``sample`` with the same arguments."""
        for step in self.sample(labels, **arguments):
            x = step.x
        return x.clamp(-1, 1)

    def invert(
        self,
        images: Tensor,
        labels: Sequence[int] | None = None,
        *,
        steps: int | None = None,
        respacing: str | None = None,
    ) -> Iterator[Step]:
        """DDIM inversion by the plain model, without any guidance: ``Step``s from images (N, C, H, W) in [-1, 1] to the
        noise from which ``reconstruct`` samples them. Raises InputError where ``check_invertible`` does."""
        settings = self.plain_settings(steps, respacing)
        self.check_invertible(settings)
        denoise, condition = self._plain_denoiser(labels, len(images))
        x0 = self.encode(images.to(self.device))
        return invert(partial(denoise, condition=condition), x0, self.levels(settings))

    def reconstruct(
        self,
        noise: Tensor,
        labels: Sequence[int] | None = None,
        *,
        steps: int | None = None,
        respacing: str | None = None,
    ) -> Tensor:
        """From the noise (N, C, H, W) at the end of ``invert`` back to images in [-1, 1], by the plain model, too."""
        settings = self.plain_settings(steps, respacing)
        return self.generate([-1] * len(noise) if labels is None else labels, start=noise, settings=settings)

    def plain_settings(self, steps: int | None = None, respacing: str | None = None) -> SamplingSettings:
        """DDIM without noise and without guidance of any kind, whatever the model's own settings are."""
        given = PLAIN.model_dump() | {"steps": steps, "respacing": respacing}
        return SamplingSettings(**given).resolve(self.config)

    def check_invertible(self, settings: SamplingSettings) -> None:
        """Raises InputError where the levels of these settings do not reach noise, and where the error of a
        reconstruction would not fall with more steps: a distilled model does not follow DDIM's path, and one that
        predicts x0 has an inaccurate eps at low noise."""
        config, noisiest = self.config, self.levels(settings)[0]
        if noisiest.t <= self.process.t_min:
            raise InputError("model.no_inversion", t=noisiest.t)
        if config.sampling.sampler == "turbo":
            raise InputError("model.distilled_inversion", model=config.name)
        gain = self.parameterisation.eps_gain(self.process.level(self.process.t_min), self.process)
        if gain > MAX_EPS_GAIN:
            raise InputError("model.inaccurate_eps", model=config.name, prediction=config.prediction, gain=gain)

    def _plain_denoiser(self, labels: Sequence[int] | None, num_images: int) -> tuple[Denoise, Condition]:
        indices = label_indices(labels, num_images, self.config.num_classes)
        if len(indices) != num_images:
            raise InputError("labels.count", wanted=num_images, given=len(indices))
        condition = self.condition(torch.tensor(indices, device=self.device), None, 1.0)
        return clipped(self.denoiser(), darkest=self.config.darkest), condition

    def levels(self, settings: SamplingSettings) -> list[Level]:
        """The levels that ``sample`` passes with resolved settings: one more than steps, from noise to clean."""
        if settings.respacing is not None:
            return respaced(self.process, settings.respacing)
        return SAMPLERS[settings.sampler].levels(self.process, settings.steps)

    # ---- what samplers, losses and metrics call ----------------------------------------------------------------------

    def denoiser(self, freeu: FreeU | None = None, skip_middle: bool = False) -> Denoiser:
        """The bare denoiser: no clipping, no guidance; with FreeU, or without the network's middle block. Raises
        InputError for a classifier."""
        if self.config.task == "classification":
            raise InputError("model.classifier_does_not_sample", model=self.config.name)
        network = self._inference.for_run()
        if self.batching is not None:
            network = self.batching.batched(network, of=self)
        if freeu is not None:
            network = partial(network, freeu=freeu)
        if skip_middle:
            network = partial(network, skip_middle=True)
        return Denoiser(network, self.process, self.parameterisation, variance=self.variance)

    def guided_denoiser(self, settings: SamplingSettings, guidance_scale: Tensor | None = None) -> Denoise:
        """The denoiser with the guidance of resolved settings, but for that by a classifier; its learned variance, if
        any, is clamped to its range. Not clipped. guidance_scale (N,): one an image, in place of the settings'."""
        freeu = None if (given := FreeU(settings.freeu_b, settings.freeu_s)) == FreeU() else given
        times = settings.guidance_t_min, settings.guidance_t_max
        denoise: Denoise = with_clamped_variance(self.denoiser(freeu))
        if settings.skip_scale:
            weaker = self.denoiser(freeu, skip_middle=True)
            denoise = skip_layer(denoise, weaker, settings.skip_scale, *times)
        if self.config.two_passes:
            scale = settings.guidance_scale if guidance_scale is None else guidance_scale
            denoise = classifier_free(denoise, scale, *times, settings.guidance_power, self.config.typical_gap)
        return denoise

    def condition(self, labels: Tensor, low_res: Tensor | None, guidance_scale: float) -> Condition:
        """What the network is conditioned on, for labels (N,), -1 for none. Raises InputError where low_res is missing,
        superfluous or wrong."""
        low_res = check_low_res(self.config, low_res)
        if low_res is not None and len(low_res) != len(labels):
            raise InputError("model.low_res_count", wanted=len(labels), given=len(low_res))
        takes_scale = self.config.max_guidance is not None
        scales = torch.full((len(labels),), float(guidance_scale), device=self.device) if takes_scale else None
        return Condition(
            labels=labels if self.config.num_classes else None,
            low_res=None if low_res is None else low_res.to(self.device, torch.float32),
            guidance_scale=scales,
        )

    def classifier(self) -> NoisyClassifier:
        """What guides other models. Raises InputError where this model is no classifier."""
        config = self.config
        if config.task != "classification":
            raise InputError("model.not_a_classifier", model=config.name)
        return NoisyClassifier(self._inference.in_torch(), self.process, config.label_names, config.image_shape)

    def encode(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] as the x0 that the model works on, in which wholly black pixels are ``config.darkest``. The
        way back is clipping to [-1, 1]."""
        if not self.config.black_margin:
            return images
        return torch.where(images <= -1, images.new_tensor(self.config.darkest), images)

    # ---- files -------------------------------------------------------------------------------------------------------

    def save(self, directory: str | Path, readme: str | None = None, half: bool = False) -> None:
        """Write a model directory that ``load_model`` reads: the configuration, the weights and (if given) the model
        card. ``half`` stores floating-point weights in half precision."""
        write_model(Path(directory), self.config, self.network.state_dict(), readme, half)


def fresh_network(config: ModelConfig) -> nn.Module:
    """The network of a configuration, with fresh weights."""
    return build_network(config.network, config.channels, config.num_classes, VARIANCES[config.variance].learned)
