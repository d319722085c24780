"""Shows what there is to do, for ``stcn propagate --dry-run``."""

from __future__ import annotations

import json
from typing import final

from stcn_plugin.bridge.build import Estimate, Plan, PlannedSegment
from stcn_plugin.bridge.job import Report, json_of
from stcn_plugin.cli.progress import Display
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
            _print_needs(report.plan, report.estimate)

    def fail(self, error: STCNError) -> None:
        """Print the error of a shot, if there are several."""
        if self._is_json:
            echo(json.dumps({"shot": self.shot, "error": str(error)}))
        super().fail(error)


def size_text(size: float) -> str:
    """Return a size in bytes for people.

    >>> size_text(1_234_000), size_text(12)
    ('1.2 MB', '12 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration_text(seconds: float) -> str:
    """Return a duration for people.

    >>> duration_text(4.2), duration_text(75), duration_text(4000)
    ('5 s', '1 min 15 s', '1 h 6 min')
    """
    whole = max(1, -int(-seconds // 1))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _print_segments(plan: Plan) -> None:
    rows = [_row(segment) for segment in plan.segments]
    print_table(("segment", "frames", "propagate", "write", "why"), rows, left=5)


def _row(segment: PlannedSegment) -> tuple[str, ...]:
    propagated = f"{segment.propagated} steps" if segment.propagated else "-"
    why = "; ".join(segment.reasons) or "up to date"
    return str(segment.number), segment.frames, propagated, segment.written or "-", why


def _print_needs(plan: Plan, needs: Estimate) -> None:
    if not needs.frames:
        echo("nothing to do, all mattes are up to date")
        return
    time = duration_text(needs.seconds)
    echo(f"time: about {time} ({plan.propagated} steps of the network, {needs.frames} frames to write)")
    cache = f"cache {size_text(needs.cache_bytes)} in {plan.cache}" if plan.cache else "no cache"
    echo(f"disk: mattes {size_text(needs.matte_bytes)}, {cache}; {size_text(needs.free_bytes)} free")
    if needs.memory_bytes:
        echo(f"memory: {size_text(needs.memory_bytes)} at the peak")
