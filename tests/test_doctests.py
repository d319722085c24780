"""The examples in docstrings are correct."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "hosts" / "nuke", ROOT)
"""The folders that modules are imported from; the first match is used."""
MODULES = [
    path
    for folder in ("stcn_plugin", "hosts")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


def test_there_are_examples():
    """The search finds the modules that have examples."""
    assert ROOT / "stcn_plugin" / "frames.py" in MODULES
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_are_correct(path):
    """Each module runs in a new process; modules of a host get an empty module in place of the host."""
    folder = next(folder for folder in FOLDERS if path.is_relative_to(folder))
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    program = (
        "import doctest, importlib, sys, types\n"
        "sys.modules.setdefault('nuke', types.ModuleType('nuke'))\n"
        f"result = doctest.testmod(importlib.import_module({name!r}))\n"
        "sys.exit(0 if result.attempted and not result.failed else 1)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
