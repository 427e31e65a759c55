"""Files written whole or not at all."""

import errno
import os
import secrets
import tempfile
from pathlib import Path

from diffusion.errors import InputError


def user_path(text: str | Path, setting: str) -> Path:
    """A path as a person wrote it, ~ being their home. Raises InputError where no file can have such a name."""
    try:
        path = Path(text).expanduser()
        os.lstat(path)
    except FileNotFoundError:
        return path
    except RuntimeError:
        raise InputError("command.no_home", setting=setting, given=str(text)) from None
    except ValueError as error:  # a null character
        raise InputError("command.no_path", setting=setting, given=str(text), reason=error) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError("command.no_path", setting=setting, given=str(text), reason=error.strerror) from None
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, also after a crash, finds the old content or the new, never a part."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path, suffixes: tuple[str, ...], setting: str = "output") -> None:
    """Make the folder of a file to be written, and find out before the work whether it can be. Raises InputError."""
    if path.suffix.lower() not in suffixes:
        allowed = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise InputError("command.suffix", setting=setting, allowed=allowed, given=path.name)
    if path.is_dir():
        raise InputError("command.file_is_folder", setting=setting, path=path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError("command.folder_closed", setting=setting, path=path.parent, reason=error.strerror) from None
