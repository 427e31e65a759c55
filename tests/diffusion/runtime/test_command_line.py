import argparse

import pytest
import torch

import diffusion
from diffusion import InputError
from diffusion.errors import Message, option_name
from diffusion.runtime import command_line
from diffusion.runtime.command_line import Parser, add_options, run_command, typed
from diffusion.settings import SETTINGS
from tests.programs import run_program


@pytest.fixture
def parser():
    p = Parser(prog="thing")
    p.add_argument("--size", type=int)
    return p


BAD_INPUT = InputError("settings.at_least", setting="num_images", low=1, given=0)
NO_FILE = FileNotFoundError(2, "No such file or directory", "a/b")
DISK_FULL = OSError(28, "No space left", "a/b")
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_bug_is_not_hidden(parser):
    def run(options):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        run_command(parser, run, [], "")


@pytest.mark.parametrize(
    ("raised", "status", "written"),
    [
        (None, 0, ""),
        (BAD_INPUT, 2, "thing: --num-images must be a whole number of at least 1, not 0.\n"),
        (NO_FILE, 2, "thing: a/b: No such file or directory.\n"),
        (KeyboardInterrupt, 130, "stopped; all is lost\n"),
        (DISK_FULL, 1, "thing: a/b cannot be written: the disk is full (No space left). Make room and start again.\n"),
        (NO_MEMORY, 1, "thing: There is not enough memory: lower --batch-size.\n"),
        (MemoryError(), 1, "thing: There is not enough memory: lower --batch-size.\n"),
    ],
    ids=["well", "bad input", "the system refuses", "Ctrl-C", "full disk", "memory", "Python's memory"],
)
def test_a_command_ends_with_a_status_and_at_most_one_line(parser, raised, status, written, capsys):
    seen = []

    def run(options):
        seen.append(options.size)
        if raised:
            raise raised

    smaller = Message("command.smaller_batch", setting="batch_size")
    assert run_command(parser, run, ["--size", "3"], "all is lost", smaller) == status
    assert seen == [3]
    assert capsys.readouterr().err == written


def test_a_line_that_cannot_be_parsed_ends_the_program(parser, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_command(parser, print, ["--size", "big"], "")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "thing: argument --size: invalid int value: 'big'\n"


def test_options_are_made_from_the_settings(capsys):
    everything, some = argparse.ArgumentParser(), Parser(prog="thing")
    add_options(everything)
    add_options(some, ("steps", "sampler"))
    assert vars(everything.parse_args([])) == dict.fromkeys(SETTINGS)
    for name in SETTINGS:
        assert getattr(everything.parse_args([option_name(name), "7"]), name) == "7"
    assert vars(some.parse_args(["--steps", "9"])) == {"steps": "9", "sampler": None}
    with pytest.raises(SystemExit):
        some.parse_args(["--help"])
    assert "--steps N" in (shown := " ".join(capsys.readouterr().out.split()))
    assert "Sampling steps; a whole number from 1 to 1000" in shown
    assert "The sampler; one of ddpm, ddim, " in shown


def test_a_command_line_is_parsed_without_torch():
    assert run_program("parse_command_lines", timeout=60) == "False\n"


def test_the_package_offers_what_it_names():
    assert all(getattr(diffusion, name).__class__ for name in diffusion.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'load_modle'"):
        _ = diffusion.load_modle


@pytest.mark.parametrize(("windows", "quoted"), [(True, '"C:\\my runs\\x"'), (False, "'C:\\my runs\\x'")])
def test_advice_is_quoted_as_the_systems_shell_takes_it(monkeypatch, windows, quoted):
    monkeypatch.setattr(command_line, "WINDOWS", windows)
    assert typed(["python", "--output-dir", "C:\\my runs\\x"]) == f"python --output-dir {quoted}"
