"""Renders a plate in chunks while Nuke stays usable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import final

import nuke

from stcn_nuke.plates import render_plate
from stcn_nuke.selection import node_named
from stcn_plugin.errors import CancelledError

_CHUNK = 4
"""Frames that are rendered before Nuke gets a chance to react to the artist."""


@final
class PlateRendering:
    """Renders a node to files: chunk after chunk on the main thread, with a progress bar that cancels it.

    Args:
        node: Name of the node.
        frames: The frames.
        pattern: Frame pattern of the files.
        is_cancelled: Whether the job was cancelled in another way.
    """

    def __init__(
        self, node: str, frames: Sequence[int], pattern: str, *, is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._node = node
        self._frames = frames
        self._pattern = pattern
        self._is_cancelled = is_cancelled

    def run_in_thread(self, on_end: Callable[[Exception | None], None]) -> None:
        """Render, and call a function on the main thread with the error, or ``None``."""

        def work() -> None:
            error: Exception | None = None
            try:
                self._render()
            except Exception as raised:  # noqa: BLE001 - reported by the caller
                error = raised
            nuke.executeInMainThread(on_end, args=(error,))

        threading.Thread(target=work, name="stcn-plate", daemon=True).start()

    def _render(self) -> None:
        task = nuke.ProgressTask("STCN: rendering the plate")
        for start in range(0, len(self._frames), _CHUNK):
            chunk = self._frames[start : start + _CHUNK]
            task.setProgress(100 * start // len(self._frames))
            task.setMessage(f"frame {chunk[0]} of {self._node}")
            self._wait_for(chunk)
            if task.isCancelled() or self._is_cancelled():
                raise CancelledError(f"rendering '{self._node}' was cancelled")

    def _wait_for(self, frames: Sequence[int]) -> None:
        """Render frames on the main thread, and wait for it."""
        is_done, errors = threading.Event(), list[Exception]()

        def render() -> None:
            try:
                render_plate(node_named(self._node), frames, self._pattern)
            except Exception as error:  # noqa: BLE001 - raised on the other thread
                errors.append(error)
            is_done.set()

        nuke.executeInMainThread(render)
        is_done.wait()
        if errors:
            raise errors[0]
