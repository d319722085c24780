"""The training curves of a run, as CSV files and as a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import IO

from stcn_plugin.atomic import output_errors, write_atomic
from stcn_plugin.training.reports import AnyStepReport, AnyValidationReport

_STEPS = "steps.csv"
_VALIDATION = "validation.csv"
_PLOT = "curves.png"
_SMOOTHING = 0.98
_OTHER_COLUMNS = ("step", "loss", "learning_rate", "seconds", "data_seconds")


class History:
    """The log of a run: ``steps.csv``, ``validation.csv`` and ``curves.png``.

    Args:
        folder: Folder of the run; must exist.
        step: Completed steps. Rows of later steps, logged after the last checkpoint, are removed.
        validated_step: Step of the last validation. Rows of later validations are removed.
    """

    def __init__(self, folder: Path, *, step: int, validated_step: int) -> None:
        self._folder = folder
        self._truncate(_STEPS, step)
        self._truncate(_VALIDATION, validated_step)

    def add(self, report: AnyStepReport) -> None:
        """Append the row of a step.

        Raises:
            OutputError: It cannot be written.
        """
        self._append(_STEPS, asdict(report))  # type: ignore[call-overload] # a dataclass

    def add_validation(self, report: AnyValidationReport) -> None:
        """Append the row of a validation, and update the plot."""
        self._append(_VALIDATION, {"step": report.step, "mean": report.mean, **report.scores})
        self.draw()

    def draw(self) -> None:
        """Plot the curves so far as ``curves.png``."""
        steps, validations = self._read(_STEPS), self._read(_VALIDATION)
        if not steps:
            return
        write_atomic(self._folder / _PLOT, lambda stream: _draw(stream, steps, validations))

    def _append(self, name: str, row: dict[str, object]) -> None:
        path = self._folder / name
        with output_errors(path), path.open("ab", buffering=0) as file:
            before = file.tell()
            text = _csv([row], with_header=before == 0)
            try:
                written = file.write(text)
                if written != len(text):  # a partial write
                    file.write(text[written:])
            except OSError:
                file.truncate(before)
                raise

    def _read(self, name: str) -> list[dict[str, str]]:
        path = self._folder / name
        if not path.exists():
            return []
        text = path.read_text("utf-8")
        lines = text[: text.rfind("\n") + 1]  # without an incomplete row of a killed process
        return [row for row in csv.DictReader(io.StringIO(lines, newline="")) if None not in row.values()]

    def _truncate(self, name: str, step: int) -> None:
        """Remove the rows after a step."""
        path = self._folder / name
        if rows := [row for row in self._read(name) if int(row["step"]) <= step]:
            write_atomic(path, _csv(rows, with_header=True))
        else:
            path.unlink(missing_ok=True)


def _csv(rows: Sequence[Mapping[str, object]], *, with_header: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def _draw(stream: IO[bytes], steps: Sequence[dict[str, str]], validations: Sequence[dict[str, str]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    numbers = [int(row["step"]) for row in steps]
    metric = next(column for column in steps[0] if column not in _OTHER_COLUMNS)
    for axes, column in ((upper, "loss"), (lower, metric)):
        values = [float(row[column]) for row in steps]
        axes.plot(numbers, values, color="0.8", linewidth=0.5)
        axes.plot(numbers, _smoothed(values), label=column)
        axes.set_ylabel(column)
    upper.set_ylim(0, 1.2 * max(_smoothed([float(row["loss"]) for row in steps])[len(steps) // 10 :]))
    if validations:
        at = [int(row["step"]) for row in validations]
        for name in validations[0]:
            if name != "step":
                width = 2.0 if name == "mean" else 0.8
                scores = [float(row[name]) for row in validations]
                lower.plot(at, scores, marker=".", linewidth=width, label=f"validation: {name}")
    lower.set_xlabel("step")
    lower.set_ylim(0, 1)
    lower.legend(fontsize="small", ncols=3)
    figure.savefig(stream, format="png", dpi=100)


def _smoothed(values: Sequence[float]) -> list[float]:
    return list(accumulate(values, lambda mean, value: _SMOOTHING * mean + (1 - _SMOOTHING) * value))
