"""The flicker of the mattes on disk, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.evaluation.unsteadiness import LINES, Moment, unsteadiness
from stcn_plugin.media.pixels import resized


class FlickerMeter:
    """Measures flicker from frames that are added in order."""

    def __init__(self) -> None:
        self._last: deque[Moment | None] = deque(maxlen=3)
        self._found: dict[int, Mapping[str, float]] = {}

    def add(self, index: int, moment: Moment | None) -> None:
        """Measure the frame before this one.

        Args:
            index: Index of the frame.
            moment: Its plate and mattes; ``None`` if they cannot be read.
        """
        self._last.append(moment)
        before, now, after = (None, None, *self._last)[-3:]
        if before is not None and now is not None and after is not None:
            self._found[index - 1] = unsteadiness(before, now, after)

    def of(self, name: str) -> dict[int, float]:
        """Return index to flicker of an object, 0 to 1."""
        return {index: values[name] for index, values in self._found.items() if name in values}


def moment_of(plate: NDArray[np.float32], mattes: Mapping[str, Matte]) -> Moment:
    """Return what flicker is measured in.

    Args:
        plate: ``(h, w, 3)`` display-referred.
        mattes: Object name to its matte, of any size.
    """
    height, width = plate.shape[:2]
    lines = min(LINES, height)
    size = lines, max(1, round(width * lines / height))
    small = np.stack([resized(plate[..., channel], size) for channel in range(plate.shape[2])], -1)
    return Moment(small, {name: resized(matte, size) for name, matte in mattes.items()})
