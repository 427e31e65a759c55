"""The metrics that ``train.evaluate`` computes, and the columns in which it shows them; a new metric is a row here."""

from typing import Any, NamedTuple

from diffusion.model import Model
from diffusion.settings import SETTINGS, SamplingSettings


class Metric(NamedTuple):
    title: str
    format: str
    meaning: str = ""  # one line for the model card, where the title is not enough


METRICS = {
    "accuracy": Metric("class accuracy", "{:.2%}"),
    "accuracy_worst_class": Metric("lowest of a class", "{:.2%}"),
    "confidence": Metric("mean confidence", "{:.2%}"),
    "share_rarest_class": Metric("share, rarest class", "{:.2%}"),
    "share_commonest_class": Metric("share, commonest", "{:.2%}"),
    "psnr": Metric("PSNR, dB", "{:.2f}", "peak signal-to-noise ratio to the originals, the mean over images"),
    "frechet_distance": Metric(
        "Fréchet distance",
        "{:.3f}",
        "between the evaluation classifier's features of the images and of the training set",
    ),
    "two_sample": Metric(
        "two-sample accuracy",
        "{:.2%}",
        "of a small CNN trained to tell such images from real training images, on held-out images; 50% is chance. "
        "Beside it the control: real training images against other real training images",
    ),
    "nearest_distance": Metric(
        "nearest training image",
        "{:.3f}",
        "the mean Euclidean distance to it, of pixels from 0 to 1; for real test images beside it",
    ),
    "near_copies": Metric(
        "near copies",
        "{:.2%}",
        "the share of images nearer to their nearest training image than the 1st percentile of real test images",
    ),
    "dire_error": Metric(
        "reconstruction error", "{:.4f}", "mean change by DDIM inversion and reconstruction, of a range of 2"
    ),
    "dire_auc": Metric(
        "DIRE's AUC",
        "{:.4f}",
        "the probability that of a real and a generated image the real one has the larger reconstruction error",
    ),
}
COLUMNS = {
    "generated": "generated",
    "unguided": "unguided",  # the same noise without the classifier's guidance
    "bicubic": "bicubic",
    "real": "real",
}
PER_CLASS = {"accuracy_per_class": "accuracy of {}", "share_per_class": "share of {}"}
WITH_LABELS, WITHOUT_LABELS = "accuracy", "share"  # prefixes: images with labels need only the first
ALWAYS_SHOWN = ("sampler", "steps", "guidance_scale", "seed")


def result_header(
    model: Model, dataset: str, num_images: int, settings: SamplingSettings, seconds: float, classifier: bool = False
) -> dict[str, Any]:
    """What a result begins with: what was sampled, with which settings, and how fast."""
    return {
        "model": model.config.name,
        "task": model.config.task,
        "dataset": dataset,
        "num_images": num_images,
        **settings.record(model.config, classifier),
        "seconds": round(seconds, 2),
        "images_per_second": round(num_images / seconds, 2),
    }


def available_columns(result: dict[str, Any]) -> list[str]:
    """The columns that a result has, in order."""
    return [name for name in COLUMNS if name in result]


def available_metrics(result: dict[str, Any]) -> list[str]:
    """The metrics of its generated images that are shown, in order."""
    return [name for name in METRICS if result["generated"].get(name) is not None and is_shown(name, result)]


def is_shown(name: str, result: dict[str, Any]) -> bool:
    """Whether a metric is informative: the shares of classes are not where the labels were given."""
    return not (name.startswith(WITHOUT_LABELS) and WITH_LABELS in result["generated"])


def cell(result: dict[str, Any], column: str, name: str) -> str:
    """A metric as text; a dash where there is none."""
    value = result[column].get(name)
    return "-" if value is None else METRICS[name].format.format(value)


def settings_text(record: dict[str, Any]) -> str:
    """The sampling settings in a record (``SamplingSettings.record``), in words. Those whose value changes nothing are
    left out."""
    words = []
    for name, setting in SETTINGS.items():
        if name not in record or (name not in ALWAYS_SHOWN and record[name] == setting.default):
            continue
        value = f"{record[name]:g}" if isinstance(record[name], float) else str(record[name])
        words.append({"sampler": value, "steps": f"{value} steps"}.get(name, f"{name.replace('_', ' ')} {value}"))
    if record.get("classifier"):
        words.append(f"classifier {record['classifier']}")
    return ", ".join(words)


def table(result: dict[str, Any]) -> str:
    """A result as text, generated images beside the others."""
    columns = available_columns(result)
    rows = [["", *(COLUMNS[name] for name in columns)], ["images", *(f"{result[name]['n']:,}" for name in columns)]]
    for name in available_metrics(result):
        rows.append([METRICS[name].title, *(cell(result, column, name) for column in columns)])
    for key, title in PER_CLASS.items():
        if is_shown(key, result):
            for name in result["generated"].get(key, {}):
                shares = (result[column].get(key, {}).get(name) for column in columns)
                rows.append([f"  {title.format(name)}", *("-" if s is None else f"{s:.2%}" for s in shares)])
    width = max(len(row[0]) for row in rows)
    body = "\n".join(f"{row[0]:<{width}}" + "".join(f"{value:>12}" for value in row[1:]) for row in rows)
    speed = f"{result['seconds']} s, {result['images_per_second']} images/s"
    return f"{result['model']}: {settings_text(result)}\n{body}\n{speed}"
