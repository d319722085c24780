"""Displays of a running job in the words of render queues, on stdout."""

from __future__ import annotations

from typing import final

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress, Report
from stcn_plugin.cli.progress import Display
from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import CancelledError, STCNError


class PercentDisplay(Display):
    """Prints ``Progress: N%`` for every whole percent of a shot, as Deadline and other queues parse it."""

    def __init__(self) -> None:
        self._percent = -1

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        super().start(shot)
        self._percent = -1

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print a whole percent."""
        percent = min(100, 100 * progress.done // max(1, progress.total))
        if percent > self._percent:
            self._percent = percent
            self._show(percent, progress)

    def _show(self, percent: int, progress: Progress) -> None:  # noqa: ARG002 - for other queues
        echo(f"Progress: {percent}%")


@final
class OpenJDDisplay(PercentDisplay):
    """Prints the messages of Open Job Description: ``openjd_progress``, ``openjd_status`` and ``openjd_fail``."""

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning in one line, since a further line could be read as a message."""
        super().stcn_show_warning(_in_one_line(text))

    @hookimpl
    def stcn_job_failed(self, error: STCNError) -> None:
        """Print the error. A cancelled job is not a failure."""
        if not isinstance(error, CancelledError):
            echo(f"openjd_fail: {self._prefix}{_in_one_line(str(error))}")

    def finish(self, report: Report, seconds: float) -> None:
        """Print the result."""
        echo(f"openjd_status: {self._prefix}{len(report.frames)} frames in {seconds:.1f} s")

    def _show(self, percent: int, progress: Progress) -> None:
        echo(f"openjd_progress: {percent}")
        echo(f"openjd_status: {self._prefix}frame {progress.frame}, step {progress.done} of {progress.total}")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
