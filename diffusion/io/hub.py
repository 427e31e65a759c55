"""Model references: from a bundled name, a path or ``hub:owner/name[@revision]`` to a local directory.

Only config.json and model.safetensors are ever downloaded: no pickle, no code. The client reads its environment
variables when it is imported; so that later changes count, HF_ENDPOINT, HF_HUB_CACHE and HF_HOME are read here, at each
call.
"""

import logging
import os
import re
import shutil
import time
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub as hf  # its parts are imported on first use, so a bundled model does not wait for them
from huggingface_hub import constants

from diffusion.errors import InputError
from diffusion.io.guesses import HUB, existing, hub_reference, is_file, looks_like_hub_name, model_directory
from diffusion.io.hub_errors import LOGIN, PULLING, ModelUnavailable, endpoint, explained, within
from diffusion.io.model_directory import CONFIG, MAX_CONFIG_BYTES, WEIGHTS

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "weights"
PICKLE, DIFFUSERS = "pytorch_model.bin", "model_index.json"
MAX_BYTES = {CONFIG: MAX_CONFIG_BYTES, WEIGHTS: 512_000_000}
PATIENCE = 10.0  # seconds to wait for a response
SLOWEST = 250_000  # bytes/s: a slower transfer is given up
ROOM = 1_000_000_000  # bytes that a download leaves free: visitors who choose models must not fill the disk
REVISION = re.compile(r"(?!.*(\.\.|//|/$))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")  # branch, tag, commit, refs/pr/1
COMMIT = re.compile(r"[0-9a-f]{40}")
STALLED = 60.0  # seconds without a byte after which a download is taken to have ended
MAX_VISITORS_BYTES = 2_000_000_000  # of what visitors of a host have fetched: what was fetched first makes room


class Access(NamedTuple):
    """On whose behalf the Hub is requested: ``token`` False is nobody's, None the one that is logged in here; files
    are kept in a cache of their own, by the ending of its folder's name."""

    token: bool | None = None
    cache_ending: str = ""


OPERATOR = Access()
VISITORS = Access(token=False, cache_ending="-visitors")


def bundled() -> list[str]:
    """The names of the models that come with the program."""
    return sorted(config.parent.name for config in BUNDLED.glob(f"*/{CONFIG}"))


def is_bundled(ref: str) -> bool:
    """Whether a reference is one of these names. Called at every request, so it looks for one file only."""
    return os.path.basename(ref) == ref and os.path.isfile(BUNDLED / ref / CONFIG)


def resolve(ref: str, patience: float = PATIENCE, access: Access = OPERATOR) -> Path:
    """The local directory, with config.json and model.safetensors, that a reference names; ``hub:`` may download it,
    with the ``access`` of whoever wants it.

    The Hub has ``patience`` seconds to respond; the download may take three times that, and the time of its bytes at
    ``SLOWEST``. A cached commit needs no network. A cached branch is used, with a warning, where the Hub fails or the
    disk is too full for a newer commit. Raises ``InputError`` for a bad reference and ``ModelUnavailable``, a subclass,
    where the Hub does not provide the model.
    """
    if on_hub := hub_reference(ref):
        repo_id, at, revision = on_hub.removeprefix(HUB).partition("@")
        check_repo_id(repo_id, ref)
        if at and not REVISION.fullmatch(revision):  # it becomes part of a path in the cache
            raise InputError("hub.bad_revision", ref=ref)
        return _pull(repo_id, revision or "main", patience, access)
    if is_bundled(ref):
        warn_of_folder(ref)
        return BUNDLED / ref
    try:
        if path := existing(ref):
            return complete(model_directory(path))
    except PermissionError as error:  # of a folder on the way
        directory = Path(error.filename).parent
        raise InputError("weights.stat", directory=directory, reason=error.strerror) from None
    if looks_like_hub_name(ref):
        raise InputError("hub.no_prefix", ref=ref, on_hub=HUB + ref)
    raise InputError("hub.no_such_model", ref=ref, bundled=", ".join(bundled()), config=CONFIG, weights=WEIGHTS)


@cache
def warn_of_folder(name: str) -> None:
    """Say, once, that a folder of one's own is not meant by the name of a bundled model."""
    if os.path.isfile(os.path.join(name, CONFIG)):
        logging.getLogger(__name__).warning(
            "%s is the bundled model; for the folder of that name, give ./%s", name, name
        )


def complete(path: Path) -> Path:
    """The path of a model directory, which must have all its files. Raises InputError."""
    missing = [name for name in (CONFIG, WEIGHTS) if not is_file(path / name)]
    if missing:
        pickles = [file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in path.glob(pattern)]
        code = "hub.incomplete_with_pickle" if pickles else "hub.incomplete"
        pickle = {"pickle": pickles[0]} if pickles else {}
        raise InputError(code, path=path, missing=", ".join(missing), **pickle)
    return path


def check_repo_id(repo_id: str, ref: str) -> None:
    """Raises InputError, naming ``ref``, unless ``repo_id`` has the form owner/name."""
    if not is_repo_id(repo_id):
        raise InputError("hub.not_a_name", ref=ref)


def is_repo_id(text: str) -> bool:
    """Whether a text has the form of a model's name on the Hub, owner/name."""
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(text)
    except ValueError:
        return False
    return "/" in text


