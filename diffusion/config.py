"""A model's configuration: the ``config.json`` beside the weights, and all that is needed to rebuild the model."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from diffusion.errors import InputError
from diffusion.networks import NetworkConfig, UNetConfig, UNetEncoderConfig
from diffusion.process import CosineVP, ExponentialVE, Flow, LinearVP
from diffusion.settings import SETTINGS, SamplingSettings, check_order
from diffusion.variance import VARIANCES

ProcessConfig = Annotated[LinearVP | CosineVP | ExponentialVE | Flow, Field(discriminator="kind")]
Task = Literal["generation", "super-resolution", "classification"]
MAX_LABEL, MAX_LABELS = 120, 1000  # characters of a label's name, and labels
LabelName = Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]


class ModelConfig(BaseModel):
    """Unknown keys are refused and every size is bounded: a config may come from a stranger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    title: str = Field("", max_length=100)
    description: str = Field("", max_length=500)
    dataset: str | None = Field(None, min_length=1, max_length=200)  # trained on; None: not known
    image_size: int = Field(28, ge=4, le=512)
    channels: Literal[1, 3] = 1
    black_margin: float = Field(0.0, ge=0, le=1)  # how far below -1 a wholly black pixel lies in x0
    low_res_size: int | None = Field(None, ge=1, le=512)  # of the images that super-resolution enlarges
    label_names: tuple[LabelName, ...] = Field((), max_length=MAX_LABELS)  # empty: unconditional
    process: ProcessConfig = CosineVP()
    prediction: Literal["eps", "x0", "v", "score", "flow", "previous_x"] = "v"
    variance: Literal["small", "large", "learned", "learned_range"] = "small"  # of a step of ancestral sampling
    network: NetworkConfig
    sampling: SamplingSettings = SamplingSettings()  # what the model looks best with: the defaults at every door
    # the root mean square of a pixel's score with the label minus without, by which the power law of guidance measures;
    # the default is that of a cosine model of MNIST from t = 0.4 to 0.75. It only shifts which scale is the best
    typical_gap: float = Field(0.045, gt=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _sampling_in_one_place(cls, values: Any) -> Any:
        """Settings of sampling may stand at the top level, as they did in earlier versions."""
        if not isinstance(values, dict):
            return values
        flat = {name: values[name] for name in SETTINGS if name in values}
        sampling = values.get("sampling", {})
        if isinstance(sampling, SamplingSettings):
            sampling = sampling.model_dump()
        if not flat or not isinstance(sampling, dict):
            return values
        return {name: value for name, value in values.items() if name not in flat} | {"sampling": sampling | flat}

    def model_post_init(self, _) -> None:
        if len(set(self.label_names)) != len(self.label_names):
            raise ValueError("label_names must all differ")
        self._check_sampling()
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

    def _check_sampling(self) -> None:
        for name in self.sampling.model_dump():
            if not SETTINGS[name].own:
                raise ValueError(f"{name} is not a setting that a model can have a value of its own for")
        low, high = (getattr(self.sampling, f"guidance_t_{end}") for end in ("min", "max"))
        check_order(0.0 if low is None else low, 1.0 if high is None else high)
        if self.sampling.skip_scale and not self.skips:
            raise ValueError("skip_scale must be 0 for a network that is not a DiT")

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
        """What the model is for; "classification" is of noisy images, to guide a model that generates."""
        if isinstance(self.network, UNetEncoderConfig):
            return "classification"
        return "super-resolution" if isinstance(self.network, UNetConfig) and self.network.low_res else "generation"

    @property
    def max_guidance(self) -> float | None:
        """The largest guidance scale of a network that takes it as an input; None where guidance is two passes."""
        return None if isinstance(self.network, UNetEncoderConfig) else self.network.max_guidance

    @property
    def two_passes(self) -> bool:
        """Whether guidance calls the network twice, with the label and without."""
        return bool(self.label_names) and self.max_guidance is None and self.task != "classification"

    @property
    def skips(self) -> bool:
        """Whether the network can be called without its middle block."""
        return self.network.kind == "dit"

    @property
    def freeu(self) -> bool:
        """Whether FreeU applies: to a U-Net with skips where it acts."""
        return isinstance(self.network, UNetConfig) and self.network.freeu

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return (self.channels, self.image_size, self.image_size)

    @property
    def darkest(self) -> float:
        """The smallest value of an x0. With a margin, what a network predicts a little brighter than wholly black is
        still black when it is brought to [-1, 1]: of MNIST's pixels four in five are, and a haze of a grey level or two
        gives a sampled digit away."""
        return -1.0 - self.black_margin

    @property
    def num_classes(self) -> int:
        """The number of labels."""
        return len(self.label_names)

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> "ModelConfig":
        """Read a config; an ``InputError`` names the file (``origin``), the key and what is wrong with it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            cause = first.get("ctx", {}).get("error")
            reason = cause if isinstance(cause, InputError) else first["msg"].removeprefix("Value error, ") + "."
            if key := ".".join(str(part) for part in first["loc"]):
                raise InputError("weights.config_invalid_at", path=origin, key=key, reason=reason) from None
            raise InputError("weights.config_invalid", path=origin, reason=reason) from None
