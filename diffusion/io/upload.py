"""A model directory, uploaded to the Hugging Face Hub."""

from pathlib import Path
from typing import Any

import huggingface_hub as hf

from diffusion.errors import Message
from diffusion.io.hub import PATIENCE, SLOWEST, check_repo_id, complete
from diffusion.io.hub_errors import LOGIN, PUSHING, ModelUnavailable, endpoint, explained, within
from diffusion.io.loading import load_any
from diffusion.io.model_directory import CARD, CONFIG, WEIGHTS


def push(
    model_dir: str | Path,
    repo_id: str,
    *,
    token: str | None = None,
    message: str = "Upload a diffusion model",
    patience: float = PATIENCE,
) -> str:
    """Upload a model directory in one commit to ``owner/name``, made if it does not exist, and return its address.

    Nothing is sent unless the model loads. The token is by default that of HF_TOKEN or 'hf auth login'. Raises
    ``InputError`` for a bad directory or name, ``ModelUnavailable`` for what the Hub does not take.
    """
    check_repo_id(repo_id, repo_id)
    directory = complete(Path(model_dir).resolve())
    load_any(directory, device="cpu")
    if not (token := token or hf.get_token()):
        raise ModelUnavailable("hub.no_token", name=repo_id, login=LOGIN)
    api = hf.HfApi(endpoint=endpoint(), token=token)
    files = [directory / name for name in (CONFIG, WEIGHTS, CARD) if (directory / name).is_file()]

    def upload() -> None:
        api.create_repo(repo_id, exist_ok=True)
        api.create_commit(repo_id, [hf.CommitOperationAdd(file.name, file) for file in files], commit_message=message)

    with explained("hub.cannot_upload", repo_id, PUSHING):
        seconds = 3 * patience + sum(file.stat().st_size for file in files) / SLOWEST
        within(seconds, ("push", directory, repo_id), upload)
    return f"{endpoint()}/{repo_id}"


def check_upload(repo_id: str, patience: float = PATIENCE) -> None:
    """Find out before the work what would make ``push`` fail: the name, the token, and the right to write there. Raises
    ``InputError``, and ``ModelUnavailable`` where the Hub refuses, or does not respond."""
    check_repo_id(repo_id, repo_id)
    if not (token := hf.get_token()):
        raise ModelUnavailable("hub.no_token", name=repo_id, login=LOGIN)
    api = hf.HfApi(endpoint=endpoint(), token=token)
    with explained("hub.cannot_upload", repo_id, PUSHING):
        user = within(patience, ("whoami", token, endpoint()), api.whoami)
    if not may_write(user, repo_id.split("/")[0]):
        reason = Message("hub.write_refused", status="", login=LOGIN)
        raise ModelUnavailable("hub.cannot_upload", name=repo_id, reason=reason)


def may_write(user: dict[str, Any], owner: str) -> bool:
    """Whether a token, as the Hub describes it and its user, allows to write models of an owner."""
    token = user.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        return False
    scopes = [scope for scope in token.get("fineGrained", {}).get("scoped", []) if "repo.write" in scope["permissions"]]
    if token.get("role") == "fineGrained" and not scopes:
        return False
    roles = {org["name"]: org.get("roleInOrg") for org in user.get("orgs", [])} | {user["name"]: "admin"}
    return roles.get(owner, "read") != "read"
