"""The metrics that `train.evaluate` knows, and the columns that it puts side by side; a new one is a row here."""

from typing import Any, NamedTuple

from diffusion.model import Model
from diffusion.settings import LIMITS


class Metric(NamedTuple):
    title: str
    format: str
    meaning: str = ""  # one line for the model card, where the title does not say it all


METRICS = {
    "accuracy": Metric("class accuracy", "{:.2%}"),
    "accuracy_worst_class": Metric("lowest of a class", "{:.2%}"),
    "confidence": Metric("mean confidence", "{:.2%}"),
    "share_rarest_class": Metric("share, rarest class", "{:.2%}"),
    "share_commonest_class": Metric("share, commonest", "{:.2%}"),
    "psnr": Metric("PSNR, dB", "{:.2f}", "peak signal-to-noise ratio to the originals, mean of the images'"),
    "frechet_distance": Metric(
        "Fréchet distance", "{:.3f}", "between the evaluator's features of the images and of the training set"
    ),
    "two_sample": Metric(
        "two-sample accuracy",
        "{:.2%}",
        "of a small CNN that has learnt to tell such images from real training images, on others that it has not seen; "
        "50% is guessing. Beside it the control: real training images told from other real training images",
    ),
    "nearest_distance": Metric(
        "nearest training image",
        "{:.3f}",
        "the mean Euclidean distance to it, of pixels from 0 to 1; of real test images beside",
    ),
    "near_copies": Metric(
        "near copies",
        "{:.2%}",
        "the share that is nearer to its nearest training image than the 1st percentile of real test images",
    ),
    "dire_error": Metric("reconstruction error", "{:.4f}", "mean change by DDIM inversion and back, of a range of 2"),
    "dire_auc": Metric(
        "DIRE's AUC", "{:.4f}", "the chance that of a real and a generated image the real one comes back more changed"
    ),
}
COLUMNS = {
    "generated": "generated",
    "unguided": "unguided",  # the same noise without the classifier that steers
    "bicubic": "bicubic",
    "real": "real",
}
PER_CLASS = {"accuracy_per_class": "accuracy of {}", "share_per_class": "share of {}"}
BY_LABEL, WITHOUT_LABEL = "accuracy", "share"  # of the two, images that should show a label need but the first


def described(model: Model, dataset: str, num_images: int, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a result begins with. Of the two limits of guidance both are there if either is not the model's own."""
    if any(name in settings for name in LIMITS):
        settings = {name: getattr(model.config, name) for name in LIMITS} | settings
    return {
        "model": model.config.name,
        "task": model.config.task,
        "dataset": dataset,
        "num_images": num_images,
        **settings,
        "seconds": round(seconds, 2),
        "images_per_second": round(num_images / seconds, 2),
    }


def columns_of(result: dict[str, Any]) -> list[str]:
    """Which columns a result has, in order."""
    return [name for name in COLUMNS if name in result]


def metrics_of(result: dict[str, Any]) -> list[str]:
    """Which metrics of its generated images there are to show, in order."""
    return [name for name in METRICS if result["generated"].get(name) is not None and shown(name, result)]


def shown(name: str, result: dict[str, Any]) -> bool:
    """Whether a figure says something: with labels the shares of classes are what was asked for."""
    return not (name.startswith(WITHOUT_LABEL) and BY_LABEL in result["generated"])


def cell(result: dict[str, Any], column: str, name: str) -> str:
    """A figure as text; a dash where there is none."""
    value = result[column].get(name)
    return "-" if value is None else METRICS[name].format.format(value)


def how(result: dict[str, Any]) -> str:
    """The settings that the images were drawn with, in words."""
    words = [result["sampler"], f"{result['steps']} steps", f"guidance scale {result['guidance_scale']:g}"]
    if "guidance_t_min" in result:
        words.append(f"from t = {result['guidance_t_max']:g} to {result['guidance_t_min']:g}")
    if "guidance_power" in result:
        words.append(f"guidance power {result['guidance_power']:g}")
    if "skip_scale" in result:
        words.append(f"skip scale {result['skip_scale']:g}")
    if result.get("eta"):
        words.append(f"eta {result['eta']:g}")
    if result.get("classifier"):
        words.append(f"classifier {result['classifier']}, scale {result['classifier_scale']:g}")
    return ", ".join([*words, f"seed {result['seed']}"])


def table(result: dict[str, Any]) -> str:
    """The figures as text, generated images beside the others."""
    columns = columns_of(result)
    rows = [["", *(COLUMNS[name] for name in columns)], ["images", *(f"{result[name]['n']:,}" for name in columns)]]
    rows += [[METRICS[name].title, *(cell(result, column, name) for column in columns)] for name in metrics_of(result)]
    for key, title in PER_CLASS.items():
        if shown(key, result):
            for name in result["generated"].get(key, {}):
                shares = (result[column].get(key, {}).get(name) for column in columns)
                rows.append([f"  {title.format(name)}", *("-" if s is None else f"{s:.2%}" for s in shares)])
    width = max(len(row[0]) for row in rows)
    body = "\n".join(f"{row[0]:<{width}}" + "".join(f"{value:>12}" for value in row[1:]) for row in rows)
    speed = f"{result['seconds']} s, {result['images_per_second']} images/s"
    return f"{result['model']}: {how(result)}\n{body}\n{speed}"
