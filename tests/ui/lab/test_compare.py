"""Grids of runs: axes from text, the plan of a grid, its runs beside single ones, what is refused, and Stop."""

import threading

import numpy as np
import pytest

from diffusion.errors import InputError
from diffusion.runtime.callers import Caller, Stopped, calling
from tests.tiny import tiny_model
from ui.engine import Engine
from ui.hosting.limits import WORK
from ui.lab.axes import AXES, parse_axis
from ui.lab.compare import CompareLab, CompareRequest
from ui.lab.grid_picture import grid_picture
from ui.lab.shares import wilson_interval
from ui.lab.side_by_side import by_turns, key_of
from ui.request import Request


@pytest.fixture
def lab(engine, tmp_path) -> CompareLab:
    tiny_model(3, title="Blind", label_names=()).save(tmp_path / "weights" / "blind")
    tiny_model(4, title="Digits", image_size=28, dataset="mnist").save(tmp_path / "weights" / "digits")
    return CompareLab(engine)


def request(**values) -> CompareRequest:
    return CompareRequest(
        **{"label": "5", "seed": 3, "row_values": "ddim, heun, ddpm", "column_values": "1, 2, 5"} | values
    )


def outcomes(lab, plan, **options):
    return {each.place: each for together in lab.run(plan.jobs(), **options) for each in together}


# ---------------------------------------------------------------------------------------------------------------- axes


@pytest.mark.parametrize(
    ("setting", "text", "values"),
    [
        ("steps", "1, 2,4", [1, 2, 4]),
        ("steps", "4..1", [4, 3, 2, 1]),
        ("steps", "1..9 step 4, 5", [1, 5, 9]),
        ("steps", "1000000..1", []),
        ("guidance_scale", "0..4 step 0.5", [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]),
        ("guidance_scale", "0..1", [0, 0.25, 0.5, 0.75, 1]),
        ("guidance_scale", "1.5；3，4、.5", [1.5, 3, 4, 0.5]),
        ("sampler", "DDIM; unipc, DPM-Solver++(2M)", ["ddim", "unipc", "dpmpp_2m"]),
        ("label", "3, any, 3", ["3", ""]),
        ("seed", "4294967294..4294967295", [4294967294, 4294967295]),
        ("model", "runs/a..b/model", ["runs/a..b/model"]),
    ],
)
def test_an_axis_is_a_list_of_values_and_ranges(setting, text, values):
    if not values:
        with pytest.raises(InputError, match="steps must be a whole number from 1 to 1000, not '1000000'"):
            parse_axis(setting, text)
        return
    assert parse_axis(setting, text).values == values


@pytest.mark.parametrize(
    ("setting", "text", "good", "sentence"),
    [
        ("steps", "1, banana, 3", [1, 3], "steps must be a whole number from 1 to 1000, not 'banana'."),
        ("steps", "2, 0, 4..2000 step 1000", [2], "not '0'"),
        ("steps", "2, 2.5", [2], "not '2.5'"),
        ("guidance_scale", "1, nan, 2", [1, 2], "guidance_scale must be a number from 0 to 20, not 'nan'."),
        ("guidance_scale", "3, 1..2 step 0", [3], "'1..2 step 0' is no range: write it like 1..8, or 0..4 step 0.5."),
        ("guidance_scale", "3, 1...", [3], "is no range"),
        ("guidance_scale", "3, 1e400..2", [3], "is no range"),
        ("sampler", "ddim, magic", ["ddim"], "sampler must be one of ddpm, ddim"),
        ("seed", "1..20", list(range(1, 9)), "seed takes 8 values in a grid: the first 8 are used."),
    ],
)
def test_what_is_wrong_on_an_axis_is_named_and_the_rest_is_used(setting, text, good, sentence):
    axis = parse_axis(setting, text)
    assert axis.values == good
    assert sentence in " ".join(map(str, axis.problems))


def test_every_axis_has_sensible_values(lab):
    for ref in ("unet", "blind", "digits"):
        for setting in AXES:
            text = lab.sensible(setting, ref)
            if text:  # a model without labels has none to compare
                axis = parse_axis(setting, text)
                assert not axis.problems
                assert setting == "model" or len(axis.values) >= 3


