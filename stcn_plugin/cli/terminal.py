"""Output of the command line. Everything is escaped here, so that file and object names cannot control the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from stcn_plugin.bridge.printable import printable, printable_lines

_BROKEN_PIPE = 141
"""Exit code if the reader of stdout has closed it, such as ``head``; a shell reports the same for SIGPIPE."""


def echo(text: str, *, err: bool = False, mark: str = "") -> None:
    """Print one line.

    Args:
        text: The line; control characters, including newlines, are escaped.
        err: Print to stderr.
        mark: Printed before the line without escaping, for a coloured word.
    """
    _write(mark + printable(text), err=err)


def echo_document(text: str, *, err: bool = False) -> None:
    """Print a text of several lines; control characters except newlines are escaped."""
    _write(printable_lines(text), err=err)


def echo_message(text: str) -> None:
    """Print an error or a warning to stderr, prefixed with the program's name; further lines are indented."""
    _write(f"stcn: {printable_lines(text, indent='  ')}", err=True)


def accept_any_text() -> None:
    """Make stdout and stderr escape characters that their encoding lacks, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a replacement stream may lack it
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def stderr_is_terminal() -> bool:
    """Whether stderr is a terminal; it may be closed, as of a program that a service starts."""
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str, *, err: bool) -> None:
    if err:
        with suppress(OSError):  # there is nowhere to report that stderr is closed or its disk is full
            click.echo(text, err=True)
        return
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # otherwise Python reports an error when it flushes at exit
        raise SystemExit(_BROKEN_PIPE) from None
