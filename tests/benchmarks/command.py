"""The one command."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import torch
from benchmarks import tables
from benchmarks.cases import Case, Workshop, weights_by_variant
from benchmarks.footage import Footage, looped
from benchmarks.long_shot import LongResult, measure_long
from benchmarks.machine import Machine, load, machine
from benchmarks.memory_read import ReadResult, measure_reads
from benchmarks.published import MODES, Mode, load_published
from benchmarks.regions import decoding
from benchmarks.selection import Selection
from benchmarks.side_by_side import Standing, compare
from benchmarks.start_up import StartResult, measure_start
from benchmarks.whole_job import JobResult, measure_jobs
from rich.console import Console

from stcn_plugin.network.variants import VARIANTS

_WIDE = 220
"""Columns of the tables where they go into a file."""


@dataclass
class Results:
    """Everything that was measured; what was not asked for is empty."""

    machine: Machine | None = None
    jobs: list[JobResult] = field(default_factory=list)
    published: list[Standing] = field(default_factory=list)
    memory: list[ReadResult] = field(default_factory=list)
    long: list[LongResult] = field(default_factory=list)
    start: list[StartResult] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """Which of the tables.

    Args:
        published: A checkout to run beside ours, or whose memory read to compare with.
        modes: How the published code runs.
        long: Frames of a very long shot.
        memory: The memory read alone.
        start: From asking to the first matte.
        repeat: Runs of each.
    """

    published: Path | None
    modes: Sequence[Mode]
    long: int | None
    memory: bool
    start: bool
    repeat: int


def _listed(kind: Callable[[str], object]) -> Callable[..., tuple[object, ...]]:
    """Return a callback that splits ``1,3,10``."""

    def split(_context: click.Context, option: click.Parameter, text: str) -> tuple[object, ...]:
        try:
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        except ValueError as error:
            raise click.BadParameter(f"'{text}' is no list such as 1,3,10", param=option) from error

    return split


def _plate_size(_context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Read ``1920x1080`` as height and width."""
    if text is None:
        return None
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"'{text}' is no size such as 1920x1080", param=option)
    return int(height), int(width)


@click.command()
@click.option("--variant", "variants", default=",".join(VARIANTS), callback=_listed(str), help="lite,published")
@click.option("--device", "devices", default="auto", callback=_listed(str), help="auto, cpu, cuda; a list")
@click.option("--precision", "precisions", default="auto", callback=_listed(str), help="auto, float32; a list")
@click.option("--objects", "counts", default="1,3,10", callback=_listed(int), help="How many; a list")
@click.option("--size", "sizes", default="", callback=_listed(str), help="Internal; a list. 480, on a GPU 1080 too")
@click.option("--plate-size", callback=_plate_size, help="1920x1080; 16:9 at the internal size when left out")
@click.option("--format", "suffix", default="exr", type=click.Choice(["exr", "png"]), help="Of the plate that is made")
@click.option("--plate", help="Pattern of a plate to take in place of one that is made")
@click.option("--keyframe", type=click.Path(exists=True, path_type=Path), help="Its first frame's mattes")
@click.option("--frames", default=24, show_default=True, help="Of the shot")
@click.option("--repeat", default=5, show_default=True, help="Runs of each, in turns")
@click.option("--weights", multiple=True, help="Name in the store, or a file; for its own variant")
@click.option("--set", "settings", multiple=True, help="A setting, KEY=VALUE")
@click.option("--decoded", type=click.FloatRange(0, 1), help="Share of the picture to decode, whatever the memory says")
@click.option("--threads", type=int, help="CPU threads of torch, for ours and theirs")
@click.option("--published", type=click.Path(exists=True, path_type=Path), help="A checkout of the published STCN")
@click.option("--modes", default="float32,autocast", show_default=True, callback=_listed(str), help=", ".join(MODES))
@click.option("--long", type=int, help="Loop the plate to so many frames, and look at time and memory")
@click.option("--memory", is_flag=True, help="The memory read alone")
@click.option("--start", is_flag=True, help="From asking a worker to the first matte on disk")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too")
def benchmark(
    *,
    plate: str | None,
    keyframe: Path | None,
    weights: Sequence[str],
    settings: Sequence[str],
    decoded: float | None,
    threads: int | None,
    published: Path | None,
    modes: Sequence[Mode],
    long: int | None,
    memory: bool,
    start: bool,
    repeat: int,
    json_file: Path | None,
    **asked: object,
) -> None:
    """Measure jobs as a whole and by stage; or, with --published, --long, --memory or --start, what those say."""
    if (plate is None) != (keyframe is None):
        raise click.UsageError("--plate and --keyframe go together")
    selection = Selection(**asked, given=(plate, keyframe) if plate and keyframe else None)  # type: ignore[arg-type]
    if unknown := {*selection.variants} - {*VARIANTS} or {*modes} - {*MODES}:
        raise click.UsageError(f"unknown: {', '.join(sorted(unknown))}")
    if threads:
        torch.set_num_threads(threads)
        settings = (*settings, f"compute.threads={threads}")
    console = Console(width=None if Console().is_terminal else _WIDE)
    load_before = load()
    with tempfile.TemporaryDirectory(prefix="stcn-benchmark-") as folder:
        workshop = Workshop(Path(folder), weights_by_variant(weights), settings)
        wish = Wish(published, modes, long, memory, start, repeat)
        with decoding(decoded):
            results = _measure(wish, selection.footage_of_cases(workshop), workshop, console)
    results.machine = machine(load_before)
    console.print(tables.machine_line(results.machine))
    if json_file:
        json_file.write_text(json.dumps(asdict(results), indent=1, allow_nan=False) + "\n", "utf-8")


def _measure(wish: Wish, cases: Mapping[Case, Footage], workshop: Workshop, console: Console) -> Results:
    """Measure what is wished for, and print each table as soon as it is there."""
    results = Results()
    code = load_published(wish.published) if wish.published else None
    if wish.memory:
        for case, footage in cases.items():
            results.memory += measure_reads(case, footage, workshop, code=code, repeat=wish.repeat)
        console.print(tables.read_table(results.memory))
    elif code:
        results.published = compare(code, cases, workshop, modes=wish.modes, repeat=wish.repeat)
        console.print(tables.contest_table(results.published))
    if wish.start:
        results.start = [measure_start(case, each, workshop, repeat=wish.repeat) for case, each in cases.items()]
        console.print(tables.start_table(results.start))
    if wish.long:
        for number, (case, footage) in enumerate(cases.items()):
            loop = looped(footage, workshop.folder / f"loop{number}", wish.long)
            results.long.append(measure_long(case, loop, workshop))
            console.print(tables.long_table(results.long[-1]))
    if not (wish.memory or code or wish.start or wish.long):
        results.jobs = measure_jobs(cases, workshop, repeat=wish.repeat)
        for table in (tables.job_table, tables.stage_table, tables.roof_table):
            console.print(table(results.jobs))
    return results
