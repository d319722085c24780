"""A weights store and the starter weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcn_plugin.weights.store import STARTER, WeightsStore


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    """An empty store whose folder does not exist yet."""
    return WeightsStore(tmp_path / "store")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The default weights in the package."""
    return WeightsStore(Path("nowhere")).path(STARTER)
