"""Results of a run: one JSON file and one text file, replaced whenever something is added."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.gpu.budget import Clock
from benchmarks.machine import Machine
from rich.console import Console
from rich.table import Table

from stcn_plugin.atomic import write_atomic

JSON, TEXT = "results.json", "results.txt"
_WIDE = 200

Row = Mapping[str, str | float | None]


@dataclass
class StageResult:
    """The results of one stage.

    Args:
        name: Name of the stage.
        status: ``stopped`` if the run was interrupted in it.
        seconds: Its duration.
        rows: Rows of its table, which may have different columns.
        notes: Remarks, such as what was left out, and the error of a stage that failed.
    """

    name: str
    status: Literal["running", "done", "failed", "stopped"] = "running"
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Results:
    """The results so far, in memory and on disk.

    Args:
        folder: Folder for the files; created if missing.
        machine: The machine.
        clock: The clock of the durations.
    """

    def __init__(self, folder: Path, machine: Machine, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.stages: list[StageResult] = []
        self._machine = machine
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[StageResult]:
        """Record a stage. An error in it is noted, and the run goes on; an interruption is noted and raised."""
        stage = StageResult(name)
        self.stages.append(stage)
        started = self._clock()
        self.write()
        try:
            yield stage
            stage.status = "done"
        except Exception as error:  # noqa: BLE001 # the stages after it must run in the time that is left
            stage.status = "failed"
            stage.notes.append(f"{type(error).__name__}: {error}")
        except BaseException:
            stage.status = "stopped"
            raise
        finally:
            stage.seconds = self._clock() - started
            self.write()

    def add(self, stage: StageResult, row: Row) -> None:
        """Add a row to a stage."""
        stage.rows.append(row)
        self.write()

    def write(self) -> None:
        """Replace the files."""
        data = {"machine": asdict(self._machine), "stages": [asdict(stage) for stage in self.stages]}
        write_atomic(self.folder / JSON, (json.dumps(data, indent=1) + "\n").encode("utf-8"))
        write_atomic(self.folder / TEXT, self.text().encode("utf-8"))

    def text(self) -> str:
        """Return the results as tables."""
        stream = io.StringIO()
        console = Console(file=stream, width=_WIDE)
        console.print(f"{self._machine.gpu or self._machine.processor}, torch {self._machine.torch}", markup=False)
        for stage in self.stages:
            console.print(f"\n{stage.name}: {stage.status}, {stage.seconds:.1f} s", markup=False)
            for note in stage.notes:
                console.print(f"  {note}", markup=False)
            for columns, rows in _by_columns(stage.rows):
                table = Table(*columns)
                for row in rows:
                    table.add_row(*(_shown(row[column]) for column in columns))
                console.print(table)
        return stream.getvalue()


def _by_columns(rows: list[Row]) -> list[tuple[tuple[str, ...], list[Row]]]:
    """Group rows that have the same columns."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.items())


def _shown(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
