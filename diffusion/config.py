"""A model's configuration: what stands in ``config.json`` beside the weights, and all that is needed to rebuild it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diffusion.errors import InputError
from diffusion.networks import NetworkConfig, UNetConfig, UNetEncoderConfig
from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP
from diffusion.samplers import SAMPLERS
from diffusion.variance import VARIANCES

ProcessConfig = Annotated[LinearVP | CosineVP | ExponentialVE | Flow, Field(discriminator="kind")]
Task = Literal["generation", "super-resolution", "classification"]
LabelName = Annotated[str, Field(min_length=1, max_length=60)]


class ModelConfig(BaseModel):
    """Unknown keys are refused and every size is bounded: a config may come from a stranger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    title: str = Field("", max_length=100)
    description: str = Field("", max_length=500)
    image_size: int = Field(28, ge=4, le=512)
    channels: Literal[1, 3] = 1
    black_margin: float = Field(0.0, ge=0, le=1)  # how far below -1 a wholly black pixel lies in x0
    low_res_size: int | None = Field(None, ge=1, le=512)  # of the images that super-resolution enlarges
    label_names: tuple[LabelName, ...] = Field((), max_length=1000)  # empty: unconditional
    process: ProcessConfig = CosineVP()
    prediction: Literal["eps", "x0", "v", "score", "flow", "previous_x"] = "v"
    variance: Literal["small", "large", "learned", "learned_range"] = "small"  # of a step of ancestral sampling
    network: NetworkConfig
    # what the model looks best with; a person's defaults through every door
    sampler: str = "ddim"
    steps: int = Field(20, ge=1, le=1000)
    guidance_scale: float = Field(1.0, ge=0, le=20)
    guidance_t_min: float = Field(0.0, ge=0, le=1)  # guidance is limited to the times t between these two
    guidance_t_max: float = Field(1.0, ge=0, le=1)
    guidance_power: float = Field(0.0, ge=0, le=4)  # of the power law of ``guidance.classifier_free``; 0: none
    skip_scale: float = Field(0.0, ge=0, le=20)  # of the guidance of a DiT by itself without its middle block

    def model_post_init(self, _) -> None:
        if len(set(self.label_names)) != len(self.label_names):
            raise ValueError("label_names must all differ")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}")
        if self.guidance_t_min > self.guidance_t_max:
            raise ValueError("guidance_t_min must not be above guidance_t_max")
        if self.skip_scale and not self.skips:
            raise ValueError("skip_scale must be 0 for a network that is not a DiT")
        if self.image_size % self.network.stride:
            raise ValueError(
                f"image_size {self.image_size} must be divisible by the network's stride {self.network.stride}"
            )
        if (self.low_res_size is None) != (self.task != "super-resolution"):
            raise ValueError("low_res_size must be given to a network with low_res, and to no other")
        if self.low_res_size is not None and self.image_size % self.low_res_size:
            raise ValueError(f"image_size {self.image_size} must be divisible by low_res_size {self.low_res_size}")
        if self.max_guidance is not None and not self.label_names:
            raise ValueError("max_guidance must go with label_names: there is nothing to be guided to")
        if isinstance(self.network, UNetEncoderConfig):
            self._check_classifier(self.network)

    def _check_classifier(self, network: UNetEncoderConfig) -> None:
        if not self.label_names:
            raise ValueError("a classifier must have label_names")
        if VARIANCES[self.variance].learned:
            raise ValueError("a classifier has no variance to learn")
        deepest = self.image_size // network.stride
        if network.pool == "attention" and network.pool_size != deepest:
            raise ValueError(f"pool_size must be {deepest}, the size of the deepest features, not {network.pool_size}")

    @property
    def task(self) -> Task:
        """What the model is for; "classification" is of noisy images, to steer a model that draws."""
        if isinstance(self.network, UNetEncoderConfig):
            return "classification"
        return "super-resolution" if isinstance(self.network, UNetConfig) and self.network.low_res else "generation"

    @property
    def max_guidance(self) -> float | None:
        """The largest guidance scale of a network that takes it as an input; None where guidance is two passes."""
        return None if isinstance(self.network, UNetEncoderConfig) else self.network.max_guidance

    @property
    def two_passes(self) -> bool:
        """Whether guidance asks the network twice, with the label and without: what guidance_power is about."""
        return bool(self.label_names) and self.max_guidance is None and self.task != "classification"

    @property
    def skips(self) -> bool:
        """Whether the network can be asked without its middle, for ``skip_scale``."""
        return self.network.kind == "dit"

    @property
    def freeu(self) -> bool:
        """Whether FreeU applies: to a U-Net with skips where it acts."""
        return isinstance(self.network, UNetConfig) and self.network.freeu

    @property
    def useless(self) -> tuple[str, ...]:
        """The settings of guidance and of FreeU that such a model has no use for."""
        limits = () if self.two_passes or self.skips else ("guidance_t_min", "guidance_t_max")
        power = () if self.two_passes else ("guidance_power",)
        skips = () if self.skips else ("skip_scale",)
        return (*limits, *power, *skips, *(() if self.freeu else ("freeu_b", "freeu_s")))

    @property
    def darkest(self) -> float:
        """The smallest value of an x0. With a margin, what a network draws a little brighter than wholly black is still
        black when it is brought to [-1, 1]: of MNIST's pixels four in five are, and a haze of a grey level or two
        gives a drawn digit away."""
        return -1.0 - self.black_margin

    @property
    def num_classes(self) -> int:
        """The number of labels; as an index it is the null label."""
        return len(self.label_names)

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> "ModelConfig":
        """Read a config; an ``InputError`` names the file (``origin``), the key and what is wrong with it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            at = f" at {where!r}" if where else ""
            raise InputError(f"{origin} is not a model's configuration{at}: {first['msg']}.") from None
