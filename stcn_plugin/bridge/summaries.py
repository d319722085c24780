"""What a job did, or has to do, as lines of text: the same on the command line, in batches and in panels."""

from __future__ import annotations

from collections.abc import Iterator

from stcn_plugin.bridge.build import Estimate, Plan, PlannedSegment
from stcn_plugin.bridge.report import Report
from stcn_plugin.frames import format_frame_range

NOTHING_TO_DO = "nothing to do, all mattes are up to date"


def result_text(report: Report, *, frame_shift: int = 0) -> str:
    """Return the frames that a job wrote.

    Args:
        report: The report.
        frame_shift: Frame number of the plate minus frame number in the host.
    """
    if not report.frames:
        return NOTHING_TO_DO
    frames = format_frame_range(frame - frame_shift for frame in report.frames)
    count = "1 frame" if len(report.frames) == 1 else f"{len(report.frames)} frames"
    return f"{count} ({frames}) of {', '.join(report.objects)}"


def reason_lines(report: Report) -> Iterator[str]:
    """Yield why frames were written, such as ``reason: keyframe 1060 is new``."""
    for reason in report.plan.reasons if report.plan else ():
        yield f"reason: {reason}"


def plan_lines(plan: Plan, needs: Estimate) -> Iterator[str]:
    """Yield what there is to do on each segment, and what it needs."""
    for segment in plan.segments:
        yield f"segment {segment.number}, {segment.frames}: {_work_text(segment)}"
    yield from needs_lines(plan, needs)


def needs_lines(plan: Plan, needs: Estimate) -> Iterator[str]:
    """Yield the time, disk space and memory that the work needs."""
    if not needs.frames:
        yield NOTHING_TO_DO
        return
    time = duration_text(needs.seconds)
    yield f"time: about {time} ({plan.propagated} steps of the network, {needs.frames} frames to write)"
    cache = f"cache {size_text(needs.cache_bytes)} in {plan.cache}" if plan.cache else "no cache"
    yield f"disk: mattes {size_text(needs.matte_bytes)}, {cache}; {size_text(needs.free_bytes)} free"
    if needs.memory_bytes:
        yield f"memory: {size_text(needs.memory_bytes)} at the peak"


def reasons_text(segment: PlannedSegment) -> str:
    """Return why there is work on a segment."""
    return "; ".join(segment.reasons) or "up to date"


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


def _work_text(segment: PlannedSegment) -> str:
    if not segment.written:
        return "up to date"
    steps = f"{segment.propagated} steps, " if segment.propagated else ""
    return f"{steps}write {segment.written}, because {reasons_text(segment)}"
