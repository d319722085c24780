"""Runs the shots of a host's batch: progress as text, log, report and exit codes, as of ``stcn propagate``."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Optional, final

from stcn_plugin.bridge.assessment import assessment_lines
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.bridge.displays import Display, JSONDisplay, OpenJDDisplay, Output, PercentDisplay
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.log_file import log_file
from stcn_plugin.bridge.printable import printable, printable_lines
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.shots import ShotResult, exit_status, report_json, run_shots
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.bridge.summaries import plan_lines, reason_lines, result_text
from stcn_plugin.bridge.warm_worker import WarmWorker
from stcn_plugin.errors import OutputError, STCNError, is_temporary


@dataclass(frozen=True)
class BatchShot:
    """A shot of a batch.

    Args:
        name: Its name in messages and in the report.
        run: Runs its job with further plugins, and returns the report. It sets `BatchLog.frame_shift`.
    """

    name: str
    run: Callable[[Sequence[object], BatchLog], Report]


@final
class BatchLog(Display):
    """Prints a job's progress, a line per percent, its warnings and its report.

    Args:
        frame_shift: Frame number of the plate minus frame number in the host.
    """

    def __init__(self, *, frame_shift: int = 0) -> None:
        super().__init__(Output(print_line, print_error))
        self.frame_shift = frame_shift
        self._percent = -1

    def start(self, shot: str) -> None:
        """Begin the display of a shot."""
        super().start(shot)
        self._percent = -1
        if shot:
            print_line(f"shot {shot}")

    @hookimpl
    def stcn_show_progress(self, progress: Progress) -> None:
        """Print every whole percent."""
        percent = 100 * progress.done // max(1, progress.total)
        if percent > self._percent:
            self._percent = percent
            frame = progress.frame - self.frame_shift
            print_line(f"{percent} %, frame {frame}, step {progress.done} of {progress.total}")

    def finish(self, report: Report, seconds: float) -> None:  # noqa: ARG002 - of other displays
        """Print the result of a shot."""
        self.print_report(report)

    def print_report(self, report: Report) -> None:
        """Print the result of a job, or what a dry run found."""
        for line in self._report_lines(report):
            print_line(line)

    def _report_lines(self, report: Report) -> Iterator[str]:
        if report.plan and report.estimate:  # of a dry run
            yield from plan_lines(report.plan, report.estimate)
            return
        yield result_text(report, frame_shift=self.frame_shift)
        yield from reason_lines(report)
        for pattern in dict.fromkeys(report.patterns.values()):
            yield f"mattes: {pattern}"
        if report.assessment:
            yield from assessment_lines(report.assessment, frame_shift=self.frame_shift)
        if report.shot_file:
            yield f"shot file: {report.shot_file}"
        if report.weights:
            yield f"weights: {report.weights.text}"


def run_shots_of_batch(flags: argparse.Namespace, shots: Sequence[BatchShot], worker: WarmWorker) -> int:
    """Run shots one after another, with the display, the log and the report of the flags; return the exit code.

    Args:
        flags: The shared flags.
        shots: The shots.
        worker: The worker, which is stopped at the end.
    """
    results = [ShotResult(shot.name) for shot in shots]

    def report() -> None:
        if flags.report is not None:
            _write_whole(flags.report, report_json(results))

    def run() -> int:
        display = _display(flags)
        with log_file(flags.log) as log:

            def on_log(line: str) -> None:
                if flags.verbose:
                    print_error(line)
                if log is not None:
                    log.line(f"worker: {line}")

            worker.on_log = on_log
            report()  # fails now if it cannot be written
            calls = [(result, partial(_run_shot, shot, display)) for result, shot in zip(results, shots)]  # noqa: B905
            run_shots(calls, display=display, log=log, keeps_going=flags.keep_going, on_result=report)
        if len(shots) > 1 and not flags.quiet and flags.progress == "plain":
            for result in results:
                print_line(f"{result.name}: {result.status}")
        return exit_status(results)

    try:
        return run_batch(run)
    finally:
        worker.stop()


def run_batch(run: Callable[[], Optional[int]]) -> int:  # noqa: UP045
    """Run jobs, print their error, and return the exit code."""
    try:
        with stop_signals_raised():
            return run() or 0
    except KeyboardInterrupt as error:
        print_error("cancelled")
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - every error ends in a message and an exit code
        found = as_stcn_error(error, log=print_error)
        print_error(str(found))
        return exit_code(found)


def print_line(text: str) -> None:
    """Print a line of output."""
    print(f"stcn: {printable(text)}", flush=True)  # noqa: T201 - a batch prints


def print_error(text: str) -> None:
    """Print a message to stderr."""
    print(f"stcn: {printable_lines(text, indent='  ')}", file=sys.stderr, flush=True)  # noqa: T201


def _print_raw(text: str) -> None:
    """Print a line that a program reads."""
    print(printable(text), flush=True)  # noqa: T201


def _run_shot(shot: BatchShot, display: Display, plugins: Sequence[object]) -> Report:
    """Run a shot; exceptions that are not of this package become errors of it."""
    shown = display if isinstance(display, BatchLog) else BatchLog()
    try:
        return shot.run(plugins, shown)
    except STCNError:
        raise
    except Exception as error:
        raise as_stcn_error(error, log=print_error) from error


def _display(flags: argparse.Namespace) -> Display:
    output = Output(_print_raw, print_error)
    if flags.progress == "json":
        return JSONDisplay(output)
    if flags.progress == "openjd":
        return OpenJDDisplay(output)
    if flags.progress == "percent":
        return PercentDisplay(output)
    return Display(output) if flags.quiet and not flags.dry_run else BatchLog()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either complete or absent.

    Raises:
        OutputError: It cannot be written.
    """
    temporary = path.absolute().parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:  # with the permissions of any new file, which those of tempfile have not
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        what = f"the report cannot be written ({(error.strerror or str(error)).lower()})"
        raise OutputError(what, where=str(path), fix="Choose another --report", retry=is_temporary(error)) from None
