"""One run over two processes, as torchrun starts them."""

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
from stcn_plugin.training.distributed import joined_group
from stcn_plugin.training.run import train
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import STARTER, WeightsStore, builtin_files

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(configured):
    """The same samples, shared between them, and the gradients of all: the same losses and the same way of the weights.

    Samples have one to three objects. Sums are in another order, which AdamW makes large where a gradient is next to
    nothing: so the way that all weights went is compared, and not each weight by itself. The ways part by 0.4 % of
    their length, and by half of it where gradients are not shared.
    """
    settings = {
        "steps": {"total": 3},
        "optimiser": {"rate": 3e-5},
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
    learnt = [name for name, entry in start.items() if entry.is_floating_point() and "running" not in name]
    ways = [way(start, state(run), learnt) for run in (one, two)]
    assert float((ways[0] - ways[1]).norm()) < 0.02 * float(ways[0].norm())


def way(start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], names: Sequence[str]) -> torch.Tensor:
    """How far weights went, one after another."""
    return torch.cat([(end[name] - start[name].float()).flatten() for name in names])


@pytest.mark.parametrize(("device", "backend"), [("cpu", "gloo"), ("cuda", "nccl")])
def test_processes_talk_as_their_device_needs(device, backend, monkeypatch):
    """A run on the CPU does not talk by GPU because the machine has one."""
    begun, chosen = [], []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(distributed, "choose_device", torch.device)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **_: begun.append(backend))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with joined_group(4, device=device):
        assert begun == [backend]
    assert chosen == ([torch.device("cuda:1")] if device == "cuda" else [])


def test_samples_that_cannot_be_shared_evenly_are_refused(monkeypatch):
    """Before the processes have joined; the message names the setting and both numbers."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(TrainingError, match=r"steps\.batch: 3 samples cannot be shared evenly by 2 processes"),
        joined_group(3, device="cpu"),
    ):
        pass
