"""Settings of such runs, what they have written, and what happens within them."""

import json
from pathlib import Path

from tests.train.tiny_run import TINY
from train.optim.ema import PowerFunctionEMA

OTHER_TASKS = {  # settings for ``start``
    "super-resolution": {
        "model": {
            "network": TINY["model"]["network"] | {"low_res": "bilinear"},
            "low_res_size": 2,
            "label_names": (),
        },
        "conditional": False,
    },
    "classifier": {
        "model": {
            "network": TINY["model"]["network"]
            | {"kind": "unet_encoder", "pool_size": 8, "head_channels": 8, "resample": "residual"},
            "sampling": {},
        },
        "loss": "cross_entropy",
        "label_dropout": 0.0,
    },
}


def metrics(run_dir: Path, *names: str) -> list[tuple]:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [tuple(line[name] for name in names) for line in lines]


def after(monkeypatch, step: int, do) -> None:
    """Call ``do`` once, during a step."""
    update, done = PowerFunctionEMA.update, []

    def updated(self, number):
        update(self, number)
        if number == step and not done:
            done.append(do())

    monkeypatch.setattr(PowerFunctionEMA, "update", updated)
