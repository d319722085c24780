"""Nuke as a plugin of the host interface: one order, from the script's nodes to the script's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

import nuke

from stcn_nuke import colour, paths
from stcn_nuke.delivery import deliver
from stcn_nuke.orders import Order, Update
from stcn_nuke.plates import file_pattern, plate_format, render_plate
from stcn_nuke.rendering import first_view
from stcn_nuke.rotos import render_keyframes
from stcn_nuke.scripts import JobScript
from stcn_nuke.selection import node_named
from stcn_plugin.bridge import JobRequest, KeyframeFile, Progress, Report, hookimpl
from stcn_plugin.errors import HostError
from stcn_plugin.frames import parse_frame_range


class Display(Protocol):
    """Where a job shows itself; called on the thread that polls the session."""

    def show_progress(self, progress: Progress) -> None:
        """Show how far the job is."""

    def warn(self, text: str) -> None:
        """Show what went wrong without harm to the mattes."""

    def is_cancelled(self) -> bool:
        """Tell whether the artist wants the job stopped."""


@final
class NukeHost:
    """Serves one order.

    Args:
        order: What the artist wants.
        display: Where the job shows itself.
        delivers: Whether the mattes come into the script.
    """

    def __init__(self, order: Order, display: Display, *, delivers: bool = True) -> None:
        self._order = order
        self._display = display
        self._delivers = delivers
        self._script: JobScript | None = None

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        """Read the plate's node; render its pictures where it reads none."""
        order = self._order
        self._script = JobScript([order.plate, *(source.node for source in order.sources)])
        if len(nuke.views()) > 1:
            self._display.warn(f"of the script's views only '{first_view()}' is propagated")
        if isinstance(order, Update):
            return order.request()
        if not order.out.strip():
            raise HostError("the mattes have no file", fix="Name it with the frame number as ####, ending in .exr")
        if not order.sources:
            raise HostError(
                "no node is named for the keyframes", fix="Select or name a Roto, or any node with an alpha"
            )
        plate = node_named(order.plate)
        pattern, space = file_pattern(plate), order.colour
        if pattern is None:
            pattern, space = paths.plate_pattern(order.out, plate.name()), colour.working_space()
            render_plate(plate, parse_frame_range(order.range), pattern)
        return order.request(pattern, colour=space, config=colour.config())

    @hookimpl
    def stcn_render_keyframes(self, folder: str) -> Sequence[KeyframeFile]:
        """Write the alpha of the order's sources."""
        plate = nuke.toNode(self._order.plate)
        return render_keyframes(self._order.sources, folder, paths.stem(self._order.out), plate_format(plate))

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Pass progress on."""
        self._display.show_progress(progress)

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Pass a warning on."""
        self._display.warn(text)

    @hookimpl
    def stcn_is_cancelled(self) -> bool:
        """Ask the display."""
        return self._display.is_cancelled()

    @hookimpl
    def stcn_deliver_mattes(self, request: JobRequest, report: Report) -> None:
        """Bring the mattes into the script that they were ordered from."""
        if not self._delivers:
            return
        if self._script is not None and not self._script.is_open():
            raise HostError("another script is open", fix=f"The mattes are on disk: {self._order.out}")
        deliver(self._order, request, report)
