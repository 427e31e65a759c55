import csv
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion import dire
from diffusion.dire import reconstruct
from diffusion.process import CosineVP
from tests.programs import run_python
from tests.tiny import tiny_model


class Memory(torch.nn.Module):
    """The exact eps for a data set of a few images: it can sample these and nothing else. Nothing to train."""

    def __init__(self, images, process):
        super().__init__()
        self.images, self.process = images, process

    def forward(self, x, t, condition):
        alpha, sigma = (c.float().view(-1, 1, 1, 1) for c in self.process.alpha_sigma((t.double() + 1) / 1000))
        known = self.images.flatten(1)
        distance = (x.flatten(1)[:, None] - alpha.flatten()[:, None, None] * known).square().sum(2)
        weights = (-distance / (2 * sigma.flatten()[:, None] ** 2)).softmax(1)
        return (x - alpha * (weights @ known).view_as(x)) / sigma


def test_what_the_model_can_sample_comes_back_and_what_it_cannot_does_not():
    generator = torch.Generator().manual_seed(0)
    memory = Memory(torch.rand(4, 1, 8, 8, generator=generator) * 2 - 1, CosineVP())
    model = tiny_model(module=memory, process=CosineVP(), prediction="eps", label_names=())
    sampled = model.generate(num_images=12, sampler="ddim", steps=20, seed=3)
    others = torch.rand(12, 1, 8, 8, generator=generator) * 2 - 1
    of_sampled, of_others = (
        (reconstruct(model, images, steps=20) - images).abs().flatten(1).mean(1) for images in (sampled, others)
    )
    assert of_sampled.max() < 0.02
    assert of_others.min() > 0.2


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save(directory)
    return str(directory)


