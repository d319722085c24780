"""The log file of a batch: frames, warnings, results and the worker's log, each line with its time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, final

from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.printable import printable
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import OutputError, STCNError, is_temporary


@final
class LogFile:
    """Writes frames, warnings, results and the worker's log to a file, each line with its time.

    Args:
        file: The file.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def line(self, text: str) -> None:
        """Write a line. Thread-safe."""
        self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(text)}\n")

    @hookimpl
    def stcn_show_frame(self, frame: int, files: Sequence[str]) -> None:
        """Write a frame and its files."""
        self.line(f"frame {frame}: {', '.join(files)}")

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Write a warning."""
        self.line(f"warning: {text}")

    def done(self, report: Report) -> None:
        """Write the result."""
        weights = f", weights: {report.weights.text}" if report.weights else ""
        self.line(f"done: {len(report.frames)} frames of {', '.join(report.objects)}{weights}")

    @hookimpl
    def stcn_job_failed(self, error: STCNError) -> None:
        """Write the error."""
        self.line(f"failed: {error}")


@contextmanager
def log_file(path: Path | None) -> Iterator[LogFile | None]:
    """Open a log file for appending; closed at the end of the context.

    Raises:
        OutputError: The file cannot be opened.
    """
    if path is None:
        yield None
        return
    try:
        file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        what = f"the log cannot be opened ({cause})"
        raise OutputError(what, where=str(path), fix="Choose another --log", retry=is_temporary(error)) from None
    with file:
        yield LogFile(file)
