"""The curves of a run: a line of numbers a step on disk, and a picture of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import IO

from stcn_plugin.atomic import output_errors, write_atomic
from stcn_plugin.training.reports import StepReport
from stcn_plugin.training.validation import ValidationReport

_STEPS = "steps.csv"
_VALIDATION = "validation.csv"
_PICTURE = "curves.png"
_SMOOTHING = 0.98


class History:
    """The numbers of a run, in its folder.

    Args:
        folder: Of the run; exists.
        step: Steps done; what was written of later ones, after the last checkpoint, is cut off.
        validated: Step of the last validation; later ones are cut off.
    """

    def __init__(self, folder: Path, *, step: int, validated: int) -> None:
        self._folder = folder
        self._keep(_STEPS, step)
        self._keep(_VALIDATION, validated)

    def add(self, report: StepReport) -> None:
        """Write a step's line.

        Raises:
            OutputError: It cannot be written.
        """
        self._append(_STEPS, asdict(report))

    def add_validation(self, report: ValidationReport) -> None:
        """Write a validation's line, and draw the curves anew."""
        self._append(_VALIDATION, {"step": report.step, "mean": report.mean, **report.scores})
        self.draw()

    def draw(self) -> None:
        """Draw the curves so far as ``curves.png``."""
        steps, validations = self._read(_STEPS), self._read(_VALIDATION)
        if not steps:
            return
        write_atomic(self._folder / _PICTURE, lambda stream: _draw(stream, steps, validations))

    def _append(self, name: str, row: dict[str, object]) -> None:
        path = self._folder / name
        with output_errors(path), path.open("ab", buffering=0) as file:
            before = file.tell()
            text = _csv([row], with_header=before == 0)
            try:
                written = file.write(text)
                if written != len(text):  # the disk took a part of it
                    file.write(text[written:])
            except OSError:
                file.truncate(before)
                raise

    def _read(self, name: str) -> list[dict[str, str]]:
        path = self._folder / name
        if not path.exists():
            return []
        text = path.read_text("utf-8")
        lines = text[: text.rfind("\n") + 1]  # a line that a killed process left unfinished counts for nothing
        return [row for row in csv.DictReader(io.StringIO(lines, newline="")) if None not in row.values()]

    def _keep(self, name: str, step: int) -> None:
        """Cut off what came after a step."""
        rows = self._read(name)
        path = self._folder / name
        if not rows:
            path.unlink(missing_ok=True)
            return
        kept = [row for row in rows if int(row["step"]) <= step]
        if not kept:
            path.unlink()
            return
        write_atomic(path, _csv(kept, with_header=True))


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
    above, below = figure.subplots(2, 1, sharex=True)
    numbers = [int(row["step"]) for row in steps]
    for axes, column in ((above, "loss"), (below, "overlap")):
        values = [float(row[column]) for row in steps]
        axes.plot(numbers, values, color="0.8", linewidth=0.5)
        axes.plot(numbers, _smoothed(values), label=column)
        axes.set_ylabel(column)
    above.set_ylim(0, 1.2 * max(_smoothed([float(row["loss"]) for row in steps])[len(steps) // 10 :]))
    if validations:
        at = [int(row["step"]) for row in validations]
        for name in validations[0]:
            if name != "step":
                width = 2.0 if name == "mean" else 0.8
                below.plot(
                    at, [float(row[name]) for row in validations], marker=".", linewidth=width, label=f"J&F {name}"
                )
    below.set_xlabel("step")
    below.set_ylim(0, 1)
    below.legend(fontsize="small", ncols=3)
    figure.savefig(stream, format="png", dpi=100)


def _smoothed(values: Sequence[float]) -> list[float]:
    return list(accumulate(values, lambda before, value: _SMOOTHING * before + (1 - _SMOOTHING) * value))
