"""The command line of the benchmarks."""

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

from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.variants import VARIANTS

_WIDE = 220
"""Width of the tables in a file."""


@dataclass
class Results:
    """All results; empty for benchmarks that were not run."""

    machine: Machine | None = None
    jobs: list[JobResult] = field(default_factory=list)
    published: list[Standing] = field(default_factory=list)
    memory: list[ReadResult] = field(default_factory=list)
    long: list[LongResult] = field(default_factory=list)
    start: list[StartResult] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """The benchmarks to run.

    Args:
        published: A checkout to compare with.
        modes: Modes of the published code.
        long: Frames of a very long shot.
        memory: Whether to measure only the memory read.
        start: Whether to measure the start of a worker.
        repeat: Number of runs of each case.
    """

    published: Path | None
    modes: Sequence[Mode]
    long: int | None
    memory: bool
    start: bool
    repeat: int


def _listed(kind: Callable[[str], object]) -> Callable[..., tuple[object, ...]]:
    """Return a callback that parses a list such as ``1,3,10``."""

    def split(_context: click.Context, option: click.Parameter, text: str) -> tuple[object, ...]:
        try:
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        except ValueError as error:
            raise click.BadParameter(f"'{text}' is no list such as 1,3,10", param=option) from error

    return split


def _plate_size(_context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Parse ``1920x1080`` to height and width."""
    if text is None:
        return None
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"'{text}' is no size such as 1920x1080", param=option)
    return int(height), int(width)


@click.command()
@click.option("--variant", "variants", default=",".join(VARIANTS), callback=_listed(str), help="lite,published")
@click.option("--device", "devices", default="auto", callback=_listed(str), help="List of auto, cpu, cuda")
@click.option(
    "--precision", "precisions", default="auto", callback=_listed(str), help="List of auto, float32, bfloat16"
)
@click.option("--objects", "counts", default="1,3,10", callback=_listed(int), help="List of numbers of objects")
@click.option(
    "--size",
    "sizes",
    default="",
    callback=_listed(str),
    help="List of internal sizes. 480 by default; on a GPU, 480 and 1080",
)
@click.option("--plate-size", callback=_plate_size, help="Such as 1920x1080. 16:9 at the internal size by default")
@click.option(
    "--format", "suffix", default="exr", type=click.Choice(["exr", "png"]), help="Format of the synthetic plate"
)
@click.option("--plate", help="Pattern of a plate to use instead of a synthetic one")
@click.option("--keyframe", type=click.Path(exists=True, path_type=Path), help="Mattes of its first frame")
@click.option("--frames", default=24, show_default=True, help="Frames of the shot")
@click.option("--repeat", default=5, show_default=True, help="Runs of each case, alternating")
@click.option("--weights", multiple=True, help="Weights for their variant: a name or a file. Repeatable")
@click.option("--set", "settings", multiple=True, help="Override a setting, KEY=VALUE. Repeatable")
@click.option("--decoded", type=click.FloatRange(0, 1), help="Fraction of the image to decode")
@click.option("--threads", type=int, help="CPU threads of torch, for both sides")
@click.option("--published", type=click.Path(exists=True, path_type=Path), help="A checkout of the published STCN")
@click.option("--modes", default="float32,autocast", show_default=True, callback=_listed(str), help=", ".join(MODES))
@click.option("--long", type=int, help="Loop the plate to this many frames, and measure time and memory")
@click.option("--memory", is_flag=True, help="Measure only the memory read")
@click.option("--start", is_flag=True, help="Measure from starting a worker to the first matte")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JSON")
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
    """Measure jobs as a whole and by stage, or what --published, --long, --memory or --start select."""
    if (plate is None) != (keyframe is None):
        raise click.UsageError("--plate and --keyframe go together")
    selection = Selection(**asked, given=(plate, keyframe) if plate and keyframe else None)  # type: ignore[arg-type]
    if unknown := {*selection.variants} - {*VARIANTS} or {*modes} - {*MODES}:
        raise click.UsageError(f"unknown: {', '.join(sorted(unknown))}")
    if threads:
        torch.set_num_threads(threads)
        settings = (*settings, f"compute.threads={threads}")
    console = Console(width=None if Console().is_terminal else _WIDE)
    if published and (emulated := tuple(mode for mode in modes if mode != "float32" and _is_emulated(selection))):
        console.print(f"left out: {', '.join(emulated)}: this processor emulates bfloat16, at minutes a frame")
        modes = tuple(mode for mode in modes if mode not in emulated)
        if not modes:
            raise click.UsageError("no mode of the published code is left: add float32 to --modes")
    load_before = load()
    with tempfile.TemporaryDirectory(prefix="stcn-benchmark-") as folder:
        workshop = Workshop(Path(folder), weights_by_variant(weights), settings)
        wish = Wish(published, modes, long, memory, start, repeat)
        with decoding(decoded), Console(stderr=True).status("preparing") as status:
            results = _measure(wish, selection.footage_of_cases(workshop), workshop, console, status.update)
    results.machine = machine(load_before)
    console.print(tables.machine_line(results.machine))
    if json_file:
        json_file.write_text(json.dumps(asdict(results), indent=1, allow_nan=False) + "\n", "utf-8")


def _is_emulated(selection: Selection) -> bool:
    """Return whether the published code's autocast would use bfloat16 on a processor without instructions for it."""
    devices = [choose_device(name) for name in selection.devices]
    return any(device.type == "cpu" and choose_precision("auto", device) is torch.float32 for device in devices)


def _measure(
    wish: Wish,
    cases: Mapping[Case, Footage],
    workshop: Workshop,
    console: Console,
    on_run: Callable[[str], None],
) -> Results:
    """Run the selected benchmarks; print each table as soon as it is complete."""
    results = Results()
    code = load_published(wish.published) if wish.published else None
    if wish.memory:
        for case, footage in cases.items():
            results.memory += measure_reads(case, footage, workshop, code=code, repeat=wish.repeat)
        console.print(tables.read_table(results.memory))
    elif code:
        results.published = compare(code, cases, workshop, modes=wish.modes, repeat=wish.repeat, on_run=on_run)
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
        results.jobs = measure_jobs(cases, workshop, repeat=wish.repeat, on_run=on_run)
        for table in (tables.job_table, tables.stage_table, tables.roof_table):
            console.print(table(results.jobs))
    return results
