"""Arguments and options that `stcn propagate` and `stcn farm` share."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

CommandT = TypeVar("CommandT", bound="Callable[..., object] | click.Command")

_OPTIONS = (
    click.option("--preset", metavar="NAME", help="Preset to start from, see `stcn presets list`."),
    click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a setting, such as memory.interval=3. Repeatable.",
    ),
    click.option("--weights", metavar="NAME", help="Weights to use, see `stcn weights list`."),
    click.option("--device", metavar="DEVICE", help="Device to run on: auto, cpu, cuda, cuda:1 or mps."),
    click.option(
        "--plugin", "plugins", metavar="MODULE|FILE", multiple=True, help="Studio plugin to load. Repeatable."
    ),
)


def job_options(command: CommandT) -> CommandT:
    """Add ``--preset``, ``--set``, ``--weights``, ``--device`` and ``--plugin`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def expand_shot_files(arguments: Sequence[str]) -> list[str]:
    """Expand the patterns among the arguments; return each shot file once.

    Raises:
        click.UsageError: A pattern matches no file.
    """
    files: dict[str, None] = {}
    for argument in arguments:
        is_pattern = glob.has_magic(argument) and not os.path.lexists(argument)
        found = sorted(glob.glob(argument, recursive=True)) if is_pattern else [argument]  # noqa: PTH207 - text, as typed
        if not found:
            raise click.UsageError(f"no file matches '{argument}'")
        files.update(dict.fromkeys(found))
    return list(files)
