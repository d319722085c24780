"""Fixtures: footage of discs and squares, and short runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from training.drawn import disc, laid, save, save_clip, save_pair, square, texture
from training.short_runs import Footage, write_configuration

from stcn_plugin.training.config import load_training_config
from stcn_plugin.training.reports import Watcher
from stcn_plugin.training.run import TrainingResult, train
from stcn_plugin.weights.store import WeightsStore


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
    """Return `write_configuration` for the temporary folder."""
    return partial(write_configuration, tmp_path, footage)


@pytest.fixture
def trained(tmp_path) -> Callable[..., TrainingResult]:
    """Train from a configuration file, with overrides and callbacks."""

    def call(file: Path, *, overrides=(), **callbacks) -> TrainingResult:
        config = load_training_config(file, overrides=overrides)
        return train(config, store=WeightsStore(tmp_path / "store"), watcher=Watcher(**callbacks))

    return call
