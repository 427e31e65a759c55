"""The processes of a run: their environment, who reports, and how they part."""

import os
import subprocess
import sys

import pytest

from diffusion.errors import InputError
from tests.programs import ROOT, run_python
from tests.ui.app_process import free_port
from train.processes import VARIABLES, several_requested

ONE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
TWO = ONE | {"WORLD_SIZE": "2", "MASTER_PORT": "29500"}


@pytest.fixture
def environment(monkeypatch):
    """Set these variables of process groups, and no others."""

    def set_variables(variables: dict[str, str]) -> None:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize(
    ("variables", "several"), [({}, False), ({"RANK": "1"}, False), ({"WORLD_SIZE": "1"}, False), (ONE, True)]
)
def test_one_process_needs_no_group(variables, several, environment):
    environment(variables)
    assert several_requested() is several


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is set, but not RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "RANK, WORLD_SIZE is set, but not LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({"LOCAL_RANK": "0"}, "start several processes with accelerate launch, or unset all of these"),
        (TWO | {"MASTER_PORT": ""}, "but not MASTER_PORT"),
        (TWO | {"RANK": "2"}, "RANK must be less than WORLD_SIZE, 2, not 2"),
        (TWO | {"RANK": "first"}, "RANK must be a whole number"),
        (TWO | {"MASTER_PORT": "tcp://x:1"}, "MASTER_PORT must be a whole number"),
    ],
)
def test_half_a_group_is_refused(variables, message, environment):
    environment(variables)
    with pytest.raises(InputError, match=message):
        several_requested()


@pytest.fixture
def no_group(environment):
    environment({})
    return os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_it_refuses_in_one_line(no_group):
    done = run_python("-m", "train.run", "unet", "--resume", env=no_group | {"WORLD_SIZE": "2"})
    assert done.returncode == 2
    assert done.stderr.startswith("train.run: WORLD_SIZE is set, but not")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted by name, which Linux tells")
def test_no_thread_of_the_group_outlives_the_run(no_group, image_folder):
    """Not after success, bad input, a stop, a full disk, Ctrl-C or a bug: one that frees a tensor while Python shuts
    down aborts the process."""
    done = run_python("-m", "tests.programs.process_group", str(image_folder), env=no_group | ONE, check=True)
    lines = [line for line in done.stdout.splitlines() if not line.endswith("model")]
    assert lines == ["0 0", "2 0", "143 0", "1 0", "130 0", "-1 0"]


@pytest.mark.slow
def test_the_process_that_knows_the_reason_reports_it(no_group, image_folder, tmp_path):
    port = str(free_port())
    command = [sys.executable, "-m", "tests.train.tiny_run", "tiny", "--steps", "2", "--output-dir", tmp_path / "run"]
    processes = [
        subprocess.Popen(
            [*command, "--dataset", f"folder:{images}"],
            env=no_group | TWO | {"RANK": rank, "LOCAL_RANK": rank, "MASTER_PORT": port},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, images in (("0", image_folder), ("1", tmp_path / "nowhere"))
    ]
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 2]
    reported = [line for line in "".join(told).splitlines() if line.startswith("train.run: ")]
    assert len(reported) == 1
    assert "nowhere" in reported[0]
    assert "Traceback" not in "".join(told)
    assert not (tmp_path / "run").exists()
