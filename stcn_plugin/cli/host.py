"""The command line as a host: a plugin of the same interface as Nuke and Blender."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import JobRequest, Progress, Report
from stcn_plugin.cli.terminal import echo, echo_message


@final
class CommandLineHost:
    """Collects what the flags said and tells the rest on stderr.

    Args:
        request: What the flags said.
        on_progress: Shows progress.
        quiet: Tell errors only.
    """

    def __init__(self, request: JobRequest, *, on_progress: Callable[[Progress], None], quiet: bool) -> None:
        self._request = request
        self._on_progress = on_progress
        self._quiet = quiet

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        """Return the request; its keyframes are files."""
        return self._request

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Move the bar."""
        self._on_progress(progress)

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning."""
        echo_message(f"warning: {text}")

    @hookimpl
    def stcn_deliver_mattes(self, report: Report) -> None:
        """Say what was written and what it took."""
        if self._quiet:
            return
        from stcn_plugin.frames import format_frame_range

        files = ", ".join(dict.fromkeys(report.patterns.values()))
        frames = format_frame_range(report.frames)
        echo(f"{len(report.frames)} frames ({frames}) of {', '.join(report.objects)} -> {files}", err=True)
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
        echo(f"{report.device}, {report.precision}; {stages}", err=True)
        if report.contact_sheet:
            echo(f"contact sheet: {report.contact_sheet}", err=True)
        if report.weights:
            echo(f"weights: {report.weights.text}", err=True)
