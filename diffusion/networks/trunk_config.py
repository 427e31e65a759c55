"""Settings that the U-Net and its encoder share; every size is bounded, since a config may come from a stranger."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from diffusion.networks.attention import QKVOrder
from diffusion.networks.embeddings import TimeKind

Width = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
# the guidance scale is an input of the network, up to this; larger ones are held there. None: it is no input
MaxGuidance = Annotated[float | None, Field(None, gt=0, le=20)]
Attends = Literal[False, True, "cross", "self_cross", "transformer"]
TO_CONTEXT = ("cross", "self_cross", "transformer")


class Settings(BaseModel):
    """Unknown keys are refused; a config does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrunkConfig(Settings):
    """Settings of the downward half of a U-Net, and of what goes up in the same manner."""

    patch: Literal[1, 2, 4] = 1  # pixels are folded patch x patch into channels before the first convolution
    channels: tuple[Width, ...] = Field((64, 128), min_length=1, max_length=6)  # one entry a level
    blocks: int = Field(2, ge=1, le=8)  # residual blocks a level, going down; one more going up
    middle: bool = True  # whether two more stand between the way down and the way up

    # attention after each block, level by level: True to the pixels themselves, "cross" to the label's context,
    # "self_cross" first to one and then to the other, "transformer" a SpatialTransformer
    attention: tuple[Attends, ...] = (False, True)
    head_channels: int = Field(32, ge=4, le=256)
    heads: int | None = Field(None, ge=1, le=64)  # so many at every level, in place of head_channels
    qkv_order: QKVOrder = "qkv_first"  # the layout of the self-attention's weights

    order: Literal["norm_first", "conv_first"] = "norm_first"  # in a residual block: norm-act-conv or conv-norm-act
    scale_shift: bool = True  # the embedding scales and shifts the features; else it is added to them
    groups: int = Field(8, ge=1, le=64)  # most groups of a group norm; guided-diffusion has 32, 8 are faster
    resample: Literal["conv", "transposed", "residual"] = "conv"
    fourier_branch: bool = False  # in every residual block
    dropout: float = Field(0.0, ge=0, lt=1)
    checkpoint: bool = False  # in training, compute each block again on the way back: less memory, a third more time

    time: TimeKind = "sinusoidal"
    fourier_scale: float = Field(30.0, gt=0, le=1000)  # of time "fourier": standard deviation of its frequencies

    @property
    def stride(self) -> int:
        """Image height and width must be divisible by this."""
        return self.patch * 2 ** (len(self.channels) - 1)

    def heads_of(self, width: int) -> int:
        """The number of heads at a level so wide."""
        return self.heads or width // self.head_channels

    def model_post_init(self, _) -> None:
        if len(self.attention) != len(self.channels):
            raise ValueError("attention must have one entry for each entry of channels")
        name = "heads" if self.heads else "head_channels"
        divisor = self.heads or self.head_channels
        for width, attends in zip(self.channels, self.attention, strict=True):
            if attends and width % divisor:
                raise ValueError(f"{name} {divisor} must divide the channels {width} that attend")
