"""Blender as a Python module, in separate processes, with the extension installed; and a small shot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blender_shot import COUNT, FIRST, disc, write_exr

from stcn_plugin.install.blender import build_extension

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@dataclass(frozen=True)
class Blender:
    """A Python that has bpy, with its own folder for Blender's user files."""

    python: Path
    resources: Path

    def script(
        self, script: Path, *arguments: object, file: Path | str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script in it as ``blender -b FILE --python-exit-code 3 -P SCRIPT -- ARGUMENTS`` would."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env |= {
            "BLENDER_USER_RESOURCES": str(self.resources),
            "PYTHONPATH": str(HERE / "inside"),
            "TMPDIR": str(self.resources),
            **environment,
        }
        return subprocess.run(
            [str(self.python), str(HERE / "inside" / "main.py"), str(script), str(file), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=env,
            timeout=600,
        )

    def run(self, script: str, folder: Path, **arguments: Any) -> dict[str, Any]:
        """Run a script of the folder ``inside`` with arguments; return its results."""
        results = folder / f"{script}.results.json"
        results.unlink(missing_ok=True)
        given = json.dumps({"folder": str(folder), **arguments})
        result = self.script(HERE / "inside" / f"{script}.py", given, results)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Traceback" not in result.stderr, result.stderr
        return {**json.loads(results.read_text()), "stderr": result.stderr, "stdout": result.stdout}


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory) -> Path:
    return build_extension(tmp_path_factory.mktemp("zip"), python=sys.executable)


@pytest.fixture(scope="session")
def blender(blender_python, tmp_path_factory, extension_zip) -> Blender:
    blender = Blender(blender_python, tmp_path_factory.mktemp("resources"))
    result = blender.script(HERE / "inside" / "install.py", extension_zip)
    assert result.returncode == 0, result.stdout + result.stderr
    return blender


@pytest.fixture(scope="session")
def extension() -> Path:
    """The extension's source."""
    return ROOT / "hosts" / "blender" / "extension"


@pytest.fixture(scope="session")
def plates(tmp_path_factory) -> Path:
    """A plate of half-float EXR; returns its first file."""
    rng = np.random.default_rng(7)
    ground = np.kron(rng.random((12, 20, 3)), np.ones((8, 8, 1))).astype(np.float32) * 0.3
    folder = tmp_path_factory.mktemp("plates")
    for frame in range(FIRST, FIRST + COUNT):
        coverage = disc(frame)[..., np.newaxis]
        write_exr(folder / f"sh010.{frame}.exr", ground * (1 - coverage) + coverage * np.float32([0.9, 0.5, 0.1]))
    return folder / f"sh010.{FIRST}.exr"
