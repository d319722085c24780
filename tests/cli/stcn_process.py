"""The command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STCN = [sys.executable, "-m", "stcn_plugin"]


def stcn(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    return subprocess.run(
        [*STCN, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}
    )
