"""Blender as a Python module, in processes of its own, with the extension installed; and a small shot to work on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blender_shot import COUNT, FIRST, disc, write_exr

from stcn_plugin.install.blender import build_extension

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
VARIABLE = "STCN_TEST_BLENDER_PYTHONS"
NAMED = [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
FROM_PIP = "bpy==4.5.*"


@dataclass(frozen=True)
class Blender:
    """A Python that has bpy, and folders of its own for what Blender keeps."""

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
        """Run a script of the folder ``inside`` with arguments; return what it tells."""
        answer = folder / f"{script}.answer.json"
        answer.unlink(missing_ok=True)
        said = json.dumps({"folder": str(folder), **arguments})
        result = self.script(HERE / "inside" / f"{script}.py", said, answer)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Traceback" not in result.stderr, result.stderr
        return {**json.loads(answer.read_text()), "stderr": result.stderr, "stdout": result.stdout}


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory) -> Path:
    return build_extension(tmp_path_factory.mktemp("zip"), python=sys.executable)


@pytest.fixture(scope="session", params=NAMED or [None], ids=lambda path: path.parents[1].name if path else "pip")
def blender(request, tmp_path_factory, extension_zip) -> Blender:
    fetched = tmp_path_factory.mktemp("bpy")
    request.addfinalizer(lambda: shutil.rmtree(fetched))  # a gigabyte
    python = request.param or _from_pip(fetched)
    found = subprocess.run([str(python), "-c", "import bpy"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"{python} cannot load bpy: {found.stderr.strip().splitlines()[-1:]}")
    blender = Blender(python, tmp_path_factory.mktemp("resources"))
    result = blender.script(HERE / "inside" / "install.py", extension_zip)
    assert result.returncode == 0, result.stdout + result.stderr
    return blender


def _from_pip(folder: Path) -> Path:
    """Make a virtual environment with Blender as a module; it pins other packages than ours."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip(f"{FROM_PIP} needs Python 3.11; name Pythons that have bpy in {VARIABLE}")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    result = subprocess.run([str(python), "-m", "pip", "install", "-q", FROM_PIP], capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"pip cannot get {FROM_PIP}: {result.stderr.strip().splitlines()[-1:]}")
    return python


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
