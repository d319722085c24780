"""Shows what there is to do, for ``stcn propagate --dry-run``."""

from __future__ import annotations

import json
from typing import final

from stcn_plugin.bridge.build import Plan, PlannedSegment
from stcn_plugin.bridge.displays import Display
from stcn_plugin.bridge.job import json_of
from stcn_plugin.bridge.report import Report
from stcn_plugin.bridge.summaries import needs_lines, reasons_text
from stcn_plugin.cli.progress import CONSOLE
from stcn_plugin.cli.tables import print_table
from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import STCNError


@final
class PlanDisplay(Display):
    """Prints what there is to do for each shot.

    Args:
        is_json: Print one JSON object per shot and line.
    """

    def __init__(self, *, is_json: bool) -> None:
        super().__init__(CONSOLE)
        self._is_json = is_json

    def finish(self, report: Report, seconds: float) -> None:  # noqa: ARG002 - of the display of a job
        """Print a plan."""
        if report.plan is None:
            return
        if self._is_json:
            estimate = json_of(report.estimate) if report.estimate else {}
            echo(json.dumps({"shot": self.shot or report.shot_file, **json_of(report.plan), **estimate}))
            return
        if self.shot:
            echo(f"{self.shot}:")
        _print_segments(report.plan)
        if report.estimate:
            for line in needs_lines(report.plan, report.estimate):
                echo(line)

    def fail(self, error: STCNError) -> None:
        """Print the error of a shot, if there are several."""
        if self._is_json:
            echo(json.dumps({"shot": self.shot, "error": str(error)}))
        super().fail(error)


def _print_segments(plan: Plan) -> None:
    rows = [_row(segment) for segment in plan.segments]
    print_table(("segment", "frames", "propagate", "write", "why"), rows, left=5)


def _row(segment: PlannedSegment) -> tuple[str, ...]:
    propagated = f"{segment.propagated} steps" if segment.propagated else "-"
    return str(segment.number), segment.frames, propagated, segment.written or "-", reasons_text(segment)
