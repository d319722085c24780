"""Why frames are made again, as a user reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stcn_plugin.cache.manifest import Manifest, changes

BEFORE = Manifest("m.####.exr", {}, {}, {}, {}, {})


@pytest.mark.parametrize(
    ("key", "before", "now", "text"),
    [
        ("matte.grow", 0.0, -1.5, "matte.grow has changed from 0.0 to -1.5"),
        ("output.confidence", False, True, "output.confidence has changed from no to yes"),
        ("plate.window", [0, 0, 2, 2], [0, 0, 4, 4], "the format or the overscan of the plate has changed"),
        ("objects", ["hero"], ["hero", "ball"], "the objects have changed"),
        ("edge weights", "8a1", "97b", "the weights of the edge network have changed"),
        ("edge weights", None, "97b", "the weights of the edge network have changed"),
        ("weights.sha256", "8a1", "97b", "the weights file has changed"),
        ("colour.config", "a.ocio 100 17", "a.ocio 120 18", "the OCIO config has changed"),
    ],
)
def test_changes_of_inputs(key, before, now, text):
    """Settings are named with their values; other inputs are described."""
    old, new = ({key: value} for value in (before, now))
    [change] = changes(replace(BEFORE, propagation=old), replace(BEFORE, propagation=new))
    assert change.text == text
