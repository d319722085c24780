"""Runs of a few short steps: their configuration, their command, and what they left behind."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml


@dataclass(frozen=True)
class Footage:
    """Folders to train on: three clips of six frames, `pair` with two objects, and three stills of one object each."""

    clips: Path
    stills: Path


def write_configuration(folder: Path, footage: Footage, name: str = "run", **settings: object) -> Path:
    """Write the configuration of a run of six steps into ``folder/NAME``, with settings of its own."""
    said: dict[str, Any] = {
        "start": "starter",
        "out": name,
        "seed": 3,
        "checkpoint_every": 2,
        "data": {
            "clips": [{"folder": str(footage.clips), "licence": "CC0"}],
            "stills": [{"folder": str(footage.stills), "licence": "drawn for the test"}],
            "lines": 96,
        },
        "steps": {"total": 6, "batch": 2, "crop": [48, 64], "gap": [2], "hardest": [1.0, 0.5]},
        "optimiser": {"warm_up": 2},
        "compute": {"device": "cpu", "precision": "float32", "workers": 0},
    }
    for key, value in settings.items():
        before = said.get(key)
        said[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
    return file


def stcn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "stcn_plugin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def curve(run: Path) -> list[tuple[float, ...]]:
    """The numbers of each step of a run but its times: step, loss, overlap and rate."""
    with (run / "steps.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [tuple(float(row[name]) for name in ("step", "loss", "overlap", "rate")) for row in rows]


def state(run: Path) -> dict[str, torch.Tensor]:
    """The network of a run's checkpoint."""
    return torch.load(run / "checkpoint.pt", weights_only=True)["network"]