def _pull(repo_id: str, revision: str, patience: float, access: Access) -> Path:
    cache = cache_dir(access)
    cached = _cached(repo_id, revision, cache)
    if cached and COMMIT.fullmatch(revision):  # a commit never changes
        return cached
    place = (repo_id, revision, endpoint(), patience)
    name = f"hub:{repo_id}" + ("" if revision == "main" else f"@{revision}")
    try:
        with explained("hub.cannot_load", name, PULLING):
            wanted = (*place, access.token)
            commit, size, token = within(patience, ("head", *wanted), _head, *wanted)
            if _cached(repo_id, commit, cache) is None:
                if access == VISITORS:
                    _make_room(Path(cache), size, keep=repo_id)
                _check_room(name, size, cache)
            found = (*place, token, commit, cache)
            return within(3 * patience + size / SLOWEST, ("fetch", *found), _fetch, *found)
    except ModelUnavailable as why:
        if cached is None or not why.temporary:
            raise
        logging.getLogger(__name__).warning("%s Using the copy downloaded earlier, commit %.8s.", why, cached.name)
        return cached


def _head(
    repo_id: str, revision: str, endpoint: str, patience: float, token: bool | None
) -> tuple[str, int, bool | None]:
    """The commit of a revision, the size of its files in bytes, and the token to use: False for none, where the
    person's own has expired and the model is public. Without retries or a download."""
    from huggingface_hub.errors import HfHubHTTPError

    def head(filename: str, at: str) -> hf.HfFileMetadata:
        url = hf.hf_hub_url(repo_id, filename, revision=at, endpoint=endpoint)
        return hf.get_hf_file_metadata(url, token=token, timeout=patience, endpoint=endpoint)

    try:
        config = head(CONFIG, revision)
        commit = config.commit_hash or revision
        weights = head(WEIGHTS, commit)
    except HfHubHTTPError as error:
        if error.response.status_code == 401 and token is None and hf.get_token():
            try:
                found = _head(repo_id, revision, endpoint, patience, token=False)
            except (HfHubHTTPError, ModelUnavailable):
                raise error from None
            logging.getLogger(__name__).warning("The Hub refuses your token: log in again with %s.", LOGIN)
            return found
        if error.response.status_code == 404:
            for filename, code in ((PICKLE, "hub.pickle"), (DIFFUSERS, "hub.foreign_on_hub")):
                with suppress(HfHubHTTPError):
                    head(filename, revision)
                    values: dict[str, Any] = {"pickle": PICKLE, "config": CONFIG, "weights": WEIGHTS}
                    raise ModelUnavailable(code, name=f"hub:{repo_id}", library="diffusers", **values) from None
        raise
    for filename, size in ((CONFIG, config.size), (WEIGHTS, weights.size)):
        _check_size(repo_id, filename, size or 0)  # a mirror may omit it; _fetch checks again
    return commit, (config.size or 0) + (weights.size or 0), token


def _fetch(
    repo_id: str, revision: str, endpoint: str, patience: float, token: bool | None, commit: str, cache: str
) -> Path:
    """The directory of a commit's files in the client's cache; missing files are downloaded."""
    download = partial(hf.hf_hub_download, endpoint=endpoint, cache_dir=cache, etag_timeout=patience, token=token)

    def get(name: str, at: str) -> Path:
        return Path(download(repo_id, name, revision=at))

    for filename in MAX_BYTES:
        path = get(filename, commit)
        _check_size(repo_id, filename, path.stat().st_size)
    if _cached(repo_id, revision, cache) != path.parent:
        get(CONFIG, revision)  # with all files cached, the client records the commit of the branch
    return path.parent


def _check_size(repo_id: str, filename: str, size: int) -> None:
    if size > MAX_BYTES[filename]:
        raise ModelUnavailable(
            "hub.too_large", name=f"hub:{repo_id}", file=filename, size=f"{size:,}", limit=f"{MAX_BYTES[filename]:,}"
        )


def _make_room(cache: Path, size: int, keep: str) -> None:
    """Delete models that visitors have fetched, the earliest first, until there is room for one of so many bytes."""
    found: list[tuple[float, int, Path]] = []
    for folder in cache.glob("models--*"):
        if folder.name == f"models--{keep.replace('/', '--')}":
            continue
        with suppress(OSError):  # somebody else is making room
            files = [file.lstat() for file in folder.rglob("blobs/*")]
            found.append((folder.stat().st_mtime, sum(file.st_size for file in files), folder))
    excess = sum(freed for _, freed, _ in found) + size - MAX_VISITORS_BYTES
    for _, freed, folder in sorted(found):
        if excess <= 0:
            break
        if not _is_being_fetched(folder):
            shutil.rmtree(folder, ignore_errors=True)
            excess -= freed


def _is_being_fetched(folder: Path) -> bool:
    """Whether a file has come into it a moment ago that is not complete."""
    with suppress(OSError):
        return any(time.time() - file.stat().st_mtime < STALLED for file in folder.glob("blobs/*.incomplete"))
    return False


def _check_room(name: str, size: int, cache_dir: str) -> None:
    cache = Path(cache_dir).absolute()
    free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
    if free - size < ROOM:
        raise ModelUnavailable("hub.disk_space", temporary=True, name=name, size=f"{size:,}", room=f"{ROOM:,}")


def _cached(repo_id: str, revision: str, cache: str) -> Path | None:
    found = (hf.try_to_load_from_cache(repo_id, name, cache, revision) for name in MAX_BYTES)
    paths = [Path(path) for path in found if isinstance(path, str)]
    return paths[0].parent if len(paths) == len(MAX_BYTES) else None


def cache_dir(access: Access = OPERATOR) -> str:
    """The folder that models are kept in."""
    home = os.environ.get("HF_HOME")
    chosen = os.environ.get("HF_HUB_CACHE") or (os.path.join(home, "hub") if home else constants.HF_HUB_CACHE)
    return os.path.expanduser(os.path.expandvars(chosen)).rstrip("/") + access.cache_ending
