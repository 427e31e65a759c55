"""The house: which way its floors lean, no circles, no file too long, a setting defined once."""

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.programs import run_program
from tests.project.sources import FLOORS, ROOT, imports, modules, tracked

LONGEST = 260  # lines
MOST_FILES_OF_A_SETTING = 6  # field, use, words in two languages, a preset and a model with a value of its own
ON_TOP = ("scripts", "benchmarks", "tests")  # import the program, and are not imported by it


def floor(module: str) -> str:
    return module.partition(".")[0]


def above(module: str) -> set[str]:
    """The floors that a module must know nothing of."""
    return {*FLOORS[FLOORS.index(floor(module)) + 1 :], *ON_TOP}


def test_imports_point_down():
    upwards = {(module, name) for module in modules() for name in imports(module) if floor(name) in above(module)}
    assert upwards == set()
    assert ("ui.app", "ui.precompute") in {(module, name) for module in modules() for name in imports(module)}  # seen


def test_no_circles():
    graph = {
        module: {name for name in imports(module, at_import_only=True) if name in modules()} for module in modules()
    }
    for module in graph:
        graph[module].discard(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_library_needs_neither_gradio_nor_torchvision():
    used = {(floor(module), floor(name)) for module in modules() for name in imports(module)}
    assert not {("diffusion", "gradio"), ("diffusion", "torchvision"), ("train", "gradio")} & used
    assert {("ui", "gradio"), ("train", "torchvision")} <= used  # inside of functions, too


@pytest.mark.slow
def test_sampling_imports_neither_gradio_nor_torchvision_by_any_way():
    loaded = set(run_program("imported_modules").split())
    assert "torch" in loaded
    assert not {"gradio", "torchvision", "ui", "train"} & loaded


def test_a_setting_is_defined_once():
    files = [name for name in tracked() if not name.startswith("tests/")]
    found = [name for name in files if b"guidance_power" in (ROOT / name).read_bytes()]
    assert len(found) <= MOST_FILES_OF_A_SETTING, found


def test_no_file_is_too_long():
    files = tracked("diffusion/*.py", "train/*.py", "ui/*.py", "ui/*.js", "ui/*.css", "app.py")
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in files}
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
