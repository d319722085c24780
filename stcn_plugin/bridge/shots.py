"""Shots that run one after another, and the report about them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Optional, final

from stcn_plugin.bridge.displays import Display, error_fields
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import json_of
from stcn_plugin.bridge.log_file import LogFile
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.signals import exit_code
from stcn_plugin.errors import CancelledError, STCNError


@final
@dataclass(eq=False)
class ShotResult:
    """The result of a shot. A plugin of the host hooks that collects its warnings.

    Args:
        name: The shot file, script or scene as the user wrote it; empty for a shot defined by options alone.
        status: Outcome of the shot.
        seconds: Duration.
        report: The report, if the shot is done.
        error: The error, if the shot failed or was cancelled.
        warnings: Its warnings.
        plate: The plate of a shot without a name, for the log.
    """

    name: str
    status: Literal["not run", "done", "failed", "cancelled"] = "not run"
    seconds: float = 0.0
    report: Optional[Report] = None  # noqa: UP045 - evaluated by Python 3.9
    error: Optional[STCNError] = None  # noqa: UP045
    warnings: list[str] = field(default_factory=list)
    plate: Optional[str] = None  # noqa: UP045

    @hookimpl
    def stcn_show_warning(self, text: str) -> None:
        """Collect a warning."""
        self.warnings.append(text)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the duration and the error of the body."""
        started = time.monotonic()
        try:
            yield
            self.status = "done"
        except STCNError as error:
            self.status = "cancelled" if isinstance(error, CancelledError) else "failed"
            self.error = error
            raise
        finally:
            self.seconds = time.monotonic() - started


def run_shots(
    shots: Sequence[tuple[ShotResult, Callable[[Sequence[object]], Report]]],
    *,
    display: Display,
    log: LogFile | None,
    keeps_going: bool,
    on_result: Callable[[], None],
) -> None:
    """Run shots, one after another.

    Args:
        shots: The shots: the result, which is filled in, and a function that runs the job with further plugins.
        display: Shows progress, warnings and results.
        log: Log file, if any.
        keeps_going: Whether to run the other shots after one has failed.
        on_result: Called after every shot, whether it succeeded or not.

    Raises:
        CancelledError: A signal cancelled a shot; the ones after it are not run.
        STCNError: The only shot failed.
    """
    is_alone = len(shots) == 1
    for result, run in shots:
        display.start("" if is_alone else result.name)
        if log is not None:
            log.line(f"shot {result.name or result.plate}")
        plugins = [display, result, *([log] if log is not None else [])]
        try:
            with result.recorded():
                result.report = run(plugins)
        except STCNError as error:
            if is_alone or isinstance(error, CancelledError):
                raise
            display.fail(error)
            if not keeps_going:
                return
        else:
            if log is not None:
                log.done(result.report)
            display.finish(result.report, result.seconds)
        finally:
            on_result()


def exit_status(results: Sequence[ShotResult]) -> int:
    """Return the exit code for shots: 0 if all are done, `TRY_AGAIN` if every failed one may be tried again, otherwise 1."""
    codes = {exit_code(result.error) for result in results if result.error}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else 1


def report_json(results: Sequence[ShotResult]) -> bytes:
    """Return the results of shots as JSON, the content of a report."""
    return json.dumps({"shots": [_json(result) for result in results]}, indent=2).encode() + b"\n"


def _json(result: ShotResult) -> dict[str, object]:
    report, error = result.report, result.error
    return {
        "shot": result.name or None,
        "status": result.status,
        "seconds": round(result.seconds, 3),
        "objects": list(report.objects) if report else [],
        "frames": list(report.frames) if report else [],
        "patterns": dict(report.patterns) if report else {},
        "device": report.device if report else None,
        "precision": report.precision if report else None,
        "weights": json_of(report.weights) if report else None,
        "assessment": json_of(report.assessment) if report else None,
        "warnings": result.warnings,
        "error": error_fields(error) if error else None,
    }
