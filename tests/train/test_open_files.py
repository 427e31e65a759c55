"""Training where a file that is open can be neither deleted nor replaced, nor its folder deleted: as on Windows."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.train.tiny_run import TINY
from train import loop
from train.presets import PRESETS
from train.run import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is open is found in /proc")


def is_open(path: str) -> bool:
    """Whether this process has a file open, or mapped into its memory."""
    descriptors = Path("/proc/self/fd")
    opened = {os.path.realpath(descriptor) for descriptor in descriptors.iterdir()}
    return path in opened or path in Path("/proc/self/maps").read_text()


@pytest.fixture
def open_files_stay(monkeypatch, tmp_path):
    """In an empty folder; with SIGHUP, which Windows has not, missing as well."""
    refused = []

    def guarded(function):
        def careful(*paths, dir_fd=None, **options):
            folder = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
            for path in paths:
                if is_open(os.path.realpath(os.path.join(folder, path))):
                    refused.append(str(path))
                    raise PermissionError(13, "The process cannot access the file", str(path))
            return function(*paths, **options if dir_fd is None else options | {"dir_fd": dir_fd})

        return careful

    for name in ("unlink", "remove", "replace", "rename"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.chdir(tmp_path)
    yield refused
    assert refused == []


def test_a_refused_start_leaves_nothing(open_files_stay, tmp_path, capsys):
    assert main(["tiny", "--dataset", "folder:nowhere"]) == 2
    assert "There is no image folder" in capsys.readouterr().err
    assert list(tmp_path.rglob("*.*")) == []


def test_what_fails_before_its_first_checkpoint_leaves_nothing(open_files_stay, tmp_path, image_folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, "save_checkpoint", fail)
    assert main(["tiny", "--dataset", f"folder:{image_folder}"]) == 1
    assert list(tmp_path.rglob("*.*")) == []


def test_a_run_and_its_continuation(open_files_stay, image_folder, capsys):
    arguments = ["tiny", "--dataset", f"folder:{image_folder}"]
    for more in (["--steps", "3"], ["--steps", "5", "--resume"]):
        assert main([*arguments, *more]) == 0, capsys.readouterr().err
    names = {path.name for path in Path("runs/tiny/checkpoints").iterdir()}
    assert "step-00000005.safetensors" in names
    assert "step-00000003.safetensors" not in names  # from which it was continued
