"""Helpers of the tests of the Nuke plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

HERE = Path(__file__).parent
PLUGIN = HERE.parents[2] / "hosts" / "nuke"
STAND_IN = HERE / "stand_in"


def pixels_of(path: Path | str) -> tuple[np.ndarray, oiio.ImageSpec]:
    """Return the pixels and the header of a file."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    spec = source.spec()
    data = source.read_image("float")
    source.close()
    assert data is not None, source.geterror()
    return data, spec
