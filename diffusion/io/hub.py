"""Where a model reference leads: a bundled name, a path, or ``hub:owner/name[@revision]``; and back: ``push``.

Only config.json and model.safetensors are ever taken from the Hub: no pickle, no code. The client reads its settings
when it is imported; HF_ENDPOINT, HF_HUB_CACHE and HF_HOME are therefore read here, at each call.
"""

import logging
import os
import re
import shutil
from functools import partial
from pathlib import Path

import huggingface_hub as hf  # imports its parts when they are used: a bundled model waits for none of them
from huggingface_hub import constants

from diffusion.errors import InputError
from diffusion.io.hub_errors import LOGIN, PULLING, PUSHING, ModelUnavailable, endpoint, explained, within
from diffusion.io.model_directory import CARD, CONFIG, MAX_CONFIG_BYTES, WEIGHTS

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "weights"
PICKLE = "pytorch_model.bin"
MAX_BYTES = {CONFIG: MAX_CONFIG_BYTES, WEIGHTS: 512_000_000}
PATIENCE = 10.0  # seconds
SLOWEST = 250_000  # bytes/s: a slower transfer is given up
ROOM = 1_000_000_000  # bytes that a download leaves free: whoever can ask for models must not fill the disk
REVISION = re.compile(r"(?!.*(\.\.|//|/$))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")  # branch, tag, commit, refs/pr/1
COMMIT = re.compile(r"[0-9a-f]{40}")


def bundled() -> list[str]:
    """The names of the models that come with the program."""
    return sorted(config.parent.name for config in BUNDLED.glob(f"*/{CONFIG}"))


def is_bundled(ref: str) -> bool:
    """Whether a reference is one of these names; asked at every request, it looks at one file only."""
    return os.path.basename(ref) == ref and os.path.isfile(BUNDLED / ref / CONFIG)


def resolve(ref: str, patience: float = PATIENCE) -> Path:
    """The local directory, with config.json and model.safetensors, that a reference means; ``hub:`` may download it.

    The Hub has ``patience`` seconds to answer, and then three times that and the bytes' time at ``SLOWEST`` to deliver.
    A commit that is in the cache needs no network; a cached branch serves, with a warning, while the Hub fails or the
    disk is too full for the new one. Raises
    ``InputError`` for a bad reference and ``ModelUnavailable``, a kind of it, for what the Hub does not give.
    """
    if ref.startswith("hub:"):
        repo_id, at, revision = ref.removeprefix("hub:").partition("@")
        _check_repo_id(repo_id, ref)
        if at and not REVISION.fullmatch(revision):  # it is to be part of a path in the cache
            raise InputError(f"{ref!r:.100} has no good revision after its @: that is a branch, a tag or a commit.")
        return _pull(repo_id, revision or "main", patience)
    if is_bundled(ref):
        return BUNDLED / ref
    try:
        path = Path(ref).expanduser()
        exists = bool(ref) and path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a null character, ~nobody
        exists = False
    if exists:
        return _complete(path)
    raise InputError(
        f"There is no model {ref!r:.100}; give a bundled name ({', '.join(bundled())}), the path of a directory with "
        f"{CONFIG} and {WEIGHTS}, or hub:owner/name[@revision]."
    )


def push(
    model_dir: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "Upload a diffusion model",
    patience: float = PATIENCE,
) -> str:
    """Upload a model directory in one commit to ``owner/name``, made if it does not exist, and return its address.

    Nothing is sent unless the model loads. The token is by default that of HF_TOKEN or 'hf auth login'. Raises
    ``InputError`` for a bad directory or name, ``ModelUnavailable`` for what the Hub does not take.
    """
    from diffusion.io.loading import load_any  # which imports this file

    _check_repo_id(repo_id, repo_id)
    directory = _complete(Path(model_dir).resolve())
    load_any(directory, device="cpu")
    if not (token := token or hf.get_token()):
        raise ModelUnavailable(f"{repo_id} cannot be uploaded to: no token with write access; use {LOGIN}.")
    api = hf.HfApi(endpoint=endpoint(), token=token)
    files = [directory / name for name in (CONFIG, WEIGHTS, CARD) if (directory / name).is_file()]

    def upload() -> None:
        api.create_repo(repo_id, private=private or None, exist_ok=True)  # None: the owner's default
        api.create_commit(repo_id, [hf.CommitOperationAdd(file.name, file) for file in files], commit_message=message)

    with explained(f"{repo_id} cannot be uploaded to", PUSHING):
        seconds = 3 * patience + sum(file.stat().st_size for file in files) / SLOWEST
        within(seconds, ("push", directory, repo_id), upload)
    return f"{endpoint()}/{repo_id}"


