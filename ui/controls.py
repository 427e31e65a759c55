"""The page's controls, made from the settings: one for each field of ``SamplingSettings``, with its range, and shown
where it applies."""

from typing import Any

import gradio as gr

from diffusion.samplers import SAMPLERS
from diffusion.settings import SETTINGS
from diffusion.settings_schema import SCOPES, Setting, Use
from ui.engine import ModelInfo
from ui.request import REQUEST_SETTINGS, Request

START_VALUES = {"classifier_scale": 3.0, "seed": 7}  # the page's own; a classifier's 1 is easily overruled by the model
KEPT = ("seed", "classifier_scale", "respacing")  # what another model does not change


def control(name: str, **properties: Any) -> gr.components.Component:
    """The control of a setting; its words come later."""
    setting: Setting = REQUEST_SETTINGS[name]
    properties = {"value": START_VALUES.get(name, setting.default), "elem_id": f"setting-{name}"} | properties
    if setting.slider is not None:
        high, step = setting.slider
        properties = {"maximum": high} | properties
        return gr.Slider(setting.low or 0, step=step, buttons=[], min_width=150, **properties)
    if setting.kind == "choice":
        return gr.Dropdown([(SAMPLERS[choice].title, choice) for choice in setting.choices], **properties)
    if setting.kind == "text":
        return gr.Textbox(max_lines=1, max_length=int(setting.high or 0) or None, **properties)
    return gr.Number(precision=0, minimum=setting.low, maximum=setting.high, min_width=110, **properties)


def model_properties(info: ModelInfo, sampler: str = "", classifier: str = "") -> dict[str, dict[str, Any]]:
    """For each sampling setting the properties of its control for a model: its value, and whether it is to be seen."""
    own = Request(sampler=sampler).resolve(info.config)
    use = Use(info.config, own.sampler, bool(classifier))
    properties: dict[str, dict[str, Any]] = {}
    for name, setting in SETTINGS.items():
        properties[name] = {"visible": SCOPES[setting.scope](use)}
        if name not in KEPT:
            properties[name]["value"] = getattr(own, name)
    most = REQUEST_SETTINGS["guidance_scale"].slider
    assert most is not None
    properties["guidance_scale"]["maximum"] = info.config.max_guidance or most[0]
    return properties


def tile_properties(info: ModelInfo, label: Any = None) -> dict[str, Any]:
    """The tiles of a model, the label still chosen where it has it, as "" (any) always is; thumbnails come later. The
    heading and the note are keys of words."""
    if info.config.task == "super-resolution":
        heading, note = "tiles.enlarge", "tiles.enlarge_help"
    elif info.tiles:
        heading, note = "tiles.heading", ""
    else:
        heading, note = "tiles.no_labels", "tiles.no_labels_guide" if info.classifiers else "tiles.no_labels_help"
    value = label if label == "" or label in info.tiles else default_label(info.tiles)
    return {"value": value, "names": info.tiles, "thumbnails": [], "heading": heading, "note": note}


def default_label(names: list[str]) -> str:
    """What is chosen at first: from the middle of the labels, or "" (any) where there are none."""
    return names[len(names) // 2] if names else ""
