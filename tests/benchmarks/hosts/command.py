"""The command line of the benchmark of the hosts, ``python tests/benchmarks --hosts``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from benchmarks.hosts.press import PressResult, measure_blender, measure_nuke
from benchmarks.machine import load, machine
from benchmarks.tables import machine_line
from benchmarks.timings import Timing
from rich.console import Console
from rich.table import Table

_WIDE = 160
"""Width of the tables in a file."""
_BLENDERS = "STCN_TEST_BLENDER_PYTHONS"


@click.command()
@click.option("--hosts", is_flag=True, help="Selects this benchmark")
@click.option(
    "--blender", "blenders", multiple=True, type=click.Path(exists=True, path_type=Path),
    help=f"A Python that has bpy. Repeatable; those of {_BLENDERS} by default",
)  # fmt: skip
@click.option("--preset", default="draft", show_default=True, help="The preset")
@click.option("--repeat", default=5, show_default=True, type=click.IntRange(1), help="Processes after the first")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JSON")
def host_benchmark(
    *, hosts: bool, blenders: tuple[Path, ...], preset: str, repeat: int, json_file: Path | None
) -> None:
    """Measure from the press of Propagate to the first matte, in Blender and in the stand-in for Nuke."""
    blenders = blenders or tuple(Path(each) for each in os.environ.get(_BLENDERS, "").split(os.pathsep) if each)
    console = Console(width=None if Console().is_terminal else _WIDE)
    load_before = load()

    def measured(folder: Path) -> Iterator[PressResult]:
        yield measure_nuke(folder / "nuke", preset=preset, repeat=repeat)
        for number, python in enumerate(blenders):
            yield measure_blender(python, folder / f"blender{number}", preset=preset, repeat=repeat)

    with tempfile.TemporaryDirectory(prefix="stcn-benchmark-") as folder:
        results = list(measured(Path(folder)))
    console.print(_table(results))
    found = machine(load_before)
    console.print(machine_line(found))
    if json_file:
        content = {"machine": asdict(found), "hosts": [asdict(result) for result in results]}
        json_file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def _table(results: Sequence[PressResult]) -> Table:
    """Return the table of the hosts."""
    table = Table("host", "first ever s", "cold s", "warm s", title="From the press of Propagate to the first matte")
    for each in results:
        table.add_row(each.host, f"{each.first:.2f}", _text(each.cold), _text(each.warm))
    return table


def _text(timing: Timing) -> str:
    """Return median, fastest run and noise."""
    return f"{timing.median:.2f} (least {timing.least:.2f}, noise {timing.noise:.0%})"
