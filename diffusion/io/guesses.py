"""What was meant by a model reference that is not quite one, where that is certain, and what it is, where it is not."""

import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote

from diffusion.errors import InputError
from diffusion.io.json_text import parse_json
from diffusion.io.model_directory import CARD, CONFIG, MAX_CONFIG_BYTES, WEIGHTS

HUB = "hub:"
RUN_MODEL = "model"  # the folder of a run that is a model directory
HOSTS = ("huggingface.co", "hf.co")  # and that of HF_ENDPOINT
BEFORE_REVISION = ("tree", "blob", "resolve", "raw", "commit")  # in the address of a model's page or file
OTHER_PAGES = ("datasets", "spaces", "collections", "papers", "docs", "blog", "organizations")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
PATH_LIKE = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def hub_reference(ref: str) -> str | None:
    """``hub:owner/name[@revision]`` for that or the address of a model on the Hub, as a browser shows it; None for what
    is neither. Raises InputError for other addresses."""
    text = ref.strip()
    plain = text[len(HUB) :].strip() if text.lower().startswith(HUB) else text
    scheme, _, rest = plain.rpartition("://")
    rest = re.split(r"[?#]", rest)[0]
    host, _, path = rest.partition("/")
    endpoint = os.environ.get("HF_ENDPOINT", "").partition("://")[2].split("/")[0]
    host = host.lower().removeprefix("www.")
    if scheme == "hf":
        path = rest
    elif host not in (*HOSTS, endpoint or HOSTS[0]):
        if scheme.lower() in ("http", "https"):
            raise InputError("hub.other_address", ref=ref)
        return HUB + plain.rstrip("/") if plain is not text else None
    parts = [unquote(part) for part in path.split("/") if part]
    if parts[:1] == ["models"]:
        parts = parts[1:]
    if len(parts) < 2 or parts[0] in OTHER_PAGES:
        raise InputError("hub.other_page", ref=ref)
    name = f"{parts[0]}/{parts[1]}"
    revision = parts[3] if len(parts) > 3 and parts[2] in BEFORE_REVISION else "main"
    return HUB + name + ("" if revision == "main" or "@" in name else f"@{revision}")


def existing(ref: str) -> Path | None:
    """The path that a reference is, where there is something; None where there is nothing. Raises ``PermissionError``
    where that cannot be known."""
    try:
        path = Path(ref).expanduser()
        os.stat(path)
    except PermissionError:
        raise
    except (OSError, RuntimeError, ValueError):  # nothing there, too long, a null character, ~nobody
        return None
    return path if ref else None


def model_directory(path: Path) -> Path:
    """The model directory that a path stands for: itself, that of a run, or that of one of its files. Raises InputError
    for what is known to be something else, ``PermissionError`` where its files may not be looked at."""
    if is_file(path):
        if path.name in (CONFIG, WEIGHTS, CARD):
            return model_directory(path.parent)
        kind = "hub.pickle_file" if path.suffix in PICKLES else "hub.single_file"
        raise InputError(kind, path=path, config=CONFIG, weights=WEIGHTS)
    if not is_file(path / WEIGHTS):
        for directory in (path / RUN_MODEL, path.parent / RUN_MODEL if path.name == "checkpoints" else path):
            if is_file(directory / WEIGHTS) and is_file(directory / CONFIG):
                return directory
    library = foreign_library(path)
    if library:
        raise InputError("hub.foreign", path=path, library=library)
    return path


def is_file(path: Path) -> bool:
    """Whether there is a file. Raises ``PermissionError`` where that cannot be known: not every version of Python does
    for ``Path.is_file``."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError:
        raise
    except OSError:
        return False


def foreign_library(directory: Path) -> str | None:
    """The library that a directory is a model of, if it is one of those that people have."""
    if is_file(directory / "model_index.json"):
        return "diffusers"
    try:
        with open(directory / CONFIG, "rb") as file:
            config = parse_json(file.read(MAX_CONFIG_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    if "_class_name" in config:
        return "diffusers"
    return "transformers" if "architectures" in config or "model_type" in config else None


def looks_like_hub_name(ref: str) -> bool:
    """Whether a reference could be the owner/name of a model on the Hub, without ``hub:``."""
    return PATH_LIKE.fullmatch(ref.partition("@")[0]) is not None
