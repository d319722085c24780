"""Displays of a running job for people: a bar on a terminal, or plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, final

from stcn_plugin.bridge.displays import Display, Output
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.cli.terminal import echo, echo_message
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

CONSOLE = Output(echo, echo_message)
"""Stdout and stderr."""

_SECONDS_BETWEEN_LINES = 10.0


class PlainDisplay(Display):
    """Prints a line for the first and the last step, and every ten seconds in between."""

    def __init__(self) -> None:
        super().__init__(CONSOLE)
        self._started = self._printed = time.monotonic()

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        super().start(shot)
        self._started = time.monotonic()

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print a line if one is due."""
        now = time.monotonic()
        is_first_or_last = progress.done in (1, progress.total)
        if not is_first_or_last and now - self._printed < _SECONDS_BETWEEN_LINES:
            return
        self._printed = now
        speed = max(progress.done, 1) / max(now - self._started, 1e-9)
        left = (progress.total - progress.done) / speed
        echo(
            f"{self._prefix}frame {progress.frame}: step {progress.done} of {progress.total}, {speed:.2f} steps/s, "
            f"{left:.0f} s left",
            err=True,
        )

    def finish(self, report: Report, seconds: float) -> None:
        """Print the frames, files and duration; a single line if there are several shots."""
        from stcn_plugin.bridge.summaries import result_text

        files = ", ".join(dict.fromkeys(report.patterns.values()))
        duration = f" in {seconds:.1f} s" if self.shot and report.frames else ""
        echo(f"{self._prefix}{result_text(report)}{duration} -> {files}", err=True)
        if not self.shot:
            for line in _details(report):
                echo(line, err=True)


@final
class BarDisplay(PlainDisplay):
    """Shows a bar with steps per second and the time left.

    Args:
        bar: The progress bar of rich.
    """

    def __init__(self, bar: Bar) -> None:
        super().__init__()
        self._bar = bar
        self._task: TaskID | None = None

    def start(self, shot: str) -> None:
        """Add the bar of a shot, and remove that of the previous one."""
        super().start(shot)
        self._remove()
        self._task = self._bar.add_task("propagate", total=None, shot=shot, frame="…")

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Move the bar."""
        if self._task is not None:
            frame = str(progress.frame)
            self._bar.update(self._task, completed=progress.done, total=progress.total, frame=frame)

    def finish(self, report: Report, seconds: float) -> None:
        """Print the result; of several shots, in place of the bar."""
        if self.shot:
            self._remove()
        super().finish(report, seconds)

    def fail(self, error: STCNError) -> None:
        """Print the error in place of the bar."""
        self._remove()
        super().fail(error)

    def _remove(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None


def _details(report: Report) -> Iterator[str]:
    """Yield why frames were written, how, and with which weights; the frames to look at also if none was written."""
    from stcn_plugin.bridge.assessment import assessment_lines
    from stcn_plugin.bridge.summaries import reason_lines

    if report.frames:
        yield from reason_lines(report)
        stages = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in report.seconds.items())
        device = "without the network" if report.device == "none" else f"{report.device}, {report.precision}"
        yield f"{device}; {stages}"
    if report.contact_sheet:
        yield f"contact sheet: {report.contact_sheet}"
    if report.assessment:
        yield from assessment_lines(report.assessment)
    if report.frames and report.weights:
        yield f"weights: {report.weights.text}"
