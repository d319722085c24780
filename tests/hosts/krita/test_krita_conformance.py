"""The plugin in Krita passes the check of hosts."""

from __future__ import annotations

import sys

import pytest

from stcn_plugin.bridge.conformance import SCENARIOS
from stcn_plugin.cli.hosts import _difference

pytestmark = pytest.mark.slow


def test_krita_passes(krita, tmp_path):
    """In every scenario; the keyframes are what was painted."""
    results = krita.run("conformance", tmp_path, worker=sys.executable)
    assert results["findings"] == {name: [] for name in SCENARIOS}
    drawn = tmp_path / "check" / "update" / "drawn"
    for frame in (1001, 1004):
        matte = tmp_path / "check" / "update" / "mattes" / f"trial.hero.{frame}.exr"
        assert _difference(str(matte), "hero", str(drawn / f"0.{frame}.png")) < 0.002
