"""A request: what to sample and how, as the page and the API send it."""

from typing import Any

from pydantic import field_validator

from diffusion.settings import SamplingSettings, field, settings_of

MAX_IMAGES = 64


class Request(SamplingSettings):
    """The sampling settings, and what to sample with which model. Everything may come from anyone."""

    label: str = field(
        'The name of one of the model\'s classes, such as "7"; several, taken in turn by the images, as "3, 7" or '
        '"all"; or "" for any',
        *("text", 0, 600),
        unset="",
    )
    num_images: int = field("Images", "integer", 1, MAX_IMAGES, unset=16, slider=(MAX_IMAGES, 1))
    model: str = field('The name of a model, or hub:owner/name, or "" for the default', "text", 0, 300, unset="")
    classifier: str = field(
        'The name of a classifier that guides the model to the label, or "" for none', "text", 0, 300, unset=""
    )

    @field_validator("label", mode="before")
    @classmethod
    def _number_is_a_name(cls, value: Any) -> Any:
        return as_name(value)


def as_name(value: Any) -> Any:
    """7 and 7.0 mean "7", as a program may send it; all else is left as it is."""
    if isinstance(value, float) and value.is_integer():  # neither infinite nor NaN
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


REQUEST_SETTINGS = settings_of(Request)
