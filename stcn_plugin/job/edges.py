"""Refining the edges of a job's mattes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.bridge.report import EdgeSummary
from stcn_plugin.job.job import Job
from stcn_plugin.matte.band import edge_width
from stcn_plugin.matte.refinement import EdgeReport, ObjectEdge, Refiner
from stcn_plugin.matte.views import Views, closest, response_of
from stcn_plugin.media.plates import PlateFrame
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.weights.edges import builtin_edge_weights, load_edge_network
from stcn_plugin.window import Window


def edge_sources(job: Job, index: int) -> dict[str, int]:
    """Return the objects whose edges are refined on a frame, each with the index of its nearest keyframe.

    The edge of that keyframe tells how soft the object is. Of two that are equally near, it is the earlier one.
    """
    refined = [
        name
        for name, settings in zip(job.objects, job.matte_settings, strict=True)
        if settings.edges != "off" and name not in job.absent(index)
    ]
    return {
        name: min((at for at, mattes in job.keyframes.items() if name in mattes), key=lambda at: (abs(at - index), at))
        for name in refined
    }


def edge_weights_digest() -> str:
    """Return a digest of the weights of the edge network."""
    return hashlib.sha256(builtin_edge_weights().read_bytes()).hexdigest()[:32]


@final
class JobEdges:
    """Refines the edges of a job's mattes.

    The network is loaded when the first frame needs it.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._refiner: Refiner | None = None
        self._widths: dict[tuple[int, str], float] = {}
        self._reports: dict[str, dict[int, EdgeReport]] = {}

    @property
    def is_needed(self) -> bool:
        """Whether the edges of any object are refined."""
        return any(settings.edges != "off" for settings in self._job.matte_settings)

    def refine(
        self, index: int, own: Tensor, plate: PlateFrame, passes: Sequence[tuple[Views, Mapping[str, float]]]
    ) -> Tensor:
        """Refine the probabilities of a frame.

        Args:
            index: Index of the frame.
            own: ``(O, H, W)``, enlarged to the plate.
            plate: The frame of the plate.
            passes: What ``own`` was blended from.

        Returns:
            ``(O, H, W)``.

        Raises:
            WeightsError: The weights of the edge network are damaged.
            DeviceError: The device does not exist, or does not support the precision.
        """
        job = self._job
        sources = edge_sources(job, index) if passes else {}
        if not sources:
            return own
        settings = dict(zip(job.objects, job.matte_settings, strict=True))
        objects = [
            ObjectEdge(
                settings[name].edges,
                _enlargement(name, passes),
                self._width(sources[name], name),
                response_of(passes, name),
            )
            if name in sources
            else ObjectEdge("off", 1.0)
            for name in job.objects
        ]
        outer = job.window

        def pixels(rows: slice, columns: slice) -> NDArray[np.float32]:
            window = Window(
                outer.x + columns.start, outer.y + rows.start, columns.stop - columns.start, rows.stop - rows.start
            )
            return plate.image(window, window.shape)

        refined, reports = self._loaded().refine(own.numpy(), pixels, objects)
        for name, report in zip(job.objects, reports, strict=True):
            if name in sources:
                self._reports.setdefault(name, {})[index] = report
        return torch.from_numpy(refined)

    def hazy(self, index: int) -> dict[str, float]:
        """Return the fraction of the band of each object that is hazy on a frame that was refined."""
        return {name: round(reports[index].hazy, 4) for name, reports in self._reports.items() if index in reports}

    def summaries(self) -> tuple[EdgeSummary, ...]:
        """Return what was done to each object, on average over its frames."""
        return tuple(
            EdgeSummary(
                name,
                frames=len(reports),
                band=fmean(each.band for each in reports.values()),
                change=fmean(each.change for each in reports.values()),
                rejected=fmean(each.rejected for each in reports.values()),
                hazy=fmean(each.hazy for each in reports.values()),
                doubtful=fmean(each.doubtful for each in reports.values()),
            )
            for name, reports in self._reports.items()
        )

    def _loaded(self) -> Refiner:
        if self._refiner is None:
            network = None
            if any(settings.edges == "network" for settings in self._job.matte_settings):
                compute = self._job.settings.compute
                device = choose_device(compute.device)
                network = load_edge_network(device=device, precision=choose_precision(compute.precision, device))
            self._refiner = Refiner(network)
        return self._refiner

    def _width(self, index: int, name: str) -> float:
        """Return the width of the soft edge of a keyframe, in pixels."""
        key = index, name
        if key not in self._widths:
            self._widths[key] = edge_width(self._job.keyframes[index][name].unpack())
        return self._widths[key]


def _enlargement(name: str, passes: Sequence[tuple[Views, Mapping[str, float]]]) -> float:
    """Return the plate pixels per pixel of the closest view of an object."""
    view = closest(passes, name)
    return view.window.height / view.planes[name].shape[0] if view else 1.0
