"""The stabiliser of a job: brings a frame and its neighbours to one window and size, and applies what changes to the plate's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.bridge.report import FlickerSummary
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.job import Job
from stcn_plugin.job.keyframes import shrink
from stcn_plugin.matte.sight import Moment
from stcn_plugin.matte.stabiliser import Steadied, stabilise
from stcn_plugin.matte.views import Views, add_enlarged, blend, closest
from stcn_plugin.window import Window

Canvas = tuple[Window, tuple[int, int]]
"""A part of the plate, and the height and width of its image."""

PlateImage = Callable[[Window, tuple[int, int]], NDArray[np.float32]]
"""Returns a window of a plate, ``(h, w, 3)`` display-referred in 0-1."""


@dataclass(frozen=True, eq=False)
class PropagatedFrame:
    """A frame with what the passes found on it.

    Args:
        index: Its index.
        plate: Its plate. Windows are in plate pixels from the corner of the window that is propagated.
        passes: What each pass found, and the weight of each object in it; none on a keyframe of another segment.
    """

    index: int
    plate: PlateImage
    passes: Sequence[tuple[Views, Mapping[str, float]]]


@final
class JobStabiliser:
    """Takes flicker out of the mattes of a job.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._settings = {
            name: matte.stabilise
            for name, matte in zip(job.objects, job.matte_settings, strict=True)
            if matte.stabilise not in ("off", 0)
        }
        self._found: dict[str, list[Steadied]] = {}

    @property
    def is_needed(self) -> bool:
        """Whether any object is stabilised."""
        return bool(self._settings)

    def steady(self, own: Tensor, now: PropagatedFrame, others: Sequence[PropagatedFrame]) -> None:
        """Stabilise the probabilities of a frame.

        Args:
            own: ``(O, H, W)``, enlarged to the plate. Changed in place.
            now: The frame.
            others: The frames before and after it.
        """
        artist = self._artist(now.index)
        for canvas, names in self._canvases(now, artist).items():
            window, size = canvas
            moment = Moment(now.plate(window, size), self._mattes(now, canvas, names))
            around = [
                Moment(other.plate(window, size), mattes)
                for other in others
                if (mattes := self._mattes(other, canvas, names))
            ]
            for name, steadied in stabilise(moment, around, self._settings).items():
                self._found.setdefault(name, []).append(replace(steadied, matte=np.empty(0, np.float32)))
                if steadied.strength:
                    plane = own[self._job.objects.index(name)]
                    add_enlarged(plane, steadied.matte - moment.mattes[name], window)
                    plane.clamp_(0, 1)

    def summaries(self) -> tuple[FlickerSummary, ...]:
        """Return what was done to each object, on average over its frames."""
        return tuple(
            FlickerSummary(
                name,
                frames=len(found),
                flicker=sum(each.flicker for each in found) / len(found),
                strength=sum(each.strength for each in found) / len(found),
            )
            for name, found in self._found.items()
        )

    def _canvases(self, now: PropagatedFrame, artist: Mapping[str, object]) -> dict[Canvas, list[str]]:
        """Return the window and size of the closest view of each object, with the objects that share it."""
        found: dict[Canvas, list[str]] = {}
        for name in self._settings:
            if name not in artist and (view := closest(now.passes, name)):
                height, width = view.planes[name].shape
                found.setdefault((view.window, (height, width)), []).append(name)
        return found

    def _mattes(self, frame: PropagatedFrame, canvas: Canvas, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the mattes of a frame: the artist's, or else what the passes found."""
        job, (window, size) = self._job, canvas
        artist = self._artist(frame.index)
        reached = {name for _, weights in frame.passes for name, weight in weights.items() if weight > 0}
        propagated = [name for name in names if name not in artist and name in reached]
        planes = blend(frame.passes, propagated, shape=job.window.shape, size=size, part=window)
        found = dict(zip(propagated, planes.numpy(), strict=True))
        for name in (name for name in names if name in artist):
            whole = Window(0, 0, job.window.width, job.window.height)
            found[name] = shrink(artist[name].unpack()[window.slices_in(whole)], size, torch.device("cpu")).numpy()
        return {name: found[name] for name in names if name in found}

    def _artist(self, index: int) -> Mapping[str, CompressedMatte]:
        """Return the artist's mattes of a frame that cover the plate."""
        covered = self._job.covered.get(index, {})
        return {name: matte for name, matte in self._job.keyframes.get(index, {}).items() if name not in covered}
