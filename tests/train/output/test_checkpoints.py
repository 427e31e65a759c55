"""Checkpoints of earlier versions, and those that do not fit."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from diffusion.errors import InputError
from train.optim.muon import Muon
from train.output.checkpoints import checkpoints, load_checkpoint, save_checkpoint
from train.output.run_directory import truncate_metrics


def new_network(width=8) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 40, 3), nn.SiLU(), nn.Conv2d(40, width, 1))


def step(network: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    optimizer.zero_grad()
    network(torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
    optimizer.step()


def modules(network: nn.Module) -> dict[str, nn.Module]:
    return {"network": network, "average": new_network()}


def test_muons_state_of_earlier_versions_is_loaded(tmp_path):
    """It was saved under other names, before AdamW's half was torch's own."""
    network = new_network()
    optimizer = Muon(network.named_parameters(), lr=0.1)
    step(network, optimizer, 1)
    save_checkpoint(tmp_path, modules(network), optimizer, {"step": 1})
    (path,) = checkpoints(tmp_path)
    old_names = {"exp_avg": "mean", "exp_avg_sq": "square"}
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    owners = [name.rpartition("|") for name in tensors]
    assert {key for _, _, key in owners} >= {"exp_avg", "exp_avg_sq", "step"}
    renamed = {f"{owner}{bar}{old_names.get(key, key)}": tensors[owner + bar + key] for owner, bar, key in owners}
    save_file(renamed, path, metadata={"state": json.dumps({"step": 1})})

    resumed = new_network()
    resumed_optimizer = Muon(resumed.named_parameters(), lr=0.1)
    assert load_checkpoint(tmp_path, modules(resumed), resumed_optimizer) == {"step": 1}
    for each in ((network, optimizer), (resumed, resumed_optimizer)):
        step(*each, 2)
    for weight, again in zip(network.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(weight, again)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    network = new_network()
    save_checkpoint(tmp_path, modules(network), Muon(network.named_parameters()), {"step": 0})
    other = new_network(width=9)
    with pytest.raises(InputError, match="does not fit the network"):
        load_checkpoint(tmp_path, modules(other), Muon(other.named_parameters()))


@pytest.mark.parametrize("name", ["optimizer.9.weight|exp_avg", "optimizer.0.weight"])
def test_a_checkpoint_of_another_optimiser_is_refused(name, tmp_path):
    network = new_network()
    save_checkpoint(tmp_path, modules(network), Muon(network.named_parameters()), {"step": 1})
    (path,) = checkpoints(tmp_path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors | {name: torch.zeros(1)}, path, metadata={"state": json.dumps({"step": 1})})
    with pytest.raises(InputError, match="does not fit the network"):
        load_checkpoint(tmp_path, modules(network), Muon(network.named_parameters()))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"state": "["},
        {"state": "[" * 40_000},
        {"state": "3"},
        {"state": "null"},
        {"state": "{}"},
        {"state": '{"step": "2"}'},
    ],
)
def test_before_a_checkpoint_without_its_state_there_is_another(tmp_path, metadata, capsys):
    network = new_network()
    optimizer = Muon(network.named_parameters())
    save_checkpoint(tmp_path, modules(network), optimizer, {"step": 1})
    save_file({"x": torch.zeros(1)}, tmp_path / "step-00000002.safetensors", metadata=metadata)
    assert load_checkpoint(tmp_path, modules(network), optimizer) == {"step": 1}
    assert "trying the one before it" in capsys.readouterr().err


DAMAGED = [
    b'{"step": 2, "lo',
    b"\xff\xfe\n",
    b"[]\n",
    b'{"a": 1}\n',
    b'{"step": null}\n',
    b"\0" * 9,
    b"[" * 40_000 + b"\n",
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_metrics_are_kept_up_to_where_they_are_damaged(tmp_path, damage):
    good = b'{"step": 1}\n'
    (tmp_path / "metrics.jsonl").write_bytes(good + damage + b'{"step": 2}\n')
    truncate_metrics(tmp_path / "metrics.jsonl", 5)
    assert (tmp_path / "metrics.jsonl").read_bytes() == good
