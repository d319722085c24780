"""Helpers of the tests of the Nuke plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

HERE = Path(__file__).parent
PLUGIN = HERE.parents[2] / "hosts" / "nuke"
STAND_IN = HERE / "stand_in"

FRAMES = range(1001, 1009)
WIDTH, HEIGHT = 96, 64
"""Of the plate with two discs."""


def pixels_of(path: Path | str) -> tuple[np.ndarray, oiio.ImageSpec]:
    """Return the pixels and the header of a file."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    spec = source.spec()
    data = source.read_image("float")
    source.close()
    assert data is not None, source.geterror()
    return data, spec


def bare_environment(**more: str) -> dict[str, str]:
    """Return what Nuke's process has: the stand-in, and nothing else of Python's; OpenImageIO for the stand-in alone."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(STAND_IN),
        "NUKE_STAND_IN_LIBRARIES": str(Path(oiio.__file__).parents[1]),
        **more,
    }
