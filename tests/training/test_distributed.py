"""Distributed training with torchrun."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from training.short_runs import curve, state

from stcn_plugin.errors import TrainingError
from stcn_plugin.training import distributed
from stcn_plugin.training.config import load_training_config
from stcn_plugin.training.distributed import process_group
from stcn_plugin.training.run import train
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(configured):
    """Same samples, same losses and same change of the weights.

    Summation order differs, and AdamW amplifies the difference where gradients are almost zero. Therefore the change of
    all weights is compared as one vector. It differs by 0.4 % of its length, and by half of its length if gradients are
    not averaged.
    """
    settings = {
        "steps": {"total": 3},
        "optimiser": {"learning_rate": 3e-5},
    }
    alone, shared = (configured(name, **settings) for name in ("alone", "shared"))
    train(load_training_config(alone), store=WeightsStore())
    command = [*TORCHRUN, "-m", "stcn_plugin", "train", str(shared)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("weights.safetensors: 3 steps in") == 1
    one, two = alone.parent / "alone", shared.parent / "shared"
    np.testing.assert_allclose(curve(two), curve(one), rtol=3e-4)
    start = read_weights(builtin_files()[STARTER]).state
    trained = [name for name, entry in start.items() if entry.is_floating_point() and "running" not in name]
    changes = [change(start, state(run), trained) for run in (one, two)]
    assert float((changes[0] - changes[1]).norm()) < 0.02 * float(changes[0].norm())


def change(start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], names: Sequence[str]) -> torch.Tensor:
    """The change of all weights as one vector."""
    return torch.cat([(end[name] - start[name].float()).flatten() for name in names])


@pytest.mark.parametrize(("device", "backend"), [("cpu", "gloo"), ("cuda", "nccl")])
def test_the_backend_follows_the_configured_device(device, backend, monkeypatch):
    """A run on the CPU uses gloo even if the machine has a GPU."""
    backends, chosen = [], []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(distributed, "choose_device", torch.device)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **_: backends.append(backend))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with process_group(4, device=device):
        assert backends == [backend]
    assert chosen == ([torch.device("cuda:1")] if device == "cuda" else [])


def test_a_batch_size_that_is_not_divisible_is_an_error(monkeypatch):
    """The message names the setting and both numbers."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(TrainingError, match=r"steps\.batch_size: 3 samples cannot be divided evenly among 2 processes"),
        process_group(3, device="cpu"),
    ):
        pass
