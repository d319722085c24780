"""The edge benchmark as a whole: scenes, rows, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.edges.measuring import EdgeBench, EdgeResult, means
from benchmarks.edges.rendering import rendered
from benchmarks.edges.scenes import QUICK, SCENES, Scene
from benchmarks.edges.steps import available
from rich.console import Console
from rich.table import Table

QUICK_FRAMES = 4

_COLUMNS = (
    ("MSE e3", "mse"),
    ("SAD k", "sad"),
    ("grad", "gradient"),
    ("dtSSD", "dtssd"),
    ("band MSE e3", "band_mse"),
    ("band grad", "band_gradient"),
    ("conn", "connectivity"),
    ("flicker e3", "flicker"),
)


@dataclass(frozen=True)
class EdgeWish:
    """What to run.

    Args:
        folder: Folder of the scenes and mattes.
        frames: Frames of each scene, up to 24.
        rows: Names of the rows; all if empty.
        scenes: Names of the scenes; all if empty.
        is_quick: Whether to run three scenes with a few frames.
        settings: Settings of all rows, each ``key=value``.
    """

    folder: Path
    frames: int
    rows: tuple[str, ...]
    scenes: tuple[str, ...]
    is_quick: bool
    settings: Sequence[str]


def run_edges(wish: EdgeWish, console: Console) -> list[EdgeResult]:
    """Render the scenes that are missing, run every row, and print the table."""
    rows, left_out = available(wish.rows)
    if left_out:
        console.print(f"Left out, because their settings do not exist: {', '.join(left_out)}")
    results: list[EdgeResult] = []
    bench = EdgeBench(wish.folder / "mattes", wish.settings)
    for scene in _chosen(wish):
        on_disk = rendered(scene, wish.folder / "scenes", QUICK_FRAMES if wish.is_quick else wish.frames)
        results += bench.measure(on_disk, rows, lambda result: console.print(*_cells(result), sep="  "))
    results += means(results)
    console.print(edge_table(results))
    return results


def edge_table(results: Iterable[EdgeResult]) -> Table:
    """Return the table: scenes, and the mean last."""
    table = Table(
        "scene", "row", *(title for title, _ in _COLUMNS), "s/frame", "CPU s/frame", title="Edges", title_justify="left"
    )
    last = ""
    for result in results:
        if last and result.scene != last:
            table.add_section()
        last = result.scene
        table.add_row(*_cells(result))
    return table


def _chosen(wish: EdgeWish) -> list[Scene]:
    names = wish.scenes or (QUICK if wish.is_quick else ())
    return [scene for scene in SCENES if not names or scene.name in names]


def _cells(result: EdgeResult) -> tuple[str, ...]:
    scores = result.scores.to_dict()
    figures = ("-" if (figure := scores[key]) is None else f"{figure:.3g}" for _, key in _COLUMNS)
    return result.scene, result.row, *figures, f"{result.seconds:.2f}", f"{result.cpu_seconds:.2f}"