# ------------------------------------------------------------------------------------------------------- the whole grid


def test_cells_equal_single_runs_to_the_last_bit(lab, monkeypatch):
    monkeypatch.setenv("DIGIT_DIFFUSION_PRECISION", "fp32")
    plan = lab.plan(request(num_images=3, rows="sampler", columns="guidance_scale", column_values="0..2", steps=4))
    found = outcomes(lab, plan)
    assert sorted(found) == list(range(9))
    for place, outcome in found.items():
        i, j = divmod(place, 3)
        sampler, scale = ["ddim", "heun", "ddpm"][i], [0, 1, 2][j]
        single = Request(label="5", seed=3, num_images=3, sampler=sampler, steps=4, guidance_scale=scale)
        alone = list(lab.engine.run(single))
        assert np.array_equal(outcome.updates[-1].result.images, alone[-1].result.images)
        frames = [frame for update in outcome.updates for frame in update.frames]
        assert [frame.x for frame in frames] == [frame.x for update in alone for frame in update.frames]
        passes = 2 if scale == 2 else 1
        assert outcome.calls == passes * (7 if sampler == "heun" else 4)
        assert outcome.seconds > 0


def test_cells_share_batches(lab):
    sizes = []
    model = lab.engine.load("unet")
    model.network.register_forward_pre_hook(lambda network, args: sizes.append(len(args[0])))
    outcomes(lab, lab.plan(request(column_values="20, 21, 22", row_values="ddim, unipc")))
    assert max(sizes) > 1


def test_settings_that_no_axis_has_count_where_they_apply(lab):
    plan = lab.plan(request(eta=0.5, row_values="ddim, unipc", column_values="2"))
    ddim, unipc = (cell.job.record for cell in plan.cells)
    assert ddim["eta"] == 0.5
    assert "eta" not in unipc
    plan = lab.plan(request(rows="model", row_values="unet, blind", guidance_scale=2))
    assert [cell.job.record["label"] for cell in plan.cells] == ["5"] * 3 + [""] * 3


def test_a_cell_that_cannot_be_is_left_empty_and_an_empty_row_is_left_out(lab):
    plan = lab.plan(request(row_values="ddim, unipc", columns="eta", column_values="0.5, 1"))
    assert (plan.rows.values, plan.columns.values) == (["ddim"], [0.5, 1.0])
    assert "eta does not apply" in str(plan.problems[0]) or "eta" in str(plan.problems[0])
    plan = lab.plan(request(rows="model", row_values="unet, none, blind", columns="label", column_values="3, 4"))
    assert plan.rows.values == ["unet"]  # blind knows no labels
    assert any("none" in str(problem) for problem in plan.problems)
    plan = lab.plan(
        request(rows="guidance_t_min", row_values="0.2, 0.6", columns="guidance_t_max", column_values="0.4, 0.8")
    )
    assert [cell.job is None for cell in plan.cells] == [False, False, True, False]
    assert sorted(outcomes(lab, plan)) == [0, 1, 3]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"rows": "steps"}, "compare.same_axis"),
        ({"rows": "respacing"}, "settings.choice"),
        ({"row_values": "magic"}, "settings.choice"),
        ({"column_values": ", ;"}, "compare.no_values"),
        ({"model": "none"}, "page.model"),
        ({"label": "x"}, "labels.unknown_name"),
        ({"column_values": "x" * 401}, "settings.text"),
    ],
)
def test_refusals(lab, values, code):
    with pytest.raises(InputError) as refused:
        lab.plan(request(**values))
    assert refused.value.code == code


def test_the_whole_grid_has_to_be_within_the_hosts_limit(models, tmp_path, monkeypatch):
    def lab_of(work: float) -> CompareLab:
        monkeypatch.setenv(WORK, str(work))
        return CompareLab(Engine("unet", runs_dir=tmp_path / "runs"))

    monkeypatch.delenv(WORK, raising=False)
    cost = CompareLab(Engine("unet", runs_dir=tmp_path / "runs")).plan(request()).cost.operations / 1e12
    assert len(lab_of(1.01 * cost).plan(request()).cells) == 9
    with pytest.raises(InputError, match=r"These 9 runs would take .* trillion operations together"):
        lab_of(0.99 * cost).plan(request())


