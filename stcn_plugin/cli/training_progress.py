"""Progress of training: a progress bar on a terminal, log lines elsewhere; signals stop the run after a checkpoint."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.printable import printable
from stcn_plugin.bridge.signals import stop_requests, write_stderr
from stcn_plugin.cli.terminal import echo, stderr_is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

    from stcn_plugin.training.reports import AnyStepReport, AnyValidationReport, Watcher

_SECONDS_BETWEEN_LINES = 30.0
_WINDOW = 50  # steps over which speed, loss and metrics are averaged


@contextmanager
def progress_watcher(*, total: int, batch_size: int) -> Iterator[Watcher]:
    """Show progress on stderr. The first signal stops the run after a checkpoint; a second Ctrl-C aborts it.

    Args:
        total: Steps of the run.
        batch_size: Samples per step.

    Yields:
        The callbacks to pass to the run.
    """
    from stcn_plugin.training.distributed import is_leader
    from stcn_plugin.training.reports import Watcher

    def notify(_number: int) -> None:
        if is_leader():
            write_stderr("stopping after this step; press Ctrl-C again to stop immediately without saving it")

    display = _Display(total, batch_size)
    with stop_requests(on_request=notify) as stop, display.shown():
        yield Watcher(
            on_start=display.start,
            on_step=display.step,
            on_validation=display.validation,
            on_saved=display.saved,
            is_stopped=lambda: bool(stop),
        )


class _Display:
    def __init__(self, total: int, batch_size: int) -> None:
        self._total = total
        self._batch_size = batch_size
        self._recent: deque[AnyStepReport] = deque(maxlen=_WINDOW)
        self._printed = 0.0
        self._bar: Progress | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        from stcn_plugin.training.distributed import is_leader

        if not stderr_is_terminal() or not is_leader():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("step"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}"))
        with Progress(*columns, console=Console(stderr=True)) as self._bar:
            self._bar.add_task("train", total=self._total, status="")
            yield

    def start(self, step: int) -> None:
        if step:
            self._line(f"resuming after step {step} of {self._total}")
        self._update(step)

    def step(self, report: AnyStepReport) -> None:
        self._recent.append(report)
        self._update(report.step)
        now = time.monotonic()
        if self._bar is None and (report.step in (1, self._total) or now - self._printed >= _SECONDS_BETWEEN_LINES):
            self._printed = now
            self._line(f"step {report.step}/{self._total}: {self._status()}")

    def validation(self, report: AnyValidationReport) -> None:
        self._line(f"step {report.step}: {report.summary}")

    def saved(self, file: Path) -> None:
        if self._bar is None:
            self._line(f"saved {file}")

    def _update(self, step: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, status=self._status())

    def _status(self) -> str:
        if not self._recent:
            return ""
        count, seconds = len(self._recent), sum(report.seconds for report in self._recent)
        loss = sum(report.loss for report in self._recent) / count
        metrics = "".join(
            f", {name} {sum(report.metrics[name] for report in self._recent) / count:.3f}"
            for name in self._recent[-1].metrics
        )
        left = (self._total - self._recent[-1].step) * seconds / count
        data_wait = sum(report.data_seconds for report in self._recent) / seconds
        waiting = f", waiting for samples {data_wait:.0%}" if data_wait > 0.05 else ""
        return (
            f"loss {loss:.3f}{metrics}, {count * self._batch_size / seconds:.1f} samples/s, "
            f"{_duration(left)} left{waiting}"
        )

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(printable(text), highlight=False, markup=False)
        else:
            echo(text, err=True)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
