"""What components show for a model, or for a sampler, as their properties: known before there are any events."""

from typing import Any

from diffusion.samplers import SAMPLERS

MOST_GUIDANCE = 10.0  # on the slider, but for models that were distilled for less


def tile_properties(about: dict[str, Any], label: Any = None) -> dict[str, Any]:
    """The tiles of a model (``Engine.describe``), the label still chosen where it has it; thumbnails come later."""
    names = about["tiles"]
    if about["task"] == "super-resolution":
        heading, note = "digits_small", "digits_small_help"
    elif names:
        heading, note = "digits", ""
    else:
        heading, note = "no_labels", "no_labels_steer" if about["classifiers"] else "no_labels_help"
    value = label if label in names else default_label(names)
    return {"value": value, "names": names, "thumbnails": [], "heading": heading, "note": note}


def guidance_properties(about: dict[str, Any]) -> dict[str, Any]:
    """The slider of the guidance scale for a model (``Engine.describe``), if that has labels to weigh."""
    return {
        "value": about["guidance_scale"],
        "maximum": about["max_guidance"] or MOST_GUIDANCE,
        "visible": bool(about["label_names"]),
    }


def default_label(names: list[str]) -> str:
    """What is chosen at first: from the middle of the labels, or "" (any) where there are none."""
    return names[len(names) // 2] if names else ""


def has_eta(sampler: Any) -> bool:
    """Whether a sampler, if it is one, has the option eta."""
    return isinstance(sampler, str) and sampler in SAMPLERS and "eta" in SAMPLERS[sampler].options
