"""Paths as Nuke's knobs expect them, and default locations of a job's files."""

from __future__ import annotations

from pathlib import Path

from stcn_plugin.bridge.files import matte_folder, pattern_name


def forward(path: str) -> str:
    """Return a path with forward slashes, which Nuke expects on every system."""
    return path.replace("\\", "/")


def absolute(path: str) -> str:
    """Return an absolute path, so that script, shot file and worker all find the file."""
    return forward(str(Path(path).expanduser().absolute()))


def default_out(script: str, plate: str) -> str:
    """Return the default pattern of the mattes: next to the script, or in the home folder.

    Args:
        script: The script's file, empty if it was never saved.
        plate: Name of the plate's node.
    """
    folder = Path(script).absolute().parent if script else Path.home()
    return forward(str(folder / "mattes" / plate / f"{plate}.####.exr"))


def plate_pattern(out: str, node: str) -> str:
    """Return the pattern of a plate that is rendered from a node: next to the mattes.

    Args:
        out: Pattern of the mattes.
        node: Name of the node.
    """
    return forward(f"{matte_folder(out)}/plate/{pattern_name(out)}.{node}.####.exr")
