"""The plate, along whose motion flicker is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import MatteError, MissingFrameError
from stcn_plugin.evaluation.flicker import reduced_size
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence

PlateImages = Callable[[int, tuple[int, int]], NDArray[np.float32]]
"""Returns a frame of the plate for mattes of ``(H, W)``: display-referred, ``(h, w, 3)`` at their `reduced_size`."""


def plate_images(sequence: FrameSequence) -> PlateImages:
    """Return the images of a plate, in the colour space that its files state.

    Args:
        sequence: Files of the plate.

    Raises:
        MissingFrameError: There are none.
    """
    if not sequence.frames_on_disk():
        fix = sequence.suggestion() or "Check the path of the plate"
        raise MissingFrameError("no frame of the plate is on disk", where=sequence.pattern, fix=fix)
    reader = PlateReader(sequence, files=OpenImageIOPlates(), colour=ColourTransform())

    def image(frame: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        try:
            display = reader.header(frame).display
        except MissingFrameError as error:
            fix = "Render the frame, or leave it out with --skip"
            raise MissingFrameError(error.what, where=error.where, fix=fix) from None
        if display.shape != shape:
            what = f"the plate is {display.width}x{display.height}, but the mattes are {shape[1]}x{shape[0]}"
            raise MatteError(what, where=f"{reader.file(frame)}", fix="Give the plate that the mattes are for")
        return reader.read(frame).image(display, reduced_size(shape))

    return image
