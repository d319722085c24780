"""Displays of a running job, as plugins of the host hooks: a bar on a terminal, plain lines, or JSON lines for programs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, final

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress, Report, json_of
from stcn_plugin.cli.terminal import echo, echo_message
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Prints warnings. Base of the other displays, and the display of ``--quiet``.

    Attributes:
        shot: Name of the current shot; empty if there is only one.
    """

    shot = ""

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        self.shot = shot

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Show progress."""

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning."""
        echo_message(f"{self._prefix}warning: {text}")

    def finish(self, report: Report, seconds: float) -> None:
        """Show the result of a shot.

        Args:
            report: The report.
            seconds: Time from the start of the shot to its last file.
        """

    def fail(self, error: STCNError) -> None:
        """Show the error of a shot, if there are several."""
        echo_message(f"{self._prefix}{error}")

    @property
    def _prefix(self) -> str:
        return f"{self.shot}: " if self.shot else ""


class PlainDisplay(Display):
    """Prints a line for the first and the last step, and every ten seconds in between."""

    def __init__(self) -> None:
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
            f"{self._prefix}frame {progress.frame}: {progress.done}/{progress.total}, {speed:.2f} frames/s, "
            f"{left:.0f} s left",
            err=True,
        )

    def finish(self, report: Report, seconds: float) -> None:
        """Print the frames, files and duration; a single line if there are several shots."""
        from stcn_plugin.bridge.assessment import assessment_lines
        from stcn_plugin.bridge.summaries import reason_lines, result_text

        files = ", ".join(dict.fromkeys(report.patterns.values()))
        duration = f" in {seconds:.1f} s" if self.shot and report.frames else ""
        echo(f"{self._prefix}{result_text(report)}{duration} -> {files}", err=True)
        if self.shot or not report.frames:
            return
        for line in reason_lines(report):
            echo(line, err=True)
        stages = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in report.seconds.items())
        device = "without the network" if report.device == "none" else f"{report.device}, {report.precision}"
        echo(f"{device}; {stages}", err=True)
        if report.contact_sheet:
            echo(f"contact sheet: {report.contact_sheet}", err=True)
        for line in assessment_lines(report.assessment) if report.assessment else ():
            echo(line, err=True)
        if report.weights:
            echo(f"weights: {report.weights.text}", err=True)


@final
class BarDisplay(PlainDisplay):
    """Shows a bar with frames per second and the time left.

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


@final
class JSONDisplay(Display):
    """Prints one JSON object per line to stdout, each with the key ``event``: progress, frame, warning, done or failed."""

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print the progress."""
        self._print("progress", done=progress.done, total=progress.total, frame=progress.frame)

    @hookimpl
    def stcn_show_frame(self, frame: int, files: list[str]) -> None:
        """Print a frame and its files."""
        self._print("frame", frame=frame, files=list(files))

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning."""
        self._print("warning", text=text)

    def finish(self, report: Report, seconds: float) -> None:
        """Print the report, without the list of its files."""
        fields = {key: value for key, value in json_of(report).items() if key != "files"}
        self._print("done", seconds=round(seconds, 3), report=fields)

    def fail(self, error: STCNError) -> None:
        """Print the error."""
        self._print("failed", **error_fields(error))

    def _print(self, event: str, **fields: object) -> None:
        line = {"event": event, **({"shot": self.shot} if self.shot else {}), **fields}
        echo(json.dumps(line))


def error_fields(error: STCNError) -> dict[str, object]:
    """Return an error for a program that reads JSON."""
    return {"what": error.what, "where": error.where, "fix": error.fix, "retry": error.retry}
