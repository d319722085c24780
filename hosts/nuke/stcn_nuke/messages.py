"""Messages to the artist. Every error is one message, never a traceback."""

from __future__ import annotations

from collections.abc import Callable

import nuke

from stcn_plugin.bridge import Description
from stcn_plugin.bridge.background_job import as_stcn_error
from stcn_plugin.errors import CancelledError


def summary(description: Description) -> str:
    """Return the description of a worker as text."""
    lines = ["The worker is running."]
    for title, choices in (
        ("Devices", description.devices),
        ("Weights", description.weights),
        ("Presets", description.presets),
    ):
        lines.append(f"\n{title}:")
        lines += [f"  {choice.name}: {choice.label}" for choice in choices]
    return "\n".join(lines)


def report_errors(command: Callable[[], None]) -> None:
    """Run a command, and show an error as a message."""
    try:
        command()
    except Exception as error:  # noqa: BLE001 - the artist sees every error
        show_error(error)


def show_error(error: Exception) -> None:
    """Show an error; a cancelled job only prints a line."""
    shown = as_stcn_error(error, log=nuke.tprint)
    if isinstance(shown, CancelledError):
        nuke.tprint(f"STCN: {shown}")
    else:
        nuke.message(f"STCN: {shown}")
