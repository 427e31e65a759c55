"""The Python lines and the command that make what a tab shows, written from its settings."""

import json
import shlex
from typing import Any, NamedTuple

from diffusion.condition import label_index
from diffusion.errors import option_name
from diffusion.settings import SETTINGS
from ui.engine import Engine
from ui.labels import columns_for, labels_in_turn
from ui.request import REQUEST_SETTINGS
from ui.sharing.forked import forks_code

Values = dict[str, Any]

OUTPUT = "digits.png"
IMAGES = "from diffusion.io.images import png_bytes, sheet, to_uint8"
SAVE = f'with open("{OUTPUT}", "wb") as file:\n    file.write(png_bytes(sheet(%s)))'


class Code(NamedTuple):
    """Both are to be run in the folder of this program. ``command`` is "" where there is none."""

    python: str
    command: str


def generate_code(engine: Engine, values: Values) -> Code:
    """For a checked view of the *Generate* tab: of the step on show, if one is named, or of the run and its forks.
    Raises InputError."""
    model, classifier, label, count = (values[name] for name in ("model", "classifier", "label", "num_images"))
    info = engine.describe(model, classifier)
    enlarges = info.config.task == "super-resolution"
    turns = labels_in_turn(label, info.tiles)
    indices = [-1 if enlarges else label_index(name, info.tiles) for name in turns]
    arguments = {"labels": in_turn(indices, count)}
    if classifier:
        arguments["classifier"] = f"load_classifier({written(classifier)})"
    if enlarges:
        arguments["low_res"] = f"low_res_digits(model.config, {turns}, {count})[0]"
    given = {name: written(value) for name, value in needed(values).items()}
    imports = ["load_model", *(["load_classifier"] if classifier else [])]
    called = ["from ui.example_digits import low_res_digits"] if enlarges else []
    comment = f"  # {label}" if label and turns != list(map(str, indices)) and not enlarges else ""
    columns = f", columns={width}" if (width := columns_for(turns)) else ""
    forks = values.get("forks")
    if values.get("step") is None or forks:
        lines = [f"    {name}={value}," for name, value in (arguments | given).items()]
        body = ["images = model.generate(", lines[0] + comment, *lines[1:], ")", SAVE % f"to_uint8(images){columns}"]
    else:
        imports.append("SamplingSettings")
        called.insert(0, "from diffusion.trajectory import displayed, trajectory")
        more = "".join(f", {name}={value}" for name, value in arguments.items() if name != "labels")
        body = [
            f"settings = SamplingSettings({keywords(given)}).resolve(model.config, {bool(classifier)})",
            f"states = trajectory(model, {arguments['labels']}, settings{more}){comment}",
            f"state = next(state for state in states if state.index == {values['step']})",
            "noisy, guess = displayed(state), to_uint8(state.x0)",
            SAVE % f"noisy{columns}",
        ]
    head = [f"from diffusion import {', '.join(sorted(imports))}", IMAGES, *called]
    if forks:
        body += forks_code({name: value for name, value in values.items() if name in REQUEST_SETTINGS}, forks)
    python = "\n".join([*head, "", f"model = load_model({written(model)})", *body, ""])
    return Code(python, "" if enlarges or forks else command(values, turns))


def noise_code(values: Values) -> Code:
    """For a checked view of the *Noise* tab: its images side by side."""
    given = keywords({name: written(value) for name, value in values.items() if value != ""})
    lines = [
        "from torch import cat",
        "",
        IMAGES,
        "from ui.engine import Engine",
        "from ui.lab.noise import NoiseLab, NoiseRequest",
        "",
        f"view = NoiseLab(Engine()).view(NoiseRequest({given}))",
        "images = cat([view.x0, view.x, view.network.x0, view.ideal.x0, view.blur])",
        SAVE % "to_uint8(images), columns=5",
        "",
    ]
    return Code("\n".join(lines), "")


def needed(values: Values) -> Values:
    """The sampling settings, but for those that are as they would be without being given."""

    def counts(name: str) -> bool:
        setting = SETTINGS.get(name)
        return setting is not None and (setting.own or name == "seed" or values[name] != setting.default)

    return {name: values[name] for name in values if counts(name)}


def command(values: Values, labels: list[str]) -> str:
    """The line for a shell. ``labels``: those that images take in turn."""
    words = ["python", "-m", "diffusion.generate", option_name("model"), values["model"]]
    words += [word for label in labels if label for word in (option_name("label"), label)]
    asked = {name: values[name] for name in ("num_images", "classifier")}
    for name, value in (asked | needed(values) | {"output": OUTPUT}).items():
        if value != "":
            words += [option_name(name), f"{value:.12g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def in_turn(indices: list[int], count: int) -> str:
    """An expression for the label of each of so many images."""
    rounds = -(-count // len(indices))
    exact = rounds * len(indices) == count
    return f"{indices} * {rounds}" if exact else f"({indices} * {rounds})[:{count}]"


def written(value: Any) -> str:
    """A value in Python."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def keywords(arguments: dict[str, str]) -> str:
    """Arguments of a call, by name."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())
