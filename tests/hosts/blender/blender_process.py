"""Blender as a Python module, in separate processes."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSIDE = Path(__file__).parent / "inside"


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
            "PYTHONPATH": str(INSIDE),
            "TMPDIR": str(self.resources),
            **environment,
        }
        return subprocess.run(
            [str(self.python), str(INSIDE / "main.py"), str(script), str(file), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=env,
            timeout=600,
        )

    def install(self, extension: Path) -> None:
        """Install and enable the extension."""
        result = self.script(INSIDE / "install.py", extension)
        assert result.returncode == 0, result.stdout + result.stderr

    def run(self, script: str, folder: Path, **arguments: Any) -> dict[str, Any]:
        """Run a script of the folder ``inside`` with arguments; return its results."""
        results = folder / f"{script}.results.json"
        results.unlink(missing_ok=True)
        given = json.dumps({"folder": str(folder), **arguments})
        result = self.script(INSIDE / f"{script}.py", given, results)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Traceback" not in result.stderr, result.stderr
        return {**json.loads(results.read_text()), "stderr": result.stderr, "stdout": result.stdout}
