"""Metrics in model cards: as the Hub reads them, and in place of those that were there."""

import pytest
from huggingface_hub import ModelCard

from diffusion.errors import InputError
from tests.tiny import tiny_model
from tests.train.tiny_run import TINY
from train.config import RunConfig, TrainConfig
from train.output.model_card import command, model_card, parse_card, with_metrics
from train.presets import PRESETS

CARD = """---
license: mit
pipeline_tag: unconditional-image-generation
tags:
- diffusion
custom: kept
---

# Tiny

By hand.
"""
ROW = {"n": 5000, "accuracy": 0.995, "confidence": 0.99, "frechet_distance": 1.5}
RESULT = {
    "model": "runs/tiny/model",
    "dataset": "mnist",
    "sampler": "ddim",
    "steps": 20,
    "guidance_scale": 2.0,
    "seed": 0,
    "guidance_t_min": 0.25,
    "guidance_t_max": 1.0,
    "generated": ROW,
    "real": ROW | {"confidence": None},
}


def test_names_of_classes_mean_nothing_in_markdown(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    model = tiny_model(label_names=("a|b", "<img src=x>", "[x](y)", "`猫`", "all"), description="On folder:*.")
    training = TrainConfig(preset="tiny", dataset="folder:/home/me/a|b", steps=1, conditional=False)
    card = model_card(RunConfig(training=training, model=model.config), 1, 128, 1.0, None, 10, model, 1)
    row = next(line for line in card.splitlines() if line.startswith("| Labels"))
    assert row == r"| Labels | a\|b, \<img src=x\>, \[x\](y), \`猫\`, all |"
    assert r"folder:a\|b, 10 images" in card
    assert r"On folder:\*." in card
    assert "python -m train.run tiny --dataset 'folder:a|b' --steps 1 " in card
    assert " --unconditional\n" in card
    assert "/home/me" not in card
    assert ModelCard(card).data.tags


def test_the_command_names_models_on_the_hub_whole_and_of_paths_only_the_end(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    models = {"init_from": "hub:alice/digits@v1", "teacher": "hub:bob/teacher", "away_from": "/home/me/runs/weak/model"}
    training = TrainConfig(preset="tiny", dataset="folder:/home/me/pets", steps=1, times="0.4:0.25,1:0.75", **models)
    words = command(training).split()
    assert words[words.index("--init-from") + 1] == "hub:alice/digits@v1"
    assert words[words.index("--teacher") + 1] == "hub:bob/teacher"
    assert words[words.index("--away-from") + 1] == "weak/model"
    assert words[words.index("--dataset") + 1] == "folder:pets"
    assert words[words.index("--times") + 1] == "0.4:0.25,1:0.75"


def test_metrics_are_in_the_front_matter_and_in_a_table():
    text = with_metrics(CARD, "tiny", RESULT, "neighbours.png")
    card = ModelCard(text)
    assert card.data.model_name == "tiny"
    found = {each.metric_type: each.metric_value for each in card.data.eval_results}
    assert found == {"accuracy": 0.995, "confidence": 0.99, "frechet_distance": 1.5}
    assert {each.dataset_type for each in card.data.eval_results} == {"ylecun/mnist"}
    assert (card.data.license, card.data.custom) == ("mit", "kept")
    assert "runs/tiny" not in text
    assert "| mean confidence | 99.00% | - |\n" in text
    assert "By hand.\n\n## Metrics\n\n" in text
    assert "![](neighbours.png)" in text


def test_settings_are_described_but_for_those_that_change_nothing():
    assert "5,000 images: ddim, 20 steps, guidance scale 2, seed 0, guidance t min 0.25; beside 5,000 real ones" in (
        with_metrics(CARD, "tiny", RESULT)
    )


@pytest.mark.parametrize("heading", ["Metrics", "Figures"])  # the heading of earlier versions
def test_metrics_that_are_there_are_replaced(heading):
    old = with_metrics(CARD, "tiny", RESULT | {"generated": ROW | {"accuracy": 0.5}}).replace(
        "## Metrics", f"## {heading}"
    )
    assert "50.00%" in old
    assert with_metrics(old, "tiny", RESULT) == with_metrics(CARD, "tiny", RESULT)


@pytest.mark.parametrize(
    "card",
    ["# Tiny\n", "---\n---\n# Tiny\n", "---\n- a list\n---\n", "---\n{: no yaml\n---\n", f"---\n{'[' * 40_000}\n---\n"],
)
def test_a_card_without_front_matter_is_refused(card, capsys):
    with pytest.raises(InputError, match="has no front matter"):
        parse_card(card)
    assert not capsys.readouterr().err