def _complete(path: Path) -> Path:
    missing = [name for name in (CONFIG, WEIGHTS) if not (path / name).is_file()]
    if missing:
        pickles = [file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in path.glob(pattern)]
        hint = f"; {pickles[0]} may be a pickle, which can run code and is never opened" if pickles else ""
        raise InputError(f"{path} is not a model's directory: it has no {' and no '.join(missing)}{hint}.")
    return path


def _check_repo_id(repo_id: str, ref: str) -> None:
    if not is_repo_id(repo_id):
        raise InputError(f"{ref!r:.100} does not name a model on the Hub; that is owner/name, as in hub:alice/digits.")


def is_repo_id(text: str) -> bool:
    """Whether it may be the name of a model on the Hub, owner/name."""
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(text)
    except ValueError:
        return False
    return "/" in text


def _pull(repo_id: str, revision: str, patience: float) -> Path:
    cached = _cached(repo_id, revision)
    if cached and COMMIT.fullmatch(revision):  # a commit never changes
        return cached
    place = (repo_id, revision, endpoint(), patience)
    name = f"hub:{repo_id}" + ("" if revision == "main" else f"@{revision}")
    try:
        with explained(f"{name} cannot be loaded", PULLING):
            commit, size = within(patience, ("ask", *place), _ask, *place)
            if _cached(repo_id, commit) is None:
                _check_room(name, size)
            found = (*place, commit, _cache_dir())
            return within(3 * patience + size / SLOWEST, ("fetch", *found), _fetch, *found)
    except ModelUnavailable as why:
        if cached is None or not why.temporary:
            raise
        logging.getLogger(__name__).warning("%s Using the copy downloaded earlier, commit %.8s.", why, cached.name)
        return cached


def _ask(repo_id: str, revision: str, endpoint: str, patience: float) -> tuple[str, int]:
    """The commit that a revision stands for, and how many bytes its files have; no retries and no download."""
    from huggingface_hub.errors import HfHubHTTPError

    def head(filename: str, at: str) -> hf.HfFileMetadata:
        url = hf.hf_hub_url(repo_id, filename, revision=at, endpoint=endpoint)
        return hf.get_hf_file_metadata(url, timeout=patience, endpoint=endpoint)

    try:
        config = head(CONFIG, revision)
        commit = config.commit_hash or revision
        weights = head(WEIGHTS, commit)
    except HfHubHTTPError as error:
        if error.response.status_code == 404:
            try:
                head(PICKLE, revision)
            except HfHubHTTPError:
                raise error from None
            raise ModelUnavailable(
                f"hub:{repo_id} offers {PICKLE}, a pickle, which can run code and is never opened; ask its owner to "
                f"publish {CONFIG} and {WEIGHTS}."
            ) from None
        raise
    for filename, size in ((CONFIG, config.size), (WEIGHTS, weights.size)):
        _check_size(repo_id, filename, size or 0)  # a mirror may not tell; _fetch looks again
    return commit, (config.size or 0) + (weights.size or 0)


def _fetch(repo_id: str, revision: str, endpoint: str, patience: float, commit: str, cache_dir: str) -> Path:
    """The directory of a commit's files in the client's cache; what is not there is downloaded."""
    download = partial(hf.hf_hub_download, endpoint=endpoint, cache_dir=cache_dir, etag_timeout=patience)

    def get(name: str, at: str) -> Path:
        return Path(download(repo_id, name, revision=at))

    for filename in MAX_BYTES:
        path = get(filename, commit)
        _check_size(repo_id, filename, path.stat().st_size)
    if _cached(repo_id, revision) != path.parent:
        get(CONFIG, revision)  # now that all is here, the client notes which commit the branch stands for
    return path.parent


def _check_size(repo_id: str, filename: str, size: int) -> None:
    if size > MAX_BYTES[filename]:
        raise ModelUnavailable(
            f"hub:{repo_id} is too large: its {filename} has {size:,} bytes, at most {MAX_BYTES[filename]:,} are taken."
        )


def _check_room(name: str, size: int) -> None:
    cache = Path(_cache_dir()).absolute()
    free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
    if free - size < ROOM:
        raise ModelUnavailable(
            f"{name} cannot be loaded: with its {size:,} bytes, less than {ROOM:,} would be left free on the disk.",
            temporary=True,
        )


def _cached(repo_id: str, revision: str) -> Path | None:
    found = (hf.try_to_load_from_cache(repo_id, name, _cache_dir(), revision) for name in MAX_BYTES)
    paths = [Path(path) for path in found if isinstance(path, str)]
    return paths[0].parent if len(paths) == len(MAX_BYTES) else None


def _cache_dir() -> str:
    home = os.environ.get("HF_HOME")
    chosen = os.environ.get("HF_HUB_CACHE") or (os.path.join(home, "hub") if home else constants.HF_HUB_CACHE)
    return os.path.expanduser(os.path.expandvars(chosen))
