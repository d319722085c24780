"""Matching the frames of a job with their nearest keyframes."""

from __future__ import annotations

from collections import OrderedDict
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.job.edges import edge_sources
from stcn_plugin.job.job import Job
from stcn_plugin.job.keyframes import shrink
from stcn_plugin.job.stabiliser import Canvas, PropagatedFrame
from stcn_plugin.matte.keyframe_match import match_keyframe
from stcn_plugin.matte.sight import Moment
from stcn_plugin.matte.views import add_enlarged, closest
from stcn_plugin.media.plates import PlateFrame
from stcn_plugin.window import Window

_KEPT = 2
"""Plates of keyframes that are kept: those before and after a frame."""


@final
class KeyframeMatch:
    """Takes alpha from keyframes to the frames around them.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._plates: OrderedDict[int, PlateFrame] = OrderedDict()
        self._images: dict[tuple[int, Canvas], NDArray[np.float32]] = {}

    def apply(self, own: Tensor, now: PropagatedFrame) -> None:
        """Move the probabilities of a frame towards the alpha of the nearest keyframe of each object.

        Args:
            own: ``(O, H, W)``, enlarged to the plate. Changed in place.
            now: The frame.

        Raises:
            PlateError: The plate of a keyframe cannot be read.
        """
        groups = self._groups(now)
        self._images = {key: image for key, image in self._images.items() if key in groups}
        for (at, canvas), names in groups.items():
            window, size = canvas
            whole = Window(0, 0, self._job.window.width, self._job.window.height)
            planes = {name: own[self._job.objects.index(name)] for name in names}
            visible = window.slices_in(whole)
            mattes = {name: _shrunk(plane[visible].numpy(), size) for name, plane in planes.items()}
            drawn = {name: _shrunk(self._job.keyframes[at][name].unpack()[visible], size) for name in names}
            moment = Moment(now.plate(window, size), mattes)
            for name, matte in match_keyframe(moment, Moment(self._image(at, canvas), drawn), names).items():
                add_enlarged(planes[name], matte - mattes[name], window)
                planes[name].clamp_(0, 1)

    def _groups(self, now: PropagatedFrame) -> dict[tuple[int, Canvas], list[str]]:
        """Return the objects that share their nearest keyframe and their closest view."""
        found: dict[tuple[int, Canvas], list[str]] = {}
        for name, at in edge_sources(self._job, now.index).items():
            view = closest(now.passes, name)
            if view and at != now.index and name not in self._job.covered.get(at, {}):
                height, width = view.planes[name].shape
                found.setdefault((at, (view.window, (height, width))), []).append(name)
        return found

    def _image(self, index: int, canvas: Canvas) -> NDArray[np.float32]:
        """Return a window of the plate of a keyframe."""
        if index not in self._plates:
            self._plates[index] = self._job.plates.read(self._job.frames[index])
        self._plates.move_to_end(index)
        while len(self._plates) > _KEPT:
            self._plates.popitem(last=False)
        if (index, canvas) not in self._images:
            window, size = canvas
            placed = Window(self._job.window.x + window.x, self._job.window.y + window.y, window.width, window.height)
            self._images[index, canvas] = self._plates[index].image(placed, size)
        return self._images[index, canvas]


def _shrunk(matte: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return shrink(np.ascontiguousarray(matte), size, torch.device("cpu")).numpy()
