"""The benchmark of quality, on a model of noise: its rows, its table, its plot, and what the command writes."""

import json
import sys
from xml.etree import ElementTree

import pytest

from benchmarks import quality, run
from diffusion import SAMPLERS
from tests.tiny import tiny_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    tiny_model(image_size=28).save(path)
    return quality.measure(str(path), num_images=200, steps=[1, 3], samplers=["ddim", "heun"])


def test_there_is_a_row_for_each_sampler_and_number_of_steps(results):
    rows = {(row["sampler"], row["steps"]): row["evaluations"] for row in results["rows"]}
    assert rows == {("ddim", 1): 1, ("ddim", 3): 3, ("heun", 1): 1, ("heun", 3): 5}
    for row in results["rows"]:
        assert row["frechet_distance"] > 10 * results["real"]["frechet_distance"]  # the model samples noise
        assert row["accuracy"] < 0.5 < results["real"]["accuracy"]
        assert row["seconds"] > 0
    assert results["real"]["n"] == 500


def test_the_table_has_them(results):
    table = quality.report(results)
    assert table.count("| DDIM |") == table.count("| Heun |") == 2
    assert f"{results['rows'][0]['frechet_distance']:.2f} |" in table


def test_the_plot_names_the_samplers(results, tmp_path):
    path = tmp_path / "quality.svg"
    quality.plot(results, path)
    words = "".join(ElementTree.parse(path).getroot().itertext())
    for word in ("DDIM", "Heun", "real digits", "class accuracy", "Fréchet distance", "seconds for 16 digits"):
        assert word in words


def test_the_command_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    tiny_model(image_size=28).save(tmp_path / "model")
    for name, path in {"RESULTS": tmp_path, "ASSETS": tmp_path, "PAGE": tmp_path / "docs" / "benchmarks.md"}.items():
        monkeypatch.setattr(run, name, path)
    words = ["run", "quality", "--model", str(tmp_path / "model"), "--num-images", "200", "--steps", "2,1"]
    monkeypatch.setattr(sys, "argv", words)
    run.main()
    assert (tmp_path / "quality.svg").is_file()
    rows = json.loads((tmp_path / "quality.json").read_text())["rows"]
    assert {(row["sampler"], row["steps"]) for row in rows} == {(name, steps) for name in SAMPLERS for steps in (1, 2)}
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert f"`python -m benchmarks.run {' '.join(words[1:])}`" in page
    for text in (capsys.readouterr().out, page):
        assert all(f"| {row.title} | 1 |" in text for row in SAMPLERS.values())
