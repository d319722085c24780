"""The job type for Flamenco 3, a script that is part of the package."""

from __future__ import annotations

from pathlib import Path

from stcn_plugin.atomic import Outputs

SCRIPT = Path(__file__).parent / "flamenco" / "stcn_propagate.js"
"""The job type; Flamenco names it ``stcn-propagate``, after the file."""


def write_flamenco_job_type(folder: Path) -> Path:
    """Write the job type to Flamenco Manager's folder ``scripts``, and return its file.

    Raises:
        OutputError: The file cannot be written.
    """
    file = folder.absolute() / SCRIPT.name
    Outputs().write(file, SCRIPT.read_bytes())
    return file
