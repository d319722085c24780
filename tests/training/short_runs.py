"""Helpers for short runs: configuration, command and results."""

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
    """Training data: three clips of six frames (`pair` has two objects) and three stills of one object."""

    clips: Path
    stills: Path


def write_configuration(folder: Path, footage: Footage, name: str = "run", **settings: object) -> Path:
    """Write ``folder/NAME.yaml``, the configuration of a run of six steps, with the given settings."""
    configuration: dict[str, Any] = {
        "init_weights": "starter",
        "out": name,
        "seed": 3,
        "checkpoint_every": 2,
        "data": {
            "clips": [{"folder": str(footage.clips), "licence": "CC0"}],
            "stills": [{"folder": str(footage.stills), "licence": "drawn for the test"}],
            "short_side": 96,
        },
        "steps": {
            "total": 6,
            "batch_size": 2,
            "crop_size": [48, 64],
            "frame_gap": [2],
            "bootstrap_fraction": [1.0, 0.5],
        },
        "optimiser": {"warmup_steps": 2},
        "compute": {"device": "cpu", "precision": "float32", "workers": 0},
    }
    for key, value in settings.items():
        default = configuration.get(key)
        if isinstance(default, dict) and isinstance(value, dict):
            configuration[key] = {**default, **value}
        else:
            configuration[key] = value
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(configuration, sort_keys=False), "utf-8")
    return file


def stcn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``stcn`` with these arguments."""
    command = [sys.executable, "-m", "stcn_plugin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def curve(run: Path) -> list[tuple[float, ...]]:
    """The rows of ``steps.csv`` without times: step, loss, IoU and learning rate."""
    with (run / "steps.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [tuple(float(row[name]) for name in ("step", "loss", "iou", "learning_rate")) for row in rows]


def state(run: Path) -> dict[str, torch.Tensor]:
    """The state dict of the network in the checkpoint of a run."""
    return torch.load(run / "checkpoint.pt", weights_only=True)["network"]
