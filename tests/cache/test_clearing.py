"""Finding cache folders."""

from __future__ import annotations

import pytest

from stcn_plugin.cache.clearing import caches_below, clear


def test_every_cache_that_is_found_can_be_cleared(tmp_path):
    """A folder that is named like the suffix alone is not a cache."""
    for name in (".stcn-cache", "a/m.exr.stcn-cache", "b/.stcn-cache/n.exr.stcn-cache"):
        (tmp_path / name).mkdir(parents=True)
    found = list(caches_below(tmp_path, on_error=pytest.fail))
    assert [str(cache.path.relative_to(tmp_path)) for cache in found] == [
        "a/m.exr.stcn-cache",
        "b/.stcn-cache/n.exr.stcn-cache",
    ]
    assert [clear(cache) for cache in found] == [0, 0]
