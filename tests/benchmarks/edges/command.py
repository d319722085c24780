"""The command line of the edge benchmark, ``python tests/benchmarks --edges``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import torch
from benchmarks.edges.run import EdgeWish, run_edges
from benchmarks.edges.scenes import SCENES
from benchmarks.edges.steps import STEPS
from benchmarks.machine import load, machine
from benchmarks.tables import machine_line
from rich.console import Console

_WIDE = 160
"""Width of the tables in a file."""


@click.command()
@click.option("--edges", is_flag=True, help="Selects this benchmark")
@click.option("--row", "rows", multiple=True, type=click.Choice([step.name for step in STEPS]), help="Repeatable")
@click.option(
    "--scene", "scenes", multiple=True, type=click.Choice([scene.name for scene in SCENES]), help="Repeatable"
)
@click.option("--frames", default=12, show_default=True, type=click.IntRange(2, 24), help="Frames of each scene")
@click.option("--quick", is_flag=True, help="Only three scenes and four frames")
@click.option("--weights", default="starter", show_default=True, help="Weights of the network: a name or a file")
@click.option("--set", "settings", multiple=True, help="Override a setting in all rows, KEY=VALUE. Repeatable")
@click.option("--threads", type=int, help="CPU threads of torch")
@click.option(
    "--folder",
    default=Path(tempfile.gettempdir()) / "stcn-edge-benchmark",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the rendered scenes, which are kept, and of the mattes",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results as JSON")
def edge_benchmark(
    *,
    edges: bool,
    rows: tuple[str, ...],
    scenes: tuple[str, ...],
    frames: int,
    quick: bool,
    weights: str,
    settings: Sequence[str],
    threads: int | None,
    folder: Path,
    json_file: Path | None,
) -> None:
    """Compare mattes with rendered ground truth: every step of finishing alone, and all of them together."""
    settings = (f"weights={weights}", *settings)
    if threads:
        torch.set_num_threads(threads)
        settings = (*settings, f"compute.threads={threads}")
    console = Console(width=None if Console().is_terminal else _WIDE)
    load_before = load()
    results = run_edges(EdgeWish(folder, frames, rows, scenes, quick, settings), console)
    found = machine(load_before)
    console.print(machine_line(found))
    if json_file:
        content = {"machine": asdict(found), "edges": [asdict(result) for result in results]}
        json_file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
