"""The display that a command was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from stcn_plugin.bridge.displays import Display, JSONDisplay, OpenJDDisplay, PercentDisplay
from stcn_plugin.cli.plan import PlanDisplay
from stcn_plugin.cli.progress import CONSOLE, BarDisplay, PlainDisplay
from stcn_plugin.cli.terminal import stderr_is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

ProgressKind = Literal["auto", "bar", "plain", "json", "openjd", "percent", "plan", "plan-json"]


@contextmanager
def progress_display(kind: ProgressKind, *, quiet: bool) -> Iterator[Display]:
    """Context manager for the display of a command.

    Args:
        kind: ``auto`` is a bar on a terminal and plain lines elsewhere.
        quiet: Show only warnings and errors; what programs read is printed all the same.
    """
    if kind == "json":
        yield JSONDisplay(CONSOLE)
    elif kind in ("openjd", "percent"):
        yield (OpenJDDisplay if kind == "openjd" else PercentDisplay)(CONSOLE)
    elif kind in ("plan", "plan-json"):
        yield PlanDisplay(is_json=kind == "plan-json")
    elif quiet:
        yield Display(CONSOLE)
    elif kind == "bar" or (kind == "auto" and stderr_is_terminal()):
        with _bars() as bar:
            yield BarDisplay(bar)
    else:
        yield PlainDisplay()


@contextmanager
def _bars() -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    from stcn_plugin.bridge.printable import printable

    class Shot(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(printable(" ".join(filter(None, (task.fields["shot"], f"frame {task.fields['frame']}")))))

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.2f} steps/s" if task.speed else "")

    with Bar(
        Shot(),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        yield bar
