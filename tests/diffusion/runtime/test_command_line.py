import subprocess
import sys

import pytest

import diffusion
from diffusion import InputError
from diffusion.runtime.command_line import Parser, answer


@pytest.fixture
def parser():
    p = Parser(prog="thing")
    p.add_argument("--size", type=int)
    return p


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (None, 0, ""),
        (InputError("size must be 1."), 2, "thing: size must be 1.\n"),
        (FileNotFoundError(2, "No such file or directory", "a/b"), 2, "thing: a/b: No such file or directory.\n"),
        (KeyboardInterrupt, 130, "stopped; all is lost\n"),
    ],
    ids=["well", "bad input", "the system refuses", "Ctrl-C"],
)
def test_a_command_answers_with_a_status_and_at_most_one_line(parser, raised, status, said, capsys):
    seen = []

    def run(options):
        seen.append(options.size)
        if raised:
            raise raised

    assert answer(parser, run, ["--size", "3"], "all is lost") == status
    assert seen == [3]
    assert capsys.readouterr().err == said


def test_a_line_that_cannot_be_parsed_ends_the_program(parser, capsys):
    with pytest.raises(SystemExit) as stopped:
        answer(parser, print, ["--size", "big"], "")
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "thing: argument --size: invalid int value: 'big'\n"


def test_a_command_line_is_read_without_torch():
    program = "import app, sys, train.run; train.run.parser(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


def test_the_package_offers_what_it_says():
    assert all(getattr(diffusion, name).__class__ for name in diffusion.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'load_modle'"):
        _ = diffusion.load_modle
