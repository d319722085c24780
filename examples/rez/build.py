"""Fills the rez package from an installation of stcn_plugin, whose Python ``STCN_PYTHON`` names."""

import os
import shlex
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Build; return the exit code."""
    python = os.environ.get("STCN_PYTHON")
    if not python:
        print("Set STCN_PYTHON to the Python of the virtual environment that has stcn_plugin.", file=sys.stderr)
        return 1
    if "install" not in sys.argv[1:]:
        return 0  # there is nothing to compile
    package = Path(os.environ["REZ_BUILD_INSTALL_PATH"])
    stcn = [python, "-m", "stcn_plugin"]
    (package / "blender").mkdir(parents=True, exist_ok=True)
    subprocess.run([*stcn, "install", "nuke", "--dir", package / "nuke"], check=True)
    subprocess.run([*stcn, "install", "blender", "--zip", package / "blender" / "stcn.zip"], check=True)
    script = package / "bin" / "stcn"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.join(stcn)} "$@"\n')
    script.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
