"""All that the command line prints goes through here, so that no file or object name can steer the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from stcn_plugin.bridge.printable import printable, printable_lines

_NOBODY_READS = 141
"""Exit code where whoever read stdout has left, as by ``head``: what a shell gives for a program that SIGPIPE ended."""


def echo(text: str, *, err: bool = False, mark: str = "") -> None:
    """Print one line.

    Args:
        text: The line; all control characters in it are escaped, newlines too.
        err: Print it to stderr.
        mark: Printed before it as it is, for a word in colour.
    """
    _write(mark + printable(text), err=err)


def echo_document(text: str, *, err: bool = False) -> None:
    """Print a text of several lines as `echo` prints one."""
    _write(printable_lines(text), err=err)


def echo_message(text: str) -> None:
    """Print an error or a warning to stderr, after the name of this program; lines after the first are indented."""
    _write(f"stcn: {printable_lines(text, indent='  ')}", err=True)


def accept_any_text() -> None:
    """Have stdout and stderr escape what their encoding does not have, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stream that stands in for one need not have it
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def stderr_is_terminal() -> bool:
    """Whether stderr is a terminal; it may be closed, as of a program that a service starts."""
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str, *, err: bool) -> None:
    if err:
        with suppress(OSError):  # that stderr is closed or its disk full can be told to nobody
            click.echo(text, err=True)
        return
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains when it flushes at its end
        raise SystemExit(_NOBODY_READS) from None
