"""How far a job is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stcn_plugin.cli.terminal import echo

if TYPE_CHECKING:
    from stcn_plugin.bridge.job import Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress_display(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show progress on stderr while the context lasts.

    Args:
        quiet: Show nothing.
    """
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield LineDisplay()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """Show a bar with frames per second and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.2f} fps" if task.speed else "")

    columns = (
        TextColumn("frame {task.fields[frame]}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("propagate", total=None, frame="…")
        yield lambda progress: bar.update(
            task, completed=progress.done, total=progress.total, frame=str(progress.frame)
        )


class LineDisplay:
    """Prints a line now and then, and the last one always; the first tells that work has begun."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._printed = 0.0

    def __call__(self, progress: Progress) -> None:
        """Print a line where it is time for one."""
        now = time.monotonic()
        is_first_or_last = progress.done in (1, progress.total)
        if not is_first_or_last and now - self._printed < _SECONDS_BETWEEN_LINES:
            return
        self._printed = now
        speed = max(progress.done, 1) / max(now - self._started, 1e-9)
        left = (progress.total - progress.done) / speed
        echo(
            f"frame {progress.frame}: {progress.done}/{progress.total}, {speed:.2f} frames/s, {left:.0f} s left",
            err=True,
        )
