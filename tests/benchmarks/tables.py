"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.cases import Case
from benchmarks.long_shot import LongResult
from benchmarks.machine import Machine
from benchmarks.memory_read import ReadResult
from benchmarks.side_by_side import Standing
from benchmarks.start_up import StartResult
from benchmarks.timings import Timing
from benchmarks.whole_job import BESIDE, JobResult
from rich.table import Table

_CASE = ("variant", "device", "precision", "obj", "size")
_TIMING = ("median ms", "least ms", "noise")


def machine_line(machine: Machine) -> str:
    """Return a description of the machine in one line."""
    gpu = f", {machine.gpu}" if machine.gpu else ""
    before, after = machine.load
    return (
        f"{machine.processor} ({', '.join(machine.instructions)}), {machine.threads} threads on {machine.cores} cores"
        f"{gpu}, torch {machine.torch}; load {before:.1f} before, {after:.1f} after"
    )


def job_table(results: Sequence[JobResult]) -> Table:
    """Return the table of whole jobs."""
    columns = ("weights", "plate", "internal", "frames", *_TIMING, "frames/s", "first matte ms", "decoded")
    rows = [
        (
            *_case(result.case, result.device, result.precision),
            result.weights,
            _shape(result.plate),
            _shape(result.internal),
            str(result.frames),
            *_timing(result.frame),
            f"{1 / result.frame.median:.2f}",
            f"{1e3 * result.first_matte.median:.0f}",
            f"{result.decoded:.0%}",
        )
        for result in results
    ]
    return _table("Whole job, files on both sides, per frame", (*_CASE, *columns), rows)


def stage_table(results: Sequence[JobResult]) -> Table:
    """Return the table of stages."""
    stages = list(results[0].stages)
    names = [f"{name} *" if name in BESIDE else name for name in stages]
    rows = [
        (*_case(result.case, result.device, result.precision), *(_ms(result.stages[name]) for name in stages))
        for result in results
    ]
    return _table("By stage, ms a frame; * in threads beside the others", (*_CASE, *names), rows)


def roof_table(results: Sequence[JobResult]) -> Table:
    """Return the roofline table."""
    columns = ("stage", "calls/frame", "G multiply-adds/frame", "G/s", "of a matmul's", "in")
    rows = [
        (
            *_case(result.case, result.device, result.precision),
            roof.stage,
            f"{roof.calls:.2f}",
            f"{roof.multiply_adds / 1e9:.2f}",
            f"{roof.rate / 1e9:.1f}",
            f"{roof.fraction:.0%}",
            f"{roof.precision}, {roof.peak / 1e9:.0f} G/s",
        )
        for result in results
        for roof in result.roofs
    ]
    return _table("Roofline", (*_CASE, *columns), rows)


def contest_table(standings: Sequence[Standing]) -> Table:
    """Return the table that compares both sides."""
    modes = list(standings[0].ratios)
    columns = (
        "device",
        "obj",
        "size",
        "who",
        "frames",
        *_TIMING,
        "frames/s",
        *(f"x {mode}" for mode in modes),
        "decoded",
    )
    rows = [
        (
            each.contest.device,
            str(each.contest.objects),
            each.contest.size,
            each.name,
            str(each.frames),
            *_timing(each.frame),
            f"{1 / each.frame.median:.2f}",
            *(f"{each.ratios[mode]:.2f} ({each.ratios_of_least[mode]:.2f})" for mode in modes),
            f"{each.decoded:.0%}",
        )
        for each in standings
    ]
    title = "Ours, whole job with files, and the published loop without; times as fast, by medians (by fastest runs)"
    return _table(title, columns, rows)


def long_table(result: LongResult) -> Table:
    """Return the table of a long shot."""
    columns = ("frame", "mean of", "ms", "processor ms", "resident MB", "GPU MB")
    rows = [
        (
            str(mark.frame),
            str(mark.window),
            _ms(mark.seconds),
            _ms(mark.cpu_seconds),
            f"{mark.resident / 1e6:.1f}",
            f"{mark.device_bytes / 1e6:.1f}",
        )
        for mark in result.marks
    ]
    case = result.case
    title = (
        f"{result.frames} frames, {case.variant} {result.precision}, {case.objects} objects, {case.size}: time x "
        f"{result.ratio:.3f}, processor time x {result.cpu_ratio:.3f}, memory {result.growth:+.2%}"
    )
    return _table(title, columns, rows)


def start_table(results: Sequence[StartResult]) -> Table:
    """Return the table of start-up times."""
    columns = ("first ever ms", *(f"{state} {name}" for state in ("cold", "warm") for name in _TIMING))
    rows = [
        (
            *_case(each.case, each.case.device, each.case.precision),
            _ms(each.first),
            *_timing(each.cold),
            *_timing(each.warm),
        )
        for each in results
    ]
    return _table("From asking a worker to the first matte on disk", (*_CASE, *columns), rows)


def read_table(results: Sequence[ReadResult]) -> Table:
    """Return the table of memory reads."""
    columns = ("memory frames", "elements", "queries", *(f"ours {name}" for name in _TIMING))
    more = (*(f"dense {name}" for name in _TIMING), "ratio", "difference")
    rows = [
        (
            *_case(each.case, each.case.device, "float32"),
            str(each.frames),
            str(each.elements),
            str(each.queries),
            *_timing(each.ours),
            *(_timing(each.dense) if each.dense else ("-", "-", "-")),
            f"{each.ratio:.2f}" if each.ratio else "-",
            f"{each.difference:.1e}" if each.difference is not None else "-",
        )
        for each in results
    ]
    return _table("The memory read alone", (*_CASE, *columns, *more), rows)


def _case(case: Case, device: str, precision: str) -> tuple[str, ...]:
    return case.variant, device, precision, str(case.objects), case.size


def _timing(timing: Timing) -> tuple[str, ...]:
    return _ms(timing.median), _ms(timing.least), f"{timing.noise:.0%}"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}" if seconds < 0.01 else f"{1e3 * seconds:.1f}"


def _shape(shape: tuple[int, int]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table
