"""Paths in the home folder of a user who does not exist."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from stcn_plugin.cli import stcn
from stcn_plugin.errors import STCNError


@pytest.mark.parametrize(
    "arguments",
    [
        ["install", "nuke", "--dir", "{}"],
        ["install", "krita", "--dir", "{}"],
        ["uninstall", "krita", "--dir", "{}"],
        ["install", "krita", "--python", "{}"],
        ["install", "blender", "--zip", "{}"],
        ["install", "blender", "--blender", "{}"],
        ["weights", "list", "--store", "{}"],
        ["presets", "show", "{}.yaml"],
        ["presets", "show", "default", "--set", "weights={}.safetensors"],
        ["presets", "show", "default", "--set", "colour.config={}"],
        ["propagate", "--plate", "p.####.exr", "--keyframe", "1=k.exr", "--out", "{}.####.exr"],
        ["evaluate", "{}.####.exr", "{}.####.exr"],
    ],
)
def test_unknown_home_folder(arguments, tmp_path, monkeypatch):
    """It is named, and nothing is written to a folder of that name."""
    monkeypatch.chdir(tmp_path)
    given = [each.format("~nobody-by-that-name/x") for each in arguments]
    with pytest.raises(STCNError, match="there is no such home folder") as caught:
        CliRunner().invoke(stcn, given, catch_exceptions=False, standalone_mode=False)
    assert "~nobody-by-that-name/x" in caught.value.where
    assert list(tmp_path.iterdir()) == []
