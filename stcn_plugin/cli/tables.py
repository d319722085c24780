"""Tables: formatted on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stcn_plugin.bridge.printable import printable
from stcn_plugin.cli.terminal import echo


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int,
    is_bold: Callable[[Sequence[str]], bool] = lambda _: False,
    err: bool = False,
) -> None:
    """Print rows under a header.

    Args:
        header: Title of each column.
        rows: The cells of each row.
        left: Number of left-aligned columns; those after them are right-aligned.
        is_bold: Returns whether a row is bold on a terminal.
        err: Print to stderr.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [[printable(cell) for cell in row] for row in rows]
    console = Console(stderr=err)
    if console.is_terminal:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, title in enumerate(header):
            table.add_column(title, justify="left" if index < left else "right", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row), style="bold" if is_bold(row) else None)
        console.print(table)
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (
            text.ljust(width) if index < left else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        echo("  ".join(cells).rstrip(), err=err)