@pytest.fixture
def images(tmp_path):
    """Five images of several kinds in sub-folders, two files that are none, and a hidden one."""
    root, random = tmp_path / "images", np.random.default_rng(0)
    (root / "a" / "deep").mkdir(parents=True)
    (root / "b").mkdir()
    Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(root / "a" / "one.png")
    Image.fromarray(random.integers(0, 256, (30, 20, 3), np.uint8)).save(root / "a" / "two.jpg")
    Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(root / "a" / "two.gif")
    Image.fromarray(random.integers(0, 256, (9, 9, 4), np.uint8)).save(root / "a" / "deep" / "three.PNG")
    Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(root / "top.bmp")
    (root / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not really")
    (root / "b" / "notes.txt").write_text("no image")
    (root / ".DS_Store").write_bytes(b"hidden")
    return root


DONE = ["a/deep/three.PNG", "a/one.png", "a/two.gif", "a/two.jpg", "top.bmp"]


def run(capsys, *arguments):
    try:
        code = dire.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    return code, capsys.readouterr().err


def rows(output):
    with open(output / "errors.csv", newline="") as file:
        return list(csv.reader(file))


def test_a_folder(model_dir, images, tmp_path, capsys):
    output = tmp_path / "new" / "out"
    code, err = run(capsys, "--model", model_dir, "--images", images, "--output", output, "--steps", 5)
    assert code == 0, err
    header, *table = rows(output)
    assert header == ["path", "error"]
    assert [path for path, _ in table] == DONE
    names = {"a/deep/three.PNG", "a/one.png", "a/two.gif.png", "a/two.jpg.png", "top.bmp.png"}
    for folder in ("reconstruction", "error"):
        found = {path.relative_to(output / folder).as_posix() for path in (output / folder).rglob("*.*")}
        assert found == names
    assert "skipped: b/broken.png (" in err
    assert "skipped: b/notes.txt (" in err
    assert "5 images, 2 files skipped" in err

    x = torch.from_numpy(np.asarray(Image.open(images / "a" / "one.png")).copy())[None, None].float() / 127.5 - 1
    difference = (x - reconstruct(tiny_model(), x, steps=5)).abs()
    assert float(table[1][1]) == pytest.approx(difference.mean().item(), abs=1e-4)
    shown = np.asarray(Image.open(output / "error" / "a" / "one.png"), int)
    assert np.abs(shown - difference[0, 0].numpy() * 127.5).max() < 1
    back = np.asarray(Image.open(output / "reconstruction" / "a" / "one.png"), int)
    original = np.asarray(Image.open(images / "a" / "one.png"), int)
    assert np.abs(np.abs(back - original) - shown).max() <= 1


def test_a_stopped_run_resumes_where_it_was(model_dir, images, tmp_path, capsys, monkeypatch):
    output, whole = tmp_path / "out", tmp_path / "whole"
    folders = ["--model", model_dir, "--images", images, "--output"]
    chain = ["--respacing", "ddim5", "--batch-size", 2]
    arguments = [*folders, output, *chain]
    assert run(capsys, *folders, whole, *chain)[0] == 0
    calls = []

    def interrupted(model, x, **chain):
        calls.append(len(x))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return reconstruct(model, x, **chain)

    monkeypatch.setattr(dire, "reconstruct", interrupted)
    code, err = run(capsys, *arguments)
    assert code == 130
    assert "goes on from here" in err
    with open(output / "errors.csv", "a") as table:
        table.write("a/two.gif,0.1")  # what a crash may leave
    assert run(capsys, *arguments)[0] == 0
    assert calls == [2, 2, 2, 1]
    assert [path for path, _ in rows(output)] == ["path", *DONE]
    for mine, theirs in zip(rows(output)[1:], rows(whole)[1:], strict=True):
        assert float(mine[1]) == pytest.approx(float(theirs[1]), abs=1e-4)
    assert run(capsys, *arguments)[0] == 0
    assert len(calls) == 4  # nothing was left
    code, err = run(capsys, *folders, output, "--steps", 9)
    assert code == 2
    assert "must be a new folder" in err
    assert json.loads((output / "settings.json").read_text())["respacing"] == "ddim5"


def test_the_output_may_lie_among_the_images(model_dir, images, capsys):
    arguments = ["--model", model_dir, "--images", images, "--output", images / "out", "--steps", 3]
    assert run(capsys, *arguments)[0] == 0
    assert run(capsys, *arguments)[0] == 0
    assert [path for path, _ in rows(images / "out")[1:]] == DONE


def test_each_image_has_a_file_of_its_own(model_dir, images, tmp_path, capsys):
    (images / "a" / "two.jpg.png").write_bytes((images / "a" / "one.png").read_bytes())
    long = "字" * 80 + ".png"  # 244 bytes
    (images / "b" / long).write_bytes((images / "a" / "one.png").read_bytes())
    (images / "b" / ("字" * 83 + ".png")).write_bytes((images / "a" / "one.png").read_bytes())
    (images / "b" / "broken.qoi").write_bytes(b"qoif\0\0\0\030\0\0\0\024\003\0")
    output = tmp_path / "out"
    code, err = run(capsys, "--model", model_dir, "--images", images, "--output", output, "--steps", 3)
    assert code == 0, err
    assert "broken.qoi (" in err
    assert f"{'字' * 83}.png (its name is too long to be added to)" in err
    assert [path for path, _ in rows(output)[1:]] == [*DONE[:-1], "a/two.jpg.png", f"b/{long}", DONE[-1]]
    assert len(list((output / "error").rglob("*.*"))) == 7


def test_a_zip_and_links_are_read_as_every_other_door_does(model_dir, images, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in ("a/one.png", "b/broken.png"):
            archive.write(images / path, f"wrap/{path}")
    arguments = ["--model", model_dir, "--steps", 3]
    code, err = run(capsys, *arguments, "--images", tmp_path / "x.zip", "--output", tmp_path / "zipped")
    assert code == 0, err
    assert [path for path, _ in rows(tmp_path / "zipped")[1:]] == ["wrap/a/one.png"]
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "pool").symlink_to(images / "a")
    (tmp_path / "linked" / "gone.png").symlink_to("nowhere")
    code, err = run(capsys, *arguments, "--images", tmp_path / "linked", "--output", tmp_path / "out")
    assert code == 0, err
    assert "skipped: gone.png (a link that leads nowhere)" in err
    assert [path for path, _ in rows(tmp_path / "out")[1:]] == [path.replace("a/", "pool/", 1) for path in DONE[:-1]]


def test_names_in_an_archive_that_windows_has_not_are_skipped_there(model_dir, images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dire, "WINDOWS", True)
    bad = ["C:/Users/evil.png", "a:b.png", "con/1.png", "aux.png", "what?.png", "dots./1.png", "space /1.png"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in (*bad, "connie/1.png", "my aux.png"):
            archive.write(images / "a" / "one.png", path)
    output = tmp_path / "out"
    code, err = run(capsys, "--model", model_dir, "--steps", 3, "--images", tmp_path / "x.zip", "--output", output)
    assert code == 0, err
    for path in bad:
        assert f"skipped: {path} (Windows has no files of that name)" in err
    assert [path for path, _ in rows(output)[1:]] == ["connie/1.png", "my aux.png"]


def test_rgb_models_get_rgb(tmp_path, images, capsys):
    tiny_model(channels=3, label_names=()).save(tmp_path / "rgb")
    output = tmp_path / "out"
    assert run(capsys, "--model", tmp_path / "rgb", "--images", images, "--output", output, "--steps", 3)[0] == 0
    assert Image.open(output / "error" / "a" / "one.png").mode == "RGB"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--images", "nowhere"], "--images must be a folder; nowhere does not exist."),
        (["--images", "IMAGES/top.bmp"], "--images must be a folder or a .zip of one;"),
        (["--images", "EMPTY"], "--images must be a folder with images in it"),
        (["--images", "TORN"], "torn.zip is a damaged archive (File is not a zip file): fetch or make it again."),
        (["--images", "IMAGES/b"], "has 2 files and none."),
        (["--images", "IMAGES", "--output", "IMAGES"], "--output must not be the folder of the images"),
        (["--images", "IMAGES", "--steps", "0"], "--steps must be a whole number from 1 to 1000, not '0'."),
        (["--images", "IMAGES", "--batch-size", "many"], "--batch-size must be a whole number from 1 to 4096"),
        (["--images", "IMAGES", "--respacing", "1"], "no way from an image to noise by levels that end at"),
        (["--images", "IMAGES", "--model", "super-resolution"], "--model must be one that generates from noise alone"),
        (["--images", "IMAGES", "--output", "LOOP"], "is a link that leads nowhere"),
        (["--images", "IMAGES", "--output", "LOOP/x"], "cannot be written: Too many levels of symbolic links"),
        (["--images", "IMAGES", "--output", "DAMAGED"], "errors.csv cannot be read (field larger"),
        (["--images", "IMAGES", "--respacing", "fast"], '--respacing must be like "100"'),
        (["--images", "IMAGES", "--respacing", "ddim5", "--steps", "9"], "leave --steps out."),
        (["--images", "IMAGES", "--model", "no/such/model"], "no/such/model"),
        (["--images", "IMAGES", "--device", "abacus"], "--device 'abacus' cannot be used here"),
        ([], "required: --images"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, sentence, model_dir, images, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "errors.csv").write_text("x" * 140_000)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4 the rest never came")
    places = {"IMAGES": str(images)}
    places |= {name.upper(): str(tmp_path / name) for name in ("empty", "damaged", "loop")}
    places["TORN"] = str(tmp_path / "torn.zip")
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    code, err = run(capsys, "--model", model_dir, "--output", tmp_path / "out", *arguments)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists() or "none." in sentence  # nothing is begun that cannot be done
    if "none." not in sentence:  # there the progress comes before
        assert err.count("\n") == 1


def test_by_subprocess(model_dir, images, tmp_path):
    arguments = ["--model", model_dir, "--images", str(images), "--steps", "3", "--output", str(tmp_path / "out")]
    done = run_python("-m", "diffusion.dire", *arguments, check=True)
    assert "With 3 steps, what the model itself has sampled comes back only roughly: take at least 8." in done.stderr
    assert done.stdout == ""
    assert len(rows(tmp_path / "out")) == 6
