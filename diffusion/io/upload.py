"""A model directory, uploaded to the Hugging Face Hub."""

from pathlib import Path

import huggingface_hub as hf

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
