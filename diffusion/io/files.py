"""Files written whole or not at all."""

import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from diffusion.errors import InputError, OutputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
MOMENTS = (0.02, 0.1, 0.5, 1.0)  # seconds until a reader, or a virus scanner, has closed a file


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
    if is_special(path):
        path.write_bytes(content)
        return
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace(temporary: Path, path: Path) -> None:
    """``os.replace``. On Windows nothing can take the place of a file that somebody has open: it is tried again."""
    for wait in MOMENTS:
        try:
            return os.replace(temporary, path)
        except PermissionError:
            time.sleep(wait)
    os.replace(temporary, path)


def write_result(path: Path, content: bytes) -> None:
    """Write what took long to compute, into the folder for temporary files where its own has failed. Raises
    ``OutputError``, which says where it is."""
    try:
        write_atomically(path, content)
    except OSError as error:
        try:
            refuge = Path(tempfile.gettempdir(), f"{path.stem}-{secrets.token_hex(4)}{path.suffix}")
            write_atomically(refuge, content)
        except OSError:
            raise OutputError("command.cannot_write", path=path, reason=error.strerror) from None
        raise OutputError("command.written_elsewhere", path=path, reason=error.strerror, refuge=refuge) from None


class Outputs:
    """The files that a command writes at its end: one that fails does not take the others with it."""

    def __init__(self) -> None:
        self.failures: list[tuple[Path, str]] = []

    def write(self, path: Path, content: Callable[[], bytes]) -> None:
        """Write what ``content()`` returns, or note why that fails."""
        try:
            write_atomically(path, content())
        except OSError as error:
            self.failures.append((path, error.strerror or str(error)))
        except InputError as error:
            self.failures.append((path, str(error).rstrip(".")))

    def check(self) -> None:
        """Raises ``OutputError`` where something could not be written."""
        if self.failures:
            failures = "; ".join(f"{path} ({reason})" for path, reason in self.failures)
            raise OutputError("command.outputs", failures=failures)


def check_writable(path: Path, suffixes: tuple[str, ...] = (), setting: str = "output", size: int = 1 << 20) -> None:
    """Make the folder of a file to be written, and find out before the work whether ``size`` bytes can be. Raises
    InputError."""
    if suffixes and path.suffix.lower() not in suffixes:
        allowed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise InputError("command.suffix", setting=setting, allowed=allowed, given=path.name)
    if path.is_dir():
        raise InputError("command.file_is_folder", setting=setting, path=path)
    if is_special(path):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path.parent, size)
    except OSError as error:
        raise InputError("command.folder_closed", setting=setting, path=path.parent, reason=error.strerror) from None


def check_room(folder: Path, size: int) -> None:
    """Whether a file of so many bytes can be written there, by quota, too. Raises ``OSError``."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            elif shutil.disk_usage(folder).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if error.errno in DISK_FULL:  # others: a file system that cannot reserve room
                raise


def is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe, such as /dev/stdout, which is written to and not replaced."""
    return path.exists() and not path.is_file()
