"""What a request comes to for the model that it names: everything is checked and loaded here, before a run begins."""

from typing import Any, NamedTuple

from torch import nn

from diffusion.config import ModelConfig
from diffusion.errors import InputError
from diffusion.io.images import sheet, to_uint8
from diffusion.model import Model
from diffusion.settings import Request, label_index
from train.evaluation import classifier as evaluator
from ui.example_digits import small_digits
from ui.fast_png import quick_png
from ui.registry import Registry


class Plan(NamedTuple):
    """A run that cannot fail for its input any more."""

    model: Model
    labels: list[int]  # as ``trajectory`` takes them, one an image
    settings: dict[str, Any]  # all else that it takes
    asked: list[str]  # what each image should be; "" for any
    shown: dict[str, Any]  # how to draw the same again, for the reader of a result
    readable: bool  # whether the images are digits that the evaluator reads
    small: bytes | None  # what is enlarged, as a PNG sheet of the results' size


def planned(request: Request, ref: str, registry: Registry) -> Plan:
    """The plan of a request for the model of a checked reference. Raises InputError."""
    model = registry.load(ref)
    config, settings = model.config, request.filled(model.config)
    shown = {"model": ref, "label": request.label, "num_images": request.num_images, **settings}
    names, small = config.label_names, None
    if request.classifier:
        reader = registry.load_classifier(registry.check(request.classifier, "classifier"))
        reader.check_fits(config)
        names, settings["classifier"] = reader.label_names, reader
        shown["classifier"] = request.classifier
    elif request.classifier_scale is not None:
        raise InputError("classifier_scale belongs to a classifier: leave it out, or name one.")
    if config.task == "super-resolution":
        low_res, asked = small_digits(config, request.label, request.num_images)
        settings["low_res"] = low_res
        labels = [names.index(digit) if digit in names else -1 for digit in asked]
        large = nn.functional.interpolate(low_res, (config.image_size, config.image_size))  # in squares of one grey
        small = quick_png(sheet(to_uint8(large)))
    else:
        asked = [request.label] * request.num_images
        labels = [label_index(request.label, names)] * request.num_images
    drawn = config.model_copy(update={"label_names": tile_names(config, names)})
    return Plan(model, labels, settings, asked, shown, evaluator.can_read(drawn), small)


def tile_names(config: ModelConfig, names: tuple[str, ...]) -> tuple[str, ...]:
    """What a person may choose to see: the labels, the model's own or its classifier's; or the digits to enlarge."""
    return tuple(evaluator.DIGITS) if config.task == "super-resolution" else names
