"""Settings that the U-Net and the encoder share. Every size is bounded: a config may be from an untrusted source."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from diffusion.networks.attention import QKVOrder
from diffusion.networks.embeddings import TimeKind

Width = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
# the guidance scale is an input of the network, clamped to this. None: it is not an input
MaxGuidance = Annotated[float | None, Field(None, gt=0, le=20)]
Attends = Literal[False, True, "cross", "self_cross", "transformer"]
TO_CONTEXT = ("cross", "self_cross", "transformer")


class Settings(BaseModel):
    """Base class of network settings: unknown keys are refused, and fields cannot be assigned."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrunkConfig(Settings):
    """Settings of the down path of a U-Net, which hold for its up path, too."""

    patch: Literal[1, 2, 4] = 1  # pixel_unshuffle factor before the first convolution
    channels: tuple[Width, ...] = Field((64, 128), min_length=1, max_length=6)  # one entry a level
    blocks: int = Field(2, ge=1, le=8)  # residual blocks a level in the down path; one more in the up path
    middle: bool = True  # whether there are two more between down and up path

    # attention after each block, level by level: True self-attention, "cross" cross-attention to the label's context,
    # "self_cross" self- and then cross-attention, "transformer" a SpatialTransformer
    attention: tuple[Attends, ...] = (False, True)
    head_channels: int = Field(32, ge=4, le=256)
    heads: int | None = Field(None, ge=1, le=64)  # at every level, instead of head_channels
    qkv_order: QKVOrder = "qkv_first"  # the layout of the self-attention's weights

    order: Literal["norm_first", "conv_first"] = "norm_first"  # of a residual block: norm-act-conv or conv-norm-act
    scale_shift: bool = True  # how the embedding is applied; False: it is added
    groups: int = Field(8, ge=1, le=64)  # of a group norm, at most; 32 in guided-diffusion, 8 are faster
    resample: Literal["conv", "transposed", "residual"] = "conv"
    fourier_branch: bool = False  # in every residual block
    dropout: float = Field(0.0, ge=0, lt=1)
    checkpoint: bool = False  # gradient checkpointing of each block: less memory, a third more time

    time: TimeKind = "sinusoidal"
    fourier_scale: float = Field(30.0, gt=0, le=1000)  # of time "fourier": standard deviation of the frequencies

    @property
    def stride(self) -> int:
        """Image height and width must be divisible by this."""
        return self.patch * 2 ** (len(self.channels) - 1)

    def heads_of(self, width: int) -> int:
        """The number of heads at a level of this many channels."""
        return self.heads or width // self.head_channels

    def model_post_init(self, _) -> None:
        if len(self.attention) != len(self.channels):
            raise ValueError("attention must have one entry for each entry of channels")
        name = "heads" if self.heads else "head_channels"
        divisor = self.heads or self.head_channels
        for width, attends in zip(self.channels, self.attention, strict=True):
            if attends and width % divisor:
                raise ValueError(f"{name} {divisor} must divide the channels {width} with attention")