def test_the_images_of_a_grid_are_bounded(lab, monkeypatch):
    """They are all held until the last is there; each place of the picture is as large as the largest needs."""
    monkeypatch.setattr("ui.hosting.limits.RESULT_BYTES", 9 * 16 * 64)
    assert len(lab.plan(request(num_images=16)).cells) == 9
    with pytest.raises(InputError, match="The images of these 9 runs would take 0 MB together") as refused:
        lab.plan(request(num_images=17))
    assert refused.value.code == "host.grid_images"


def test_what_they_approach_is_one_run_for_all_that_share_it(lab):
    plan = lab.plan(request())
    approached = lab.references(plan)
    assert len(approached) == 9
    assert len({key_of(job) for job in approached.values()}) == 1
    job = approached[4]
    assert (job.settings.sampler, job.settings.steps, job.settings.eta, job.settings.seed) == ("ddim", 1000, 0, 3)
    by_scale = lab.references(lab.plan(request(columns="guidance_scale", column_values="1, 2, 3")))
    assert len({key_of(job) for job in by_scale.values()}) == 3


def test_frames_of_many_cells_leave_room_for_each_other(lab):
    alone = lab.plan(request(model="digits", num_images=16, row_values="ddim", column_values="50"))
    many = lab.plan(
        request(model="digits", num_images=16, row_values="ddim, unipc, heun, ddpm", column_values="50..57")
    )
    assert alone.cells[0].job.frames.most > 50
    assert 8 <= many.cells[0].job.frames.most < 30
    assert many.cells[0].job.frames.size == 28


# ---------------------------------------------------------------------------------------------------------------- ends


@pytest.mark.parametrize("way", ["stopped", "closed"])
def test_nothing_goes_on_once_nobody_waits(lab, way):
    plan = lab.plan(request(column_values="3, 900, 901, 902"))
    caller = Caller()
    with calling(caller):
        runs = lab.run(plan.jobs())
        next(runs)
        if way == "closed":
            runs.close()
        else:
            caller.stop()
            with pytest.raises(Stopped):
                list(runs)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("side by side")]
    assert lab.engine.places.running == lab.engine.places.waiting == 0


def test_the_order_of_runs_and_the_interval_of_a_share(lab):
    jobs = lab.plan(request(row_values="ddim", column_values="5, 1, 3, 4, 2")).jobs()
    assert [jobs[place].settings.steps for place in by_turns(jobs)] == [1, 5, 2, 4, 3]
    assert wilson_interval(16, 16) == pytest.approx((0.8064, 1), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson_interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_the_picture_of_a_grid():
    cells = [np.full((4, 28, 28, 1), 60 * i, np.uint8) for i in range(1, 4)]
    picture = grid_picture([*cells, None], ["DDIM", "多步"], ["1", "2"], "sampler")
    pixels = np.asarray(picture)
    assert [tuple(pixels[60, 160]), tuple(pixels[60, 215])] == [(60, 60, 60), (120, 120, 120)]
    assert (pixels[-60:, -60:] == 255).all()  # the cell that there is not
    assert (pixels[:40] < 200).any()
    assert (pixels[60:150, :140] < 200).any()  # both legends have words


def test_sheets_of_several_sizes_have_a_place_of_their_own_each():
    cells = [np.full((16, size, size, 1), 60 + size, np.uint8) for size in (28, 32)]
    pixels = np.asarray(grid_picture(cells, ["model"], ["unet", "rgb"], "model"))
    columns = {size: np.flatnonzero((pixels == 60 + size).all(2).any(0)) for size in (28, 32)}
    assert columns[28].max() < columns[32].min()
    assert columns[32].max() - columns[32].min() > 4 * 31  # nothing is cut


def test_a_plan_does_not_look_at_all_models_for_each_cell(lab, monkeypatch):
    looked, entries = [], lab.engine.registry.entries
    monkeypatch.setattr(lab.engine.registry, "entries", lambda: looked.append(1) or entries())
    lab.plan(request(row_values="ddim, heun", column_values="1, 2, 3, 4"))
    assert len(looked) <= 1
