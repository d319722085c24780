"""Blender's window stays usable while a job runs, and only Cancel stops the job. Needs Blender and an X server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pluggy
import pytest

import stcn_plugin
from stcn_plugin.bridge.launch import without_python

pytestmark = pytest.mark.slow

PROGRAMS = ("blender", "xvfb-run")
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)}")
def test_a_job_runs_in_the_background_until_it_is_cancelled(tmp_path, extension):
    """ESC does not stop the job; the Cancel button does, within frames. Jobs that are started meanwhile wait for it."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    (site / "stcn_plugin").symlink_to(Path(stcn_plugin.__file__).parent)
    script = Path(__file__).parent / "inside" / "modal.py"
    shot = ROOT / "examples" / "shot"
    display = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24"]
    blender = ["blender", "--factory-startup", "--enable-event-simulate", "-P", str(script), "--"]
    result = subprocess.run(
        [*display, *blender, *map(str, (site, extension, shot, tmp_path, sys.executable))],
        capture_output=True,
        text=True,
        timeout=600,
        env={**without_python(os.environ), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    assert (tmp_path / "results.json").is_file(), result.stdout + result.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert "error" not in results, results["error"]
    assert results["ends"] == ["4 frames (1001-1004) of hare, koi", "Cancelled"]
    assert results["is_running_at_escape"]
    assert results["ticks"] > 20
    assert results["done"] < 40
    assert results["nodes"].count("CompositorNodeImage") == 2
    assert results["nodes"].count("CompositorNodeSetAlpha") == 2
    assert results["nodes_after"] == results["nodes"]
    assert results["queue"] == [True, True]
    assert results["seen"] == ["Waiting for 1 other job"]
    assert results["files"] == [f"{name}.{frame}.exr" for name in ("one", "two") for frame in (1001, 1002)]
    assert results["shot_file"] == str(tmp_path / "mattes" / "matte.stcn.yaml")
