"""Footage of discs and squares to train on, and configurations of short runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from training.drawn import disc, laid, save, save_clip, save_pair, square, texture


@dataclass(frozen=True)
class Footage:
    """Folders to train on: three clips of six frames, `pair` with two objects, and three stills of one object each."""

    clips: Path
    stills: Path


@pytest.fixture(scope="session")
def footage(tmp_path_factory) -> Footage:
    folder = tmp_path_factory.mktemp("footage")
    save_clip(folder / "clips" / "ball", frames=6, seed=1, colour=(0.9, 0.2, 0.1))
    save_clip(folder / "clips" / "moon", frames=6, seed=2, colour=(0.9, 0.9, 0.5), first=11)
    save_pair(folder / "clips" / "pair", frames=6)
    for number, mask in enumerate([square(30, 20, 40), disc((60, 50), 25), square(50, 40, 30)]):
        save(folder / "stills", f"still_{number}", laid(mask, texture(20 + number), texture(10 + number)), mask)
    return Footage(folder / "clips", folder / "stills")


@pytest.fixture
def configured(footage, tmp_path) -> Callable[..., Path]:
    """Write the configuration of a run of six short steps, with settings of its own."""

    def write(name: str = "run", **settings: object) -> Path:
        said = {
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
            said[key] = {**said[key], **value} if isinstance(said.get(key), dict) else value
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
        return file

    return write
