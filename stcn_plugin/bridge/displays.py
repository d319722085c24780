"""Displays of a running job, as plugins of the host hooks: JSON lines for programs, and the words of render queues."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress, json_of
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import CancelledError, STCNError


@dataclass(frozen=True)
class Output:
    """Where displays print.

    Args:
        line: Prints a line to stdout.
        message: Prints a warning or an error to stderr.
    """

    line: Callable[[str], object]
    message: Callable[[str], object]


class Display:
    """Prints warnings. Base of the other displays, and the display of ``--quiet``.

    Args:
        output: Where it prints.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self.shot = ""
        """Name of the current shot; empty if there is only one."""

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        self.shot = shot

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Show progress."""

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Print a warning."""
        self._output.message(f"{self._prefix}warning: {text}")

    def finish(self, report: Report, seconds: float) -> None:
        """Show the result of a shot.

        Args:
            report: The report.
            seconds: Time from the start of the shot to its last file.
        """

    def fail(self, error: STCNError) -> None:
        """Show the error of a shot, if there are several."""
        self._output.message(f"{self._prefix}{error}")

    @property
    def _prefix(self) -> str:
        return f"{self.shot}: " if self.shot else ""


@final
class JSONDisplay(Display):
    """Prints one JSON object per line to stdout, each with the key ``event``: progress, frame, warning, done or failed."""

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print the progress."""
        self._print("progress", done=progress.done, total=progress.total, frame=progress.frame)

    @hookimpl
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
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
        self._output.line(json.dumps(line))


class PercentDisplay(Display):
    """Prints ``Progress: N%`` for every whole percent of a shot, as Deadline and other queues parse it."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
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
        self._output.line(f"Progress: {percent}%")


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
            self._output.line(f"openjd_fail: {self._prefix}{_in_one_line(str(error))}")

    def finish(self, report: Report, seconds: float) -> None:
        """Print the result."""
        self._output.line(f"openjd_status: {self._prefix}{len(report.frames)} frames in {seconds:.1f} s")

    def _show(self, percent: int, progress: Progress) -> None:
        self._output.line(f"openjd_progress: {percent}")
        self._output.line(
            f"openjd_status: {self._prefix}frame {progress.frame}, step {progress.done} of {progress.total}"
        )


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def error_fields(error: STCNError) -> dict[str, object]:
    """Return an error for a program that reads JSON."""
    return {"what": error.what, "where": error.where, "fix": error.fix, "retry": error.retry}
