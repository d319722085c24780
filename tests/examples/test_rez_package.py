"""The rez package builds, and its environment has the command line and the plugins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stcn_plugin import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "rez"


def test_its_version_is_that_of_the_package():
    assert f'version = "{__version__}"' in (PACKAGE / "package.py").read_text("utf-8")


def test_the_build_needs_the_python_of_stcn_plugin():
    """The message says what to set."""
    environment = {name: value for name, value in os.environ.items() if name != "STCN_PYTHON"}
    result = subprocess.run(
        [sys.executable, PACKAGE / "build.py", "install"], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 1
    assert "STCN_PYTHON" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("rez-build") is None, reason="rez is not on PATH")
def test_the_environment_has_the_tools(tmp_path):
    """Built by rez, resolved by rez: stcn runs, NUKE_PATH has the plugin, and Blender's extension is there."""
    source = shutil.copytree(PACKAGE, tmp_path / "source")
    config = tmp_path / "rezconfig.py"
    packages = tmp_path / "packages"
    config.write_text(f"packages_path = [{str(packages)!r}]\nlocal_packages_path = {str(packages)!r}\n")
    environment = {**os.environ, "REZ_CONFIG_FILE": str(config), "STCN_PYTHON": sys.executable}
    built = subprocess.run(
        ["rez-build", "--install"], cwd=source, capture_output=True, text=True, env=environment, timeout=300
    )
    assert built.returncode == 0, built.stdout + built.stderr
    command = 'stcn --version; echo "$NUKE_PATH"; echo "$STCN_NUKE_BATCH"; echo "$STCN_BLENDER_EXTENSION"'
    found = subprocess.run(
        ["rez-env", "stcn_plugin", "-c", command], capture_output=True, text=True, env=environment, timeout=300
    )
    assert found.returncode == 0, found.stdout + found.stderr
    version, nuke, batch, blender = found.stdout.splitlines()[-4:]
    root = packages / "stcn_plugin" / __version__
    assert version == f"stcn, version {__version__}"
    assert nuke == str(root / "nuke")
    assert (Path(nuke) / "init.py").is_file()
    assert Path(batch).is_file()
    assert Path(blender) == root / "blender" / "stcn.zip"
    assert Path(blender).is_file()
