"""Model: network + process + parameterisation + label names, as one thing that can be saved, loaded and sampled."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from diffusion.config import ModelConfig
from diffusion.denoiser import Denoise, Denoiser, clipped
from diffusion.errors import InputError
from diffusion.guidance import NoisyClassifier, classifier_free, skip_layer
from diffusion.inversion import invert
from diffusion.io.model_directory import CARD, CONFIG, WEIGHTS, write_atomically
from diffusion.networks import FreeU, build_network
from diffusion.noise import ImageNoise
from diffusion.parameterisation import PARAMETERISATIONS
from diffusion.process import Level
from diffusion.respacing import respaced
from diffusion.runtime.batching import Gatherer
from diffusion.runtime.precision import Bfloat16, keep_memory, use_bfloat16
from diffusion.samplers import SAMPLERS, Step
from diffusion.settings import LIMITS, check_low_res, check_settings, checked_labels, whole_number
from diffusion.variance import VARIANCES


class Model:
    """A diffusion model, or a classifier of noisy images, which is trained and saved in the same way but draws nothing.
    ``Model(config)`` has fresh weights; ``load_model`` reads saved ones.

    Attributes: ``config``, ``network`` (nn.Module, float32), ``process``, ``parameterisation``, ``variance``, the kind
    of it, and ``device``; ``gatherer``, None unless it is set: where many threads sample at the same time, it makes one
    batch of their network calls.
    """

    def __init__(self, config: ModelConfig, network: nn.Module | None = None, device: str | torch.device = "cpu"):
        self.config = config
        self.process = config.process
        self.parameterisation = PARAMETERISATIONS[config.prediction]
        self.variance = VARIANCES[config.variance]
        self.device = torch.device(device)
        keep_memory()
        network = network or fresh_network(config)
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.network = network.eval()
        self._bfloat16 = Bfloat16(self.network, self.device)
        self.gatherer: Gatherer | None = None

    def denoiser(
        self,
        freeu: FreeU | None = None,
        low_res: Tensor | None = None,
        guidance_scale: float = 1.0,
        skip_middle: bool = False,
    ) -> Denoiser:
        """The bare denoiser: no clipping, and no guidance but by a network that takes the scale as an input; of the
        network without its middle, if wanted. Raises InputError for a classifier, and where low_res is missing,
        superfluous or wrong."""
        if self.config.task == "classification":
            raise InputError(f"{self.config.name} is a classifier: it steers another model and draws nothing itself.")
        low_res = check_low_res(self.config, low_res)
        if low_res is not None:
            low_res = low_res.to(self.device, torch.float32)
        network = self._fast_network()
        if self.gatherer is not None:
            network = self.gatherer.gathered(network, of=self)
        if freeu is not None:
            network = partial(network, freeu=freeu)
        if skip_middle:
            network = partial(network, skip_middle=True)
        told = None if self.config.max_guidance is None else guidance_scale
        return Denoiser(
            network, self.process, self.parameterisation, variance=self.variance, low_res=low_res, guidance=told
        )

    def classifier(self) -> NoisyClassifier:
        """What steers other models. Raises InputError where this is one that draws."""
        config = self.config
        if config.task != "classification":
            raise InputError(f"{config.name} is a model that draws: it is no classifier to steer another.")
        shape = (config.channels, config.image_size, config.image_size)
        return NoisyClassifier(self._fast_network(), self.process, config.label_names, shape)

    def _fast_network(self) -> Callable[..., Tensor]:
        """The network, in bfloat16 where that is faster."""
        if not use_bfloat16(self.device):
            return self.network
        if self._bfloat16.copy is not None:
            self._bfloat16.copied()  # anew
        return self._bfloat16

    def levels(self, sampler: str, steps: int, respacing: str | None = None) -> list[Level]:
        """The levels that ``sample`` walks with these settings, ``steps`` + 1 of them."""
        if respacing is not None:
            return respaced(self.process, respacing)
        return self.process.levels(steps, SAMPLERS[sampler].spacing)

    def sample(
        self,
        labels: Sequence[int] | None = None,
        *,
        num_images: int | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        guidance_t_min: float | None = None,
        guidance_t_max: float | None = None,
        guidance_power: float | None = None,
        skip_scale: float | None = None,
        eta: float | None = None,
        seed: int = 0,
        first_index: int = 0,
        respacing: str | None = None,
        denoised_fn: Callable[[Tensor], Tensor] | None = None,
        classifier: NoisyClassifier | None = None,
        classifier_scale: float | None = None,
        freeu: FreeU | None = None,
        low_res: Tensor | None = None,
        start: Tensor | None = None,
    ) -> Iterator[Step]:
        """Sample step by step: an iterator of ``Step(index, level, x, x0)``, x and x0 (N, C, H, W) float32.

        labels: one class index an image, -1 unconditional; without them ``num_images`` unconditional ones, or as many
        as there are in ``low_res``. What is None is the model's default. ``first_index`` is the first image's number
        within its seed: (first_index=3, one label) draws what is the fourth image otherwise. Raises ``InputError`` on
        bad values.

        guidance_t_min, guidance_t_max: the times t in [0, 1] that a guidance_scale above 1, and skip_scale, are limited
        to. guidance_power: of the power law of such a scale (``guidance.classifier_free``); 0 is none. skip_scale: how
        far to guide a DiT away from itself without its middle block (``guidance.skip_layer``).
        respacing: "100", "10,15,20" or "ddim50" instead of ``steps`` (``respacing.py``). denoised_fn is applied to each
        predicted x0, before it is clipped to [config.darkest, 1]. classifier: steers towards the labels, times
        ``classifier_scale`` (1 by default); the labels are then its own where the model has none. freeu: two scales of
        a U-Net (``networks/freeu.py``). low_res: what a model for super-resolution enlarges, one an image, (N, C,
        low_res_size, low_res_size) in [-1, 1]. start: x at the first level, (N, C, H, W) as ``invert`` gives it,
        instead of noise.
        """
        settings = check_settings(
            self.config,
            sampler=sampler,
            steps=steps,
            guidance_scale=guidance_scale,
            guidance_t_min=guidance_t_min,
            guidance_t_max=guidance_t_max,
            guidance_power=guidance_power,
            skip_scale=skip_scale,
            eta=eta,
            seed=seed,
            respacing=respacing,
            classifier_scale=classifier_scale,
            freeu_b=freeu.b if freeu else None,
            freeu_s=freeu.s if freeu else None,
        )
        chosen = SAMPLERS[settings["sampler"]]
        options = {name: settings[name] for name in chosen.options}
        known = self.config.num_classes
        if classifier is not None:
            classifier.check_fits(self.config)
            known = classifier.num_classes
        elif classifier_scale is not None:
            raise InputError("classifier_scale belongs to a classifier, and none was given.")
        if num_images is None and low_res is not None:
            num_images = len(low_res)
        classes = torch.tensor(checked_labels(labels, num_images, known), device=self.device)
        shape = (self.config.channels, self.config.image_size, self.config.image_size)
        first = whole_number("first_index", first_index, 0)
        noise = ImageNoise(settings["seed"], len(classes), shape, first, self.device)
        levels = self.levels(settings["sampler"], settings["steps"], respacing)

        if low_res is not None and len(low_res) != len(classes):
            raise InputError(f"low_res must have an image for each of the {len(classes)} to draw, not {len(low_res)}.")
        denoise: Denoise = self.denoiser(freeu, low_res, settings["guidance_scale"])
        t_min, t_max = (settings.get(name, getattr(self.config, name)) for name in LIMITS)
        if scale := settings.get("skip_scale", self.config.skip_scale):
            weaker = self.denoiser(freeu, low_res, settings["guidance_scale"], skip_middle=True)
            denoise = skip_layer(denoise, weaker, scale, t_min, t_max)
        if self.config.two_passes:
            power = settings.get("guidance_power", self.config.guidance_power)
            denoise = classifier_free(denoise, settings["guidance_scale"], self.config.num_classes, t_min, t_max, power)
        if classifier is not None:
            scale = settings.get("classifier_scale", 1.0)
            denoise = classifier.steer(denoise, classes, scale, levels if chosen.ancestral else None)
        denoise = partial(clipped(denoise, denoised_fn, self.config.darkest), labels=self._network_labels(classes))
        x = levels[0].sigma * noise() if start is None else start.to(self.device)
        return chosen.function(denoise, x, levels, noise, **options)

    def invert(
        self,
        images: Tensor,
        labels: Sequence[int] | None = None,
        *,
        steps: int | None = None,
        respacing: str | None = None,
    ) -> Iterator[Step]:
        """Reverse DDIM without guidance, as ``Step``s: from images (N, C, H, W) in [-1, 1] to the noise from which
        ``sample(sampler="ddim", guidance_scale=1, start=noise)`` draws them. Other arguments as for ``sample``."""
        settings = check_settings(self.config, sampler="ddim", steps=steps, respacing=respacing)
        levels = self.levels("ddim", settings["steps"], respacing)
        classes = torch.tensor(checked_labels(labels, len(images), self.config.num_classes), device=self.device)
        if len(classes) != len(images):
            raise InputError(f"labels must have one for each of the {len(images)} images, not {len(classes)}.")
        denoise = partial(clipped(self.denoiser(), darkest=self.config.darkest), labels=self._network_labels(classes))
        return invert(denoise, self.encode(images.to(self.device)), levels, self.process)

    def encode(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] as the x0 that the model works on, in which wholly black pixels are ``config.darkest``. The
        way back is clipping to [-1, 1]."""
        if not self.config.black_margin:
            return images
        return torch.where(images <= -1, images.new_tensor(self.config.darkest), images)

    def generate(self, labels: Sequence[int] | None = None, **settings) -> Tensor:
        """The finished images, (N, C, H, W) in [-1, 1]: the last step of ``sample`` with the same arguments."""
        for step in self.sample(labels, **settings):
            x = step.x
        return x.clamp(-1, 1)

    def _network_labels(self, classes: Tensor) -> Tensor | None:
        """Classes as the network takes them: with its null label, or not at all."""
        null_label = self.config.num_classes
        return torch.where(classes < 0, null_label, classes) if null_label else None

    def save(self, directory: str | Path, readme: str | None = None, half: bool = False) -> None:
        """Write ``config.json``, ``model.safetensors`` and (if given) ``README.md``, each whole or not at all.

        ``half`` stores floating-point weights in half precision.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        if half:
            tensors = {
                name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
            }
        write_atomically(directory / CONFIG, (self.config.model_dump_json(indent=2) + "\n").encode())
        write_atomically(directory / WEIGHTS, to_safetensors(tensors, metadata={"format": "pt"}))
        if readme is not None:
            write_atomically(directory / CARD, readme.encode())


def fresh_network(config: ModelConfig) -> nn.Module:
    """The network of a configuration, with fresh weights."""
    learned = VARIANCES[config.variance].learned
    return build_network(config.network, config.channels, config.num_classes, learned_variance=learned)
