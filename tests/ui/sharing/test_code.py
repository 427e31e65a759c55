"""The code that a tab hands out, run as it stands, makes what the tab shows."""

import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffusion.generate import main
from diffusion.io.images import sheet, to_uint8
from tests.ui.images import decoded
from ui.engine import Engine
from ui.lab.compare import CompareLab, CompareRequest
from ui.lab.fork import ForkLab, ForkRequest
from ui.lab.grid_picture import picture_of
from ui.lab.noise import NoiseLab, NoiseRequest
from ui.request import Request
from ui.sharing.code import OUTPUT, Code
from ui.sharing.views import Views

RUNS: list[dict[str, Any]] = [
    {"label": "7", "num_images": 5, "steps": 3, "seed": 11},
    {"label": "", "num_images": 2, "sampler": "heun"},
    {"model": "deep", "label": "3", "guidance_scale": 1.25, "guidance_t_min": 0.125, "freeu_b": 1.5, "num_images": 2},
    {"model": "dit", "sampler": "ddim", "eta": 0.5, "skip_scale": 1.5, "respacing": "ddim5", "num_images": 3},
    {"model": "blind", "classifier": "reader", "label": "4", "classifier_scale": 2, "num_images": 2},
    {"label": "3, 7", "num_images": 5, "steps": 3},
    {"label": "all", "num_images": 20, "steps": 2},
]
ENLARGED = {"model": "lens", "label": "3", "num_images": 3, "steps": 2}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def code_for(views: Views, tab: str, given: dict[str, Any]) -> Code:
    view = views.check(tab, given)
    assert view.left_out == []
    return views.tabs[tab].code(view.values)


def made_by(run: Any) -> np.ndarray:
    """The picture that something writes."""
    path = Path(OUTPUT)
    path.unlink(missing_ok=True)
    run()
    return decoded(path.read_bytes())


def by_python(code: Code) -> np.ndarray:
    return made_by(lambda: exec(compile(code.python, "copied", "exec"), {}))


def shown(given: dict[str, Any]) -> Any:
    """The last update of the page's run."""
    *_, last = Engine("unet", "runs").run(Request(**given))
    return last


@pytest.mark.parametrize("given", RUNS, ids=lambda given: given.get("model", "unet") + given.get("sampler", ""))
def test_copied_lines_and_command_make_the_picture_on_show(views, given: dict, capfd):
    code = code_for(views, "generate", given)
    picture = decoded(shown(given).result.sheet_png)
    assert np.array_equal(by_python(code), picture)
    python, _, module, *arguments = shlex.split(code.command)
    assert (python, module) == ("python", "diffusion.generate")
    assert np.array_equal(made_by(lambda: main(arguments)), picture)


def test_what_enlarges_real_digits_has_lines_but_no_command(views):
    for given in (ENLARGED, ENLARGED | {"label": "3, 8"}):
        code = code_for(views, "generate", given)
        assert np.array_equal(by_python(code), decoded(shown(given).result.sheet_png))
        assert code.command == ""


def test_forks_have_their_lines(views):
    forks = [{"step": 1, "label": "3"}, {"step": 2, "seed": 4}, {"step": 2, "sampler": "heun", "from": 0}]
    code = code_for(views, "generate", RUNS[0] | {"forks": json.dumps(forks)})
    assert np.array_equal(by_python(code), decoded(shown(RUNS[0]).result.sheet_png))
    assert code.command == ""
    lab = ForkLab(Engine("unet", "runs"))
    for number, path in enumerate((forks[:1], forks[:2], [{"step": 2, "sampler": "heun"}]), 1):
        *_, last = lab.run(ForkRequest.of(RUNS[0], path))
        assert np.array_equal(decoded(Path(f"fork-{number}.png").read_bytes()), decoded(last.result.sheet_png))


@pytest.mark.parametrize("given", [RUNS[0], RUNS[4], ENLARGED], ids=["unet", "guided", "lens"])
def test_a_step_on_the_way_has_its_lines(views, given: dict):
    code = code_for(views, "generate", given | {"step": 1})
    updates = list(Engine("unet", "runs").run(Request(**given)))
    frame = next(frame for update in updates for frame in update.frames if frame.index == 1)
    with Image.open(io.BytesIO(frame.x)) as opened:
        assert np.array_equal(by_python(code), np.atleast_3d(np.asarray(opened)))


def test_the_code_is_short_and_says_what_counts(views):
    code = code_for(views, "generate", {"label": "7", "steps": "3", "seed": "11", "freeu_b": "1"})
    assert "labels=[7] * 16,\n" in code.python
    assert "freeu" not in code.python + code.command  # off, as without it
    start = "python -m diffusion.generate --model unet --label 7 --num-images 16 --sampler ddim --steps 3"
    assert code.command.startswith(start)


@pytest.mark.parametrize("model", ["'); import os; ('", "$(touch here)"])
def test_names_stay_names(views, model: str):
    """A view of a model that is not here never comes as far; a name of one that is could be anything."""
    from ui.sharing.code import command

    values = {"model": model, "label": "a b", "num_images": 1, "classifier": ""}
    assert shlex.split(command(values, ["a b"]))[4:7] == [model, "--label", "a b"]


def test_the_noise_tab_has_lines(views, monkeypatch):
    given = {"digit": "3", "index": 1, "t": 0.25, "seed": 5, "model": "mnist"}
    view = NoiseLab(Engine("unet", "runs")).view(NoiseRequest(**given))
    images = (view.x0, view.x, view.network.x0, view.ideal.x0, view.blur)
    expected = sheet(np.concatenate([to_uint8(image) for image in images]), columns=5)
    assert np.array_equal(by_python(code_for(views, "noise", given)), expected)


def test_a_grid(views):
    given = {"rows": "sampler", "row_values": "ddim, heun", "column_values": "1, 3", "label": "4", "seed": 5}
    made = by_python(code_for(views, "compare", given))
    lab = CompareLab(Engine("unet", "runs"))
    plan = lab.plan(CompareRequest(**given))
    assert np.array_equal(made, np.asarray(picture_of(plan, lab.outcomes(plan))))
