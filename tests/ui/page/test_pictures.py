"""A saved picture, given back to the page, is drawn again."""

from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from diffusion.generate import main
from diffusion.io.images import png_bytes
from tests.ui.page.actions import (
    WAIT,
    choose_sampler,
    download,
    expect_phase,
    expect_step,
    generate,
    player,
    set_number,
    tile,
)
from tests.ui.page.test_links import share, sheet
from ui.i18n import text

DROP = """async ([name, bytes]) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/png" }));
    for (const kind of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
        if (kind === "dragenter") window.invited = !document.querySelector(".sh-drop").hidden;
    }
}"""


def drop(page: Page, path: Path) -> None:
    page.evaluate(DROP, [path.name, list(path.read_bytes())])


def finished_anew(page: Page, run: str | None) -> str:
    """The name of a finished run other than this one, once there is one."""
    page.wait_for_function("(run) => ![null, run].includes(lab.generateView.state.run?.name ?? null)", arg=run)
    expect_phase(page, "finished")
    return page.evaluate("lab.generateView.state.run.name")


def test_a_saved_picture_dropped_on_the_page_is_drawn_again(page: Page, open_page, tmp_path):
    expect(page.locator(".sh-button")).to_be_visible()
    tile(page, "8").click()
    choose_sampler(page, "DDPM")
    set_number(page, "Steps", 9)
    set_number(page, "Images", 3)
    generate(page)
    saved = download(page, "PNG")
    other = open_page()
    expect(other.locator(".sh-button")).to_be_visible()
    drop(other, saved)
    run = finished_anew(other, "example")
    assert other.evaluate("window.invited") is True
    expect(other.locator(".sh-drop")).to_be_hidden()
    assert sheet(other) == saved.read_bytes()
    assert sheet(other) == sheet(page)

    # a step from the middle brings back the run, and that step
    player(page).get_by_role("slider", name="Step", exact=True).fill("4")
    expect_step(page, 4)
    middle = download(page, "PNG")
    other.locator(".sh-menu input[type=file]").first.set_input_files(middle)
    finished_anew(other, run)
    expect_step(other, 4)
    assert sheet(other) == saved.read_bytes()


def test_a_picture_of_the_command_line_is_drawn_again(page: Page, place: Path, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(place)
    monkeypatch.setenv("DIGIT_DIFFUSION_PRECISION", "fp32")
    path = tmp_path / "command.png"
    options = "--model runs/paint/model --label sea --label sun --sampler heun --steps 3 --seed 5 --guidance-scale 3"
    assert main([*options.split(), "--output", str(path)]) == 0
    expect(page.locator(".sh-button")).to_be_visible()
    drop(page, path)
    finished_anew(page, "example")
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(sheet(page))
    with Image.open(path) as ours, Image.open(drawn) as theirs:
        difference = np.abs(np.asarray(ours).astype(int) - np.asarray(theirs))
    assert difference.max() <= 1  # to rounding: the page's batches are of another size
    expect(page.get_by_text(text("tiles.in_turn", labels="sea, sun"))).to_be_visible()
    expect(page.locator("#tiles [aria-checked=true]")).to_have_count(0)
    tile(page, "sea").click()
    expect(page.locator(".tiles-chosen")).to_be_empty()


def test_what_is_no_picture_of_ours_is_said_and_nothing_is_lost(page: Page, tmp_path):
    expect(page.locator(".sh-button")).to_be_visible()
    generate(page)
    before = sheet(page)
    for name, content, said in (
        ("plain.png", png_bytes(np.zeros((4, 4, 1), np.uint8)), text("share.no_settings")),
        ("photo.png", b"\xff\xd8\xff", text("share.no_png")),
        ("cut.png", png_bytes(np.zeros((4, 4, 1), np.uint8), {"seed": 3})[:50], text("share.damaged_png")),
        ("old.png", png_bytes(np.zeros((4, 4, 1), np.uint8), {"seed": -1, "num_images": 2}), "Seed must be"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        drop(page, path)
        expect(page.locator(".sh-notice")).to_contain_text(said, timeout=WAIT)
        if name != "old.png":
            assert sheet(page) == before
    page.wait_for_function("lab.generateView.state.run.shape.count === 2")  # the rest of the last one's settings
    expect_phase(page, "finished")


def test_the_runs_of_the_visit_come_back_also_after_a_reload(page: Page):
    history = page.locator(".sh-history")
    expect(history).to_be_hidden()
    tile(page, "2").click()
    set_number(page, "Images", 2)
    generate(page)
    first = sheet(page)
    tile(page, "4").click()
    generate(page)
    expect(history.get_by_role("button", name="Label 4")).to_be_visible()
    page.reload()
    expect(history.locator("li")).to_have_count(2, timeout=WAIT)
    history.locator("li button").last.click()
    page.wait_for_function("lab.generateView.state.run?.label === '2'")
    expect_phase(page, "finished")
    assert sheet(page) == first
    expect(history.locator("li")).to_have_count(2)
    history.get_by_role("button", name=text("share.history_clear")).click()
    expect(history).to_be_hidden()


def test_a_run_is_saved_as_a_video_and_as_a_table(page: Page):
    generate(page)
    for item, start in (("video", b"\0\0\0\x1cftypisom"), ("table", b"\xef\xbb\xbfstep,steps,t,alpha,sigma,seconds")):
        with page.expect_download(timeout=WAIT) as saved:
            share(page, item)
        assert saved.value.suggested_filename.endswith({"video": ".mp4", "table": ".csv"}[item])
        assert saved.value.path().read_bytes().startswith(start)
