"""The benchmark of quality, on a model of noise: its rows, its table and its plot."""

import sys
from xml.etree import ElementTree

import pytest

from benchmarks import quality, run
from diffusion import SAMPLERS
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    tiny_model(image_size=28).save(path)
    return quality.measure(str(path), num_images=200, steps=[1, 3], samplers=["ddim", "heun"])


def test_there_is_a_row_for_each_sampler_and_number_of_steps(figures):
    rows = {(row["sampler"], row["steps"]): row["evaluations"] for row in figures["rows"]}
    assert rows == {("ddim", 1): 1, ("ddim", 3): 3, ("heun", 1): 1, ("heun", 3): 5}
    for row in figures["rows"]:
        assert row["frechet_distance"] > 10 * figures["real"]["frechet_distance"]  # the model draws noise
        assert row["accuracy"] < 0.5 < figures["real"]["accuracy"]
        assert row["seconds"] > 0
    assert figures["real"]["n"] == 500


def test_the_table_tells_them(figures):
    table = quality.report(figures)
    assert table.count("| DDIM |") == table.count("| Heun |") == 2
    assert f"{figures['rows'][0]['frechet_distance']:.2f} |" in table


def test_the_plot_names_the_samplers(figures, tmp_path):
    path = tmp_path / "quality.svg"
    quality.plot(figures, path)
    words = "".join(ElementTree.parse(path).getroot().itertext())
    for word in ("DDIM", "Heun", "real digits", "class accuracy", "Fréchet distance", "seconds for 16 digits"):
        assert word in words


def test_the_command_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    tiny_model(image_size=28).save(tmp_path / "model")
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "ASSETS", tmp_path)
    words = ["run", "quality", "--model", str(tmp_path / "model"), "--num-images", "200", "--steps", "2,1"]
    monkeypatch.setattr(sys, "argv", words)
    run.main()
    assert (tmp_path / "quality.json").is_file()
    assert (tmp_path / "quality.svg").is_file()
    printed = capsys.readouterr().out
    assert all(f"| {row.title} | 1 |" in printed for row in SAMPLERS.values())
